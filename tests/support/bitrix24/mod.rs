//! A stand-in for Bitrix24 on loopback: cards, leads and activities, as an inbound webhook sees them, and (in `calls`)
//! calls, as only an application sees them.
//!
//! Source: github.com/bitrix24/b24restdocs.

mod calls;

use std::collections::{BTreeMap, VecDeque};
use std::future::ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::http::{Request, Response, StatusCode};
use dozvon::config::crm::{Kind, Settings};
use dozvon::secret::Secret;
use serde_json::{Value, json};

use super::http::serve;

/// Something that stands on a card.
#[derive(Debug, Clone)]
pub struct Activity {
    pub owner: u64,
    pub subject: String,
    pub text: String,
    pub done: bool,
}

/// What is answered instead of an answer.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// This, and nothing is done.
    Says(u16, Value),
    /// It is done, and the answer gets lost on the way.
    Lost,
}

#[derive(Debug, Default)]
pub struct Portal {
    /// Which user of the portal has the card of a number.
    pub owners: BTreeMap<String, u64>,
    /// The leads: the number of each.
    pub leads: Vec<String>,
    pub activities: Vec<Activity>,
    pub telephony: calls::Calls,
    /// Whether nothing answers but a gateway.
    pub down: bool,
    /// What happens to the next requests.
    pub troubles: VecDeque<Option<Trouble>>,
    /// The methods that were called.
    pub called: Vec<String>,
}

/// The portal, and where it is.
#[derive(Clone)]
pub struct Bitrix24 {
    portal: Arc<Mutex<Portal>>,
    pub address: SocketAddr,
}

/// Leads and cards have numbers of their own.
const FIRST_LEAD: u64 = 1_000;

impl Bitrix24 {
    pub async fn start() -> Self {
        let portal = Arc::<Mutex<Portal>>::default();
        let of = Arc::clone(&portal);
        let address = serve(move |request| ready(of.lock().unwrap().answer(&request))).await;
        Self { portal, address }
    }

    pub fn portal(&self) -> MutexGuard<'_, Portal> {
        self.portal.lock().unwrap()
    }

    /// Settings that name it.
    pub fn settings(&self) -> Settings {
        Settings {
            kind: Kind::Bitrix24,
            url: Secret::new(format!("http://{}/rest/1/secretsecret", self.address)),
            users: BTreeMap::from([("12".to_owned(), "boris".parse().unwrap())]),
            default_user: "1".to_owned(),
            language: dozvon::language::Language::En,
            allow_http: true,
            ..Settings::default()
        }
    }

    /// What stands on the card of a number: the first line of each activity, the first one first.
    pub fn told(&self, number: &str) -> Vec<String> {
        let portal = self.portal();
        let owner = portal.card(number);
        let of = portal.activities.iter().filter(|activity| Some(activity.owner) == owner);
        of.map(|activity| activity.text.lines().take(2).collect::<Vec<_>>().join("; ")).collect()
    }
}

impl Portal {
    fn answer(&mut self, request: &Request<Bytes>) -> Response<String> {
        let query: Value = serde_json::from_slice(request.body()).unwrap();
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        self.called.push(method.clone());
        let says = |status: u16, text: String| {
            let mut response = Response::new(text);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        };
        if self.down {
            return says(502, "<html>Bad Gateway</html>".to_owned());
        }
        match self.troubles.pop_front().flatten() {
            Some(Trouble::Says(status, said)) => says(status, said.to_string()),
            Some(Trouble::Lost) => {
                let _lost = self.carry_out(&method, &query);
                says(504, "<html>Gateway Timeout</html>".to_owned())
            }
            None => match self.carry_out(&method, &query) {
                Ok(result) => says(200, json!({ "result": result, "time": {} }).to_string()),
                Err(why) => {
                    let code = if why.starts_with("Call is not found") { "" } else { "ERROR_CORE" };
                    says(400, json!({ "error": code, "error_description": why }).to_string())
                }
            },
        }
    }

    fn card(&self, number: &str) -> Option<u64> {
        let lead = || self.leads.iter().position(|lead| lead == number).map(|at| FIRST_LEAD + at as u64);
        let contact = self.owners.keys().position(|known| known == number).map(|at| 1 + at as u64);
        contact.or_else(lead)
    }

    fn carry_out(&mut self, method: &str, query: &Value) -> Result<Value, String> {
        if method.starts_with("crm.") || method == "telephony.externalCall.searchCrmEntities" {
            return Ok(self.at_card(method, query));
        }
        self.telephony.carry_out(method, query)
    }

    fn at_card(&mut self, method: &str, query: &Value) -> Value {
        let text =
            |pointer: &str| query.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |pointer: &str| query.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        match method {
            "telephony.externalCall.searchCrmEntities" => {
                let number = text("/PHONE_NUMBER");
                let owner = self.owners.get(&number).map(|user| {
                    json!({ "CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": self.card(&number),
                            "ASSIGNED_BY_ID": user.to_string(), "ASSIGNED_BY": { "USER_PHONE_INNER": "" } })
                });
                owner.into_iter().collect()
            }
            "crm.item.list" => {
                let found = self.card(&text("/filter/originId"));
                json!({ "items": found.map(|id| json!({ "id": id })).into_iter().collect::<Value>() })
            }
            "crm.item.add" => {
                self.leads.push(text("/fields/originId"));
                json!({ "item": { "id": FIRST_LEAD + self.leads.len() as u64 - 1 } })
            }
            "crm.activity.todo.add" => {
                self.activities.push(Activity {
                    owner: number("/ownerId"),
                    subject: text("/title"),
                    text: text("/description"),
                    done: false,
                });
                json!({ "id": self.activities.len() })
            }
            "crm.activity.list" => {
                let (owner, mark) = (number("/filter/OWNER_ID"), text("/filter/%SUBJECT"));
                let found = self
                    .activities
                    .iter()
                    .zip(1..)
                    .filter(|(activity, _)| activity.owner == owner && activity.subject.contains(&mark));
                let row = |(activity, id): (&Activity, u64)| json!({ "ID": id.to_string(), "COMPLETED": if activity.done { "Y" } else { "N" } });
                found.map(row).collect()
            }
            "crm.activity.update" => {
                let activity = usize::try_from(number("/id")).unwrap() - 1;
                self.activities[activity].done = true;
                json!(true)
            }
            other => panic!("the portal knows no {other}"),
        }
    }
}
