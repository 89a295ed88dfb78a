//! What an agent chose (status), what the system knows about the agent (activity), and every legal step.
//!
//! | step | from | to |
//! |---|---|---|
//! | log in | any status | available |
//! | resume | available, on break | available |
//! | log out | any status | logged out |
//! | take a break | available, on break | on break |
//! | claim | available × idle | ringing |
//! | release | ringing | idle |
//! | bridge | ringing | talking |
//! | end talk | talking | wrapping up, or idle at once |
//! | end wrap-up | wrapping up | idle |
//!
//! A step changes the status or the activity, never both: an agent who logs out during a talk goes on talking. The
//! database holds the same table and refuses every other step, no matter who makes it.

crate::vocabulary! {
    /// What the agent chose.
    "status" pub enum Status {
        /// The agent takes no calls.
        LoggedOut = "logged_out",
        /// The agent takes calls.
        Available = "available",
        /// The agent takes no calls for a while.
        OnBreak = "on_break",
    }
}

crate::vocabulary! {
    /// What the system knows about the agent.
    "activity" pub enum Activity {
        /// The agent has no call of a queue and no wrap-up.
        Idle = "idle",
        /// The agent's phone rings for an offer.
        Ringing = "ringing",
        /// The agent talks to a caller of a queue.
        Talking = "talking",
        /// The agent does the work that follows a talk.
        WrappingUp = "wrapping_up",
    }
}

crate::vocabulary! {
    /// A change of an agent.
    "step" pub enum Step {
        /// The agent starts to work.
        LogIn = "log_in",
        /// The agent stops working.
        LogOut = "log_out",
        /// The agent takes a break.
        TakeBreak = "take_break",
        /// The agent is back from a break.
        Resume = "resume",
        /// The agent is claimed for an offer.
        Claim = "claim",
        /// The offer ended without a talk.
        Release = "release",
        /// The offer became a talk.
        Bridge = "bridge",
        /// The talk is over and a wrap-up begins.
        EndTalk = "end_talk",
        /// The talk is over and nothing is left to do.
        EndTalkAtOnce = "end_talk_at_once",
        /// The wrap-up is over.
        EndWrapUp = "end_wrap_up",
    }
}

/// A step that is not legal from the agent's status and activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an agent who is {status} and {activity} cannot {step}", step = step_words(*step))]
pub struct Refused {
    /// The agent's status.
    pub status: Status,
    /// The agent's activity.
    pub activity: Activity,
    /// The step that was refused.
    pub step: Step,
}

const fn step_words(step: Step) -> &'static str {
    match step {
        Step::LogIn => "log in",
        Step::LogOut => "log out",
        Step::TakeBreak => "take a break",
        Step::Resume => "resume",
        Step::Claim => "be claimed",
        Step::Release => "be released",
        Step::Bridge => "be bridged",
        Step::EndTalk | Step::EndTalkAtOnce => "end a talk",
        Step::EndWrapUp => "end a wrap-up",
    }
}

/// Returns the status and activity to which `step` leads.
///
/// # Errors
/// [`Refused`] when the step is not legal there.
pub fn step(status: Status, activity: Activity, step: Step) -> Result<(Status, Activity), Refused> {
    use Activity::{Idle, Ringing, Talking, WrappingUp};
    use Status::{Available, LoggedOut, OnBreak};
    match (step, status, activity) {
        (Step::LogIn, LoggedOut | Available | OnBreak, now) => Ok((Available, now)),
        (Step::Resume, OnBreak | Available, now) => Ok((Available, now)),
        (Step::LogOut, LoggedOut | Available | OnBreak, now) => Ok((LoggedOut, now)),
        (Step::TakeBreak, Available | OnBreak, now) => Ok((OnBreak, now)),
        (Step::Claim, Available, Idle) => Ok((Available, Ringing)),
        (Step::Release, chosen, Ringing) => Ok((chosen, Idle)),
        (Step::Bridge, chosen, Ringing) => Ok((chosen, Talking)),
        (Step::EndTalk, chosen, Talking) => Ok((chosen, WrappingUp)),
        (Step::EndTalkAtOnce, chosen, Talking) => Ok((chosen, Idle)),
        (Step::EndWrapUp, chosen, WrappingUp) => Ok((chosen, Idle)),
        (
            Step::Resume
            | Step::TakeBreak
            | Step::Claim
            | Step::Release
            | Step::Bridge
            | Step::EndTalk
            | Step::EndTalkAtOnce
            | Step::EndWrapUp,
            status,
            activity,
        ) => Err(Refused { status, activity, step }),
    }
}

/// A change of status and activity: from and to.
pub type Change = ((Status, Activity), (Status, Activity));

/// Returns every legal change, for the database's table. One of them changes status and activity at once: an agent who
/// missed too many calls is released and sent on break.
#[must_use]
pub fn legal_changes() -> Vec<Change> {
    let mut changes = Vec::new();
    for &status in Status::ALL {
        for &activity in Activity::ALL {
            let from = (status, activity);
            changes.extend(
                Step::ALL.iter().filter_map(|&made| Some((from, step(status, activity, made).ok()?))),
            );
        }
    }
    changes.push(((Status::Available, Activity::Ringing), (Status::OnBreak, Activity::Idle)));
    changes.retain(|(from, to)| from != to);
    changes.sort_unstable();
    changes.dedup();
    changes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Activity::{Idle, Ringing, Talking, WrappingUp};
    use super::Status::{Available, LoggedOut, OnBreak};
    use super::*;

    type State = (Status, Activity);

    /// Steps of the status, in any activity: from any of these to that.
    const CHOSEN: [(Step, &[Status], Status); 4] = [
        (Step::LogIn, &[LoggedOut, Available, OnBreak], Available),
        (Step::LogOut, &[LoggedOut, Available, OnBreak], LoggedOut),
        (Step::TakeBreak, &[Available, OnBreak], OnBreak),
        (Step::Resume, &[Available, OnBreak], Available),
    ];

    /// Steps of the activity, in any of these statuses: from, to.
    const DONE: [(Step, &[Status], Activity, Activity); 6] = [
        (Step::Claim, &[Available], Idle, Ringing),
        (Step::Release, &[LoggedOut, Available, OnBreak], Ringing, Idle),
        (Step::Bridge, &[LoggedOut, Available, OnBreak], Ringing, Talking),
        (Step::EndTalk, &[LoggedOut, Available, OnBreak], Talking, WrappingUp),
        (Step::EndTalkAtOnce, &[LoggedOut, Available, OnBreak], Talking, Idle),
        (Step::EndWrapUp, &[LoggedOut, Available, OnBreak], WrappingUp, Idle),
    ];

    /// Returns where a step leads by the two tables, if it is legal.
    fn meant((status, activity): State, made: Step) -> Option<State> {
        let chosen = CHOSEN.iter().find(|(step, from, _)| *step == made && from.contains(&status));
        let done = DONE
            .iter()
            .find(|(step, among, from, _)| *step == made && among.contains(&status) && *from == activity);
        chosen.map(|(.., to)| (*to, activity)).or_else(|| done.map(|(.., to)| (status, *to)))
    }

    #[test]
    fn every_step_is_as_the_tables_say() {
        for &status in Status::ALL {
            for &activity in Activity::ALL {
                for &made in Step::ALL {
                    let to = step(status, activity, made);
                    assert_eq!(to.ok(), meant((status, activity), made), "{status} {activity} {made}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn only_legal_steps_are_made_and_a_claimed_agent_rings_or_talks(
            tried in proptest::collection::vec(proptest::sample::select(Step::ALL), 0..60),
        ) {
            let mut now = (LoggedOut, Idle);
            let mut claimed = false;
            for made in tried {
                let answer = step(now.0, now.1, made);
                prop_assert_eq!(answer.ok(), meant(now, made));
                match answer {
                    Ok(to) => now = to,
                    Err(refused) => {
                        prop_assert_eq!(refused, Refused { status: now.0, activity: now.1, step: made });
                        continue;
                    }
                }
                claimed = match made {
                    Step::Claim => true,
                    Step::Release | Step::EndTalk | Step::EndTalkAtOnce => false,
                    _ => claimed,
                };
                prop_assert_eq!(claimed, matches!(now.1, Ringing | Talking), "after {}", made);
            }
        }
    }

    #[test]
    fn only_an_idle_available_agent_can_be_claimed() {
        for &status in Status::ALL {
            for &activity in Activity::ALL {
                let legal = (status, activity) == (Status::Available, Activity::Idle);
                assert_eq!(step(status, activity, Step::Claim).is_ok(), legal, "{status} {activity}");
            }
        }
    }

    #[test]
    fn a_step_of_the_status_keeps_the_activity_and_the_other_way_round() {
        let chosen = [Step::LogIn, Step::LogOut, Step::TakeBreak, Step::Resume];
        for &status in Status::ALL {
            for &activity in Activity::ALL {
                for &made in Step::ALL {
                    let Ok((to_status, to_activity)) = step(status, activity, made) else { continue };
                    if chosen.contains(&made) {
                        assert_eq!(to_activity, activity);
                    } else {
                        assert_eq!(to_status, status);
                    }
                }
            }
        }
    }

    #[test]
    fn talking_is_reached_through_ringing_only() {
        for ((_, from), (_, to)) in legal_changes() {
            if to == Activity::Talking && from != Activity::Talking {
                assert_eq!(from, Activity::Ringing);
            }
        }
    }

    #[test]
    fn a_refusal_names_the_agent_state_and_the_step() {
        let refused = step(Status::LoggedOut, Activity::Idle, Step::TakeBreak).unwrap_err();
        assert_eq!(refused.to_string(), "an agent who is logged_out and idle cannot take a break");
    }
}
