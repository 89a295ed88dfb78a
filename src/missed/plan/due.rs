//! A case becomes due, and people are reminded of it.

use super::case::{Case, CaseRules};
use super::change::Change;
use super::event::RefusedDial;
use super::refused::dial_refused;
use super::wait::put_off;
use crate::clock::UnixMs;
use crate::missed::regulation::{DialRules, Guard};

/// Makes the case due if somebody may call now, or lets it wait until somebody may.
pub(super) fn pause_over<'a>(
    case: &Case,
    asked: Result<(), RefusedDial<'a>>,
    rules: &CaseRules<'_>,
    now: UnixMs,
) -> Vec<Change<'a>> {
    let wanted = case.wanted(now);
    let refused = match asked {
        Ok(()) if wanted == now => return vec![become_due(case, rules, now)],
        Ok(()) => return vec![put_off(case.stage, wanted)],
        Err(refused) => refused,
    };
    // A refusal that only puts the case off is recorded only when it stops a dial.
    let lasts = matches!(refused.refusal.guard, Guard::DoNotCall | Guard::Destination);
    let mut changes = Vec::new();
    if lasts && refused.is_new {
        changes.push(Change::KeepRefusal(refused.refusal));
    }
    changes.extend(dial_refused(case, refused, rules, now));
    changes
}

pub(super) fn become_due<'a>(case: &Case, rules: &CaseRules<'_>, now: UnixMs) -> Change<'a> {
    let DialRules { policy, hours, .. } = rules.dial;
    let due_at = case.reaction_from(now);
    // Escalations that passed before anybody could call are told at once.
    let passed = !policy.escalations_until(hours, due_at, now).is_empty();
    let next = policy.next_escalation(hours, due_at, now).map(|(_, at)| at);
    Change::BecomeDue {
        due_at,
        react_by: hours.after(due_at, policy.reaction),
        next_at: if passed { Some(now) } else { next },
    }
}

/// Tells every escalation that has passed and was not told yet, and sets the time of the next one.
pub(super) fn remind<'a>(case: &Case, told: &[i32], rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    let DialRules { policy, hours, .. } = rules.dial;
    let from = case.due_at.unwrap_or(case.opened_at);
    let mut changes: Vec<Change<'_>> = Vec::new();
    for (pct, _) in policy.escalations_until(hours, from, now) {
        let change = Change::Escalate(pct);
        if !told.contains(&pct) && !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes.push(Change::LookAgain(policy.next_escalation(hours, from, now).map(|(_, at)| at)));
    changes
}
