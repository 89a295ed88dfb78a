//! Why calls end: causes that dozvon gives, and causes of legs for which FreeSWITCH gives none.

crate::vocabulary! {
    /// A cause that dozvon gives when it ends a call, in FreeSWITCH's words.
    "hangup cause" pub enum HangupCause {
        /// The ordinary end of a call.
        NormalClearing = "NORMAL_CLEARING",
        /// No route matches the dialled number.
        UnallocatedNumber = "UNALLOCATED_NUMBER",
        /// The caller hears that the line is busy.
        UserBusy = "USER_BUSY",
        /// Nobody takes the call.
        NoAnswer = "NO_ANSWER",
        /// The call is refused.
        CallRejected = "CALL_REJECTED",
        /// As many calls are in progress as allowed.
        CircuitCongestion = "NORMAL_CIRCUIT_CONGESTION",
        /// dozvon has a temporary failure.
        TemporaryFailure = "NORMAL_TEMPORARY_FAILURE",
    }
}

/// The cause of a leg whose link was down for too long.
pub const LINK_LOST: &str = "LINK_LOST";
/// The cause of a leg whose FreeSWITCH restarted.
pub const SWITCH_RESTARTED: &str = "SWITCH_RESTARTED";
/// The cause of a leg whose phone redirected the call (302); FreeSWITCH gives `REQUESTED_CHAN_UNAVAIL` for it.
pub const REDIRECTED: &str = "REDIRECTION_TO_NEW_DESTINATION";
/// The cause of a leg that FreeSWITCH refused to originate, or whose end carried no cause.
pub const UNKNOWN: &str = "UNKNOWN";
