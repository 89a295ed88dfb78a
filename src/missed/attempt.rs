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

crate::vocabulary! {
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

crate::vocabulary! {
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

crate::vocabulary! {
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
    /// Whether an attempt with this result may be left uncounted: only what cannot have rung.
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

/// What came of a dial that ended so. `alerted`: the customer's phone is known to have been called.
///
/// A cause that came before any ringing is the trunk's own, and not counted, unless it is one of `CUSTOMERS_OWN`: an
/// account without funds, a barred route and a wrong dial format look like a customer who rejects, or a number that is not
/// there. What such a cause says of the customer is a [`Claim`], and believed only once it is confirmed. A format that the
/// trunk does not take (SIP 484) is ours to mend, whoever confirms it.
///
/// Source: FreeSWITCH's `sofia_glue_sip_cause_to_freeswitch` (401, 402, 403, 407, 603 and 608
/// are `CALL_REJECTED`, 404 `UNALLOCATED_NUMBER`, 410 `NUMBER_CHANGED`, 484 `INVALID_NUMBER_FORMAT`, 485 and 604
/// `NO_ROUTE_DESTINATION`), and the causes of Q.850 that a trunk's Reason header names instead.
#[must_use]
pub fn of_cause(cause: &str, alerted: bool) -> Outcome {
    match cause {
        "USER_BUSY" | "BUSY_EVERYWHERE" => Outcome::Busy,
        "UNWANTED" => Outcome::Rejected,
        _ if !alerted && ENDED_HERE.contains(&cause) => Outcome::Cancelled,
        _ if !(alerted || CUSTOMERS_OWN.contains(&cause) || is_unseen(cause)) => Outcome::TechnicalFailure,
        _ if Claim::of(cause) == Some(Claim::Rejected) => Outcome::Rejected,
        // Whatever else: it may have rung, and nobody was reached.
        _ => Outcome::NoAnswer,
    }
}

/// Causes that come from where the customer is, also without any ringing: the phone is off, or nobody is there.
const CUSTOMERS_OWN: [&str; 6] = [
    "NO_ANSWER",
    "NO_USER_RESPONSE",
    "SUBSCRIBER_ABSENT",
    "USER_NOT_REGISTERED",
    "ALLOTTED_TIMEOUT",
    "NO_PICKUP",
];

/// Causes of a dial that was ended on our side: by an administrator, or as FreeSWITCH stops.
const ENDED_HERE: [&str; 5] =
    ["ORIGINATOR_CANCEL", "MANAGER_REQUEST", "SYSTEM_SHUTDOWN", "LOSE_RACE", "PICKED_OFF"];

/// The cause of a dial of which nothing was heard until our own time was up: FreeSWITCH's word for a trunk that does not
/// answer.
pub const NO_PROGRESS: &str = "RECOVERY_ON_TIMER_EXPIRE";

/// Whether a leg that ended so was out of sight: it may have rung.
#[must_use]
pub fn is_unseen(cause: &str) -> bool {
    matches!(cause, "LINK_LOST" | "SWITCH_RESTARTED")
}

/// What a cause that came before any ringing says of the customer, if it is not the trunk's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The number does not exist.
    NoSuchNumber,
    /// The customer rejects the call.
    Rejected,
}

/// The same claim, made of the same number before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Whether it came over another trunk.
    pub by_another: bool,
    /// If not: whether somebody answered over the trunk since. Then the trunk works.
    pub works_since: bool,
}

impl Claim {
    /// What a cause says of the customer.
    #[must_use]
    pub fn of(cause: &str) -> Option<Self> {
        let says = |claim: Self| claim.causes().contains(&cause);
        [Self::NoSuchNumber, Self::Rejected].into_iter().find(|claim| says(*claim))
    }

    /// Every cause that says so.
    #[must_use]
    pub const fn causes(self) -> &'static [&'static str] {
        match self {
            Self::NoSuchNumber => &["UNALLOCATED_NUMBER", "NUMBER_CHANGED"],
            Self::Rejected => &["CALL_REJECTED", "DECLINE", "REJECT_ALL"],
        }
    }

    /// What came of the attempt, if what was said before confirms the claim. That a number does not exist is confirmed by
    /// another trunk, or by the same one when it has worked in between. A refusal is confirmed by a trunk that has worked
    /// in between only: two accounts may be without funds.
    #[must_use]
    pub fn confirmed(self, before: &[Said]) -> Option<Outcome> {
        let works = before.iter().any(|said| said.works_since);
        match self {
            Self::NoSuchNumber if works || before.iter().any(|said| said.by_another) => {
                Some(Outcome::InvalidNumber)
            }
            Self::Rejected if works => Some(Outcome::Rejected),
            Self::NoSuchNumber | Self::Rejected => None,
        }
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
            ("CALL_REJECTED", false, Outcome::TechnicalFailure),
            ("OUTGOING_CALL_BARRED", false, Outcome::TechnicalFailure),
            ("OUTGOING_CALL_BARRED", true, Outcome::NoAnswer),
            ("UNWANTED", false, Outcome::Rejected),
            ("UNALLOCATED_NUMBER", false, Outcome::TechnicalFailure),
            ("NUMBER_CHANGED", false, Outcome::TechnicalFailure),
            ("INVALID_NUMBER_FORMAT", false, Outcome::TechnicalFailure),
            ("UNALLOCATED_NUMBER", true, Outcome::NoAnswer),
            ("GATEWAY_DOWN", false, Outcome::TechnicalFailure),
            ("NORMAL_TEMPORARY_FAILURE", false, Outcome::TechnicalFailure),
            ("NORMAL_TEMPORARY_FAILURE", true, Outcome::NoAnswer),
            ("SOMETHING_NEW", false, Outcome::TechnicalFailure),
            ("SOMETHING_NEW", true, Outcome::NoAnswer),
            ("RECOVERY_ON_TIMER_EXPIRE", false, Outcome::TechnicalFailure),
            ("INCOMPATIBLE_DESTINATION", false, Outcome::TechnicalFailure),
            ("NORMAL_UNSPECIFIED", false, Outcome::TechnicalFailure),
            ("REQUESTED_CHAN_UNAVAIL", false, Outcome::TechnicalFailure),
            ("DESTINATION_OUT_OF_ORDER", false, Outcome::TechnicalFailure),
            ("INVALID_PROFILE", false, Outcome::TechnicalFailure),
            ("UNKNOWN", false, Outcome::TechnicalFailure),
            ("SUBSCRIBER_ABSENT", false, Outcome::NoAnswer),
            ("NO_ANSWER", false, Outcome::NoAnswer),
            ("MANAGER_REQUEST", false, Outcome::Cancelled),
            ("MANAGER_REQUEST", true, Outcome::NoAnswer),
            // Nobody saw whether it rang.
            ("LINK_LOST", false, Outcome::NoAnswer),
            ("SWITCH_RESTARTED", false, Outcome::NoAnswer),
        ] {
            assert_eq!(of_cause(cause, alerted), outcome, "{cause} alerted: {alerted}");
            assert!(!alerted || !of_cause(cause, alerted).may_be_uncounted(), "{cause}: what rang counts");
        }
    }

    #[test]
    fn what_a_trunk_says_of_a_customer_is_believed_once_it_is_confirmed() {
        let another = Said { by_another: true, works_since: false };
        let again = Said { by_another: false, works_since: false };
        let works = Said { by_another: false, works_since: true };
        for (claim, before, believed) in [
            (Claim::NoSuchNumber, vec![], None),
            (Claim::NoSuchNumber, vec![again, again], None),
            (Claim::NoSuchNumber, vec![another], Some(Outcome::InvalidNumber)),
            (Claim::NoSuchNumber, vec![works], Some(Outcome::InvalidNumber)),
            (Claim::Rejected, vec![again, another], None),
            (Claim::Rejected, vec![works], Some(Outcome::Rejected)),
        ] {
            assert_eq!(claim.confirmed(&before), believed, "{claim:?} {before:?}");
        }
        assert_eq!(Claim::of("INVALID_NUMBER_FORMAT"), None, "nobody confirms a wrong format");
    }

    #[test]
    fn a_machine_is_nobody() {
        assert_eq!(Outcome::Voicemail.consequence(), Consequence::Again);
        assert_eq!(Outcome::Reached.consequence(), Consequence::Close(Closed::AgentReached));
        assert_eq!(Outcome::WrongNumber.consequence(), Consequence::Suppress(Closed::WrongNumber));
    }
}
