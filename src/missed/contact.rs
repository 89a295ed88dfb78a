//! Whether contact with a number settles what we owe it.
//!
//! In: when somebody began and ended to talk with the number, and when the number was missed last. Out: yes or no. A
//! number is often a company's: while one of its people talks with us, another one may wait and give up. So only contact
//! that *began* after the last miss settles the case. A miss in the future is one of before the clock was set back.

use std::time::Duration;

use crate::clock::UnixMs;

/// Somebody was in contact with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// When the two began to talk; of a call that nobody answered, when it was made.
    pub began_at: UnixMs,
    /// When that was over.
    pub ended_at: UnixMs,
    /// What the clock says now.
    pub now: UnixMs,
}

impl Contact {
    /// Whether it began after the last miss: then it says something of what was owed for it.
    #[must_use]
    pub fn follows(self, last_miss_at: UnixMs) -> bool {
        self.began_at > last_miss_at || last_miss_at > self.now
    }

    /// Whether it lasted long enough for the two to have spoken.
    #[must_use]
    pub fn is_talk(self, min_talk: Duration) -> bool {
        self.ended_at.since(self.began_at) >= min_talk
    }

    /// Whether it settles a case by itself: nobody says what came of it.
    #[must_use]
    pub fn settles(self, last_miss_at: UnixMs, min_talk: Duration) -> bool {
        self.follows(last_miss_at) && self.is_talk(min_talk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_talk_that_began_after_the_miss_and_lasted_settles_anything() {
        let least = Duration::from_secs(5);
        let talk = |from: i64, to: i64| Contact {
            began_at: UnixMs(from),
            ended_at: UnixMs(to),
            now: UnixMs(1_200_000),
        };
        let miss = UnixMs(60_000);
        for (talk, settles) in [
            (talk(60_001, 65_001), true),
            (talk(60_001, 65_000), false),
            (talk(60_000, 90_000), false),
            (talk(0, 1_200_000), false),
        ] {
            assert_eq!(talk.settles(miss, least), settles, "{talk:?}");
        }
        let before_the_clock_was_set_back = Contact { now: UnixMs(50_000), ..talk(40_000, 50_000) };
        assert!(before_the_clock_was_set_back.settles(miss, least));
        let recorded_late = Contact { now: UnixMs(70_000), ..talk(40_000, 50_000) };
        assert!(!recorded_late.settles(miss, least), "somebody else gave up meanwhile");
    }
}
