//! An attempt: one dial of the customer for a case, from its reservation to its disposition.
//!
//! | state | from | what happens |
//! |---|---|---|
//! | reserved | | the attempt has its ordinal among those of the day; nobody is dialled yet |
//! | dialling | reserved | the customer's phone is being called; the attempt counts |
//! | talking | dialling | the customer answered |
//! | wrapping up | talking | the talk is over; the agent has not yet recorded a disposition |
//! | completed | any | the attempt has its disposition |
//!
//! *Deliberately absent:* whether an attempt is allowed. [`super::regulation`] decides that.

use super::case::Closed;

crate::vocabulary! {
    /// The progress of an attempt.
    "attempt state" pub enum State {
        /// The attempt has its ordinal among those of the day.
        Reserved = "reserved",
        /// The customer's phone is being called.
        Dialling = "dialling",
        /// The customer answered.
        Talking = "talking",
        /// The talk is over, and no disposition is recorded.
        WrappingUp = "wrapping_up",
        /// The attempt has its disposition.
        Completed = "completed",
    }
}

crate::vocabulary! {
    /// How an attempt came about.
    "way of an attempt" pub enum Way {
        /// The controller rang an agent, then the customer.
        Callback = "callback",
        /// The controller rang the customer, then an agent.
        CustomerFirst = "customer_first",
        /// An agent dialled by hand at their phone, through the controller.
        ManualDial = "handset",
        /// Somebody reports an attempt that they made elsewhere.
        Reported = "reported",
    }
}

crate::vocabulary! {
    /// The disposition of an attempt.
    "disposition" pub enum Disposition {
        /// Somebody talked with the customer.
        Reached = "reached",
        /// The customer asks to be called later.
        CallLater = "call_later",
        /// The customer did not answer.
        NoAnswer = "no_answer",
        /// The customer's phone was busy.
        Busy = "busy",
        /// The customer rejected the call.
        Rejected = "rejected",
        /// A machine answered.
        Voicemail = "voicemail",
        /// The number does not exist.
        InvalidNumber = "invalid_number",
        /// The number belongs to somebody else.
        WrongNumber = "wrong_number",
        /// The customer wants no more calls.
        Refused = "refused",
        /// Our side failed before the customer's phone rang.
        TechnicalFailure = "technical_failure",
        /// The dial was stopped before the customer answered: the controller stops, the agent left, or the customer is
        /// in a call with us already.
        Cancelled = "cancelled",
        /// The controller died during the attempt. The phone may have rung.
        Orphaned = "orphaned",
        /// The customer answered, and no agent came.
        Abandoned = "abandoned",
        /// The note tells the disposition.
        Other = "other",
    }
}

/// What a disposition means for the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The case is closed, for this reason.
    Close(Closed),
    /// The number must not be called again, for this reason.
    Suppress(Closed),
    /// The customer must be tried again.
    Again,
}

impl Disposition {
    /// Whether an attempt with this disposition may be left out of the counts: only if the phone cannot have rung.
    #[must_use]
    pub const fn may_be_uncounted(self) -> bool {
        matches!(self, Self::TechnicalFailure | Self::Cancelled)
    }

    /// Returns what the disposition means for the case.
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

/// Returns the disposition of a dial that ended with `cause`. `alerted`: the customer's phone is known to have been
/// called.
///
/// A cause that arrives before any ringing is taken to come from the trunk, and the attempt does not count. The reason:
/// an account without funds, a barred route and a wrong dial format have the same causes as a customer who rejects the
/// call and a number that does not exist. Busy, `UNWANTED`, `CUSTOMERS_OWN` and [`is_unseen`] are the exceptions.
///
/// If a cause before any ringing says something about the customer, that is a [`Claim`], which is believed only once it
/// is confirmed. SIP 484 (the trunk does not accept the format of the number) is never believed: the administrator has
/// to correct the format.
///
/// Source: FreeSWITCH's `sofia_glue_sip_cause_to_freeswitch` (401, 402, 403, 407, 603 and 608
/// are `CALL_REJECTED`, 404 `UNALLOCATED_NUMBER`, 410 `NUMBER_CHANGED`, 484 `INVALID_NUMBER_FORMAT`, 485 and 604
/// `NO_ROUTE_DESTINATION`), and the causes of Q.850 that a trunk's Reason header names instead.
#[must_use]
pub fn of_cause(cause: &str, alerted: bool) -> Disposition {
    match cause {
        "USER_BUSY" | "BUSY_EVERYWHERE" => Disposition::Busy,
        "UNWANTED" => Disposition::Rejected,
        _ if !alerted && ENDED_HERE.contains(&cause) => Disposition::Cancelled,
        _ if !(alerted || CUSTOMERS_OWN.contains(&cause) || is_unseen(cause)) => {
            Disposition::TechnicalFailure
        }
        _ if Claim::of(cause) == Some(Claim::Rejected) => Disposition::Rejected,
        // For every other cause: the phone may have rung, and nobody was reached.
        _ => Disposition::NoAnswer,
    }
}

/// Causes that come from the customer's side even without any ringing: the phone is off, or nobody is there.
const CUSTOMERS_OWN: [&str; 6] = [
    "NO_ANSWER",
    "NO_USER_RESPONSE",
    "SUBSCRIBER_ABSENT",
    "USER_NOT_REGISTERED",
    "ALLOTTED_TIMEOUT",
    "NO_PICKUP",
];

/// Causes of a dial that was ended on our side: by an administrator, or by FreeSWITCH as it stops.
const ENDED_HERE: [&str; 5] =
    ["ORIGINATOR_CANCEL", "MANAGER_REQUEST", "SYSTEM_SHUTDOWN", "LOSE_RACE", "PICKED_OFF"];

/// The cause of a dial for which the trunk reported no progress within our own time limit. FreeSWITCH uses this cause
/// for a trunk that does not answer.
pub const NO_PROGRESS: &str = "RECOVERY_ON_TIMER_EXPIRE";

/// Whether this cause means that the controller could not watch the leg to its end. The phone may have rung.
#[must_use]
pub fn is_unseen(cause: &str) -> bool {
    matches!(cause, "LINK_LOST" | "SWITCH_RESTARTED")
}

/// What a cause that arrives before any ringing says about the customer, if it does not come from the trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The number does not exist.
    NoSuchNumber,
    /// The customer rejects the call.
    Rejected,
}

/// An earlier occurrence of the same claim about the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierClaim {
    /// Whether the earlier claim came over another trunk.
    pub by_another: bool,
    /// For the same trunk: whether a call over it was answered since. If so, the trunk works.
    pub works_since: bool,
}

impl Claim {
    /// Returns what a cause says about the customer.
    #[must_use]
    pub fn of(cause: &str) -> Option<Self> {
        let says = |claim: Self| claim.causes().contains(&cause);
        [Self::NoSuchNumber, Self::Rejected].into_iter().find(|claim| says(*claim))
    }

    /// Returns every cause that makes this claim.
    #[must_use]
    pub const fn causes(self) -> &'static [&'static str] {
        match self {
            Self::NoSuchNumber => &["UNALLOCATED_NUMBER", "NUMBER_CHANGED"],
            Self::Rejected => &["CALL_REJECTED", "DECLINE", "REJECT_ALL"],
        }
    }

    /// Returns the disposition of the attempt if the earlier claim confirms this one. A number that does not exist is
    /// confirmed by another trunk, or by the same trunk if it has worked in between. A rejection is confirmed only by a
    /// trunk that has worked in between: the accounts of two trunks may both be without funds.
    #[must_use]
    pub fn confirmed(self, before: &[EarlierClaim]) -> Option<Disposition> {
        let works = before.iter().any(|said| said.works_since);
        match self {
            Self::NoSuchNumber if works || before.iter().any(|said| said.by_another) => {
                Some(Disposition::InvalidNumber)
            }
            Self::Rejected if works => Some(Disposition::Rejected),
            Self::NoSuchNumber | Self::Rejected => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_counts_unless_the_phone_cannot_have_rung() {
        for (cause, alerted, outcome) in [
            ("NO_ANSWER", true, Disposition::NoAnswer),
            ("NO_USER_RESPONSE", false, Disposition::NoAnswer),
            ("USER_BUSY", true, Disposition::Busy),
            ("USER_BUSY", false, Disposition::Busy),
            ("CALL_REJECTED", true, Disposition::Rejected),
            ("CALL_REJECTED", false, Disposition::TechnicalFailure),
            ("OUTGOING_CALL_BARRED", false, Disposition::TechnicalFailure),
            ("OUTGOING_CALL_BARRED", true, Disposition::NoAnswer),
            ("UNWANTED", false, Disposition::Rejected),
            ("UNALLOCATED_NUMBER", false, Disposition::TechnicalFailure),
            ("NUMBER_CHANGED", false, Disposition::TechnicalFailure),
            ("INVALID_NUMBER_FORMAT", false, Disposition::TechnicalFailure),
            ("UNALLOCATED_NUMBER", true, Disposition::NoAnswer),
            ("GATEWAY_DOWN", false, Disposition::TechnicalFailure),
            ("NORMAL_TEMPORARY_FAILURE", false, Disposition::TechnicalFailure),
            ("NORMAL_TEMPORARY_FAILURE", true, Disposition::NoAnswer),
            ("SOMETHING_NEW", false, Disposition::TechnicalFailure),
            ("SOMETHING_NEW", true, Disposition::NoAnswer),
            ("RECOVERY_ON_TIMER_EXPIRE", false, Disposition::TechnicalFailure),
            ("INCOMPATIBLE_DESTINATION", false, Disposition::TechnicalFailure),
            ("NORMAL_UNSPECIFIED", false, Disposition::TechnicalFailure),
            ("REQUESTED_CHAN_UNAVAIL", false, Disposition::TechnicalFailure),
            ("DESTINATION_OUT_OF_ORDER", false, Disposition::TechnicalFailure),
            ("INVALID_PROFILE", false, Disposition::TechnicalFailure),
            ("UNKNOWN", false, Disposition::TechnicalFailure),
            ("SUBSCRIBER_ABSENT", false, Disposition::NoAnswer),
            ("NO_ANSWER", false, Disposition::NoAnswer),
            ("MANAGER_REQUEST", false, Disposition::Cancelled),
            ("MANAGER_REQUEST", true, Disposition::NoAnswer),
            // Nobody saw whether the phone rang.
            ("LINK_LOST", false, Disposition::NoAnswer),
            ("SWITCH_RESTARTED", false, Disposition::NoAnswer),
        ] {
            assert_eq!(of_cause(cause, alerted), outcome, "{cause} alerted: {alerted}");
            assert!(!alerted || !of_cause(cause, alerted).may_be_uncounted(), "{cause}: what rang counts");
        }
    }

    #[test]
    fn a_claim_of_a_trunk_about_a_customer_is_believed_once_it_is_confirmed() {
        let another = EarlierClaim { by_another: true, works_since: false };
        let again = EarlierClaim { by_another: false, works_since: false };
        let works = EarlierClaim { by_another: false, works_since: true };
        for (claim, before, believed) in [
            (Claim::NoSuchNumber, vec![], None),
            (Claim::NoSuchNumber, vec![again, again], None),
            (Claim::NoSuchNumber, vec![another], Some(Disposition::InvalidNumber)),
            (Claim::NoSuchNumber, vec![works], Some(Disposition::InvalidNumber)),
            (Claim::Rejected, vec![again, another], None),
            (Claim::Rejected, vec![works], Some(Disposition::Rejected)),
        ] {
            assert_eq!(claim.confirmed(&before), believed, "{claim:?} {before:?}");
        }
        assert_eq!(Claim::of("INVALID_NUMBER_FORMAT"), None, "nobody confirms a wrong format");
    }

    #[test]
    fn an_answering_machine_does_not_close_the_case() {
        assert_eq!(Disposition::Voicemail.consequence(), Consequence::Again);
        assert_eq!(Disposition::Reached.consequence(), Consequence::Close(Closed::AgentReached));
        assert_eq!(Disposition::WrongNumber.consequence(), Consequence::Suppress(Closed::WrongNumber));
    }
}
