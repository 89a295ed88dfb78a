//! Which event is a contact with a customer, and what it says of it (pure).
//!
//! In: a delivery. Out: a [`Contact`], or why there is none to be told.

use serde_json::Value;
use uuid::Uuid;

use super::contact::{Contact, Direction, Happening};
use crate::clock::UnixMs;
use crate::notify::{Delivery, EventKind};

/// The kinds of event that may be contacts.
pub(super) const KINDS: [EventKind; 7] = [
    EventKind::CaseOpened,
    EventKind::CaseMissedAgain,
    EventKind::CaseHandedOver,
    EventKind::CaseClosed,
    EventKind::AttemptEnded,
    EventKind::CallEnded,
    EventKind::RequestReceived,
];

/// The contact that an event is. A call is known by its own identity, so that it is told once however many events
/// speak of it; anything else by the event's.
///
/// # Errors
/// Why the CRM need not be told.
pub(super) fn contact(delivery: &Delivery) -> Result<Contact, String> {
    let data = &delivery.data;
    let happening = happening(&delivery.kind, data)?;
    let number = text(data, "number").and_then(|number| number.parse().ok());
    let number = number.ok_or("the event names no number that can be called")?;
    let is_call = matches!(happening, Happening::MissedCall | Happening::Attempt | Happening::Talk);
    let call = text(data, "call").and_then(|id| Uuid::try_parse(id).ok()).filter(|_| is_call);
    let word = |key, wanted| text(data, key).filter(|_| happening == wanted);
    Ok(Contact {
        id: call.unwrap_or(delivery.event.0),
        happening,
        number,
        direction: match happening {
            Happening::Attempt => Direction::Outbound,
            _ => Direction::Inbound,
        },
        started_at: data["began_at"].as_i64().map_or(delivery.at, UnixMs),
        duration_ms: data["talk_ms"].as_u64().unwrap_or_default(),
        result: word("result", Happening::Attempt).and_then(|word| word.parse().ok()),
        reason: word("result", Happening::CaseClosed).and_then(|word| word.parse().ok()),
        agent: text(data, "agent").and_then(|name| name.parse().ok()),
        extension: None,
        case: data["case"].as_i64().map(crate::ids::CaseId),
        queue: text(data, "queue").and_then(|name| name.parse().ok()),
        note: text(data, "note").map(str::to_owned),
        deadline: None,
    })
}

fn happening(kind: &str, data: &Value) -> Result<Happening, String> {
    Ok(match kind.parse() {
        Ok(EventKind::CaseOpened | EventKind::CaseMissedAgain) if data["request"].is_number() => {
            return Err("it is told as the request that it is".to_owned());
        }
        Ok(EventKind::CaseOpened | EventKind::CaseMissedAgain) if data["call"].is_string() => {
            Happening::MissedCall
        }
        // One of us has written it down.
        Ok(EventKind::CaseOpened | EventKind::CaseMissedAgain | EventKind::RequestReceived) => {
            Happening::Request
        }
        Ok(EventKind::CaseHandedOver) => Happening::HandedOver,
        Ok(EventKind::CaseClosed) => Happening::CaseClosed,
        Ok(EventKind::AttemptEnded) => Happening::Attempt,
        Ok(EventKind::CallEnded) => Happening::Talk,
        Ok(
            EventKind::CaseDue
            | EventKind::CaseReminded
            | EventKind::CaseEscalated
            | EventKind::DestinationClosed,
        )
        | Err(_) => return Err(format!("{kind} is no contact with a customer")),
    })
}

fn text<'a>(data: &'a Value, key: &str) -> Option<&'a str> {
    data[key].as_str().filter(|text| !text.is_empty())
}
