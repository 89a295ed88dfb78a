//! What follows a failed try (pure: chance and time are arguments).

use std::time::Duration;

use super::Trouble;
use crate::clock::UnixMs;
use crate::config::notify::Settings;
use crate::store::outbox::Settled;

/// Decides what becomes of a delivery whose try failed. `attempt` counts from 1; `happened` is the instant of the
/// event; `chance` is from -1 to 1.
#[must_use]
pub fn after(
    trouble: &Trouble,
    settings: &Settings,
    attempt: u32,
    happened: UnixMs,
    now: UnixMs,
    chance: f64,
) -> Settled {
    match trouble {
        Trouble::Refused { reason } => Settled::Dead(reason.clone()),
        Trouble::Gone { reason } => Settled::Closed(reason.clone()),
        Trouble::Passing { reason, wait } => {
            let tried = usize::try_from(attempt).unwrap_or(usize::MAX).max(1);
            let pause = settings.retry_delays.get(tried - 1);
            if pause.is_none() && now.since(happened) >= settings.give_up_after {
                return Settled::Dead(format!("given up after {attempt} tries: {reason}"));
            }
            let pause = pause.or(settings.retry_delays.last()).copied().unwrap_or(Duration::from_secs(60));
            let pause = shifted(pause, settings.jitter_pct, chance);
            let asked = wait.unwrap_or_default().min(settings.max_retry_after);
            Settled::Again(now + pause.max(asked), reason.clone())
        }
    }
}

fn shifted(pause: Duration, jitter_pct: u32, chance: f64) -> Duration {
    let share = f64::from(jitter_pct.min(100)) / 100.0 * chance.clamp(-1.0, 1.0);
    pause.mul_f64(1.0 + share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMs = UnixMs(1_795_424_400_000);

    fn passing(wait: Option<u64>) -> Trouble {
        Trouble::Passing { reason: "x".into(), wait: wait.map(Duration::from_secs) }
    }

    #[test]
    fn the_waits_are_those_of_standard_webhooks_and_then_it_is_given_up() {
        let settings = Settings { give_up_after: Duration::ZERO, ..Settings::default() };
        let mut waits = Vec::new();
        for attempt in 1.. {
            match after(&passing(None), &settings, attempt, NOW, NOW, 0.0) {
                Settled::Again(next, _) => waits.push(next.since(NOW).as_secs()),
                other => {
                    assert_eq!(other, Settled::Dead("given up after 10 tries: x".into()));
                    break;
                }
            }
        }
        assert_eq!(waits, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    }

    #[test]
    fn a_young_event_is_not_given_up() {
        let settings = Settings::default();
        let after_days = |hours: u64| {
            after(&passing(None), &settings, 10, NOW, NOW + Duration::from_secs(3600 * hours), 0.0)
        };
        assert!(matches!(after_days(167), Settled::Again(..)));
        assert!(matches!(after_days(168), Settled::Dead(_)));
    }

    /// Tries remain when the other side is back after three days.
    #[test]
    fn after_three_days_some_tries_are_left_whatever_chance_does() {
        let (settings, back) = (Settings::default(), NOW + Duration::from_secs(3 * 86_400));
        for chance in [-1.0, -0.5, 0.0, 0.5, 1.0] {
            let (mut now, mut left) = (NOW, 0);
            for attempt in 1.. {
                left += usize::from(now >= back);
                match after(&passing(None), &settings, attempt, NOW, now, chance) {
                    Settled::Again(next, _) => now = next,
                    _ => break,
                }
            }
            assert!(left >= 3, "{left} tries are left by chance {chance}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_near_its_place_and_never_shorter_than_was_asked(attempt in 1_u32..9, chance in -1.0_f64..1.0, asked in 0_u64..200_000) {
            let settings = Settings::default();
            let Settled::Again(next, _) = after(&passing(Some(asked)), &settings, attempt, NOW, NOW, chance) else { panic!() };
            let (wait, place) = (next.since(NOW).as_secs_f64(), settings.retry_delays[attempt as usize - 1].as_secs_f64());
            let asked = asked.min(86_400) as f64;
            prop_assert!(wait >= asked && wait >= place * 0.8 - 0.001);
            prop_assert!(wait <= asked.max(place * 1.2) + 0.001);
        }
    }
}
