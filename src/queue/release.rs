//! What an agent does after an offer or a talk (pure).

use std::time::Duration;

use super::agent::{Activity, Status};

/// An agent after an offer on which nobody talked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Unanswered offers in a row, this one included.
    pub misses: i32,
    /// Whether the agent goes on break, because these are too many.
    pub takes_break: bool,
}

/// Returns what follows for an agent from an offer on which nobody talked. `misses`: the agent's misses in a row before
/// the offer. `missed`: whether this offer is one more. An agent who misses `max_no_answer` in a row goes on break; 0
/// means that nobody does.
#[must_use]
pub fn after_offer(status: Status, misses: i32, missed: bool, max_no_answer: u32) -> Released {
    let misses = if missed { misses.saturating_add(1) } else { misses };
    let too_many = max_no_answer > 0 && i64::from(misses) >= i64::from(max_no_answer);
    Released { misses, takes_break: missed && too_many && status == Status::Available }
}

/// Returns what an agent does after a talk. An agent who called a customer back gets no more work before the
/// disposition is recorded.
#[must_use]
pub fn after_talk(activity: Activity, lacks_disposition: bool, wrap_up: Duration) -> Activity {
    let wraps_up = activity == Activity::Talking && (lacks_disposition || !wrap_up.is_zero());
    if wraps_up { Activity::WrappingUp } else { Activity::Idle }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::queue::agent::legal_changes;

    /// An agent, as the database would hold one.
    #[derive(Debug, Clone, Copy)]
    struct Agent {
        status: Status,
        misses: i32,
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

        /// Only misses count. The break comes with the miss that reaches the limit and never sooner. An agent who is
        /// not available is never sent on break.
        #[test]
        fn a_break_comes_after_so_many_misses_in_a_row_and_never_before(
            max_no_answer in 0_u32..6,
            history in prop::collection::vec((0_u8..4, any::<bool>()), 1..40),
        ) {
            let mut agent = Agent { status: Status::Available, misses: 0 };
            let mut in_a_row = 0;
            for (what, missed) in history {
                match what {
                    // A talk or a login sets the count back to zero.
                    0 => (agent, in_a_row) = (Agent { status: Status::Available, misses: 0 }, 0),
                    1 => agent.status = Status::LoggedOut,
                    _ => {
                        let released = after_offer(agent.status, agent.misses, missed, max_no_answer);
                        in_a_row += u32::from(missed);
                        prop_assert_eq!(released.misses, i32::try_from(in_a_row).unwrap());
                        let due = max_no_answer > 0 && in_a_row >= max_no_answer && missed;
                        prop_assert_eq!(released.takes_break, due && agent.status == Status::Available);
                        agent.misses = released.misses;
                        if released.takes_break {
                            agent.status = Status::OnBreak;
                        }
                    }
                }
            }
        }

        /// After a talk, an agent does what the table of legal steps allows, and wraps up exactly if there is something
        /// to do.
        #[test]
        fn a_talk_ends_in_a_wrap_up_if_there_is_something_to_do(
            lacks_disposition in any::<bool>(),
            wrap_up_ms in prop_oneof![Just(0_u64), 1..600_000_u64],
            status in prop::sample::select(Status::ALL),
        ) {
            let next = after_talk(Activity::Talking, lacks_disposition, Duration::from_millis(wrap_up_ms));
            prop_assert_eq!(next == Activity::WrappingUp, lacks_disposition || wrap_up_ms > 0);
            prop_assert!(legal_changes().contains(&((status, Activity::Talking), (status, next))));
        }
    }
}
