//! What the end of a call leaves us owing.
//!
//! | ending | owed |
//! |---|---|
//! | answered, forwarded | nothing |
//! | taken elsewhere | nothing: whoever took the caller decides |
//! | abandoned, timed out, lost | a call back |
//! | refused while closed | a call back |
//! | refused: no route | nothing |
//! | abandoned sooner than `[callback] min_wait` | nothing |
//! | any, number withheld, internal or no number | nothing: counted only |

use std::time::Duration;

use super::case::Reason;
use crate::missed::ending::{Ending, Stage};
use crate::phone::Party;

/// Whether a case is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The caller is owed a call back, for this reason.
    Case(Reason),
    /// Nothing is owed, for this reason.
    Nothing(Why),
}

crate::vocabulary! {
    /// Why nothing is owed.
    "reason for no case" pub enum Why {
        /// He talked to somebody.
        GotThrough = "got_through",
        /// Somebody else took them out of our hands.
        Taken = "taken",
        /// He cannot be called back: he hid his number, or it is none.
        NotCallable = "not_callable",
        /// He is one of us.
        Internal = "internal",
        /// No route wanted his call.
        NoRoute = "no_route",
        /// The caller hung up sooner than anybody could have answered.
        TooShort = "too_short",
    }
}

impl Verdict {
    /// Whether nothing is owed because he talked to somebody.
    #[must_use]
    pub const fn got_through(self) -> bool {
        matches!(self, Self::Nothing(Why::GotThrough))
    }

    /// The same, but nothing is owed for a call that the caller broke off after less than `shortest`. The number that a
    /// caller shows is perhaps somebody else's: whoever only lets it ring once costs its owner no call.
    #[must_use]
    pub fn unless_too_short(self, ending: Ending, lasted: Duration, shortest: Duration) -> Self {
        match self {
            Self::Case(_) if ending == Ending::Abandoned && lasted < shortest => Self::Nothing(Why::TooShort),
            verdict => verdict,
        }
    }
}

/// Judges a call that ended so. `open` says whether the route was open when it came.
#[must_use]
pub fn verdict(ending: Ending, stage: Stage, party: &Party, open: bool) -> Verdict {
    let reason = match (ending, stage) {
        (Ending::Answered | Ending::Forwarded, _) => return Verdict::Nothing(Why::GotThrough),
        (Ending::Taken, _) => return Verdict::Nothing(Why::Taken),
        (Ending::Refused, Stage::Arriving) => return Verdict::Nothing(Why::NoRoute),
        (Ending::Lost, _) => Reason::Lost,
        (Ending::Abandoned | Ending::TimedOut, Stage::Forwarding) => Reason::ForwardFailed,
        (Ending::TimedOut, _) => Reason::TimedOut,
        (Ending::Abandoned, Stage::Ringing) => Reason::AbandonedRinging,
        _ if !open => Reason::ClosedHours,
        (Ending::Abandoned | Ending::Refused | Ending::LeftMessage | Ending::AskedCallback, _) => {
            Reason::AbandonedWaiting
        }
    };
    match party {
        Party::Number(_) => Verdict::Case(reason),
        Party::Internal(_) => Verdict::Nothing(Why::Internal),
        Party::Withheld | Party::Invalid => Verdict::Nothing(Why::NotCallable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Party {
        Party::Number("+79001234567".parse().unwrap())
    }

    #[test]
    fn who_talked_is_owed_nothing_and_who_did_not_is_owed_a_call() {
        for &ending in Ending::ALL {
            for &stage in Stage::ALL {
                for open in [true, false] {
                    let owed = matches!(verdict(ending, stage, &caller(), open), Verdict::Case(_));
                    let through = matches!(ending, Ending::Answered | Ending::Forwarded | Ending::Taken);
                    let no_route = ending == Ending::Refused && stage == Stage::Arriving;
                    assert_eq!(owed, !through && !no_route, "{ending} {stage} open: {open}");
                }
            }
        }
    }

    #[test]
    fn the_reason_is_what_the_caller_met() {
        let cases = [
            (Ending::Abandoned, Stage::Waiting, true, Reason::AbandonedWaiting),
            (Ending::Abandoned, Stage::Ringing, true, Reason::AbandonedRinging),
            (Ending::Abandoned, Stage::Message, false, Reason::ClosedHours),
            (Ending::Refused, Stage::Message, false, Reason::ClosedHours),
            (Ending::TimedOut, Stage::Waiting, true, Reason::TimedOut),
            (Ending::TimedOut, Stage::Message, true, Reason::TimedOut),
            (Ending::TimedOut, Stage::Forwarding, false, Reason::ForwardFailed),
            (Ending::Lost, Stage::Waiting, true, Reason::Lost),
        ];
        for (ending, stage, open, reason) in cases {
            assert_eq!(verdict(ending, stage, &caller(), open), Verdict::Case(reason), "{ending} {stage}");
        }
    }

    #[test]
    fn who_only_lets_it_ring_once_costs_nobody_a_call() {
        let owed = Verdict::Case(Reason::AbandonedWaiting);
        let (short, shortest) = (Duration::from_millis(2999), Duration::from_secs(3));
        let after = |ending, lasted| owed.unless_too_short(ending, lasted, shortest);
        assert_eq!(after(Ending::Abandoned, short), Verdict::Nothing(Why::TooShort));
        assert_eq!(after(Ending::Abandoned, shortest), owed, "the caller has waited");
        for broken_by_us in [Ending::Lost, Ending::TimedOut, Ending::Refused] {
            assert_eq!(after(broken_by_us, short), owed, "{broken_by_us}");
        }
        let nothing = Verdict::Nothing(Why::Internal);
        assert_eq!(nothing.unless_too_short(Ending::Abandoned, short, shortest), nothing);
        assert_eq!(owed.unless_too_short(Ending::Abandoned, Duration::ZERO, Duration::ZERO), owed);
    }

    #[test]
    fn nobody_is_called_who_cannot_be() {
        let verdict = |party| verdict(Ending::Abandoned, Stage::Waiting, &party, true);
        assert_eq!(verdict(Party::Withheld), Verdict::Nothing(Why::NotCallable));
        assert_eq!(verdict(Party::Invalid), Verdict::Nothing(Why::NotCallable));
        assert_eq!(verdict(Party::Internal("1001".into())), Verdict::Nothing(Why::Internal));
    }
}
