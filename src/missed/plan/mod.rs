//! The workflow of a case: what changes when something happens to it (pure).
//!
//! In: the [`Case`], an [`Event`], the [`CaseRules`] and the time. Out: the [`Change`]s, in the order in which they are
//! made. The store loads the facts, calls [`plan`], and applies the changes in one transaction. The database still
//! refuses every change that breaks a rule.
//!
//! `case`, `event` and `change` are what goes in and out. `due`, `wait`, `refused`, `attempt` and `handover` decide.

mod attempt;
mod case;
mod change;
mod due;
mod event;
mod handover;
mod refused;
mod wait;

pub use case::{Case, CaseRules, Repeat};
pub use change::Change;
pub use event::{Again, Attempt, AttemptEnded, Event, RefusedDial};
pub use wait::{at_once, sooner};

use std::time::Duration;

use attempt::{after_death, again, by_length, follow, give_up, reported};
use due::{become_due, pause_over, remind};
use refused::dial_refused;
use wait::put_off;

use super::case::{Stage, Step};
use crate::clock::UnixMs;

/// How soon a case is checked again if nothing can be decided now.
pub const SOON: Duration = Duration::from_secs(30);

/// What changes when something happens to an open case.
#[must_use]
pub fn plan<'a>(case: &Case, event: Event<'a>, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    match event {
        Event::PauseOver(asked) => pause_over(case, asked, rules, now),
        Event::ReminderDue(told) => remind(case, told, rules, now),
        Event::Released => vec![Change::Step(Step::Release, Some(now))],
        Event::AttemptTooLong(attempt) => give_up(attempt, rules, now),
        Event::DispositionMissing(attempt) => vec![by_length(attempt, rules)],
        Event::ControllerDied(attempt) => after_death(attempt, rules, now),
        Event::AttemptEnded(ended) => follow(case, &ended, now),
        Event::AttemptReported(ended) => reported(case, &ended, now),
        Event::TryAgain(facts) => again(case, facts, rules, now),
        Event::DialRefused(refused) => {
            let mut changes = vec![Change::KeepRefusal(refused.refusal)];
            changes.extend(dial_refused(case, refused, rules, now));
            changes
        }
        Event::PutOff(until) => vec![put_off(case.stage, until)],
        Event::CalledUp if case.stage == Stage::Due => Vec::new(),
        Event::CalledUp => {
            // The customer is wanted from now on, so the reminders begin now.
            let wanted = Case { not_before: case.not_before.map(|at| at.min(now)), ..case.clone() };
            vec![become_due(&wanted, rules, now)]
        }
    }
}

#[cfg(test)]
mod tests;
