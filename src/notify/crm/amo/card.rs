//! amoCRM's cards: finding them, and writing notes and tasks on them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Amo, PAGE, id_of, is_same, note_type, set};
use crate::notify::Trouble;
use crate::notify::crm::contact::Contact;
use crate::phone::E164;

/// How many pages of the unsorted leads, newest first, are searched.
const PAGES: usize = 4;
/// How many cards are named in one request.
const IDS: usize = 50;

/// A contact, a company or a lead.
#[derive(Debug, Clone)]
pub struct Card {
    /// `contacts`, `companies` or `leads`.
    pub kind: String,
    pub id: u64,
    /// The leads of the card: its calls may be recorded there.
    pub leads: Vec<u64>,
    pub owner: Option<u64>,
    /// Whether the card is still among the unsorted, where amoCRM does not find it by its number.
    pub unsorted: bool,
    /// The id of the call or request from which the card was made.
    pub uniq: Option<String>,
}

impl Card {
    fn new(kind: &str, id: u64) -> Self {
        Self { kind: kind.to_owned(), id, leads: Vec::new(), owner: None, unsorted: false, uniq: None }
    }

    /// Reads from amoCRM's answer on which card it recorded a call.
    pub fn of_call(said: &Value) -> Option<Self> {
        let call = said.pointer("/_embedded/calls/0")?;
        let kind = match call.get("entity_type")?.as_str()? {
            "contact" | "contacts" => "contacts",
            "company" | "companies" => "companies",
            "lead" | "leads" => "leads",
            _ => return None,
        };
        Some(Self::new(kind, id_of(call.get("entity_id"))?))
    }

    pub fn place(&self) -> String {
        format!("{} {}", self.kind, self.id)
    }
}

impl Amo {
    /// Finds the card with the customer's number, else their lead among the unsorted.
    pub(super) async fn find(&self, contact: &Contact) -> Result<Option<Card>, Trouble> {
        match self.find_by_number(&contact.number).await? {
            Some(card) => Ok(Some(card)),
            None => self.in_unsorted(contact).await,
        }
    }

    /// Finds the contact, else the company, with a number: amoCRM records calls on both. It searches by the last seven
    /// digits; the other digits are compared here.
    pub(super) async fn find_by_number(&self, number: &E164) -> Result<Option<Card>, Trouble> {
        for kind in ["contacts", "companies"] {
            let path = format!("{kind}?query={}&with=leads&limit={PAGE}", number.digits());
            let found = self.wire.get(&path).await?;
            let item = items(&found, kind).iter().find(|item| has_phone(item, number));
            if let Some((item, id)) = item.and_then(|item| Some((item, id_of(item.get("id"))?))) {
                let mut card = Card::new(kind, id);
                card.leads = items(item, "leads").iter().filter_map(|lead| id_of(lead.get("id"))).collect();
                card.owner = id_of(item.get("responsible_user_id"));
                return Ok(Some(card));
            }
        }
        Ok(None)
    }

    /// Finds the unsorted lead that was made from this contact, else one with the same number.
    pub(super) async fn in_unsorted(&self, contact: &Contact) -> Result<Option<Card>, Trouble> {
        let (id, mut same_number) = (contact.id.to_string(), None);
        for page in 1..=PAGES {
            let path = format!("leads/unsorted?page={page}&limit={PAGE}&order[created_at]=desc");
            let found = self.wire.get(&path).await?;
            let list = items(&found, "unsorted");
            for item in list {
                let text = |at: &str| item.pointer(at).and_then(Value::as_str).unwrap_or_default();
                let is_ours = text("/metadata/uniq") == id || text("/source_uid") == id;
                let from = items(item, "contacts").iter().any(|person| has_phone(person, &contact.number));
                let has_number = from || is_same(text("/metadata/from"), &contact.number);
                if let Some(lead) =
                    id_of(item.pointer("/_embedded/leads/0/id")).filter(|_| is_ours || has_number)
                {
                    let mut card = Card::new("leads", lead);
                    card.unsorted = true;
                    card.uniq = is_ours.then(|| id.clone());
                    if is_ours {
                        return Ok(Some(card));
                    }
                    same_number.get_or_insert(card);
                }
            }
            if list.len() < PAGE {
                break;
            }
        }
        Ok(same_number)
    }

    /// Whether a note on the card or its leads records this call.
    pub(super) async fn has_call(&self, card: &Card, contact: &Contact) -> Result<bool, Trouble> {
        let places =
            std::iter::once((card.kind.as_str(), card.id)).chain(card.leads.iter().map(|id| ("leads", *id)));
        let uniq = contact.id.to_string();
        for (kind, id) in places {
            let kinds = "filter[note_type][0]=call_in&filter[note_type][1]=call_out";
            let path = format!("{kind}/{id}/notes?{kinds}&limit={PAGE}&order[updated_at]=desc");
            let found = self.wire.get(&path).await?;
            let is_it =
                |note: &&Value| note.pointer("/params/uniq").and_then(Value::as_str) == Some(uniq.as_str());
            if items(&found, "notes").iter().any(|note| is_it(&note)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Records the call as a note on a card that amoCRM does not find by its number.
    pub(super) async fn call_note(&self, contact: &Contact, card: &Card) -> Result<(), Trouble> {
        let note = json!({ "note_type": note_type(contact.direction), "params": self.call_fields(contact) });
        self.post(&format!("{}/{}/notes", card.kind, card.id), note).await.map(drop)
    }

    /// Writes a note about the contact. Returns its place, and whether it existed already.
    pub(super) async fn text_note(&self, contact: &Contact, card: &Card) -> Result<(String, bool), Trouble> {
        let path = format!("{}/{}/notes", card.kind, card.id);
        let query = format!("{path}?filter[note_type][0]=common&limit={PAGE}&order[updated_at]=desc");
        let (found, mark) = (self.wire.get(&query).await?, contact.mark());
        let is_it = |note: &Value| {
            note.pointer("/params/text").and_then(Value::as_str).is_some_and(|text| text.contains(&mark))
        };
        let already = items(&found, "notes").iter().any(is_it);
        if !already {
            let text = contact.text(self.settings.language);
            self.post(&path, json!({ "note_type": "common", "params": { "text": text } })).await?;
        }
        Ok((format!("note of {}", card.place()), already))
    }

    /// Makes the task to call. Returns its place, and whether it existed already.
    pub(super) async fn task(&self, contact: &Contact, card: &Card) -> Result<(String, bool), Trouble> {
        let mark = contact.mark();
        if let Some(task) = self.tasks(card).await?.iter().find(|task| text_of(task).contains(&mark)) {
            return Ok((format!("task {}", id_of(task.get("id")).unwrap_or_default()), true));
        }
        let language = self.settings.language;
        let mut task = json!({
            "text": format!("{}\n{}", contact.title(language), contact.text(language)), "task_type_id": 1,
            "complete_till": contact.deadline.unwrap_or(contact.started_at).0.div_euclid(1000),
            "entity_id": card.id, "entity_type": card.kind, "request_id": contact.id,
        });
        if let Some(user) = self.user(contact) {
            set(&mut task, "responsible_user_id", json!(user));
        }
        let said = self.post("tasks", task).await?;
        Ok((format!("task {}", id_of(said.pointer("/_embedded/tasks/0/id")).unwrap_or_default()), false))
    }

    /// Completes the open tasks of a closed case.
    pub(super) async fn complete_tasks(&self, contact: &Contact, card: &Card) -> Result<(), Trouble> {
        let Some(mark) = contact.case_mark() else { return Ok(()) };
        let result = contact.title(self.settings.language);
        for task in self.tasks(card).await? {
            let is_open = task.get("is_completed").and_then(Value::as_bool) != Some(true);
            if let Some(id) = id_of(task.get("id")).filter(|_| is_open && text_of(&task).contains(&mark)) {
                let done = json!({ "is_completed": true, "result": { "text": result } });
                self.accept(&Method::PATCH, &format!("tasks/{id}"), &done).await?;
            }
        }
        Ok(())
    }

    /// Returns the tasks of the card and of its leads: a lead may have got its task while it was unsorted.
    async fn tasks(&self, card: &Card) -> Result<Vec<Value>, Trouble> {
        let mut tasks = Vec::new();
        for (kind, ids) in [(card.kind.as_str(), [card.id].as_slice()), ("leads", card.leads.as_slice())] {
            for some in ids.chunks(IDS) {
                let ids: String =
                    some.iter().zip(0..).map(|(id, at)| format!("&filter[entity_id][{at}]={id}")).collect();
                let path = format!("tasks?filter[entity_type]={kind}{ids}");
                let found = self.wire.get(&format!("{path}&limit={PAGE}&order[created_at]=desc")).await?;
                tasks.extend_from_slice(items(&found, "tasks"));
            }
        }
        Ok(tasks)
    }

    async fn post(&self, path: &str, item: Value) -> Result<Value, Trouble> {
        self.accept(&Method::POST, path, &json!([item])).await
    }

    async fn accept(&self, method: &Method, path: &str, body: &Value) -> Result<Value, Trouble> {
        match self.wire.send(method, path, body).await? {
            super::Reply::Done(said) => Ok(said),
            super::Reply::Bad(_, reason) => Err(Trouble::refused(reason)),
        }
    }
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let list = value.get("_embedded").and_then(|embedded| embedded.get(name)).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn text_of(task: &Value) -> &str {
    task.get("text").and_then(Value::as_str).unwrap_or_default()
}

fn has_phone(person: &Value, number: &E164) -> bool {
    let fields =
        person.get("custom_fields_values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let phones = fields.iter().filter(|field| field.get("field_code") == Some(&json!("PHONE")));
    let values = phones.filter_map(|field| field.get("values").and_then(Value::as_array)).flatten();
    values.filter_map(|value| value.get("value").and_then(Value::as_str)).any(|text| is_same(text, number))
}
