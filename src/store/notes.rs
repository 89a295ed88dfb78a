//! What happens to a case is told, and put into the audit, in the transaction in which it happens.

use serde_json::json;

use super::cases::CaseRow;
use super::{Database, StoreError, audit, outbox};
use crate::audit::{Action, Entry};
use crate::clock::UnixMs;
use crate::ids::CaseId;
use crate::missed::attempt::Outcome;
use crate::missed::case::Closed;
use crate::missed::regulation::Guard;
use crate::notify::{Event, EventKind};

/// Something that happened to a case.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note<'a> {
    /// It is told as it is.
    Told(EventKind),
    /// So much of the reaction time has passed, in per cent.
    Rung(i32),
    /// A guard refused a dial.
    Refused { guard: Guard, by: &'a str },
    /// The customer is dialled, for the so-manieth time today.
    Dial { agent: &'a str, ordinal: i32 },
    /// An attempt has ended.
    Attempt(Outcome),
    /// A person said what came of an attempt.
    Disposition { result: Outcome, by: &'a str },
    /// It was closed.
    Closed { reason: Closed, by: &'a str },
}

/// Tells of what happened to a case, and puts it into the audit, in the same transaction.
pub(super) fn note(c: &mut Database, case: &CaseRow, what: Note<'_>, at: UnixMs) -> Result<(), StoreError> {
    let told = match what {
        Note::Told(kind) => Some((kind, json!({}))),
        Note::Rung(pct) if pct < 100 => Some((EventKind::CaseReminded, json!({ "share_pct": pct }))),
        Note::Rung(pct) => Some((EventKind::CaseEscalated, json!({ "share_pct": pct }))),
        Note::Attempt(result) => Some((EventKind::AttemptEnded, json!({ "result": result }))),
        Note::Closed { reason, .. } => Some((EventKind::CaseClosed, json!({ "result": reason.as_str() }))),
        Note::Refused { .. } | Note::Dial { .. } | Note::Disposition { .. } => None,
    };
    if let Some((kind, more)) = told {
        let mut data = json!({
            "case": case.id,
            "number": case.number,
            "queue": case.queue,
            "reason": case.reason,
            "misses": case.misses,
            "due_at": case.react_by,
            "assignee": case.assignee,
            "caller": { "phone": case.number },
        });
        if let (Some(data), serde_json::Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        outbox::emit(c, &Event::of_case(kind, CaseId(case.id), at, data))?;
    }
    let (action, by, details) = match what {
        Note::Told(EventKind::CaseOpened) => (Action::CaseOpened, "system", json!({ "reason": case.reason })),
        Note::Told(EventKind::CaseHandedOver) => (Action::Handover, "system", json!({})),
        Note::Refused { guard, by } => (Action::Refusal, by, json!({ "guard": guard.as_str() })),
        Note::Dial { agent, ordinal } => (Action::Dial, agent, json!({ "ordinal": ordinal })),
        Note::Disposition { result, by } => (Action::Disposition, by, json!({ "result": result.as_str() })),
        Note::Closed { reason, by } => (Action::CaseClosed, by, json!({ "reason": reason.as_str() })),
        Note::Told(_) | Note::Rung(_) | Note::Attempt(_) => return Ok(()),
    };
    let entry = Entry {
        at,
        by,
        action,
        number: Some(&case.number),
        subject: Some(format!("case:{}", case.id)),
        details,
    };
    audit::append(c, &entry)
}
