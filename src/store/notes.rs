//! Events about cases are written, and put into the audit, in the transaction in which they happen. Events about
//! requests and talks are written in the same way.

use serde_json::{Value, json};

use super::attempts::AttemptRow;
use super::cases::CaseRow;
use super::messages::MessageRow;
use super::{Database, StoreError, audit, outbox, reach};
use crate::audit::{Action, Entry};
use crate::clock::UnixMs;
use crate::event::{Event, EventKind};
use crate::ids::{AgentName, CallId, QueueName};
use crate::missed::attempt::Disposition;
use crate::missed::case::Closed;
use crate::missed::escalation;
use crate::missed::regulation::{Guard, Refusal};
use crate::phone::E164;

/// Something that happened to a case.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note<'a> {
    /// An event without further details.
    Told(EventKind),
    /// The case was opened.
    Opened(Came),
    /// A member of staff, or the caller's request, released the case after a flood of calls. Its opening is told
    /// only now.
    TakenUp(Came),
    /// The caller of the case contacted us again.
    Again(Came),
    /// This percentage of the reaction time has passed. `all` are all escalations of the policy.
    Escalated { pct: i32, all: &'a [i32] },
    /// The case waits for people to call: a guard refuses automatic dials to the number.
    ForPeople(&'a Refusal),
    /// A guard refused a dial.
    Refused { guard: Guard, by: &'a str },
    /// The customer is dialled. `ordinal` is the number of the attempt today.
    Dial { agent: &'a str, ordinal: i32 },
    /// An attempt has ended.
    Attempt(&'a AttemptRow),
    /// A talk is over, and its agent has recorded no disposition.
    Undisposed(&'a AttemptRow),
    /// The caller has left a message.
    Message(&'a MessageRow),
    /// A person recorded the disposition of an attempt.
    Disposition { disposition: Disposition, by: &'a str },
    /// A person put the case off.
    Deferred { until: UnixMs, by: &'a str },
    /// A person put the case before all others.
    CalledUp { by: &'a str },
    /// The case was closed.
    Closed { reason: Closed, by: &'a str },
}

/// How a case came about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Came {
    /// A call was missed.
    Call { call: CallId, began_at: UnixMs, wait_ms: Option<i64> },
    /// A form or a bot sent a request.
    Request(i64),
    /// A member of staff opened the case.
    Hand,
}

impl Came {
    fn data(self) -> Value {
        match self {
            Self::Call { call, began_at, wait_ms } => {
                json!({ "call": call, "began_at": began_at, "wait_ms": wait_ms })
            }
            Self::Request(id) => json!({ "request": id }),
            Self::Hand => json!({}),
        }
    }
}

/// Returns what an event says about an attempt.
fn attempt(row: &AttemptRow) -> Value {
    json!({
        "call": row.call,
        "way": row.way,
        "agent": row.agent.as_ref().map_or(row.by.as_str(), AgentName::as_str),
        "began_at": row.at,
        "answered_at": row.answered_at,
        "talk_ms": row.answered_at.zip(row.ended_at).map(|(from, to)| to.since_ms(from)),
        "counted": row.counted,
        "result": row.disposition,
        "note": row.note,
    })
}

/// Returns what an event says about a message.
fn message(row: &MessageRow) -> Value {
    json!({
        "message": row.id,
        "voicemail": row.voicemail,
        "call": row.call,
        "began_at": row.begun_at,
        "length_ms": row.length_ms,
        "file": row.path,
    })
}

/// Writes the event of a message: of its case, or of its call if there is none.
pub(super) fn left_message(
    c: &mut Database,
    row: &MessageRow,
    case: Option<&CaseRow>,
    number: Option<&E164>,
    at: UnixMs,
) -> Result<(), StoreError> {
    if let Some(case) = case {
        return note(c, case, Note::Message(row), at);
    }
    let mut data = message(row);
    data["number"] = json!(number);
    data["caller"] = json!({ "phone": number });
    data["supervisor"] = json!("supervisor");
    outbox::emit(c, &Event::of_call(EventKind::MessageLeft, row.call, at, data)).map(drop)
}

/// Returns who may be told, by the names of `[[notify.people]]`: the agent who has the case, the queue's agents, the
/// supervisors, and the people on duty. [`escalation::hears`] decides who is told as the reaction time passes.
fn people(case: &CaseRow, what: Note<'_>) -> Value {
    let (assignee, group_name) = (&case.assignee, &case.queue);
    match what {
        Note::Escalated { pct, all } => {
            let hears = escalation::hears(pct, all);
            // A case without an assignee is told to the group instead.
            let group = hears.group || hears.assignee && assignee.is_none();
            let mut told = serde_json::Map::new();
            for (role, name, hears) in [
                ("assignee", json!(assignee), hears.assignee && assignee.is_some()),
                ("group", json!(group_name), group),
                ("supervisor", json!("supervisor"), hears.supervisor),
                ("duty", json!("duty"), hears.duty),
            ] {
                if hears {
                    told.insert(role.to_owned(), name);
                }
            }
            told.into()
        }
        Note::ForPeople(_) => json!({ "supervisor": "supervisor" }),
        Note::Undisposed(row) => json!({ "assignee": row.agent, "supervisor": "supervisor" }),
        _ => json!({ "assignee": assignee, "group": group_name, "supervisor": "supervisor", "duty": "duty" }),
    }
}

/// Returns what an event says about the caller, and whether the caller gets SMS.
pub(super) fn caller(
    c: &mut Database,
    case: &CaseRow,
    name: Option<&str>,
    at: UnixMs,
) -> Result<Value, StoreError> {
    let reach = reach::reach(c, &case.number, case.opened_at, at)?;
    let mut caller = json!({ "phone": case.number });
    for (key, value) in [("name", name), ("email", reach.email.as_deref())] {
        if let Some(value) = value {
            caller[key] = value.into();
        }
    }
    Ok(json!({ "caller": caller, "sms_consent": reach.sms }))
}

/// Tells what happened to a case, and puts it into the audit, in the same transaction. A case that waits for people
/// after a flood of calls is not told. Otherwise a CRM would get a lead, and a stranger an e-mail or SMS, for each of
/// these cases.
pub(super) fn note(c: &mut Database, case: &CaseRow, what: Note<'_>, at: UnixMs) -> Result<(), StoreError> {
    let told = match what {
        Note::Told(kind) => Some((kind, json!({}))),
        Note::Opened(came) | Note::TakenUp(came) => Some((EventKind::CaseOpened, came.data())),
        Note::Again(came) => Some((EventKind::CaseMissedAgain, came.data())),
        Note::Escalated { pct, .. } if pct < 100 => {
            Some((EventKind::CaseReminded, json!({ "share_pct": pct })))
        }
        Note::Escalated { pct, .. } => Some((EventKind::CaseEscalated, json!({ "share_pct": pct }))),
        Note::Attempt(row) => Some((EventKind::AttemptEnded, attempt(row))),
        Note::Undisposed(row) => Some((EventKind::AttemptUndisposed, attempt(row))),
        Note::Message(row) => Some((EventKind::MessageLeft, message(row))),
        Note::ForPeople(refusal) => Some((EventKind::CaseForPeople, json!({ "note": refusal.why }))),
        Note::Closed { reason, .. } => {
            Some((EventKind::CaseClosed, json!({ "result": reason.as_str(), "note": case.note })))
        }
        Note::Refused { .. }
        | Note::Dial { .. }
        | Note::Disposition { .. }
        | Note::Deferred { .. }
        | Note::CalledUp { .. } => None,
    };
    if let Some((kind, more)) = told.filter(|_| !case.flooded) {
        let mut data = json!({
            "case": case.id,
            "number": case.number,
            "queue": case.queue,
            "reason": case.reason,
            "misses": case.misses,
            "due_at": case.react_by,
        });
        let caller_data = caller(c, case, None, at)?;
        for more in [more, people(case, what), caller_data] {
            if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
                data.extend(more);
            }
        }
        outbox::emit(c, &Event::of_case(kind, case.id, at, data))?;
    }
    record(c, case, what, at)
}

/// Puts what happened to a case into the audit, if the audit records such events.
fn record(c: &mut Database, case: &CaseRow, what: Note<'_>, at: UnixMs) -> Result<(), StoreError> {
    let (action, by, details) = match what {
        Note::Opened(_) => (Action::CaseOpened, "system", json!({ "reason": case.reason })),
        Note::Told(EventKind::CaseHandedOver) => (Action::Handover, "system", json!({})),
        Note::Refused { guard, by } => (Action::Refusal, by, json!({ "guard": guard.as_str() })),
        Note::Dial { agent, ordinal } => (Action::Dial, agent, json!({ "ordinal": ordinal })),
        Note::Disposition { disposition, by } => {
            (Action::Disposition, by, json!({ "result": disposition.as_str() }))
        }
        Note::Deferred { until, by } => (Action::CaseDeferred, by, json!({ "until": until.to_string() })),
        Note::CalledUp { by } => (Action::CaseCalledUp, by, json!({})),
        Note::Closed { reason, by } => (Action::CaseClosed, by, json!({ "reason": reason.as_str() })),
        Note::Told(_)
        | Note::TakenUp(_)
        | Note::Again(_)
        | Note::ForPeople(_)
        | Note::Escalated { .. }
        | Note::Attempt(_)
        | Note::Message(_)
        | Note::Undisposed(_) => {
            return Ok(());
        }
    };
    let entry = Entry {
        at,
        by,
        action,
        number: Some(case.number.as_str()),
        subject: Some(format!("case:{}", case.id)),
        details,
    };
    audit::append_or_note_gap(c, &entry)
}

/// A talk with an agent that has ended.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    pub call: CallId,
    pub number: Option<&'a E164>,
    pub queue: Option<&'a QueueName>,
    pub agent: Option<&'a AgentName>,
    pub began_at: UnixMs,
    pub answered_at: Option<UnixMs>,
    pub wait_ms: Option<i64>,
    pub at: UnixMs,
}

/// Writes the event of a talk.
pub(super) fn talked(c: &mut Database, talk: &Talk<'_>) -> Result<(), StoreError> {
    let data = json!({
        "call": talk.call,
        "number": talk.number,
        "queue": talk.queue,
        "agent": talk.agent,
        "began_at": talk.began_at,
        "answered_at": talk.answered_at,
        "wait_ms": talk.wait_ms,
        "talk_ms": talk.answered_at.map(|at| talk.at.since_ms(at)),
        "caller": { "phone": talk.number },
    });
    outbox::emit(c, &Event::of_call(EventKind::CallEnded, talk.call, talk.at, data)).map(drop)
}
