//! What is written into amoCRM for each contact, and that it is written once.

use dozvon::config::crm::Settings;
use dozvon::missed::attempt::Disposition;
use dozvon::missed::case::Closed;
use dozvon::notify::crm::{Contact, Direction, Happening, Owner};
use serde_json::{Value, json};

use super::support::*;
use crate::support::amocrm::{AmoCrm, Card, Trouble};

/// A number as people write it.
const WRITTEN: &str = "8 (900) 555-00-01";
const DEADLINE_S: i64 = NOW.0 / 1000 + 900;

fn missed() -> Contact {
    let deadline = Some(dozvon::clock::UnixMs(DEADLINE_S * 1000));
    Contact { deadline, ..contact(Happening::MissedCall) }
}

fn attempt(result: Disposition) -> Contact {
    Contact { result: Some(result), agent: Some("boris".parse().unwrap()), ..contact(Happening::Attempt) }
}

fn talk() -> Contact {
    Contact { duration_ms: 61_500, ..contact(Happening::Talk) }
}

fn closed() -> Contact {
    Contact { reason: Some(Closed::AgentReached), ..contact(Happening::CaseClosed) }
}

fn request() -> Contact {
    Contact { happening: Happening::Request, note: Some("about a \"door\"".to_owned()), ..missed() }
}

/// How much stands in the account.
fn stock(amo: &AmoCrm) -> [usize; 5] {
    let account = amo.account();
    let done = account.tasks.iter().filter(|task| task["is_completed"] == true).count();
    [account.calls.len(), account.notes.len(), account.tasks.len(), account.unsorted.len(), done]
}

fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn what_happens_with_a_customer_who_has_a_card_stands_on_it() {
    let amo = AmoCrm::start().await;
    let card = amo.account().add_card("contacts", WRITTEN, 12);
    // Its last seven digits are the same: amoCRM finds it, too.
    let other = Card { id: 5, phone: "+74955550001".to_owned(), ..amo.account().cards[0].clone() };
    amo.account().cards.insert(0, other);
    let crm = open(&amo.settings());
    let missed = missed();
    let receipt = crm.record(&missed).await.unwrap();
    assert!(receipt.place.starts_with("call ") && receipt.place.contains(", task "), "{receipt:?}");
    {
        let account = amo.account();
        let (call, task) = (&account.calls[0], &account.tasks[0]);
        let expected = json!({
            "direction": "inbound", "duration": 0, "source": "dozvon", "phone": NUMBER, "call_status": 6,
            "uniq": missed.id, "created_at": NOW.0 / 1000, "responsible_user_id": 1,
            "call_result": call["call_result"],
        });
        assert_eq!(call, &expected);
        assert!(text(call, "/call_result").starts_with("Missed call\nQueue: sales\n"), "{call}");
        assert_eq!(
            (task["entity_type"].as_str(), task["entity_id"].as_u64()),
            (Some("contacts"), Some(card))
        );
        assert_eq!(
            (task["task_type_id"].as_u64(), task["complete_till"].as_i64()),
            (Some(1), Some(DEADLINE_S))
        );
        assert_eq!(task["responsible_user_id"], 1);
        assert!(text(task, "/text").starts_with(&format!("Call back {NUMBER}\nMissed call\n")), "{task}");
    }
    crm.record(&attempt(Disposition::Busy)).await.unwrap();
    crm.record(&talk()).await.unwrap();
    crm.record(&contact(Happening::HandedOver)).await.unwrap();
    assert_eq!(amo.account().tasks[0]["is_completed"], false);
    let receipt = crm.record(&closed()).await.unwrap();
    assert_eq!(receipt.place, format!("note of contacts {card}"));
    let account = amo.account();
    let seen = |call: &Value| {
        let user = call["responsible_user_id"].as_u64();
        (text(call, "/direction").to_owned(), call["duration"].as_u64(), call["call_status"].as_u64(), user)
    };
    assert_eq!(seen(&account.calls[1]), ("outbound".to_owned(), Some(0), Some(7), Some(12)));
    assert_eq!(account.calls[1]["call_responsible"], "boris");
    assert_eq!(seen(&account.calls[2]), ("inbound".to_owned(), Some(61), Some(4), Some(1)));
    assert!(account.notes.iter().all(|note| note.place == ("contacts".to_owned(), card)));
    let notes: Vec<_> = account.notes.iter().filter(|note| note.kind == "common").collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(text(&notes[0].params, "/text").starts_with("Handed over"), "{notes:?}");
    assert!(
        text(&notes[1].params, "/text").starts_with("Case closed\nReason: we have talked\n"),
        "{notes:?}"
    );
    let result = json!({ "text": format!("Case closed {NUMBER}") });
    assert_eq!((&account.tasks[0]["is_completed"], &account.tasks[0]["result"]), (&json!(true), &result));
}

#[tokio::test]
async fn each_result_has_its_status() {
    let amo = AmoCrm::start().await;
    amo.account().add_card("contacts", WRITTEN, 12);
    let crm = open(&amo.settings());
    for outcome in Disposition::ALL {
        crm.record(&attempt(*outcome)).await.unwrap();
        let status = amo.account().calls.last().unwrap()["call_status"].as_u64().unwrap();
        let expected = match outcome.as_str() {
            "voicemail" => 1,
            "call_later" => 2,
            "reached" | "refused" => 4,
            "wrong_number" | "invalid_number" => 5,
            "busy" => 7,
            "other" => 8,
            _ => 6,
        };
        assert_eq!(status, expected, "{outcome}");
    }
}

#[tokio::test]
async fn an_unknown_number_becomes_one_lead_among_the_unsorted_and_more_calls_its_notes() {
    let amo = AmoCrm::start().await;
    let crm = open(&Settings { pipeline: 31, ..amo.settings() });
    let first = missed();
    let receipt = crm.record(&first).await.unwrap();
    assert!(receipt.place.starts_with("unsorted, task "), "{receipt:?}");
    crm.record(&missed()).await.unwrap();
    crm.record(&attempt(Disposition::NoAnswer)).await.unwrap();
    crm.record(&closed()).await.unwrap();
    assert_eq!(stock(&amo), [0, 3, 2, 1, 2]);
    let account = amo.account();
    let lead = &account.unsorted[0];
    let metadata = json!({
        "from": NUMBER, "phone": "dozvon", "called_at": NOW.0 / 1000, "duration": 0, "link": "",
        "service_code": "dozvon", "uniq": first.id, "is_call_event_needed": true,
    });
    assert_eq!((text(lead, "/category"), &lead["metadata"]), ("sip", &metadata));
    assert_eq!((&lead["pipeline_id"], &lead["source_uid"]), (&json!(31), &json!(first.id)));
    assert_eq!(text(lead, "/_embedded/leads/0/name"), format!("Call back {NUMBER}"));
    let kinds: Vec<_> = account.notes.iter().map(|note| note.kind.as_str()).collect();
    assert_eq!(kinds, ["call_in", "call_out", "common"]);
    let place = ("leads".to_owned(), lead["lead"].as_u64().unwrap());
    assert!(account.notes.iter().all(|note| note.place == place));
    assert!(account.tasks.iter().all(|task| task["entity_id"] == lead["lead"]), "{:?}", account.tasks);
}

#[tokio::test]
async fn a_request_is_a_form_among_the_unsorted_whether_we_know_its_sender_or_not() {
    for known in [false, true] {
        let amo = AmoCrm::start().await;
        if known {
            amo.account().add_card("contacts", WRITTEN, 12);
        }
        open(&amo.settings()).record(&request()).await.unwrap();
        assert_eq!(stock(&amo), [0, 0, 1, 1, 0]);
        let account = amo.account();
        let form = &account.unsorted[0];
        assert_eq!(
            (text(form, "/category"), &form["metadata"]["form_sent_at"]),
            ("forms", &json!(NOW.0 / 1000))
        );
        assert_eq!(account.tasks[0]["entity_type"], if known { "contacts" } else { "leads" });
        assert!(text(&account.tasks[0], "/text").contains("about a \"door\""));
    }
}

#[tokio::test]
async fn an_unknown_number_becomes_nothing_if_no_leads_are_wanted() {
    let amo = AmoCrm::start().await;
    let crm = open(&Settings { create_leads: false, ..amo.settings() });
    for contact in
        [missed(), attempt(Disposition::Busy), talk(), contact(Happening::HandedOver), closed(), request()]
    {
        let receipt = crm.record(&contact).await.unwrap();
        assert!(receipt.place.starts_with("nowhere"), "{:?}: {receipt:?}", contact.happening);
        assert_eq!(stock(&amo), [0; 5], "{:?}", contact.happening);
    }
}

/// Whatever answer gets lost, and however: the next try finds what was done.
#[tokio::test]
async fn a_contact_is_written_once_whichever_answer_was_lost() {
    let happenings = [missed, talk, closed, request, || attempt(Disposition::CallLater)];
    for kind in [None, Some("contacts"), Some("companies")] {
        for make in happenings {
            let clean = AmoCrm::start().await;
            prepare(&clean, kind).await;
            open(&clean.settings()).record(&make()).await.unwrap();
            let expected = stock(&clean);
            let requests = clean.account().asked.len();
            for nth in 0..requests {
                for trouble in [Trouble::Lost, Trouble::Cut, Trouble::Page] {
                    let amo = AmoCrm::start().await;
                    prepare(&amo, kind).await;
                    let (contact, crm) = (make(), open(&amo.settings()));
                    let what = format!("{:?} of {kind:?}, request {nth}, {trouble:?}", contact.happening);
                    amo.account().spared = nth;
                    amo.next("", trouble);
                    let said = crm.record(&contact).await.unwrap_err();
                    assert_eq!(super::support::kind(&said), ("passing", None), "{what}: {said}");
                    for _ in 0..2 {
                        crm.record(&contact).await.unwrap();
                        assert_eq!(stock(&amo), expected, "{what}");
                    }
                    if expected != [0; 5] && contact.happening != Happening::CaseClosed {
                        assert!(crm.record(&contact).await.unwrap().already, "{what}");
                    }
                }
            }
        }
    }
}

/// A card, and a task on it that the case has left there.
async fn prepare(amo: &AmoCrm, kind: Option<&'static str>) {
    if let Some(kind) = kind {
        amo.account().add_card(kind, WRITTEN, 12);
    }
    open(&amo.settings()).record(&missed()).await.unwrap();
    amo.account().asked.clear();
}

#[tokio::test]
async fn a_lead_that_was_taken_out_of_the_unsorted_is_still_the_same() {
    let amo = AmoCrm::start().await;
    let (crm, missed) = (open(&amo.settings()), missed());
    crm.record(&missed).await.unwrap();
    amo.account().accept_all();
    assert!(crm.record(&missed).await.unwrap().already);
    assert_eq!(stock(&amo), [0, 1, 1, 0, 0]);
    crm.record(&closed()).await.unwrap();
    assert_eq!(stock(&amo), [0, 2, 1, 0, 1], "its task is done");
}

#[tokio::test]
async fn the_owner_is_who_is_responsible_for_the_card() {
    let amo = AmoCrm::start().await;
    let crm = open(&amo.settings());
    let number = NUMBER.parse().unwrap();
    assert_eq!(crm.owner(&number).await, Ok(None));
    amo.account().add_card("companies", WRITTEN, 1);
    let owner = |user: &str, agent: Option<&str>| {
        Some(Owner { user: user.to_owned(), agent: agent.map(|name| name.parse().unwrap()) })
    };
    assert_eq!(crm.owner(&number).await, Ok(owner("1", None)));
    amo.account().add_card("contacts", WRITTEN, 12);
    assert_eq!(crm.owner(&number).await, Ok(owner("12", Some("boris"))), "a person before their company");
    assert_eq!(crm.owner(&"+74955550001".parse().unwrap()).await, Ok(None), "only its end is the same");
}

#[tokio::test]
async fn a_call_of_ours_is_outbound_on_a_lead_too() {
    let amo = AmoCrm::start().await;
    let crm = open(&amo.settings());
    crm.record(&missed()).await.unwrap();
    crm.record(&Contact { direction: Direction::Outbound, ..talk() }).await.unwrap();
    assert_eq!(amo.account().notes[0].kind, "call_out");
}
