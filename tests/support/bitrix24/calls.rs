//! The telephony of the Bitrix24 stand-in, as an application uses it: a call is registered, then finished, then listed
//! in the statistics.
//!
//! Source: github.com/bitrix24/b24restdocs, api-reference/telephony.

use serde_json::{Value, json};

/// A call that somebody told the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub id: String,
    /// Number, type and user, which say that it is the same one when it is registered again; and our own id for it.
    pub key: [String; 4],
    /// The card that it stands on.
    pub card: String,
    /// Its status and its seconds; none until it is finished.
    pub end: Option<(String, u64)>,
}

/// The calls of a portal.
#[derive(Debug, Default)]
pub struct Calls {
    pub calls: Vec<Call>,
    /// Whether more than 30 minutes pass between any two requests: then a call that is registered again is another.
    pub forgetful: bool,
    /// How many registrations the portal refuses for good before it takes one.
    pub refuse: usize,
    /// The second of the portal's clock, which is a part of a call's id. It goes on when one of it has been used.
    pub second: u32,
}

impl Calls {
    /// Does what a method says.
    ///
    /// # Errors
    /// The description of `ERROR_CORE`.
    pub fn carry_out(&mut self, method: &str, query: &Value) -> Result<Value, String> {
        match method {
            "telephony.externalCall.register" => self.register(query),
            "telephony.externalCall.finish" => self.finish(query),
            "voximplant.statistic.get" => Ok(self.statistic(query)),
            other => panic!("the portal knows no {other}"),
        }
    }

    fn register(&mut self, query: &Value) -> Result<Value, String> {
        let user = user(query)?;
        if self.refuse > 0 {
            self.refuse -= 1;
            return Err("This number is on the portal's black list".to_owned());
        }
        if !matches!(query["TYPE"].as_u64(), Some(1..=5)) {
            return Err("Unknown TYPE".to_owned());
        }
        let word = |field: &str| query[field].as_str().unwrap_or_default().to_owned();
        if chrono::DateTime::parse_from_rfc3339(&word("CALL_START_DATE")).is_err() {
            return Err("CALL_START_DATE should be in the ISO-8601 format".to_owned());
        }
        let key = [word("PHONE_NUMBER"), query["TYPE"].to_string(), user, word("EXTERNAL_CALL_ID")];
        // Our own identity of a call does not make it another one (github.com/bitrix-tools/b24-rest-docs issue 175).
        let open = |call: &&Call| call.end.is_none() && call.key[..3] == key[..3];
        if let Some(known) = self.calls.iter().find(open).filter(|_| !self.forgetful) {
            return Ok(json!({ "CALL_ID": known.id, "CRM_CREATED_LEAD": null, "CRM_CREATED_ENTITIES": [] }));
        }
        let id = format!("externalCall.{}.{}", key[..3].join("/"), self.second);
        if self.calls.iter().any(|call| call.id == id) {
            self.second += 1;
            if !self.forgetful {
                return Ok(json!({ "CALL_ID": id, "CRM_CREATED_LEAD": null, "CRM_CREATED_ENTITIES": [] }));
            }
        }
        let id = format!("externalCall.{}.{}", key[..3].join("/"), self.second);
        let card = format!("{} {}", word("CRM_ENTITY_TYPE"), query["CRM_ENTITY_ID"]);
        self.calls.push(Call { id: id.clone(), key, card, end: None });
        Ok(json!({ "CALL_ID": id, "CRM_CREATED_LEAD": null, "CRM_CREATED_ENTITIES": [] }))
    }

    fn finish(&mut self, query: &Value) -> Result<Value, String> {
        let user = user(query)?;
        let open = |call: &&mut Call| call.end.is_none() && query["CALL_ID"] == call.id.as_str();
        let call = self.calls.iter_mut().find(open);
        let call = call.ok_or("Call is not found (call should be registered prior to finishing)")?;
        let status = query["STATUS_CODE"].as_str().unwrap_or("OTHER").to_owned();
        call.end = Some((status, query["DURATION"].as_u64().unwrap_or_default()));
        call.key[2] = user;
        Ok(json!({ "ID": 1 + self.calls.len(), "CALL_ID": query["CALL_ID"] }))
    }

    fn statistic(&self, query: &Value) -> Value {
        let wanted = query.pointer("/FILTER/EXTERNAL_CALL_ID").and_then(Value::as_str).unwrap_or_default();
        let of = self.calls.iter().filter(|call| call.end.is_some() && call.key[3] == wanted);
        of.map(|call| json!({ "ID": "7", "CALL_ID": call.id, "EXTERNAL_CALL_ID": wanted })).collect()
    }

    /// Those that are finished: number, type, user, status and seconds.
    pub fn finished(&self) -> Vec<String> {
        let row = |call: &Call| {
            let (status, seconds) = call.end.as_ref()?;
            let [number, kind, user, _] = &call.key;
            Some(format!("{number} type {kind} user {user} on {}: {status}, {seconds} s", call.card))
        };
        self.calls.iter().filter_map(row).collect()
    }
}

/// Whose call it is.
fn user(query: &Value) -> Result<String, String> {
    let user = query["USER_ID"].as_str().or(query["USER_PHONE_INNER"].as_str());
    user.map(str::to_owned).ok_or_else(|| "USER_ID or USER_PHONE_INNER should be set".to_owned())
}
