//! Whether the end of a call opens a case.
//!
//! | ending | result |
//! |---|---|
//! | answered, forwarded | no case |
//! | taken elsewhere | no case: the new owner of the call decides |
//! | abandoned, timed out, lost | a case |
//! | left a message, asked for a callback | a case, at any hour |
//! | refused while closed | a case |
//! | refused: no route | no case |
//! | in a menu with `missed = false` | no case |
//! | abandoned sooner than `[callback] min_wait` | no case |
//! | any, number withheld, internal or no number | no case: the call is only counted |

use std::time::Duration;

use super::case::Reason;
use crate::missed::ending::{Ending, Stage};
use crate::phone::Party;

/// Whether a call opens a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The caller must be called back, for this reason.
    Case(Reason),
    /// No case is opened, for this reason.
    Nothing(Why),
}

crate::vocabulary! {
    /// Why no case is opened.
    "reason for no case" pub enum Why {
        /// The caller talked to somebody.
        GotThrough = "got_through",
        /// Somebody outside the controller took the call.
        Taken = "taken",
        /// The caller cannot be called back: the number is withheld or invalid.
        NotCallable = "not_callable",
        /// The call came from one of our own phones.
        Internal = "internal",
        /// No route matched the call.
        NoRoute = "no_route",
        /// The call ended in a menu whose callers are owed nothing.
        Menu = "menu",
        /// The caller hung up sooner than anybody could have answered.
        TooShort = "too_short",
    }
}

impl Verdict {
    /// Whether no case is opened because the caller talked to somebody.
    #[must_use]
    pub const fn got_through(self) -> bool {
        matches!(self, Self::Nothing(Why::GotThrough))
    }

    /// Returns the same verdict, but no case for a call that ended in a menu whose callers are owed nothing.
    #[must_use]
    pub fn unless_in_menu(self, stage: Stage, is_owed: bool) -> Self {
        match self {
            Self::Case(_) if stage == Stage::Menu && !is_owed => Self::Nothing(Why::Menu),
            verdict => verdict,
        }
    }

    /// Returns the same verdict, but no case for a call that the caller ended after less than `shortest`. The number
    /// that a caller shows may belong to somebody else: a call that rings only once must not cause a callback to the
    /// owner of that number.
    #[must_use]
    pub fn unless_too_short(self, ending: Ending, lasted: Duration, shortest: Duration) -> Self {
        match self {
            Self::Case(_) if ending == Ending::Abandoned && lasted < shortest => Self::Nothing(Why::TooShort),
            verdict => verdict,
        }
    }
}

/// Judges a call from how it ended. `open` says whether the route was open when the call arrived.
#[must_use]
pub fn verdict(ending: Ending, stage: Stage, party: &Party, open: bool) -> Verdict {
    let reason = match (ending, stage) {
        (Ending::Answered | Ending::Forwarded, _) => return Verdict::Nothing(Why::GotThrough),
        (Ending::Taken, _) => return Verdict::Nothing(Why::Taken),
        (Ending::Refused, Stage::Arriving) => return Verdict::Nothing(Why::NoRoute),
        (Ending::Lost, _) => Reason::Lost,
        (Ending::LeftMessage, _) => Reason::LeftMessage,
        (Ending::AskedCallback, _) => Reason::AskedCallback,
        (Ending::Abandoned | Ending::TimedOut, Stage::Forwarding) => Reason::ForwardFailed,
        (Ending::TimedOut, _) => Reason::TimedOut,
        (Ending::Abandoned, Stage::Ringing) => Reason::AbandonedRinging,
        _ if !open => Reason::ClosedHours,
        (Ending::Abandoned | Ending::Refused, _) => Reason::AbandonedWaiting,
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
    fn a_caller_who_talked_gets_no_case_and_any_other_gets_one() {
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
    fn the_reason_says_where_the_caller_was_lost() {
        let cases = [
            (Ending::Abandoned, Stage::Waiting, true, Reason::AbandonedWaiting),
            (Ending::Abandoned, Stage::Ringing, true, Reason::AbandonedRinging),
            (Ending::Abandoned, Stage::Message, false, Reason::ClosedHours),
            (Ending::Refused, Stage::Message, false, Reason::ClosedHours),
            (Ending::TimedOut, Stage::Waiting, true, Reason::TimedOut),
            (Ending::TimedOut, Stage::Message, true, Reason::TimedOut),
            (Ending::TimedOut, Stage::Forwarding, false, Reason::ForwardFailed),
            (Ending::Lost, Stage::Waiting, true, Reason::Lost),
            (Ending::AskedCallback, Stage::Message, true, Reason::AskedCallback),
            (Ending::AskedCallback, Stage::Menu, false, Reason::AskedCallback),
            (Ending::LeftMessage, Stage::Message, true, Reason::LeftMessage),
            (Ending::LeftMessage, Stage::Message, false, Reason::LeftMessage),
        ];
        for (ending, stage, open, reason) in cases {
            assert_eq!(verdict(ending, stage, &caller(), open), Verdict::Case(reason), "{ending} {stage}");
        }
    }

    #[test]
    fn a_call_that_rings_only_once_opens_no_case() {
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
    fn a_caller_without_a_callable_number_gets_no_case() {
        let verdict = |party| verdict(Ending::Abandoned, Stage::Waiting, &party, true);
        assert_eq!(verdict(Party::Withheld), Verdict::Nothing(Why::NotCallable));
        assert_eq!(verdict(Party::Invalid), Verdict::Nothing(Why::NotCallable));
        assert_eq!(verdict(Party::Internal("1001".into())), Verdict::Nothing(Why::Internal));
    }
}
