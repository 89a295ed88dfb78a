//! How long a caller is expected to wait, and what of it is said (pure).
//!
//! Formula: position × the mean time between two agents taking callers of the queue, over the last intervals in which
//! somebody waited all the time. This is the queue-length predictor of W. Whitt, "Predicting queueing delays"
//! (Management Science 45, 1999), position ÷ rate of service, with the rate measured where the callers wait. So it holds
//! for agents who serve several queues, rest, or work at different speeds, and nobody has to state how long a talk lasts.
//! It is too long if many callers give up, since those ahead who will do so are counted.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::UnixMs;

/// How many intervals are remembered. More would be slow to notice that agents came or went.
const MOST: usize = 20;
/// Below this many intervals, nothing is expected.
const LEAST: usize = 5;

/// How fast the callers of one queue are taken.
#[derive(Debug, Default)]
pub struct ServiceRate {
    last: Option<UnixMs>,
    intervals: VecDeque<Duration>,
}

impl ServiceRate {
    /// An agent took a caller who had waited for so long. The interval since the last time counts if the caller waited
    /// through all of it: otherwise the agents may have had nothing to do.
    pub fn taken(&mut self, at: UnixMs, waited: Duration) {
        let interval = self.last.map(|last| at.since(last)).filter(|interval| waited >= *interval);
        self.last = Some(at);
        let Some(interval) = interval else { return };
        if self.intervals.len() == MOST {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }

    /// Returns how long the caller at a position, from 1, is expected to wait from now on. None if too little is known.
    #[must_use]
    pub fn expected(&self, position: usize) -> Option<Duration> {
        let known = u32::try_from(self.intervals.len()).ok().filter(|_| self.intervals.len() >= LEAST)?;
        let mean = self.intervals.iter().sum::<Duration>() / known;
        Some(mean.saturating_mul(u32::try_from(position).unwrap_or(u32::MAX)))
    }
}

/// Where a caller stands in their queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The position, from 1.
    pub position: usize,
    /// How long the caller is expected to wait, if that is known.
    pub expected: Option<Duration>,
}

/// What a caller has been told of their place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    position: Option<usize>,
    minutes: Option<u64>,
}

impl Told {
    /// Returns the position to say, which is never greater than the one that was said before.
    pub fn position(&mut self, position: usize) -> usize {
        let said = self.position.map_or(position, |before| before.min(position));
        self.position = Some(said);
        said
    }

    /// Returns the expected wait to say, in whole minutes. None below `floor`. It is longer than the one that was said
    /// before by at most `rise`, rounded down to whole minutes.
    pub fn minutes(&mut self, expected: Duration, floor: Duration, rise: Duration) -> Option<u64> {
        if expected < floor {
            return None;
        }
        let rounded = (expected.as_secs() + 30) / 60;
        let said = self.minutes.map_or(rounded, |before| rounded.min(before + rise.as_secs() / 60));
        self.minutes = Some(said);
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> UnixMs {
        UnixMs::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn only_intervals_in_which_the_caller_waited_count() {
        let mut rate = ServiceRate::default();
        for n in 1..=5 {
            rate.taken(at(n * 60), Duration::from_secs(600));
        }
        assert_eq!(rate.expected(1), None, "four intervals are too few");
        rate.taken(at(900), Duration::from_secs(5));
        assert_eq!(rate.expected(1), None, "the agents had nothing to do before this caller came");
        rate.taken(at(960), Duration::from_secs(60));
        assert_eq!(rate.expected(1), Some(Duration::from_mins(1)));
        assert_eq!(rate.expected(7), Some(Duration::from_mins(7)));
        for n in 1..=20 {
            rate.taken(at(960 + 10 * n), Duration::from_secs(600));
        }
        assert_eq!(rate.expected(3), Some(Duration::from_secs(30)), "the older ones are forgotten");
    }

    #[test]
    fn minutes_are_rounded_and_have_a_floor() {
        let say = |seconds, floor| {
            Told::default().minutes(Duration::from_secs(seconds), Duration::from_secs(floor), Duration::ZERO)
        };
        assert_eq!([say(59, 60), say(60, 60), say(89, 60), say(90, 60)], [None, Some(1), Some(1), Some(2)]);
        assert_eq!(say(29, 0), Some(0), "less than a minute");
    }

    proptest! {
        /// What is said never grows by more than it may, and is never more than what is expected.
        #[test]
        fn what_is_said_does_not_jump(
            steps in prop::collection::vec((1..500_usize, 0..20_000_u64), 1..40),
            floor in 0..600_u64, rise in 0..600_u64,
        ) {
            let (mut told, mut position, mut minutes) = (Told::default(), usize::MAX, None::<u64>);
            for (now, seconds) in steps {
                let said = told.position(now);
                prop_assert!(said <= now && said <= position && said >= 1);
                position = said;
                let expected = Duration::from_secs(seconds);
                let said = told.minutes(expected, Duration::from_secs(floor), Duration::from_secs(rise));
                prop_assert_eq!(said.is_none(), seconds < floor);
                let Some(said) = said else { continue };
                prop_assert!(said * 60 <= seconds + 30);
                if let Some(before) = minutes {
                    prop_assert!(said <= before + rise / 60, "{} after {}", said, before);
                } else {
                    prop_assert!(said * 60 + 30 > seconds);
                }
                minutes = Some(said);
            }
        }
    }
}
