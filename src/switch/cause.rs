//! Why calls end: the causes we send, and what a leg's cause says about its offer. Pure.

use crate::queue::offer::Outcome;

crate::words! {
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
        /// All is busy.
        UserBusy = "USER_BUSY",
        /// As many calls go on as may.
        CircuitCongestion = "NORMAL_CIRCUIT_CONGESTION",
        /// Something of ours is broken for the moment.
        TemporaryFailure = "NORMAL_TEMPORARY_FAILURE",
        /// The caller for whom a leg rang is gone.
        OriginatorCancel = "ORIGINATOR_CANCEL",
        /// Another leg was quicker.
        LoseRace = "LOSE_RACE",
    }
}

/// The cause of a leg that went out of sight: its link was down for too long.
pub const LINK_LOST: &str = "LINK_LOST";
/// The cause of a leg whose FreeSWITCH restarted.
pub const SWITCH_RESTARTED: &str = "SWITCH_RESTARTED";
/// The cause of a leg that FreeSWITCH refused to originate, or whose end carried no cause.
pub const UNKNOWN: &str = "UNKNOWN";

/// What the end of a leg that was never connected says about the offer.
///
/// `picked_up`: somebody took the phone, though he never accepted the call. A cause that we do not know
/// is a technical failure: the agent could not be reached. (facts/freeswitch.md §2.5)
#[must_use]
pub fn outcome(cause: &str, picked_up: bool) -> Outcome {
    match cause {
        "ORIGINATOR_CANCEL" | "MANAGER_REQUEST" => Outcome::Cancelled,
        "LOSE_RACE" | "PICKED_OFF" => Outcome::LostRace,
        "USER_BUSY" | "BUSY_EVERYWHERE" => Outcome::Busy,
        "CALL_REJECTED" | "DECLINE" | "REJECT_ALL" | "UNWANTED" if !picked_up => Outcome::Rejected,
        "NO_ANSWER" | "ALLOTTED_TIMEOUT" | "NO_PICKUP" if !picked_up => Outcome::NoAnswer,
        LINK_LOST | SWITCH_RESTARTED => Outcome::Unreachable,
        _ if picked_up => Outcome::NotConfirmed,
        _ => Outcome::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_seen_has_its_outcome() {
        let table = [
            ("USER_BUSY", Outcome::Busy),
            ("BUSY_EVERYWHERE", Outcome::Busy),
            ("CALL_REJECTED", Outcome::Rejected),
            ("DECLINE", Outcome::Rejected),
            ("NO_ANSWER", Outcome::NoAnswer),
            ("ALLOTTED_TIMEOUT", Outcome::NoAnswer),
            ("ORIGINATOR_CANCEL", Outcome::Cancelled),
            ("LOSE_RACE", Outcome::LostRace),
            ("SUBSCRIBER_ABSENT", Outcome::Unreachable),
            ("USER_NOT_REGISTERED", Outcome::Unreachable),
            ("NO_USER_RESPONSE", Outcome::Unreachable),
            ("INVALID_GATEWAY", Outcome::Unreachable),
            ("GATEWAY_DOWN", Outcome::Unreachable),
            ("NETWORK_OUT_OF_ORDER", Outcome::Unreachable),
            ("NORMAL_TEMPORARY_FAILURE", Outcome::Unreachable),
            ("RECOVERY_ON_TIMER_EXPIRE", Outcome::Unreachable),
            ("NO_ROUTE_DESTINATION", Outcome::Unreachable),
            ("UNALLOCATED_NUMBER", Outcome::Unreachable),
            ("DESTINATION_OUT_OF_ORDER", Outcome::Unreachable),
            ("LINK_LOST", Outcome::Unreachable),
            ("SWITCH_RESTARTED", Outcome::Unreachable),
            ("UNKNOWN", Outcome::Unreachable),
            ("", Outcome::Unreachable),
            ("SOMETHING_NEW", Outcome::Unreachable),
        ];
        for (cause, expected) in table {
            assert_eq!(outcome(cause, false), expected, "{cause}");
        }
    }

    #[test]
    fn a_phone_picked_up_without_the_key_was_not_confirmed() {
        for cause in ["NO_ANSWER", "NORMAL_CLEARING", "CALL_REJECTED", "SOMETHING_NEW"] {
            assert_eq!(outcome(cause, true), Outcome::NotConfirmed, "{cause}");
        }
        assert_eq!(outcome("ORIGINATOR_CANCEL", true), Outcome::Cancelled);
        assert_eq!(outcome("LOSE_RACE", true), Outcome::LostRace);
        assert_eq!(outcome(LINK_LOST, true), Outcome::Unreachable);
    }
}
