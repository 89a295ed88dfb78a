//! How many of the new callers are turned away; it reads no clock. In: the lag, whenever a caller arrives. Out: whether
//! this caller is taken in.
//!
//! The share of callers who are turned away follows the lag as PIE's drop probability follows the delay of a queue (RFC
//! 8033 §4.2): it grows while the lag is too long or grows, and shrinks while the lag is short or shrinks. So it settles
//! where the node is busy and the lag is near its limit. The factors were chosen with the machine of the tests below.

use std::time::Duration;

use tokio::time::Instant;

/// How often the share changes.
const STEP: Duration = Duration::from_millis(50);
/// By how much the share changes in a step while the lag is twice its limit, or zero.
const FOR_LAG: f64 = 0.02;
/// By how much the share changes when the lag has changed by its limit.
const FOR_CHANGE: f64 = 0.2;
/// How far the lag counts, in multiples of its limit: a pause of the whole machine must not turn everybody away.
const MOST: f64 = 2.0;

/// Which share of the new callers is turned away.
#[derive(Debug, Default)]
pub(super) struct Thinning {
    share: f64,
    /// The part of a caller by which too few were turned away so far.
    owed: f64,
    /// The lag at the last step, in multiples of its limit, and when that was.
    last: Option<(f64, Instant)>,
}

impl Thinning {
    /// Whether the next caller is taken in. `lag` is in multiples of its limit.
    pub(super) fn admits(&mut self, lag: f64, now: Instant) -> bool {
        self.step(lag, now);
        self.owed += self.share;
        let turned_away = self.owed >= 1.0;
        if turned_away {
            self.owed -= 1.0;
        }
        !turned_away
    }

    fn step(&mut self, lag: f64, now: Instant) {
        let (before, at) = self.last.unwrap_or((0.0, now));
        let steps = now.saturating_duration_since(at).as_secs_f64() / STEP.as_secs_f64();
        if self.last.is_some() && steps < 1.0 {
            return;
        }
        self.last = Some((lag, now));
        let excess = (lag - 1.0).min(MOST);
        let for_lag = if excess > 0.0 { excess } else { excess * steps };
        let for_change = (lag - before).clamp(-MOST, MOST);
        self.share = (self.share + FOR_LAG * for_lag + FOR_CHANGE * for_change).clamp(0.0, 1.0);
        if self.share == 0.0 {
            self.owed = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::load::waits::Waits;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const LIMIT: Duration = Duration::from_millis(200);

    /// A machine that serves one caller after another, each for `service`; `gap` lies between two arrivals. For each caller
    /// how long they waited, or none if they were turned away.
    struct Machine {
        now: Instant,
        free_at: Instant,
        waits: Waits,
        thinning: Thinning,
        /// When the callers who wait will have been served.
        served: std::collections::VecDeque<(u64, Instant)>,
    }

    impl Machine {
        fn idle() -> Self {
            let now = Instant::now();
            let (waits, thinning, served) = Default::default();
            Self { now, free_at: now, waits, thinning, served }
        }

        fn arrivals(&mut self, count: u32, gap: Duration, service: Duration) -> Vec<Option<Duration>> {
            (0..count).map(|_| self.arrival(gap, service)).collect()
        }

        fn arrival(&mut self, gap: Duration, service: Duration) -> Option<Duration> {
            self.now += gap;
            while let Some((id, at)) = self.served.front().copied().filter(|(_, at)| *at <= self.now) {
                self.waits.end(id, at);
                self.served.pop_front();
            }
            // What takes no time even now: two of three things that are asked for a caller.
            self.waits.ended(self.now - MS * 3, self.now);
            let lag = self.waits.lag(self.now);
            if !self.thinning.admits(lag.as_secs_f64() / LIMIT.as_secs_f64(), self.now) {
                return None;
            }
            self.waits.ended(self.now - MS * 3, self.now);
            let id = self.waits.begin(self.now);
            self.free_at = self.free_at.max(self.now) + service;
            self.served.push_back((id, self.free_at));
            Some(self.free_at - self.now)
        }
    }

    fn longest(of: &[Option<Duration>]) -> Duration {
        of.iter().flatten().copied().max().unwrap_or_default()
    }

    #[test]
    fn nobody_is_turned_away_while_nothing_is_late() {
        let mut machine = Machine::idle();
        assert!(machine.arrivals(5_000, MS * 25, MS * 24).iter().all(Option::is_some));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn too_much_work_is_served_as_far_as_it_can_be(service in 5..60_u32, percent in 110..300_u32) {
            let mut machine = Machine::idle();
            let (service, gap) = (MS * service, MS * service * 100 / percent);
            let of = |span: Duration, gap: Duration| (span.as_secs_f64() / gap.as_secs_f64()) as u32;
            let (begins, goes_on) = (Duration::from_secs(4), Duration::from_secs(30));
            machine.arrivals(of(begins, gap), gap, service);
            let told = machine.arrivals(of(goes_on, gap), gap, service);
            let served = told.iter().flatten().count() as f64;
            let possible = goes_on.as_secs_f64() / service.as_secs_f64();
            prop_assert!(served >= possible * 0.9, "{served} of {possible}");
            prop_assert!(longest(&told) <= LIMIT * 3, "{:?}", longest(&told));
            // The burst is over, and soon nobody feels it any more.
            let gap = service * 2;
            machine.arrivals(of(Duration::from_millis(2_500), gap), gap, service);
            let after = machine.arrivals(100, gap, service);
            prop_assert!(after.iter().all(Option::is_some) && longest(&after) <= service, "{after:?}");
        }
    }

    #[test]
    fn a_short_pause_of_the_whole_machine_turns_nobody_away() {
        let mut machine = Machine::idle();
        machine.arrivals(200, MS * 50, MS * 20);
        machine.free_at = machine.now + LIMIT;
        let told = machine.arrivals(100, MS * 50, MS * 20);
        assert!(told.iter().all(Option::is_some), "{told:?}");
    }
}
