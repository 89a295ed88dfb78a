//! How an attempt ends, and what follows from it.

use std::time::Duration;

use super::case::{Case, CaseRules};
use super::change::Change;
use super::event::{Again, Attempt, AttemptEnded};
use super::handover::hand_over;
use crate::clock::UnixMs;
use crate::missed::attempt::{Consequence, Disposition, State, Way};
use crate::missed::case::{Closed, Stage, Step};
use crate::missed::contact::Contact;
use crate::missed::regulation::{self, Next};

/// The pauses after the first, second and third dial that failed on our side. After that, the usual gap between
/// attempts applies.
pub(super) const FAILED: [Duration; 3] =
    [Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(300)];

/// Ends an attempt that has lasted too long, with what is known of it. After a talk, the attempt waits for its
/// disposition.
pub(super) fn give_up<'a>(attempt: &Attempt, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    match attempt.state {
        State::WrappingUp => {
            // There is no need to wait: an agent who dialled by hand is not kept from work, and without an agent nobody
            // records a disposition.
            let nobody_waits = attempt.way == Way::ManualDial || !attempt.has_agent;
            let decided_at = attempt.ended_at.unwrap_or(attempt.at) + rules.watchdog;
            if nobody_waits || now >= decided_at {
                return vec![by_length(attempt, rules)];
            }
            vec![Change::AskDisposition(attempt.id), Change::LookAgain(Some(decided_at))]
        }
        State::Talking => vec![Change::EndTalk(attempt.id, "LASTED_TOO_LONG", now + rules.remind_after)],
        State::Reserved | State::Dialling | State::Completed => vec![Change::FinishAttempt {
            attempt: attempt.id,
            disposition: Disposition::Orphaned,
            cause: None,
            note: Some("lasted too long"),
        }],
    }
}

pub(super) fn by_length<'a>(attempt: &Attempt, rules: &CaseRules<'_>) -> Change<'a> {
    Change::FinishAttempt {
        attempt: attempt.id,
        disposition: attempt.disposition_by_length(rules.least_talk),
        cause: None,
        note: Some("nobody recorded a disposition: the length of the talk decided"),
    }
}

/// Ends an attempt during which the controller died. The phone may have rung, so the attempt counts towards the caps.
pub(super) fn after_death<'a>(attempt: &Attempt, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    const CAUSE: &str = "CONTROLLER_RESTARTED";
    match attempt.state {
        State::Talking if !attempt.lacks_agent() => {
            vec![Change::EndTalk(attempt.id, CAUSE, now + rules.remind_after)]
        }
        State::WrappingUp => Vec::new(),
        State::Talking | State::Reserved | State::Dialling | State::Completed => {
            let abandoned = attempt.lacks_agent() && attempt.answered_at.is_some();
            let disposition = if abandoned { Disposition::Abandoned } else { Disposition::Orphaned };
            vec![Change::FinishAttempt { attempt: attempt.id, disposition, cause: Some(CAUSE), note: None }]
        }
    }
}

/// Decides what follows from an attempt: another attempt, a handover, or the end of the case.
pub(super) fn follow<'a>(case: &Case, ended: &AttemptEnded, now: UnixMs) -> Vec<Change<'a>> {
    let contact = Contact { began_at: ended.began_at, ended_at: now, now };
    let asked = ended.later.filter(|_| ended.disposition == Disposition::CallLater);
    let again = Change::TryAgain { counted: ended.counted, asked };
    match ended.disposition.consequence() {
        Consequence::Suppress(reason) => vec![Change::ForbidCalls(reason), Change::Close(reason)],
        Consequence::Close(reason) if contact.follows(case.last_miss_at) => vec![Change::Close(reason)],
        // A call was missed after this contact began, and must still be called back. The repeat days start again.
        Consequence::Close(_) => vec![Change::RestartRepeatDays, again],
        Consequence::Again => vec![again],
    }
}

/// Plans another attempt: later today, or by the repeat-contacts queue.
pub(super) fn again<'a>(
    case: &Case,
    facts: Again<'_>,
    rules: &CaseRules<'_>,
    now: UnixMs,
) -> Vec<Change<'a>> {
    let Again { counted, asked, history, failed, made } = facts;
    let mut changes = Vec::new();
    let pause = if counted {
        changes.push(Change::RestartReaction);
        Duration::ZERO
    } else {
        let pause = FAILED.get(failed.saturating_sub(1)).copied();
        pause.unwrap_or_else(|| rules.dial.policy.gap_after(0))
    };
    let all_made = made >= i64::from(rules.dial.policy.repeat_total);
    changes.push(if asked.is_none() && case.handed_over && all_made {
        Change::Close(Closed::Unreachable)
    } else {
        match regulation::after_attempt(history, &rules.dial, asked, now) {
            Next::Retry(then) => Change::Step(Step::Retry, Some(then.max(now + pause))),
            Next::HandOver => hand_over(case, made, rules, now),
        }
    });
    changes
}

/// Decides what follows from an attempt that somebody made elsewhere. If that attempt did not reach the customer,
/// nothing follows while an agent works on the case or the case waits for the repeat-contacts queue.
pub(super) fn reported<'a>(case: &Case, ended: &AttemptEnded, now: UnixMs) -> Vec<Change<'a>> {
    let taken = matches!(case.stage, Stage::Claimed | Stage::Attempting);
    let again = ended.disposition.consequence() == Consequence::Again;
    if again && (taken || case.stage == Stage::HandedOver) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    if !taken {
        changes.push(Change::Step(Step::Dial, None));
    }
    changes.extend(follow(case, ended, now));
    changes
}
