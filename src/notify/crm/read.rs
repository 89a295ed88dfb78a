//! Makes contacts from events (pure).
//!
//! In: a delivery. Out: a [`Contact`], or why the CRM need not know of the event.

use serde_json::Value;
use uuid::Uuid;

use super::contact::{Contact, Direction, Happening};
use crate::clock::UnixMs;
use crate::event::{Delivery, EventKind};

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

/// Reads the contact from an event. A call keeps its own id, so that several events of one call write it once; other
/// contacts have the event's id.
///
/// # Errors
/// Why the CRM need not know of the event.
pub(super) fn contact(delivery: &Delivery) -> Result<Contact, String> {
    let data = &delivery.data;
    let happening = happening(&delivery.kind, data)?;
    let number = text(data, "number").and_then(|number| number.parse().ok());
    let number = number.ok_or("the event names no number that can be called")?;
    let is_call = matches!(happening, Happening::MissedCall | Happening::Attempt | Happening::Talk);
    let call = text(data, "call").and_then(|id| Uuid::try_parse(id).ok()).filter(|_| is_call);
    let word = |wanted| text(data, "result").filter(|_| happening == wanted);
    let result = word(Happening::Attempt).and_then(|word| word.parse().ok());
    if happening == Happening::Attempt && result.is_none() {
        return Err("the event has an unknown result".to_owned());
    }
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
        result,
        reason: word(Happening::CaseClosed).and_then(|word| word.parse().ok()),
        agent: text(data, "agent").and_then(|name| name.parse().ok()),
        case: data["case"].as_i64().map(crate::ids::CaseId),
        queue: text(data, "queue").and_then(|name| name.parse().ok()),
        note: text(data, "note").map(str::to_owned),
        deadline: None,
    })
}

fn happening(kind: &str, data: &Value) -> Result<Happening, String> {
    Ok(match kind.parse() {
        Ok(EventKind::CaseOpened | EventKind::CaseMissedAgain) if data["request"].is_number() => {
            return Err("the request is written by its own event".to_owned());
        }
        Ok(EventKind::CaseOpened | EventKind::CaseMissedAgain) if data["call"].is_string() => {
            Happening::MissedCall
        }
        // A person opened the case by hand.
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
            | EventKind::CaseForPeople
            | EventKind::AttemptUndisposed
            | EventKind::MessageLeft
            | EventKind::TrunkFailing
            | EventKind::CasesFlooded
            | EventKind::DialsLimited
            | EventKind::DestinationClosed,
        )
        | Err(_) => return Err(format!("{kind} is not a contact with a customer")),
    })
}

fn text<'a>(data: &'a Value, key: &str) -> Option<&'a str> {
    data[key].as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::EventId;
    use crate::missed::attempt::Disposition;
    use crate::missed::case::Closed;

    const CALL: &str = "0192f0c0-0000-7000-8000-000000000001";

    fn read(kind: &str, mut data: Value) -> Result<Contact, String> {
        if data["number"].is_null() {
            data["number"] = json!("+79001234567");
        }
        contact(&Delivery {
            id: 1,
            event: EventId::new(),
            sequence: 1,
            destination: "crm".parse().unwrap(),
            recipient: String::new(),
            attempt: 1,
            kind: kind.to_owned(),
            aggregate: "case:7".to_owned(),
            at: UnixMs(9_000),
            data,
        })
    }

    #[test]
    fn a_call_is_known_by_its_identity_and_everything_else_by_its_event() {
        let missed = read("case.opened", json!({ "case": 7, "call": CALL, "began_at": 5_000 })).unwrap();
        assert_eq!((missed.id.to_string().as_str(), missed.happening), (CALL, Happening::MissedCall));
        assert_eq!((missed.started_at, missed.case), (UnixMs(5_000), Some(crate::ids::CaseId(7))));
        let attempt = json!({ "call": CALL, "result": "busy", "agent": "anna", "note": "x", "talk_ms": 0 });
        let attempt = read("attempt.ended", attempt).unwrap();
        assert_eq!((attempt.id.to_string().as_str(), attempt.direction), (CALL, Direction::Outbound));
        assert_eq!((attempt.result, attempt.agent), (Some(Disposition::Busy), Some("anna".parse().unwrap())));
        let closed = read("case.closed", json!({ "call": CALL, "result": "unreachable" })).unwrap();
        assert_ne!(closed.id.to_string(), CALL);
        assert_eq!(
            (closed.reason, closed.result, closed.started_at),
            (Some(Closed::Unreachable), None, UnixMs(9_000))
        );
        let talk = read("call.ended", json!({ "call": CALL, "talk_ms": 61_500 })).unwrap();
        assert_eq!((talk.happening, talk.duration_s()), (Happening::Talk, 61));
    }

    #[test]
    fn a_request_is_told_once_and_what_is_no_contact_says_why() {
        let request = json!({ "request": 3, "note": "about a door" });
        assert!(read("case.opened", request.clone()).unwrap_err().contains("written by its own event"));
        assert_eq!(read("request.received", request).unwrap().note.as_deref(), Some("about a door"));
        assert_eq!(read("case.opened", json!({})).unwrap().happening, Happening::Request, "by hand");
        for kind in EventKind::ALL.iter().filter(|kind| !KINDS.contains(kind)) {
            assert!(read(kind.as_str(), json!({})).unwrap_err().contains("not a contact"), "{kind}");
        }
        assert!(read("case.vanished", json!({})).is_err());
        assert!(read("case.closed", json!({ "number": "8 900" })).unwrap_err().contains("no number"));
        assert!(read("attempt.ended", json!({ "result": "dreamt" })).unwrap_err().contains("unknown result"));
    }
}
