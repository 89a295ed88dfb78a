//! How an attempt to ring one agent for one call ended, and what that means for the agent.

use std::time::Duration;

use crate::rules::Delays;

crate::vocabulary! {
    /// How an offer ended.
    "offer outcome" pub enum Outcome {
        /// The agent and the caller talked.
        Answered = "answered",
        /// The phone rang until its ring time was over.
        NoAnswer = "no_answer",
        /// The phone was busy.
        Busy = "busy",
        /// The agent rejected the call.
        Rejected = "rejected",
        /// The phone could not be reached.
        Unreachable = "unreachable",
        /// The offer was cancelled: the caller or the agent left.
        Cancelled = "cancelled",
        /// Another agent was first.
        LostRace = "lost_race",
        /// The agent picked up but did not accept.
        NotConfirmed = "not_confirmed",
        /// The phone redirected the call elsewhere.
        Redirected = "redirected",
        /// The agent picked up, and FreeSWITCH failed: a sound was missing, for instance.
        Failed = "failed",
    }
}

/// Returns how long an agent rests after an offer with this outcome.
#[must_use]
pub const fn delay_after(outcome: Outcome, delays: &Delays) -> Duration {
    match outcome {
        Outcome::NoAnswer | Outcome::NotConfirmed => delays.no_answer,
        Outcome::Busy => delays.busy,
        Outcome::Rejected => delays.rejected,
        Outcome::Unreachable | Outcome::Redirected | Outcome::Failed => delays.unreachable,
        Outcome::Answered | Outcome::Cancelled | Outcome::LostRace => Duration::ZERO,
    }
}

/// The longest rest after failures that are not the agent's fault and that somebody has to fix, such as a redirected
/// phone or a missing sound.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The longest rest while the phone cannot be reached: it may register again at any moment.
const LONGEST_UNREACHABLE: Duration = Duration::from_secs(2 * 60);

/// Returns how long an agent rests after an offer with this outcome that follows `failures` failed offers in a row. The
/// rest doubles with every failure.
#[must_use]
pub fn growing_delay(outcome: Outcome, failures: u32, delays: &Delays) -> Duration {
    let delay = delay_after(outcome, delays);
    if !is_failure(outcome) {
        return delay;
    }
    let longer = delay.max(FIRST_PAUSE).saturating_mul(2_u32.saturating_pow(failures));
    let longest = if outcome == Outcome::Unreachable { LONGEST_UNREACHABLE } else { LONGEST_PAUSE };
    longer.min(longest.max(delay))
}

/// The shortest rest after a failure that is not the agent's fault.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Whether the offer failed through no fault of the agent or the caller.
#[must_use]
pub const fn is_failure(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Unreachable | Outcome::Redirected | Outcome::Failed)
}

/// Whether the agent missed the call. Too many misses in a row send the agent on break. An agent who picks up once
/// without confirming was there, so that is no miss. Twice in a row, a mailbox may have picked up.
#[must_use]
pub const fn is_miss(outcome: Outcome, before: Option<Outcome>) -> bool {
    match outcome {
        Outcome::NoAnswer => true,
        Outcome::NotConfirmed => matches!(before, Some(Outcome::NotConfirmed)),
        _ => false,
    }
}

/// Whether the agent declined this call, so that for one turn other callers come first.
#[must_use]
pub const fn is_refusal(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::NoAnswer | Outcome::NotConfirmed | Outcome::Rejected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_its_own_delay() {
        let delays = Delays {
            no_answer: Duration::from_secs(5),
            busy: Duration::from_secs(30),
            rejected: Duration::from_secs(10),
            unreachable: Duration::from_secs(60),
        };
        for (outcome, seconds) in [
            (Outcome::NoAnswer, 5),
            (Outcome::NotConfirmed, 5),
            (Outcome::Busy, 30),
            (Outcome::Rejected, 10),
            (Outcome::Unreachable, 60),
            (Outcome::Answered, 0),
            (Outcome::Cancelled, 0),
            (Outcome::LostRace, 0),
            (Outcome::Redirected, 60),
            (Outcome::Failed, 60),
        ] {
            assert_eq!(delay_after(outcome, &delays), Duration::from_secs(seconds), "{outcome}");
        }
    }

    #[test]
    fn a_phone_that_fails_is_tried_less_and_less_often() {
        let delays = Delays {
            no_answer: Duration::from_secs(5),
            busy: Duration::from_secs(30),
            rejected: Duration::from_secs(10),
            unreachable: Duration::ZERO,
        };
        let pause = |outcome, failures| growing_delay(outcome, failures, &delays).as_secs();
        let pauses: Vec<u64> = (0..5).map(|failures| pause(Outcome::Failed, failures)).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80]);
        assert_eq!(pause(Outcome::Failed, u32::MAX), 900);
        assert_eq!(pause(Outcome::Redirected, u32::MAX), 900);
        assert_eq!(pause(Outcome::Unreachable, u32::MAX), 120, "a phone may register again at any moment");
        assert_eq!(pause(Outcome::NoAnswer, 5), 5);
    }

    #[test]
    fn an_agent_who_picked_up_without_confirming_misses_only_the_second_time() {
        assert!(!is_miss(Outcome::NotConfirmed, None));
        assert!(!is_miss(Outcome::NotConfirmed, Some(Outcome::NoAnswer)));
        assert!(is_miss(Outcome::NotConfirmed, Some(Outcome::NotConfirmed)));
        assert!(is_miss(Outcome::NoAnswer, None));
        for outcome in [Outcome::Failed, Outcome::Redirected, Outcome::Unreachable, Outcome::Busy] {
            assert!(!is_miss(outcome, Some(outcome)), "{outcome}");
        }
    }
}
