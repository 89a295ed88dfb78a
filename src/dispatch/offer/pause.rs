//! How long an agent rests after an offer.

use std::time::Duration;

use crate::cause::{LINK_LOST, SWITCH_RESTARTED};
use crate::queue::offer::{self, Outcome};
use crate::rules::Delays;

/// The cause of an offer that could not be made because the link to FreeSWITCH was down.
pub(super) const NODE_DOWN: &str = "NODE_DOWN";

/// The cause of a callback's offer whose agent accepted, and whose customer was not reached.
pub(super) const CUSTOMER_NOT_REACHED: &str = "CUSTOMER_NOT_REACHED";

/// How long an agent rests after FreeSWITCH could not be reached.
const NODE_PAUSE: Duration = Duration::from_secs(1);

/// Whether an offer ended because FreeSWITCH could not be reached, which says nothing about the agent's phone.
pub(super) fn is_of_link(cause: &str) -> bool {
    matches!(cause, NODE_DOWN | LINK_LOST | SWITCH_RESTARTED)
}

/// Returns how long the agent rests: a short time if FreeSWITCH could not be reached, and `rest` if the agent accepted
/// a callback and the customer was not reached.
pub(super) fn pause_after(
    outcome: Outcome,
    cause: &str,
    (failures, rest): (u32, Duration),
    delays: &Delays,
) -> Duration {
    match cause {
        cause if is_of_link(cause) => NODE_PAUSE,
        CUSTOMER_NOT_REACHED => rest,
        _ => offer::growing_delay(outcome, failures, delays),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_link_gives_the_agent_only_a_short_rest() {
        let long = Duration::from_secs(30);
        let rejected = Duration::from_secs(10);
        let delays = Delays { no_answer: long, busy: long, rejected, unreachable: long };
        for (outcome, cause, seconds) in [
            (Outcome::Cancelled, "NODE_DOWN", 1),
            (Outcome::Unreachable, LINK_LOST, 1),
            (Outcome::Unreachable, SWITCH_RESTARTED, 1),
            (Outcome::Unreachable, "USER_NOT_REGISTERED", 30),
            (Outcome::Rejected, "CALL_REJECTED", 10),
            (Outcome::Cancelled, "ORIGINATOR_CANCEL", 0),
            (Outcome::Cancelled, CUSTOMER_NOT_REACHED, 7),
        ] {
            let rest = Duration::from_secs(7);
            assert_eq!(
                pause_after(outcome, cause, (0, rest), &delays),
                Duration::from_secs(seconds),
                "{cause}"
            );
        }
    }
}
