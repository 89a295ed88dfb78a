//! The events of which people and systems are notified.
//!
//! In: what a transaction did. Out: an [`Event`], which `store::outbox::emit` stores in the same transaction. Later,
//! the relay and the settings decide who is notified, and how.

use serde_json::Value;

use crate::clock::UnixMs;
use crate::ids::{DestinationName, EventId};

crate::vocabulary! {
    /// The kinds of events. A kind is two words with a dot, so that `case.*` matches all events of cases.
    "kind of event" pub enum EventKind {
        /// A case was opened: by a missed call, by a form, by a bot, or by hand.
        CaseOpened = "case.opened",
        /// A caller with an open case was missed again.
        CaseMissedAgain = "case.missed_again",
        /// A case is due: somebody should call the customer now.
        CaseDue = "case.due",
        /// A share of the reaction time of a case has passed (by default 50 % and 80 %). The people who have the case
        /// are reminded.
        CaseReminded = "case.reminded",
        /// The reaction time of a case is over (by default at 100 % and 200 %). The supervisor is told, and at last the
        /// person on duty.
        CaseEscalated = "case.escalated",
        /// A case will not be called automatically, because its number is abroad or expensive. A person has to decide.
        CaseForPeople = "case.for_people",
        /// A case went to the repeat-contacts queue.
        CaseHandedOver = "case.handed_over",
        /// A case was closed.
        CaseClosed = "case.closed",
        /// An attempt to reach the customer has ended, with a result.
        AttemptEnded = "attempt.ended",
        /// The talk of a callback is over, but its agent has not recorded the result. Until then, the agent gets no
        /// other work, and the case waits.
        AttemptUndisposed = "attempt.undisposed",
        /// A talk of a caller with an agent has ended. The event is made only if a destination wants it.
        CallEnded = "call.ended",
        /// A caller has left a message in a voicemail.
        MessageLeft = "message.left",
        /// A form or a bot has sent a request for a callback.
        RequestReceived = "request.received",
        /// A trunk has failed several times in a row before a phone rang.
        TrunkFailing = "trunk.failing",
        /// More new cases than allowed came from one address, or in all. Further cases wait for people.
        CasesFlooded = "cases.flooded",
        /// As many customers were dialled in an hour as allowed. Further callbacks wait.
        DialsLimited = "dials.limited",
        /// A destination asked for no more events (410 Gone). The other destinations are notified.
        DestinationClosed = "destination.closed",
    }
}

/// An event.
///
/// `data` is an object. Channels use these fields, all optional: `case`, `number`, `name`, `queue`, `reason`,
/// `result`, `misses`, `due_at`, `share_pct`, `note`, `agent`, `times`; `sms_consent` (`true`, or the caller gets no
/// SMS: they agreed to it in a request, and are on no do-not-call list); and the people: `caller`, `assignee`,
/// `group`, `supervisor`, `duty`. A person is the name of an entry of `[[notify.people]]`, an object with `name`,
/// `email`, `phone` and `telegram`, or a list of these. `reason` is why a case was opened, `due_at` the time by which
/// somebody must call, unknown before the case is due.
///
/// Contacts with the customer, and some others, have further fields:
///
/// | kind | more |
/// |---|---|
/// | `case.opened`, `case.missed_again` | from a call: `call`, its id, `began_at`, when it came, and `wait_ms`; from a form or a bot: `request`, its number |
/// | `request.received` | `request`, its number, `source`, `page`, `wanted_at`; `note` is the customer's text |
/// | `attempt.ended`, `attempt.undisposed` | `call`, unless the attempt was only reported by hand; `way`, `agent`, `began_at`, `answered_at`, `talk_ms`, `counted`; `result` is a word of [`crate::missed::attempt::Disposition`], `note` what the agent wrote |
/// | `message.left` | `message`, its number, `voicemail`, `call`, `began_at`, when the caller began to speak, `length_ms` if it is known, `file`, its path for FreeSWITCH |
/// | `call.ended` | `call`, `agent`, `began_at`, `answered_at`, `wait_ms`, `talk_ms` |
/// | `trunk.failing` | `name` is the trunk's, `reason` the cause of the last failure, `times` how many there were in a row |
/// | `cases.flooded` | `name` is the source's address, behind the gateway if there is one (`*`: all sources together), `times` how many are allowed in an hour |
/// | `dials.limited` | `times` is how many customers may be dialled in an hour |
/// | `destination.closed` | `name` is the destination's, `reason` its answer |
/// | `case.for_people` | `note` says why the number is not called automatically |
/// | `case.closed` | `result` is a word of [`crate::missed::case::Closed`], `note` what was noted |
///
/// Instants (`*_at`) are milliseconds since 1970, durations (`*_ms`) milliseconds. Webhooks send instants in RFC 3339.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// What the event is about, such as `case:17`. Events of one aggregate are delivered in the order in which they
    /// happened.
    pub aggregate: String,
    /// When.
    pub at: UnixMs,
    /// The content: see [`Event`].
    pub data: Value,
}

impl Event {
    /// An event of a call.
    #[must_use]
    pub fn of_call(kind: EventKind, call: crate::ids::CallId, at: UnixMs, data: Value) -> Self {
        Self { kind, aggregate: format!("call:{call}"), at, data }
    }

    /// An event of a destination; `reason` is its answer.
    #[must_use]
    pub fn of_destination(kind: EventKind, name: &str, at: UnixMs, reason: &str) -> Self {
        let data = serde_json::json!({ "name": name, "reason": reason });
        Self { kind, aggregate: format!("destination:{name}"), at, data }
    }

    /// A trunk has failed `times` times in a row; `cause` is FreeSWITCH's cause of the last failure.
    #[must_use]
    pub fn of_trunk(name: &str, at: UnixMs, cause: &str, times: u32) -> Self {
        let data = serde_json::json!(
            { "name": name, "reason": cause, "times": times, "supervisor": "supervisor" });
        let name: String = name.chars().take(150).collect();
        Self { kind: EventKind::TrunkFailing, aggregate: format!("trunk:{name}"), at, data }
    }

    /// More than `limit` new cases in an hour came from this source (`*`: from all together).
    #[must_use]
    pub fn of_source(source: &str, at: UnixMs, limit: u32) -> Self {
        let data = serde_json::json!({ "name": source, "times": limit, "supervisor": "supervisor" });
        Self { kind: EventKind::CasesFlooded, aggregate: format!("source:{source}"), at, data }
    }

    /// Customers were dialled `limit` times in an hour.
    #[must_use]
    pub fn of_dials(at: UnixMs, limit: u32) -> Self {
        let data = serde_json::json!({ "times": limit, "supervisor": "supervisor" });
        Self { kind: EventKind::DialsLimited, aggregate: "dials".to_owned(), at, data }
    }

    /// An event of a case.
    #[must_use]
    pub fn of_case(kind: EventKind, case: crate::ids::CaseId, at: UnixMs, data: Value) -> Self {
        Self { kind, aggregate: format!("case:{case}"), at, data }
    }
}

crate::vocabulary! {
    /// A role of people in an event.
    "role" pub enum Role {
        /// The person who called, or asked to be called.
        Caller = "caller",
        /// The agent who has the case.
        Assignee = "assignee",
        /// All agents of the case's queue.
        Group = "group",
        /// The supervisor of the queue.
        Supervisor = "supervisor",
        /// The person on duty.
        Duty = "duty",
    }
}

/// An event on its way to one recipient at one destination. It may arrive more than once, with the same `event`.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The number in the outbox.
    pub id: i64,
    /// The event's id, the same at every try and at every destination, by which receivers recognise repetitions.
    pub event: EventId,
    /// The place in the order of all events: of two events of one aggregate, the later one has the greater.
    pub sequence: i64,
    /// Where to.
    pub destination: DestinationName,
    /// The recipient, if the channel distinguishes people; else empty.
    pub recipient: String,
    /// The number of the try, from 1.
    pub attempt: u32,
    /// The kind of event: a word of [`EventKind`], or of a newer version.
    pub kind: String,
    /// What the event is about, such as `case:17`.
    pub aggregate: String,
    /// When it happened.
    pub at: UnixMs,
    /// The content: see [`Event`].
    pub data: Value,
}
