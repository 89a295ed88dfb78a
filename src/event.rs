//! What happened and must be told.
//!
//! In: what a transaction did. Out: an [`Event`], which `store::outbox::emit` keeps in the same transaction.
//! Who is told, and how, is not its business: the settings say so, and the relay asks them.

use serde_json::Value;

use crate::clock::UnixMs;
use crate::ids::{DestinationName, EventId};

crate::vocabulary! {
    /// What can happen. A kind is two words with a dot, so that `case.*` means all that can happen to a case.
    "kind of event" pub enum EventKind {
        /// A case was opened: by a missed call, by a form, by a bot, or by hand.
        CaseOpened = "case.opened",
        /// A caller with an open case was missed once more.
        CaseMissedAgain = "case.missed_again",
        /// A case is due: somebody should call the customer now.
        CaseDue = "case.due",
        /// A share of the reaction time of a case has passed (50 and 80 %): those who have the case are reminded.
        CaseReminded = "case.reminded",
        /// The reaction time of a case is over (100 and 200 %): those above are told.
        CaseEscalated = "case.escalated",
        /// A case will not be called automatically, because its number is abroad or expensive: a person has to decide.
        CaseForPeople = "case.for_people",
        /// A case went to the repeat-contacts queue.
        CaseHandedOver = "case.handed_over",
        /// A case was closed.
        CaseClosed = "case.closed",
        /// An attempt to reach the customer has ended, with a result.
        AttemptEnded = "attempt.ended",
        /// The talk of a callback is over, and its agent has not recorded the result: the agent gets no other work, and the case
        /// waits.
        AttemptUndisposed = "attempt.undisposed",
        /// A talk of a caller with an agent has ended. Kept only if a destination wants it.
        CallEnded = "call.ended",
        /// A form or a bot has handed in a request for a callback.
        RequestReceived = "request.received",
        /// A trunk has failed several times in a row before a phone rang.
        TrunkFailing = "trunk.failing",
        /// More new cases than allowed came from one address, or in all: further ones wait for people.
        CasesFlooded = "cases.flooded",
        /// As many customers were dialled in an hour as allowed: further callbacks wait.
        DialsLimited = "dials.limited",
        /// A destination wants nothing more (410 Gone). The other destinations are told.
        DestinationClosed = "destination.closed",
    }
}

/// Something that happened.
///
/// `data` is an object. What channels know of it, all of it optional: `case`, `number`, `name`, `queue`, `reason`,
/// `result`, `misses`, `due_at`, `share_pct`, `note`, `agent`, `times`; `sms_consent` (`true`, or the caller gets no SMS: they
/// agreed to it in a request, and are on no do-not-call list); and the people: `caller`, `assignee`, `group`, `supervisor`, `duty`. A person is the name of an entry of
/// `[[notify.people]]`, an object with `name`, `email`, `phone` and `telegram`, or a list of these.
/// `reason` is why a case was opened, `due_at` until when somebody must call: nobody knows it before the case is due.
///
/// What is a contact with the customer says more of it, which a CRM wants to know:
///
/// | kind | more |
/// |---|---|
/// | `case.opened`, `case.missed_again` | by a call: `call`, its identity, `began_at`, when it came, and `wait_ms`; by a form or a bot: `request`, its number |
/// | `request.received` | `request`, its number, `source`, `page`, `wanted_at`; `note` is what he wrote |
/// | `attempt.ended`, `attempt.undisposed` | `call`, unless somebody only said that he called; `way`, `agent`, `began_at`, `answered_at`, `talk_ms`, `counted`; `result` is a word of [`crate::missed::attempt::Outcome`], `note` what the agent wrote |
/// | `call.ended` | `call`, `agent`, `began_at`, `answered_at`, `wait_ms`, `talk_ms` |
/// | `trunk.failing` | `name` is the trunk's, `reason` the cause of the last failure, `times` how many there were in a row |
/// | `cases.flooded` | `name` is the address from which they come, behind the gateway if there is one (`*`: all together), `times` how many may come in an hour |
/// | `dials.limited` | `times` is how many customers may be dialled in an hour |
/// | `destination.closed` | `name` is the destination's, `reason` what it answered |
/// | `case.for_people` | `note` says why the number is not called automatically |
/// | `case.closed` | `result` is a word of [`crate::missed::case::Closed`], `note` what was noted |
///
/// Instants (`*_at`) are milliseconds since 1970, durations `*_ms` milliseconds. Webhooks say instants in RFC 3339.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// What it happened to, such as `case:17`: events of one thing are told in the order in which they happened.
    pub aggregate: String,
    /// When.
    pub at: UnixMs,
    /// What is to be said about it.
    pub data: Value,
}

impl Event {
    /// Something that happened in a call.
    #[must_use]
    pub fn of_call(kind: EventKind, call: crate::ids::CallId, at: UnixMs, data: Value) -> Self {
        Self { kind, aggregate: format!("call:{call}"), at, data }
    }

    /// Something that happened to a destination; `reason` is what it said.
    #[must_use]
    pub fn of_destination(kind: EventKind, name: &str, at: UnixMs, reason: &str) -> Self {
        let data = serde_json::json!({ "name": name, "reason": reason });
        Self { kind, aggregate: format!("destination:{name}"), at, data }
    }

    /// A trunk has failed so many times in a row; `cause` is FreeSWITCH's word for the last.
    #[must_use]
    pub fn of_trunk(name: &str, at: UnixMs, cause: &str, times: u32) -> Self {
        let data = serde_json::json!(
            { "name": name, "reason": cause, "times": times, "supervisor": "supervisor" });
        let name: String = name.chars().take(150).collect();
        Self { kind: EventKind::TrunkFailing, aggregate: format!("trunk:{name}"), at, data }
    }

    /// More new cases come from this source (`*`: from all together) than `limit` in an hour.
    #[must_use]
    pub fn of_source(source: &str, at: UnixMs, limit: u32) -> Self {
        let data = serde_json::json!({ "name": source, "times": limit, "supervisor": "supervisor" });
        Self { kind: EventKind::CasesFlooded, aggregate: format!("source:{source}"), at, data }
    }

    /// All customers together have been dialled `limit` times in an hour.
    #[must_use]
    pub fn of_dials(at: UnixMs, limit: u32) -> Self {
        let data = serde_json::json!({ "times": limit, "supervisor": "supervisor" });
        Self { kind: EventKind::DialsLimited, aggregate: "dials".to_owned(), at, data }
    }

    /// Something that happened to a case.
    #[must_use]
    pub fn of_case(kind: EventKind, case: crate::ids::CaseId, at: UnixMs, data: Value) -> Self {
        Self { kind, aggregate: format!("case:{case}"), at, data }
    }
}

crate::vocabulary! {
    /// Somebody whom an event names.
    "role" pub enum Role {
        /// Who called, or asked to be called.
        Caller = "caller",
        /// The agent who has the case.
        Assignee = "assignee",
        /// All who serve its queue.
        Group = "group",
        /// Who is above them.
        Supervisor = "supervisor",
        /// Who is on duty.
        Duty = "duty",
    }
}

/// An event on its way to one recipient at one destination. It may come more than once: `event` stays the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its number in the outbox, as people name it.
    pub id: i64,
    /// The event, the same at every try and at every destination: what receivers tell repetitions by.
    pub event: EventId,
    /// Its place in the order of all events: of two events of one thing, the later one has the greater.
    pub sequence: i64,
    /// Where to.
    pub destination: DestinationName,
    /// To whom there, if the channel tells people apart; else empty.
    pub recipient: String,
    /// Which try it is, from 1.
    pub attempt: u32,
    /// What happened: a word of [`EventKind`], or of a newer program.
    pub kind: String,
    /// What it happened to, such as `case:17`.
    pub aggregate: String,
    /// When it happened.
    pub at: UnixMs,
    /// What is to be said about it.
    pub data: Value,
}
