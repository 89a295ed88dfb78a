//! amoCRM (Kommo), API version 4.
//!
//! Source: amocrm.ru/developers. amoCRM records a call on the card that has the number, which it finds by itself. If
//! no card has the number, the first call becomes a lead among the unsorted, and later calls become notes of that
//! lead. Calls that were written before are found by `uniq`, tasks and notes by the mark in their text.

mod card;
mod wire;

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use super::contact::{Contact, Direction, Happening};
use super::tokens::TokenStore;
use super::{Owner, Receipt, id_of, user_of};
use crate::clock::Clock;
use crate::config::crm::Settings;
use crate::missed::attempt::Disposition;
use crate::notify::Trouble;
use crate::phone::E164;
use card::Card;
use wire::{Reply, Wire};

/// The name of the source of calls.
const SOURCE: &str = "dozvon";
/// The largest page of a list.
const PAGE: usize = 250;

/// An amoCRM account.
#[derive(Debug)]
pub struct Amo {
    wire: Wire,
    settings: Settings,
}

impl Amo {
    pub(super) fn new(
        settings: Settings,
        token_store: Arc<dyn TokenStore>,
        clock: Clock,
    ) -> Result<Self, String> {
        Ok(Self { wire: Wire::new(&settings, token_store, clock)?, settings })
    }

    pub(super) async fn record(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        match self.write(contact).await {
            Ok(receipt) => Ok(receipt),
            Err(trouble) => Err(self.wire.hide(trouble).await),
        }
    }

    pub(super) async fn owner(&self, number: &E164) -> Result<Option<Owner>, Trouble> {
        match self.find_by_number(number).await {
            Ok(found) => Ok(found.and_then(|card| card.owner).map(|user| {
                let user = user.to_string();
                Owner { agent: self.settings.users.get(&user).cloned(), user }
            })),
            Err(trouble) => Err(self.wire.hide(trouble).await),
        }
    }

    async fn write(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        let card = self.find(contact).await?;
        let (mut places, mut already) = (Vec::new(), true);
        let mut note = |(place, was_there): (String, bool)| {
            places.push(place);
            already &= was_there;
        };
        let mut task_card = card.clone();
        if contact.happening == Happening::Request {
            if card.is_some() || self.settings.create_leads {
                note(self.form(contact).await?);
                // The task belongs to the lead made from the form, not to an older one: a second delivery looks for it
                // there.
                task_card = task_card.filter(|card| !card.unsorted);
            }
        } else if contact.is_call() {
            let (place, was_there, call_card) = self.call(contact, card).await?;
            note((place, was_there));
            task_card = call_card;
        } else if let Some(card) = &card {
            note(self.text_note(contact, card).await?);
        }
        if task_card.is_none() && contact.deadline.is_some() {
            task_card = self.find(contact).await?;
        }
        if let Some(card) = &task_card {
            if contact.deadline.is_some() {
                note(self.task(contact, card).await?);
            }
            if contact.happening == Happening::CaseClosed {
                self.complete_tasks(contact, card).await?;
            }
        }
        if places.is_empty() {
            return Ok(Receipt { place: "nowhere: no card has the number".to_owned(), already: false });
        }
        Ok(Receipt { place: places.join(", "), already })
    }

    /// Records the call on its card or among the unsorted. Returns its place, whether it existed already, and the
    /// card.
    async fn call(
        &self,
        contact: &Contact,
        card: Option<Card>,
    ) -> Result<(String, bool, Option<Card>), Trouble> {
        if let Some(card) = card {
            if card.uniq.as_deref() == Some(contact.id.to_string().as_str())
                || self.has_call(&card, contact).await?
            {
                return Ok((format!("call of {}", card.place()), true, Some(card)));
            }
            if card.unsorted {
                self.call_note(contact, &card).await?;
                return Ok((format!("call of {}", card.place()), false, Some(card)));
            }
            return self.post_call(contact, Some(card)).await;
        }
        self.post_call(contact, None).await
    }

    async fn post_call(
        &self,
        contact: &Contact,
        card: Option<Card>,
    ) -> Result<(String, bool, Option<Card>), Trouble> {
        let mut call = self.call_fields(contact);
        set(&mut call, "direction", json!(contact.direction));
        set(&mut call, "created_at", json!(contact.started_s()));
        if let Some(user) = self.user(contact) {
            set(&mut call, "responsible_user_id", json!(user));
        }
        match self.wire.send(&Method::POST, "calls", &json!([call])).await? {
            Reply::Done(said) | Reply::Bad(said, _) if is_stored(&said) => {
                let card = card.or_else(|| Card::of_call(&said));
                let id = id_of(said.pointer("/_embedded/calls/0/id")).unwrap_or_default();
                Ok((format!("call {id}"), false, card))
            }
            Reply::Done(said) | Reply::Bad(said, _) if is_duplicate(&said) => {
                Ok(("call".to_owned(), true, card))
            }
            Reply::Done(said) | Reply::Bad(said, _) if is_unknown_phone(&said) => {
                if !self.settings.create_leads {
                    let place = "nowhere: no card has the number, and [crm] create_leads is off".to_owned();
                    return Ok((place, false, None));
                }
                let (place, already) = self.unsorted_call(contact).await?;
                Ok((place, already, None))
            }
            Reply::Bad(_, reason) => Err(Trouble::refused(reason)),
            Reply::Done(said) => {
                Err(Trouble::passing(format!("calls: amoCRM neither accepted nor refused it: {said}")))
            }
        }
    }

    fn call_fields(&self, contact: &Contact) -> Value {
        let text = contact.text(self.settings.language);
        let mut fields = json!({
            "uniq": contact.id, "duration": contact.duration_s(), "source": SOURCE,
            "phone": contact.number.as_str(), "call_status": call_status(contact), "call_result": text,
        });
        if let Some(agent) = &contact.agent {
            set(&mut fields, "call_responsible", json!(agent));
        }
        fields
    }

    /// Records a call whose number no card has as a lead among the unsorted.
    async fn unsorted_call(&self, contact: &Contact) -> Result<(String, bool), Trouble> {
        let ours = SOURCE;
        let metadata = json!({
            "from": contact.number.as_str(), "phone": ours, "called_at": contact.started_s(),
            "duration": contact.duration_s(), "link": "", "service_code": SOURCE, "uniq": contact.id,
            "is_call_event_needed": true,
        });
        self.unsorted("sip", contact, &metadata).await
    }

    async fn form(&self, contact: &Contact) -> Result<(String, bool), Trouble> {
        if self.in_unsorted(contact).await?.is_some_and(|card| card.uniq == Some(contact.id.to_string())) {
            return Ok(("unsorted".to_owned(), true));
        }
        let metadata = json!({
            "form_id": SOURCE, "form_name": contact.title(self.settings.language), "form_page": SOURCE,
            "form_sent_at": contact.started_s(), "referer": "", "ip": "",
        });
        self.unsorted("forms", contact, &metadata).await
    }

    async fn unsorted(
        &self,
        kind: &str,
        contact: &Contact,
        metadata: &Value,
    ) -> Result<(String, bool), Trouble> {
        let phone = json!([{ "field_code": "PHONE", "values": [{ "value": contact.number.as_str() }] }]);
        let mut lead = json!({
            "source_name": SOURCE, "source_uid": contact.id, "created_at": contact.started_s(),
            "metadata": metadata,
            "_embedded": {
                "leads": [{ "name": contact.title(self.settings.language) }],
                "contacts": [{ "name": contact.number.as_str(), "custom_fields_values": phone }],
            },
        });
        if self.settings.pipeline != 0 {
            set(&mut lead, "pipeline_id", json!(self.settings.pipeline));
        }
        match self.wire.send(&Method::POST, &format!("leads/unsorted/{kind}"), &json!([lead])).await? {
            Reply::Done(said) if said.pointer("/_embedded/unsorted/0").is_some() => {
                Ok(("unsorted".to_owned(), false))
            }
            Reply::Done(said) | Reply::Bad(said, _) if is_duplicate(&said) => {
                Ok(("unsorted".to_owned(), true))
            }
            Reply::Bad(_, reason) => Err(Trouble::refused(reason)),
            Reply::Done(said) => {
                Err(Trouble::passing(format!("unsorted: amoCRM neither accepted nor refused it: {said}")))
            }
        }
    }

    fn user(&self, contact: &Contact) -> Option<u64> {
        let user = user_of(&self.settings.users, contact.agent.as_ref());
        user.unwrap_or(&self.settings.default_user).parse().ok()
    }
}

fn set(fields: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = fields {
        fields.insert(key.to_owned(), value);
    }
}

fn is_stored(said: &Value) -> bool {
    said.pointer("/_embedded/calls/0").is_some()
}

/// Whether any text of the answer contains one of the words.
fn says(said: &Value, words: &[&str]) -> bool {
    let text = said.to_string().to_lowercase();
    said.is_object() && words.iter().any(|word| text.contains(word))
}

fn is_duplicate(said: &Value) -> bool {
    says(said, &["duplicate", "already exist", "notunique", "not unique"])
}

/// amoCRM answers 400 with error 263, "Entity not found", where no card has the number.
fn is_unknown_phone(said: &Value) -> bool {
    says(said, &["entity not found", "\"status\":263"])
        || said.pointer("/_embedded/calls").and_then(Value::as_array).is_some_and(Vec::is_empty)
}

/// `call_status`: 1 left a message, 2 call later, 4 talked, 5 wrong number, 6 not reached, 7 busy, 8 undefined. (3,
/// "not in", is about a colleague who is absent; dozvon never knows that.)
const fn call_status(contact: &Contact) -> u8 {
    match (contact.happening, contact.result) {
        (Happening::MissedCall, _) => 6,
        (_, None | Some(Disposition::Reached | Disposition::Refused)) => 4,
        (_, Some(Disposition::Voicemail)) => 1,
        (_, Some(Disposition::CallLater)) => 2,
        (_, Some(Disposition::WrongNumber | Disposition::InvalidNumber)) => 5,
        (
            _,
            Some(
                Disposition::NoAnswer
                | Disposition::Rejected
                | Disposition::TechnicalFailure
                | Disposition::Cancelled
                | Disposition::Abandoned
                | Disposition::Orphaned,
            ),
        ) => 6,
        (_, Some(Disposition::Busy)) => 7,
        (_, Some(Disposition::Other)) => 8,
    }
}

/// The type of a note that records a call.
const fn note_type(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "call_in",
        Direction::Outbound => "call_out",
    }
}

/// Whether the last ten digits are equal, which is how amoCRM compares numbers.
fn is_same(text: &str, number: &E164) -> bool {
    let last = |text: &str| {
        let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
        digits.iter().rev().take(10).copied().collect::<Vec<_>>()
    };
    let ours = last(number.digits());
    ours.len() >= 7 && last(text) == ours
}
