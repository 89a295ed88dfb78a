//! What a leg's cause says about its offer.

use super::offer::Outcome;
use crate::cause::{LINK_LOST, REDIRECTED, SWITCH_RESTARTED};

/// Returns the outcome of the offer, from the cause of a leg that was never connected.
///
/// What a cause means depends on how far the phone was: 480 (`NO_USER_RESPONSE`) before ringing means that nobody is
/// there, after ringing that nobody picked up. A failure of FreeSWITCH after the phone was picked up is not the agent's
/// fault. An unknown cause is a technical failure. (docs/architecture/freeswitch.md, "Causes")
#[must_use]
pub fn outcome(cause: &str, phone: Phone) -> Outcome {
    match (cause, phone) {
        ("ORIGINATOR_CANCEL" | "MANAGER_REQUEST", _) => Outcome::Cancelled,
        ("LOSE_RACE" | "PICKED_OFF", _) => Outcome::LostRace,
        (LINK_LOST | SWITCH_RESTARTED, _) => Outcome::Unreachable,
        (NO_ANSWER | ALLOTTED_TIMEOUT | NO_PICKUP, Phone::PickedUp) => Outcome::NotConfirmed,
        // The agent hung up instead of pressing the key.
        (NORMAL_CLEARING | "CALL_REJECTED" | "USER_BUSY", Phone::PickedUp) => Outcome::NotConfirmed,
        (_, Phone::PickedUp) => Outcome::Failed,
        ("USER_BUSY" | "BUSY_EVERYWHERE", _) => Outcome::Busy,
        ("CALL_REJECTED" | "DECLINE" | "REJECT_ALL" | "UNWANTED", _) => Outcome::Rejected,
        (NO_ANSWER | ALLOTTED_TIMEOUT | NO_PICKUP, _) | ("NO_USER_RESPONSE", Phone::Rang) => {
            Outcome::NoAnswer
        }
        (REDIRECTED, _) => Outcome::Redirected,
        _ => Outcome::Unreachable,
    }
}

const NO_ANSWER: &str = "NO_ANSWER";
const ALLOTTED_TIMEOUT: &str = "ALLOTTED_TIMEOUT";
const NO_PICKUP: &str = "NO_PICKUP";
const NORMAL_CLEARING: &str = "NORMAL_CLEARING";

/// How far the phone of a leg came that was never connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phone {
    /// The phone is not known to have rung.
    Silent,
    /// The phone rang, and nobody picked it up.
    Rang,
    /// Somebody picked the phone up, but was not connected.
    PickedUp,
}

impl Phone {
    /// Returns how far the phone came, from what is known when the leg ends.
    #[must_use]
    pub const fn of(rang: bool, picked_up: bool) -> Self {
        match (picked_up, rang) {
            (true, _) => Self::PickedUp,
            (false, true) => Self::Rang,
            (false, false) => Self::Silent,
        }
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
            (REDIRECTED, Outcome::Redirected),
        ];
        for (cause, expected) in table {
            assert_eq!(outcome(cause, Phone::Silent), expected, "{cause}");
        }
    }

    #[test]
    fn a_phone_picked_up_without_the_key_was_not_confirmed() {
        for cause in ["NO_ANSWER", "NORMAL_CLEARING", "CALL_REJECTED"] {
            assert_eq!(outcome(cause, Phone::PickedUp), Outcome::NotConfirmed, "{cause}");
        }
        assert_eq!(outcome("ORIGINATOR_CANCEL", Phone::PickedUp), Outcome::Cancelled);
        assert_eq!(outcome("LOSE_RACE", Phone::PickedUp), Outcome::LostRace);
        assert_eq!(outcome(LINK_LOST, Phone::PickedUp), Outcome::Unreachable);
    }

    #[test]
    fn a_failure_of_freeswitch_after_the_phone_was_picked_up_is_not_the_agents() {
        for cause in
            ["DESTINATION_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE", "MEDIA_TIMEOUT", "SOMETHING_NEW"]
        {
            assert_eq!(outcome(cause, Phone::PickedUp), Outcome::Failed, "{cause}");
        }
    }

    #[test]
    fn a_phone_that_says_480_after_it_rang_was_not_answered() {
        assert_eq!(outcome("NO_USER_RESPONSE", Phone::Silent), Outcome::Unreachable);
        assert_eq!(outcome("NO_USER_RESPONSE", Phone::Rang), Outcome::NoAnswer);
    }
}
