//! How an attempt to ring one agent for one call ended, and what that means for the agent.

use std::time::Duration;

use crate::routing::rules::Delays;

crate::words! {
    /// How an offer ended.
    "offer outcome" pub enum Outcome {
        /// The two talked.
        Answered = "answered",
        /// The phone rang out.
        NoAnswer = "no_answer",
        /// The phone was busy.
        Busy = "busy",
        /// The agent rejected the call.
        Rejected = "rejected",
        /// The phone could not be reached.
        Unreachable = "unreachable",
        /// We took the offer back: the caller or the agent left.
        Cancelled = "cancelled",
        /// Another agent was first.
        LostRace = "lost_race",
        /// The agent picked up but did not accept.
        NotConfirmed = "not_confirmed",
    }
}

/// How long an agent is offered nothing after an offer that ended so.
#[must_use]
pub const fn delay_after(outcome: Outcome, delays: &Delays) -> Duration {
    match outcome {
        Outcome::NoAnswer | Outcome::NotConfirmed => delays.no_answer,
        Outcome::Busy => delays.busy,
        Outcome::Rejected => delays.rejected,
        Outcome::Unreachable => delays.unreachable,
        Outcome::Answered | Outcome::Cancelled | Outcome::LostRace => Duration::ZERO,
    }
}

/// Whether the agent let a call go that he could have taken: too many in a row send him on break.
#[must_use]
pub const fn is_miss(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::NoAnswer | Outcome::NotConfirmed)
}

/// Whether the agent has let this very call go, so that for one turn others come first.
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
        ] {
            assert_eq!(delay_after(outcome, &delays), Duration::from_secs(seconds), "{outcome}");
        }
    }
}
