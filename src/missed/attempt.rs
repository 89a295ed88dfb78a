//! An attempt: one dialling of the customer for a case, from its reservation to its disposition.
//!
//! | state | from | what happens |
//! |---|---|---|
//! | reserved | | its place among the day's attempts is taken; nobody is dialled yet |
//! | dialling | reserved | the customer's phone is being called: it counts |
//! | talking | dialling | somebody answered |
//! | wrapping up | talking | the talk is over; a person has yet to say what came of it |
//! | completed | any | it has its result |
//!
//! *Deliberately absent:* whether it may be made at all; that is [`super::regulation`]'s.

use super::case::Closed;

crate::words! {
    /// How far an attempt is.
    "attempt state" pub enum State {
        /// Its place is taken.
        Reserved = "reserved",
        /// The customer's phone is being called.
        Dialling = "dialling",
        /// Somebody answered.
        Talking = "talking",
        /// The talk is over and has no disposition.
        WrappingUp = "wrapping_up",
        /// It has its result.
        Completed = "completed",
    }
}

crate::words! {
    /// How an attempt came about.
    "way of an attempt" pub enum Way {
        /// We rang an agent, then the customer.
        Callback = "callback",
        /// We rang the customer, then an agent.
        CustomerFirst = "customer_first",
        /// An agent dialled from his phone, through us.
        Handset = "handset",
        /// Somebody says that he called.
        Reported = "reported",
    }
}

crate::words! {
    /// What came of an attempt.
    "attempt result" pub enum Outcome {
        /// The customer was spoken to.
        Reached = "reached",
        /// He asks to be called later.
        CallLater = "call_later",
        /// He did not answer.
        NoAnswer = "no_answer",
        /// His phone was busy.
        Busy = "busy",
        /// He rejected the call.
        Rejected = "rejected",
        /// A machine answered.
        Voicemail = "voicemail",
        /// The number does not exist.
        InvalidNumber = "invalid_number",
        /// The number is somebody else's.
        WrongNumber = "wrong_number",
        /// He wants no more calls.
        Refused = "refused",
        /// Our side failed before the customer's phone rang.
        TechnicalFailure = "technical_failure",
        /// It was taken back before he answered: we stop, the agent left, or he is on the line himself.
        Cancelled = "cancelled",
        /// We died while it was under way: it may have rung.
        Orphaned = "orphaned",
        /// He answered, and no agent came.
        Abandoned = "abandoned",
        /// As the note says.
        Other = "other",
    }
}

/// What a result means for the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing more is owed, for this reason.
    Close(Closed),
    /// The number is not to be called again, for this reason.
    Suppress(Closed),
    /// He is owed another attempt.
    Again,
}

impl Outcome {
    /// Whether an attempt with this result may be left uncounted: only what cannot have rung
    /// (facts/callbacks.md §5.3).
    #[must_use]
    pub const fn may_be_uncounted(self) -> bool {
        matches!(self, Self::TechnicalFailure | Self::Cancelled)
    }

    /// What it means for the case.
    #[must_use]
    pub const fn consequence(self) -> Consequence {
        match self {
            Self::Reached => Consequence::Close(Closed::AgentReached),
            Self::Other => Consequence::Close(Closed::Other),
            Self::WrongNumber => Consequence::Suppress(Closed::WrongNumber),
            Self::InvalidNumber => Consequence::Close(Closed::WrongNumber),
            Self::Refused => Consequence::Suppress(Closed::DoNotCall),
            Self::CallLater
            | Self::NoAnswer
            | Self::Busy
            | Self::Rejected
            | Self::Voicemail
            | Self::TechnicalFailure
            | Self::Cancelled
            | Self::Abandoned
            | Self::Orphaned => Consequence::Again,
        }
    }
}

/// What came of a dial that ended so, and whether it may have rung. `alerted`: the customer's phone is known to have
/// been called.
///
/// Source of the sorting: facts/callbacks.md §3.8 (wrong number: causes 1, 22, 28; our fault: 34, 38, 41, 42).
#[must_use]
pub fn of_cause(cause: &str, alerted: bool) -> Outcome {
    match cause {
        "USER_BUSY" | "BUSY_EVERYWHERE" => Outcome::Busy,
        "CALL_REJECTED" | "DECLINE" | "REJECT_ALL" | "UNWANTED" => Outcome::Rejected,
        "UNALLOCATED_NUMBER" | "NUMBER_CHANGED" | "INVALID_NUMBER_FORMAT" if !alerted => {
            Outcome::InvalidNumber
        }
        "NORMAL_CIRCUIT_CONGESTION"
        | "NETWORK_OUT_OF_ORDER"
        | "NORMAL_TEMPORARY_FAILURE"
        | "SWITCH_CONGESTION"
        | "INVALID_GATEWAY"
        | "GATEWAY_DOWN"
        | "NODE_DOWN"
            if !alerted =>
        {
            Outcome::TechnicalFailure
        }
        // Whatever else: it may have rung, and nobody was reached.
        _ => Outcome::NoAnswer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_counts_unless_it_surely_did_not_ring() {
        for (cause, alerted, outcome) in [
            ("NO_ANSWER", true, Outcome::NoAnswer),
            ("NO_USER_RESPONSE", false, Outcome::NoAnswer),
            ("USER_BUSY", true, Outcome::Busy),
            ("USER_BUSY", false, Outcome::Busy),
            ("CALL_REJECTED", true, Outcome::Rejected),
            ("UNALLOCATED_NUMBER", false, Outcome::InvalidNumber),
            ("UNALLOCATED_NUMBER", true, Outcome::NoAnswer),
            ("GATEWAY_DOWN", false, Outcome::TechnicalFailure),
            ("NORMAL_TEMPORARY_FAILURE", false, Outcome::TechnicalFailure),
            ("NORMAL_TEMPORARY_FAILURE", true, Outcome::NoAnswer),
            ("SOMETHING_NEW", false, Outcome::NoAnswer),
        ] {
            assert_eq!(of_cause(cause, alerted), outcome, "{cause} alerted: {alerted}");
            assert!(!alerted || !of_cause(cause, alerted).may_be_uncounted(), "{cause}: what rang counts");
        }
    }

    #[test]
    fn a_machine_is_nobody() {
        assert_eq!(Outcome::Voicemail.consequence(), Consequence::Again);
        assert_eq!(Outcome::Reached.consequence(), Consequence::Close(Closed::AgentReached));
        assert_eq!(Outcome::WrongNumber.consequence(), Consequence::Suppress(Closed::WrongNumber));
    }
}
