//! Until when each phone may ring, and once it was picked up, until when the key may be pressed. `now` is an argument.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::ids::LegId;

/// The deadline of each leg that has time left.
#[derive(Debug)]
pub(super) struct Deadlines(BTreeMap<LegId, Instant>);

impl Deadlines {
    /// These legs ring until then.
    pub(super) fn ringing(legs: impl Iterator<Item = LegId>, until: Instant) -> Self {
        Self(legs.map(|leg| (leg, until)).collect())
    }

    /// A phone was picked up: the key may be pressed until then, however little ring time was left. A leg whose time is over
    /// gets no more.
    pub(super) fn picked_up(&mut self, leg: LegId, until: Instant) {
        if let Some(time) = self.0.get_mut(&leg) {
            *time = until;
        }
    }

    /// A leg is over.
    pub(super) fn ended(&mut self, leg: LegId) {
        self.0.remove(&leg);
    }

    /// Whether the leg has time left.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.0.contains_key(&leg)
    }

    /// When the next time runs out.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Removes and returns the legs whose time is over.
    pub(super) fn run_out(&mut self, now: Instant) -> Vec<LegId> {
        self.0.extract_if(.., |_, until| *until <= now).map(|(leg, _)| leg).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_key_has_a_time_of_its_own_and_other_phones_keep_theirs() {
        let begun = Instant::now();
        let after = |ms| begun + Duration::from_millis(ms);
        let (picked_up, rings) = (LegId::new(), LegId::new());
        let mut times = Deadlines::ringing([picked_up, rings].into_iter(), after(2_000));
        times.picked_up(picked_up, after(1_500 + 10_000));
        assert_eq!(times.next(), Some(after(2_000)));
        assert_eq!(times.run_out(after(1_999)), []);
        assert_eq!(times.run_out(after(2_000)), [rings]);
        times.picked_up(rings, after(60_000));
        assert_eq!(times.next(), Some(after(11_500)), "who picks up as the time runs out is too late");
        assert_eq!(times.run_out(after(11_499)), []);
        assert_eq!(times.run_out(after(11_500)), [picked_up]);
        assert_eq!(times.next(), None);
    }
}
