//! A guard refused a dial.

use std::time::Duration;

use super::SOON;
use super::case::{Case, CaseRules};
use super::change::Change;
use super::event::RefusedDial;
use super::handover::hand_over;
use super::wait::put_off;
use crate::clock::UnixMs;
use crate::missed::case::{Closed, Stage, Step};
use crate::missed::regulation::Guard;

/// How soon a case that waits for people is checked again. The policy may have changed by then.
pub(super) const FOR_PEOPLE: Duration = Duration::from_hours(1);

/// Decides what happens to a case whose dial a guard refused. People are told once about a number that only they may
/// call.
pub(super) fn dial_refused<'a>(
    case: &Case,
    refused: RefusedDial<'a>,
    rules: &CaseRules<'_>,
    now: UnixMs,
) -> Vec<Change<'a>> {
    let RefusedDial { refusal, is_new, for_people, made } = refused;
    match (refusal.guard, refusal.until) {
        (Guard::DoNotCall, _) => vec![Change::Close(Closed::DoNotCall)],
        (Guard::Destination, _) if for_people => {
            let told = is_new.then_some(Change::TellPeople(refusal));
            told.into_iter().chain([put_off(case.stage, now + FOR_PEOPLE)]).collect()
        }
        (Guard::Destination, _) => vec![Change::Close(Closed::Unreachable)],
        // The case keeps its place among the due cases.
        (Guard::HourCap, _) if case.stage == Stage::Due => Vec::new(),
        (Guard::HourCap, _) => vec![Change::Step(Step::Release, Some(now))],
        (_, Some(until)) if case.stage == Stage::HandedOver => {
            vec![Change::LookAgain(Some(until.max(now + SOON)))]
        }
        (_, Some(until)) => vec![put_off(case.stage, until.max(now + SOON))],
        (_, None) if refusal.is_final() => {
            // The repeat-contacts queue may have other hours.
            let due = !matches!(case.stage, Stage::Due | Stage::Claimed);
            let opened = due.then_some(Change::Step(Step::Open, None));
            opened.into_iter().chain([hand_over(case, made, rules, now)]).collect()
        }
        (_, None) => vec![put_off(case.stage, now + SOON)],
    }
}
