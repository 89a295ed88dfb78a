//! Bitrix24: by an inbound webhook (cards and activities) or as an application (its calls too).
//!
//! Source: github.com/bitrix24/b24restdocs. Only an application can register calls. What was written before is found
//! by `EXTERNAL_CALL_ID` (calls), `originatorId` and `originId` (leads) and the mark in an activity's subject.

mod registered;
mod reply;
mod wire;

use std::sync::Arc;

use serde_json::{Value, json};

use super::contact::{Contact, Direction, Happening};
use super::tokens::TokenStore;
use super::{Owner, Receipt, id_of, user_of};
use crate::clock::{Clock, UnixMs};
use crate::config::crm::Settings;
use crate::missed::attempt::Disposition;
use crate::notify::Trouble;
use crate::phone::E164;
use registered::Registered;
use wire::Wire;

/// The name of the source of leads.
const ORIGINATOR: &str = "dozvon";

/// A Bitrix24 portal.
#[derive(Debug)]
pub struct Bitrix24 {
    wire: Wire,
    settings: Settings,
    registered: Registered,
    /// Locked while a lead is made: two contacts of a new number at the same time would make two leads.
    leads: tokio::sync::Mutex<()>,
    clock: Clock,
}

/// A card: a lead, a contact or a company.
#[derive(Debug, Clone)]
struct Card {
    kind: &'static str,
    type_id: u64,
    id: u64,
    owner: Option<Owner>,
}

impl Bitrix24 {
    pub(super) fn new(
        settings: Settings,
        token_store: Arc<dyn TokenStore>,
        clock: Clock,
    ) -> Result<Self, String> {
        let wire = Wire::new(&settings, token_store, clock)?;
        Ok(Self {
            wire,
            settings,
            registered: Registered::default(),
            leads: tokio::sync::Mutex::default(),
            clock,
        })
    }

    pub(super) async fn record(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        match self.write(contact).await {
            Ok(receipt) => Ok(receipt),
            Err(trouble) => Err(self.wire.hide(trouble).await),
        }
    }

    pub(super) async fn owner(&self, number: &E164) -> Result<Option<Owner>, Trouble> {
        match self.find(number).await {
            Ok(card) => Ok(card.and_then(|card| card.owner)),
            Err(trouble) => Err(self.wire.hide(trouble).await),
        }
    }

    async fn write(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        let card = self.card(contact).await?;
        let (mut places, mut already) = (Vec::new(), true);
        let mut note = |(place, was_there): (String, bool)| {
            places.push(place);
            already &= was_there;
        };
        let as_call = self.settings.has_app() && contact.is_call();
        if as_call {
            note(self.call(contact, card.as_ref()).await?);
        }
        if let Some(card) = card.filter(|_| !as_call || contact.deadline.is_some()) {
            note(self.activity(contact, &card).await?);
            if contact.happening == Happening::CaseClosed {
                self.complete_tasks(contact, &card).await?;
            }
        }
        if places.is_empty() {
            let place = "nowhere: no card has the number, and [crm] create_leads is off".to_owned();
            return Ok(Receipt { place, already: false });
        }
        Ok(Receipt { place: places.join(", "), already })
    }

    /// Finds the customer's card; makes a lead if there is none.
    async fn card(&self, contact: &Contact) -> Result<Option<Card>, Trouble> {
        if let Some(card) = self.find(&contact.number).await? {
            return Ok(Some(card));
        }
        let origin = contact.number.as_str();
        let _turn = self.leads.lock().await;
        let filter = json!({ "originatorId": ORIGINATOR, "originId": origin });
        let select = json!(["id", "assignedById"]);
        let query = json!({ "entityTypeId": 1, "filter": filter, "select": select });
        let found = self.wire.call("crm.item.list", query).await?;
        if let Some(id) = id_of(found.pointer("/items/0/id")) {
            return Ok(Some(Card { kind: "LEAD", type_id: 1, id, owner: None }));
        }
        if !self.settings.create_leads {
            return Ok(None);
        }
        let mut fields = json!({
            "title": contact.title(self.settings.language), "originatorId": ORIGINATOR, "originId": origin,
            "fm": [{ "typeId": "PHONE", "valueType": "WORK", "value": origin }],
        });
        if let Some(user) = self.user(contact) {
            set(&mut fields, "assignedById", json!(user));
        }
        let made = self.wire.call("crm.item.add", json!({ "entityTypeId": 1, "fields": fields })).await?;
        let id = id_of(made.pointer("/item/id"))
            .ok_or_else(|| Trouble::passing("crm.item.add gave no lead back"))?;
        Ok(Some(Card { kind: "LEAD", type_id: 1, id, owner: None }))
    }

    /// Finds the card with a number: a contact before a company before a lead.
    async fn find(&self, number: &E164) -> Result<Option<Card>, Trouble> {
        let query = json!({ "PHONE_NUMBER": number.as_str() });
        let found = self.wire.call("telephony.externalCall.searchCrmEntities", query).await?;
        let entries = found.as_array().map(Vec::as_slice).unwrap_or_default();
        for (kind, type_id) in [("CONTACT", 3), ("COMPANY", 4), ("LEAD", 1)] {
            let of_kind = entries.iter().filter(|entry| entry.get("CRM_ENTITY_TYPE") == Some(&json!(kind)));
            for entry in of_kind {
                if let Some(id) = id_of(entry.get("CRM_ENTITY_ID")) {
                    return Ok(Some(Card { kind, type_id, id, owner: self.owner_in(entry) }));
                }
            }
        }
        Ok(None)
    }

    fn owner_in(&self, entry: &Value) -> Option<Owner> {
        let user = id_of(entry.get("ASSIGNED_BY_ID"))?.to_string();
        Some(Owner { agent: self.settings.users.get(&user).cloned(), user })
    }

    fn user(&self, contact: &Contact) -> Option<&str> {
        let default = Some(self.settings.default_user.as_str()).filter(|user| !user.is_empty());
        user_of(&self.settings.users, contact.agent.as_ref()).or(default)
    }

    /// Registers the call in Bitrix24's telephony. Returns its place, and whether it existed already.
    async fn call(&self, contact: &Contact, card: Option<&Card>) -> Result<(String, bool), Trouble> {
        let external = contact.id.to_string();
        let mut whose = json!({});
        self.put_user(contact, &mut whose);
        let key = (contact.number.to_string(), call_type(contact), whose.to_string());
        let query = json!({ "FILTER": { "EXTERNAL_CALL_ID": external } });
        let known = self.wire.call("voximplant.statistic.get", query).await?;
        if let Some(id) = id_of(known.pointer("/0/ID")) {
            self.registered.leave(&key, contact.id, None);
            return Ok((format!("call {id}"), true));
        }
        self.registered.enter(&key, contact.id, self.clock.now())?;
        let call = self.register(contact, card, &external).await.inspect_err(|trouble| {
            // The portal has not registered a call that it refused: other calls of the number need not wait for it.
            if matches!(trouble, Trouble::Refused { .. } | Trouble::Gone { .. }) {
                self.registered.leave(&key, contact.id, None);
            }
        })?;
        self.registered.is_new(&call, contact.id)?;
        let place = self.finish(contact, &call).await?;
        self.registered.leave(&key, contact.id, Some(&call));
        Ok((place, false))
    }

    async fn register(
        &self,
        contact: &Contact,
        card: Option<&Card>,
        external: &str,
    ) -> Result<String, Trouble> {
        let mut register = json!({
            "PHONE_NUMBER": contact.number.as_str(), "TYPE": call_type(contact),
            "CALL_START_DATE": iso(contact.started_at), "EXTERNAL_CALL_ID": external,
            "CRM_CREATE": 0, "SHOW": 0, "ADD_TO_CHAT": 0,
        });
        if let Some(card) = card {
            set(&mut register, "CRM_ENTITY_TYPE", json!(card.kind));
            set(&mut register, "CRM_ENTITY_ID", json!(card.id));
        }
        self.put_user(contact, &mut register);
        let registered = self.wire.call("telephony.externalCall.register", register).await?;
        let call = registered.get("CALL_ID").and_then(Value::as_str).map(str::to_owned);
        call.ok_or_else(|| Trouble::passing("telephony.externalCall.register gave no CALL_ID back"))
    }

    async fn finish(&self, contact: &Contact, call: &str) -> Result<String, Trouble> {
        let mut finish = json!({
            "CALL_ID": call, "DURATION": contact.duration_s(), "STATUS_CODE": status_code(contact), "ADD_TO_CHAT": 0,
        });
        if let Some(result) = contact.result {
            set(&mut finish, "FAILED_REASON", json!(result.as_str()));
        }
        self.put_user(contact, &mut finish);
        let finished = self.wire.call(reply::FINISH, finish).await?;
        let id = id_of(finished.get("ID")).map_or_else(|| call.to_owned(), |id| id.to_string());
        Ok(format!("call {id}"))
    }

    /// Sets the call's user: the agent's user, else the default user.
    fn put_user(&self, contact: &Contact, fields: &mut Value) {
        let user = user_of(&self.settings.users, contact.agent.as_ref());
        set(fields, "USER_ID", json!(user.unwrap_or(&self.settings.default_user)));
    }

    /// Makes an activity on the card: open until the deadline if the customer is to be called, else completed. Returns
    /// its place, and whether it existed already.
    async fn activity(&self, contact: &Contact, card: &Card) -> Result<(String, bool), Trouble> {
        let found = self.activities(card, &contact.mark()).await?;
        let (id, already, done) = match found.first() {
            Some(activity) => {
                (id_of(activity.get("ID")), true, activity.get("COMPLETED") == Some(&json!("Y")))
            }
            None => (Some(self.add_activity(contact, card).await?), false, false),
        };
        let id = id.ok_or_else(|| Trouble::passing("crm.activity.list gave an activity without ID"))?;
        if contact.deadline.is_none() && !done {
            self.complete(id).await?;
            return Ok((format!("activity {id}"), false));
        }
        Ok((format!("activity {id}"), already))
    }

    async fn add_activity(&self, contact: &Contact, card: &Card) -> Result<u64, Trouble> {
        let language = self.settings.language;
        let marks = [contact.case_mark(), Some(contact.mark())].into_iter().flatten().collect::<Vec<_>>();
        let mut todo = json!({
            "ownerTypeId": card.type_id, "ownerId": card.id,
            "deadline": iso(contact.deadline.unwrap_or(contact.started_at)),
            "title": format!("{} [{}]", contact.title(language), marks.join(" ")),
            "description": contact.text(language),
        });
        if contact.deadline.is_some() {
            set(&mut todo, "pingOffsets", json!([0]));
        }
        if let Some(user) = self.user(contact) {
            set(&mut todo, "responsibleId", json!(user));
        }
        let made = self.wire.call("crm.activity.todo.add", todo).await?;
        id_of(made.get("id")).ok_or_else(|| Trouble::passing("crm.activity.todo.add gave no activity back"))
    }

    /// Completes the open tasks of a closed case.
    async fn complete_tasks(&self, contact: &Contact, card: &Card) -> Result<(), Trouble> {
        let Some(mark) = contact.case_mark() else { return Ok(()) };
        for activity in self.activities(card, &mark).await? {
            if let Some(id) =
                id_of(activity.get("ID")).filter(|_| activity.get("COMPLETED") != Some(&json!("Y")))
            {
                self.complete(id).await?;
            }
        }
        Ok(())
    }

    async fn activities(&self, card: &Card, mark: &str) -> Result<Vec<Value>, Trouble> {
        let filter = json!({ "OWNER_TYPE_ID": card.type_id, "OWNER_ID": card.id, "%SUBJECT": mark });
        let query = json!({ "filter": filter, "select": ["ID", "COMPLETED"], "order": { "ID": "DESC" } });
        Ok(self.wire.call("crm.activity.list", query).await?.as_array().cloned().unwrap_or_default())
    }

    async fn complete(&self, id: u64) -> Result<(), Trouble> {
        let done = json!({ "id": id, "fields": { "COMPLETED": "Y" } });
        self.wire.call("crm.activity.update", done).await.map(drop)
    }
}

fn set(fields: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = fields {
        fields.insert(key.to_owned(), value);
    }
}

fn iso(at: UnixMs) -> String {
    at.utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

/// `TYPE` of telephony.externalCall.register: 1 out, 2 in, 4 callback.
const fn call_type(contact: &Contact) -> u8 {
    match (contact.happening, contact.direction) {
        (Happening::Attempt, _) => 4,
        (_, Direction::Outbound) => 1,
        (_, Direction::Inbound) => 2,
    }
}

/// `STATUS_CODE` of telephony.externalCall.finish.
const fn status_code(contact: &Contact) -> &'static str {
    match (contact.happening, contact.result) {
        (Happening::MissedCall, _) => "304",
        (_, None | Some(Disposition::Reached | Disposition::CallLater | Disposition::Refused)) => "200",
        (_, Some(Disposition::NoAnswer | Disposition::Voicemail)) => "480",
        (_, Some(Disposition::Busy)) => "486",
        (_, Some(Disposition::Rejected)) => "603",
        (_, Some(Disposition::InvalidNumber)) => "404",
        (_, Some(Disposition::TechnicalFailure)) => "503",
        (_, Some(Disposition::Cancelled)) => "603-S",
        (
            _,
            Some(
                Disposition::WrongNumber
                | Disposition::Abandoned
                | Disposition::Orphaned
                | Disposition::Other,
            ),
        ) => "OTHER",
    }
}
