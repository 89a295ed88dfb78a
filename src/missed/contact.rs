//! Whether contact with a number settles an open case.
//!
//! In: when a talk with the number began and ended, and when a call from the number was last missed. Out: yes or no. A
//! number often belongs to a company: one of its people may be talking with us while another one waits and gives up. So
//! only contact that *began* after the last missed call settles the case. If the last missed call lies in the future,
//! the clock has been set back since.

use std::time::Duration;

use crate::clock::UnixMs;

/// Contact with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// When the talk began. For a call that nobody answered: when it was made.
    pub began_at: UnixMs,
    /// When the contact was over.
    pub ended_at: UnixMs,
    /// The current time.
    pub now: UnixMs,
}

impl Contact {
    /// Whether the contact began after the last missed call. Only then does it count for the case.
    #[must_use]
    pub fn follows(self, last_miss_at: UnixMs) -> bool {
        self.began_at > last_miss_at || last_miss_at > self.now
    }

    /// Whether the contact lasted long enough for a conversation.
    #[must_use]
    pub fn is_talk(self, min_talk: Duration) -> bool {
        self.ended_at.since(self.began_at) >= min_talk
    }

    /// Whether the contact settles a case without a disposition.
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
