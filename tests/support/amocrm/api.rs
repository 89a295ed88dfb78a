//! How the amoCRM stand-in handles a request to `/api/v4`.

use serde_json::{Value, json};

use super::{Account, Note, problem};

type Query = [(String, String)];

impl Account {
    pub fn carry_out(&mut self, method: &str, path: &str, query: &Query, body: &Value) -> (u16, Value) {
        let parts: Vec<&str> = path.split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["calls"]) => self.add_call(&body[0]),
            ("GET", [kind @ ("contacts" | "companies")]) => self.search(kind, query),
            ("GET", ["leads", "unsorted"]) => self.list_unsorted(query),
            ("POST", ["leads", "unsorted", kind @ ("sip" | "forms")]) => self.add_unsorted(kind, &body[0]),
            ("POST", ["tasks"]) => self.add_task(&body[0]),
            ("GET", ["tasks"]) => {
                let of = |task: &&Value| {
                    has(query, "filter[entity_type]", &task["entity_type"])
                        && has(query, "filter[entity_id]", &task["entity_id"])
                };
                list("tasks", self.tasks.iter().filter(of).rev().cloned().collect())
            }
            ("PATCH", ["tasks", id]) => self.change_task(id, body),
            ("GET", [kind, id, "notes"]) => {
                let notes = self.notes.iter().filter(|note| {
                    note.place == ((*kind).to_owned(), id.parse().unwrap())
                        && has(query, "filter[note_type]", &json!(note.kind))
                });
                let shown = |note: &Note| json!({ "note_type": note.kind, "params": note.params });
                list("notes", notes.rev().map(shown).collect())
            }
            ("POST", [kind, id, "notes"]) => self.add_note(kind, id.parse().unwrap(), &body[0]),
            _ => panic!("amoCRM knows no {method} {path}"),
        }
    }

    fn add_call(&mut self, call: &Value) -> (u16, Value) {
        let direction = call["direction"].as_str().unwrap_or_default();
        let good = [
            ("direction", ["inbound", "outbound"].contains(&direction)),
            ("duration", call["duration"].is_u64()),
            ("source", call["source"].is_string()),
            ("phone", call["phone"].is_string()),
            ("call_status", call["call_status"].as_u64().is_none_or(|status| (1..=8).contains(&status))),
            ("responsible_user_id", self.is_user(&call["responsible_user_id"])),
        ];
        if let Some(refusal) = refusal(&good) {
            return refusal;
        }
        let phone = call["phone"].as_str().unwrap();
        let of_kind = |kind: &str| {
            self.cards.iter().find(|card| card.kind == kind && last(&card.phone, 10) == last(phone, 10))
        };
        let Some(card) = of_kind("contacts").or_else(|| of_kind("companies")) else {
            let error =
                json!({ "request_id": "0", "status": 263, "title": "Entity not found", "detail": "" });
            return (400, json!({ "_total_items": 0, "errors": [error], "_embedded": { "calls": [] } }));
        };
        let (kind, id) = (card.kind, card.id);
        let note = if direction == "inbound" { "call_in" } else { "call_out" };
        self.notes.push(Note { place: (kind.to_owned(), id), kind: note.to_owned(), params: call.clone() });
        self.calls.push(call.clone());
        let entity = if kind == "contacts" { "contact" } else { "company" };
        let made = json!({ "id": self.next_id(), "entity_id": id, "entity_type": entity, "request_id": "0" });
        (200, json!({ "_total_items": 1, "errors": [], "_embedded": { "calls": [made] } }))
    }

    /// It searches by the last seven digits.
    fn search(&self, kind: &str, query: &Query) -> (u16, Value) {
        let wanted = query.iter().find(|(key, _)| key == "query").map(|(_, value)| last(value, 7));
        let with_leads = query.contains(&("with".to_owned(), "leads".to_owned()));
        let found =
            self.cards.iter().filter(|card| card.kind == kind && wanted == Some(last(&card.phone, 7)));
        let shown = found.map(|card| {
            let leads: Vec<_> =
                card.leads.iter().filter(|_| with_leads).map(|id| json!({ "id": id })).collect();
            json!({
                "id": card.id, "responsible_user_id": card.user, "_embedded": { "leads": leads },
                "custom_fields_values": [
                    { "field_code": "EMAIL", "values": [{ "value": "a@example.ru" }] },
                    { "field_code": "PHONE", "values": [{ "value": card.phone, "enum_code": "WORK" }] },
                ],
            })
        });
        list(kind, shown.collect())
    }

    /// Of a contact among the unsorted it tells the id alone.
    fn list_unsorted(&self, query: &Query) -> (u16, Value) {
        let number = |key: &str| {
            query.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.parse::<usize>().ok())
        };
        let (page, limit) = (number("page").unwrap(), number("limit").unwrap());
        let shown = self.unsorted.iter().rev().skip((page - 1) * limit).take(limit).map(|item| {
            let mut shown = item.clone();
            let lead = item["lead"].as_u64().unwrap();
            shown["_embedded"] = json!({ "leads": [{ "id": lead }], "contacts": [{ "id": lead + 100_000 }] });
            shown
        });
        list("unsorted", shown.collect())
    }

    fn add_unsorted(&mut self, kind: &str, item: &Value) -> (u16, Value) {
        let metadata = &item["metadata"];
        let of_kind = if kind == "sip" {
            ["from", "phone", "service_code", "uniq", "link"].iter().all(|key| metadata[key].is_string())
                && metadata["called_at"].is_u64()
                && metadata["duration"].is_u64()
        } else {
            ["form_id", "form_name", "form_page"].iter().all(|key| metadata[key].is_string())
                && metadata["form_sent_at"].is_u64()
        };
        let good = [
            ("source_uid", item["source_uid"].is_string()),
            ("source_name", item["source_name"].is_string()),
            ("metadata", of_kind),
        ];
        if let Some(refusal) = refusal(&good) {
            return refusal;
        }
        if self.unsorted.iter().any(|known| known["source_uid"] == item["source_uid"]) {
            return invalid("source_uid", "NotUnique");
        }
        let lead = self.next_id();
        let mut kept = item.clone();
        kept["category"] = json!(kind);
        kept["lead"] = json!(lead);
        self.unsorted.push(kept);
        let made = json!({ "uid": "u", "request_id": "0", "_embedded": { "leads": [{ "id": lead }] } });
        (200, json!({ "_total_items": 1, "_embedded": { "unsorted": [made] } }))
    }

    fn add_task(&mut self, task: &Value) -> (u16, Value) {
        let (kind, id) = (task["entity_type"].as_str().unwrap_or_default(), &task["entity_id"]);
        let good = [
            ("text", task["text"].as_str().is_some_and(|text| !text.is_empty())),
            ("complete_till", task["complete_till"].as_u64().is_some_and(|till| till > 0)),
            ("entity_id", self.is_card(kind, id.as_u64().unwrap_or_default())),
            ("responsible_user_id", self.is_user(&task["responsible_user_id"])),
        ];
        if let Some(refusal) = refusal(&good) {
            return refusal;
        }
        let mut kept = task.clone();
        let id = self.next_id();
        kept["id"] = json!(id);
        kept["is_completed"] = json!(false);
        self.tasks.push(kept);
        (200, json!({ "_embedded": { "tasks": [{ "id": id, "request_id": task["request_id"] }] } }))
    }

    fn change_task(&mut self, id: &str, body: &Value) -> (u16, Value) {
        let Some(task) = self.tasks.iter_mut().find(|task| task["id"].as_u64() == id.parse().ok()) else {
            return (404, problem(404, "Not Found"));
        };
        task["is_completed"] = body["is_completed"].clone();
        task["result"] = body["result"].clone();
        (200, json!({ "id": task["id"] }))
    }

    fn add_note(&mut self, kind: &str, id: u64, note: &Value) -> (u16, Value) {
        let params = &note["params"];
        let is_call = ["uniq", "phone", "source"].iter().all(|key| params[key].is_string());
        let good = [
            ("entity_id", self.is_card(kind, id)),
            ("params", if note["note_type"] == "common" { params["text"].is_string() } else { is_call }),
        ];
        if let Some(refusal) = refusal(&good) {
            return refusal;
        }
        let note_type = note["note_type"].as_str().unwrap().to_owned();
        self.notes.push(Note { place: (kind.to_owned(), id), kind: note_type, params: params.clone() });
        (200, json!({ "_embedded": { "notes": [{ "id": self.next_id() }] } }))
    }

    fn is_card(&self, kind: &str, id: u64) -> bool {
        let waits = kind == "leads" && self.unsorted.iter().any(|item| item["lead"] == id);
        waits || self.cards.iter().any(|card| card.kind == kind && card.id == id)
    }

    fn is_user(&self, user: &Value) -> bool {
        user.is_null() || user.as_u64().is_some_and(|user| self.users.contains(&user))
    }
}

/// Whether a filter lets a value through: `key`, `key[]` or `key[0]`, any of them; no filter lets everything through.
fn has(query: &Query, key: &str, value: &Value) -> bool {
    let wanted: Vec<_> = query.iter().filter(|(name, _)| name.starts_with(key)).collect();
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    wanted.is_empty() || wanted.iter().any(|(_, wanted)| *wanted == text)
}

/// A list; an empty one is no content.
fn list(name: &str, items: Vec<Value>) -> (u16, Value) {
    if items.is_empty() { (204, Value::Null) } else { (200, json!({ "_embedded": { name: items } })) }
}

/// What is said of the first field that is not good.
fn refusal(good: &[(&str, bool)]) -> Option<(u16, Value)> {
    good.iter().find(|(_, good)| !good).map(|(path, _)| invalid(path, "FieldMissing"))
}

fn invalid(path: &str, code: &str) -> (u16, Value) {
    let mut said = problem(400, "Bad Request");
    let error = json!({ "code": code, "path": path, "detail": "This field is not as it should be." });
    said["validation-errors"] = json!([{ "request_id": "0", "errors": [error] }]);
    (400, said)
}

fn last(text: &str, count: usize) -> String {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    digits.iter().skip(digits.len().saturating_sub(count)).collect()
}
