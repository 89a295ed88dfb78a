//! When somebody may be called: our hours, and lawful hours wherever he may be.
//!
//! In: the queue's hours, where he may be, the policy, and when he last called himself. Out: the proof that an instant
//! is lawful, which goes into the attempt's row, or the next instant that is.
//! **Invariant:** what is permitted lies in the queue's hours, and by every clock that he may be living by inside the
//! lawful hours by the margin; but shortly after a call of his own the hour at his place does not matter, where the
//! policy says so (facts/callbacks.md §5.4).

use std::time::Duration;

use chrono::{Datelike as _, Timelike as _, Weekday};
use chrono_tz::Tz;

use super::policy::{Policy, Profile};
use super::working_time::WorkingTime;
use super::zone::{Source, Whereabouts};
use crate::clock::UnixMs;

/// How far ahead a lawful instant is looked for.
const AHEAD: Duration = Duration::from_secs(15 * 86_400);

/// In steps of this: every window begins at a full quarter of an hour.
const STEP_MS: i64 = 15 * 60 * 1000;

/// That an instant is lawful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The zone that is nearest to the edge.
    pub zone: Tz,
    /// How it is known.
    pub source: Source,
    /// The minute of the day there.
    pub local_min: u16,
    /// From when he may be called there, in minutes since midnight.
    pub from_min: u16,
    /// Until when.
    pub to_min: u16,
}

/// What decides on an instant.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The limits.
    pub policy: &'a Policy,
    /// Our hours.
    pub hours: WorkingTime<'a>,
    /// Where he may be.
    pub whereabouts: &'a Whereabouts,
    /// When he last called himself.
    pub contact_at: Option<UnixMs>,
}

/// Why an instant is not lawful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// We are closed.
    Closed,
    /// It is too early or too late where he may be.
    TooEarlyOrLate,
}

impl Window<'_> {
    /// Whether he may be called at `at`, with the proof.
    ///
    /// # Errors
    /// [`Outside`] says why not.
    pub fn lawful(&self, at: UnixMs) -> Result<Proof, Outside> {
        if !self.hours.is_open(at) {
            return Err(Outside::Closed);
        }
        let called_just_now = |limit: Duration| {
            self.contact_at.is_some_and(|contact| contact <= at && at.since(contact) <= limit)
        };
        let service = self.policy.profile == Profile::Service;
        if service && self.policy.recent_contact.is_some_and(called_just_now) {
            let zone = self.hours.zone();
            let local_min = minute(zone, at).1;
            return Ok(Proof { zone, source: Source::RecentContact, local_min, from_min: 0, to_min: 1440 });
        }
        let mut nearest: Option<(u16, Proof)> = None;
        for &zone in &self.whereabouts.zones {
            let proof = self.proof(zone, at).ok_or(Outside::TooEarlyOrLate)?;
            let left = proof.to_min - proof.local_min;
            if nearest.as_ref().is_none_or(|(least, _)| left < *least) {
                nearest = Some((left, proof));
            }
        }
        // Of whom nothing is known at all there is no lawful hour.
        nearest.map(|(_, proof)| proof).ok_or(Outside::TooEarlyOrLate)
    }

    fn proof(&self, zone: Tz, at: UnixMs) -> Option<Proof> {
        let (weekday, local_min) = minute(zone, at);
        let weekend = matches!(weekday, Weekday::Sat | Weekday::Sun);
        let (from, to) = if weekend { self.policy.weekends } else { self.policy.weekdays };
        let margin = minutes(self.policy.margin);
        // Ringing at the very end would end beyond it.
        let (from_min, to_min) = (
            from.saturating_add(margin),
            to.saturating_sub(margin.saturating_add(minutes(self.policy.ring))),
        );
        let inside = (from_min..to_min).contains(&local_min);
        inside.then_some(Proof { zone, source: self.whereabouts.source, local_min, from_min, to_min })
    }

    /// The first lawful instant from `from` on; none if there is none for some days.
    #[must_use]
    pub fn next_lawful(&self, from: UnixMs) -> Option<UnixMs> {
        let end = from + AHEAD;
        let mut at = from;
        while at < end {
            at = self.hours.next_open(at)?;
            if self.lawful(at).is_ok() {
                return Some(at);
            }
            at = self.next_candidate(at);
        }
        None
    }

    /// The next instant at which something may begin: a full quarter of an hour, or a margin after it.
    fn next_candidate(&self, at: UnixMs) -> UnixMs {
        let margin_ms = i64::from(minutes(self.policy.margin)) * 60_000 % STEP_MS;
        let next = |offset: i64| (at.0 - offset).div_euclid(STEP_MS) * STEP_MS + STEP_MS + offset;
        UnixMs(next(0).min(next(margin_ms)))
    }
}

/// Whole minutes, rounded up.
fn minutes(span: Duration) -> u16 {
    u16::try_from(span.as_secs().div_ceil(60)).unwrap_or(u16::MAX)
}

fn minute(zone: Tz, at: UnixMs) -> (Weekday, u16) {
    let local = at.utc().with_timezone(&zone);
    (local.weekday(), u16::try_from(local.hour() * 60 + local.minute()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routing::schedule::Schedule;
    use crate::routing::schedule::tests::{any_schedule, at, schedule};

    fn window<'a>(policy: &'a Policy, hours: &'a Schedule, whereabouts: &'a Whereabouts) -> Window<'a> {
        Window { policy, hours: WorkingTime::new(Some(hours), Tz::UTC), whereabouts, contact_at: None }
    }

    fn of(number: &str) -> Whereabouts {
        Whereabouts::of(&number.parse().unwrap(), None)
    }

    #[test]
    fn kamchatka_is_called_from_moscow_before_its_evening_ends() {
        // 9:00 in Moscow is 18:00 there; from 12:50 on it is too late.
        let (policy, kamchatka) = (Policy::of(Profile::Service), of("+74152123456"));
        let moscow = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
        let window = window(&policy, &moscow, &kamchatka);
        let proof = window.lawful(at("2026-11-23T09:00:00+03:00")).unwrap();
        assert_eq!((proof.zone, proof.local_min, proof.to_min), (Tz::Asia__Kamchatka, 18 * 60, 22 * 60 - 11));
        assert!(window.lawful(at("2026-11-23T12:48:00+03:00")).is_ok());
        assert_eq!(window.lawful(at("2026-11-23T12:50:00+03:00")), Err(Outside::TooEarlyOrLate));
        let tomorrow = window.next_lawful(at("2026-11-23T13:00:00+03:00"));
        assert_eq!(tomorrow, Some(at("2026-11-24T09:00:00+03:00")));
    }

    #[test]
    fn kaliningrad_has_no_summer_time() {
        let (policy, kaliningrad) = (Policy::of(Profile::Sales), of("+74012123456"));
        let early = schedule("Europe/Moscow", &["mon-sun 00:00-24:00"], &[]);
        let window = window(&policy, &early, &kaliningrad);
        // 08:10 there is 09:10 in Moscow, in July too.
        assert!(window.lawful(at("2026-07-15T09:09:00+03:00")).is_err());
        assert!(window.lawful(at("2026-07-15T09:10:00+03:00")).is_ok());
        assert_eq!(
            window.next_lawful(at("2026-07-15T00:00:00+03:00")),
            Some(at("2026-07-15T09:10:00+03:00"))
        );
    }

    #[test]
    fn an_unknown_mobile_is_called_when_all_of_russia_may_be_or_just_after_it_called() {
        let (policy, mobile) = (Policy::of(Profile::Service), of("+79001234567"));
        let moscow = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
        let quiet = window(&policy, &moscow, &mobile);
        // 06:10 to 09:49 UTC on weekdays: 08:10 in Kaliningrad, 21:49 in Kamchatka.
        assert!(quiet.lawful(at("2026-11-23T06:10:00Z")).is_ok());
        assert!(quiet.lawful(at("2026-11-23T09:48:00Z")).is_ok());
        assert!(quiet.lawful(at("2026-11-23T09:49:00Z")).is_err());
        let called = Window { contact_at: Some(at("2026-11-23T14:00:00Z")), ..quiet };
        let proof = called.lawful(at("2026-11-23T14:50:00Z")).unwrap();
        assert_eq!(proof.source, Source::RecentContact);
        assert!(called.lawful(at("2026-11-23T15:00:00Z")).is_err(), "we are closed");
        let debt = Policy::of(Profile::Debt);
        assert!(Window { policy: &debt, ..called }.lawful(at("2026-11-23T14:50:00Z")).is_err());
    }

    proptest! {
        #[test]
        fn the_next_lawful_instant_is_lawful_and_none_before_it_is(
            schedule in any_schedule(), minute in 0u32..500_000,
            number in prop::sample::select(vec!["+74152123456", "+74951234567", "+79001234567", "+493012345678"]),
            margin_min in 0u64..30,
        ) {
            let policy = Policy { margin: Duration::from_secs(margin_min * 60), ..Policy::of(Profile::Sales) };
            let whereabouts = of(number);
            let window = window(&policy, &schedule, &whereabouts);
            let from = at("2025-01-02T00:00:00Z") + Duration::from_secs(60) * minute;
            let next = window.next_lawful(from);
            if let Some(next) = next {
                prop_assert!(window.lawful(next).is_ok() && next >= from);
            }
            // Every minute before it, for a day, is asked.
            let end = next.unwrap_or(from + AHEAD).min(from + Duration::from_secs(86_400));
            let mut then = from;
            while then < end {
                prop_assert!(window.lawful(then).is_err(), "{then} is lawful, {next:?} was found");
                then = then + Duration::from_secs(60);
            }
        }
    }
}
