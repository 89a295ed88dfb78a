//! Why calls end: the causes that we give, and those that a leg has where FreeSWITCH gives none.

crate::vocabulary! {
    /// A cause that we give when we end something; FreeSWITCH's own words.
    "hangup cause" pub enum HangupCause {
        /// The ordinary end of a call.
        NormalClearing = "NORMAL_CLEARING",
        /// The number called leads nowhere here.
        UnallocatedNumber = "UNALLOCATED_NUMBER",
        /// Nobody is there to take the call.
        NoAnswer = "NO_ANSWER",
        /// We do not want this call.
        CallRejected = "CALL_REJECTED",
        /// As many calls go on as may.
        CircuitCongestion = "NORMAL_CIRCUIT_CONGESTION",
        /// Something of ours is broken for the moment.
        TemporaryFailure = "NORMAL_TEMPORARY_FAILURE",
    }
}

/// The cause of a leg that went out of sight: its link was down for too long.
pub const LINK_LOST: &str = "LINK_LOST";
/// The cause of a leg whose FreeSWITCH restarted.
pub const SWITCH_RESTARTED: &str = "SWITCH_RESTARTED";
/// The cause of a leg whose phone redirected the call (302); FreeSWITCH gives `REQUESTED_CHAN_UNAVAIL` for it.
pub const REDIRECTED: &str = "REDIRECTION_TO_NEW_DESTINATION";
/// The cause of a leg that FreeSWITCH refused to originate, or whose end carried no cause.
pub const UNKNOWN: &str = "UNKNOWN";
