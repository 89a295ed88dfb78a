//! A stand-in for amoCRM on loopback: cards, calls, unsorted leads, notes and tasks, as an integration sees them.
//!
//! Sources: amocrm.ru/developers and github.com/amocrm/amocrm-api-php. The stand-in is stricter than these say: a call
//! that is sent twice is stored twice, and more than seven requests in any second are too many.

mod api;

use std::collections::VecDeque;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode};
use dozvon::config::crm::{Kind, Settings};
use dozvon::language::Language;
use dozvon::secret::Secret;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::serve;

/// So often it says that it is asked too much; then it blocks who asks.
const PATIENCE: usize = 3;
/// Requests a second.
pub const LIMIT: usize = 7;
pub const CLIENT: (&str, &str) = ("integration-1", "the-client-secret");
pub const REDIRECT: &str = "https://calls.example.ru/";

/// What is answered instead of an answer.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// This, and nothing is done.
    Says(u16, String),
    /// 429, come again in so many seconds; nothing is done.
    Later(u64),
    /// It is done, and a gateway says that it is not.
    Lost,
    /// It is done, and the answer breaks off.
    Cut,
    /// It is done, and the answer is a page for people.
    Page,
}

/// A contact, a company or a lead.
#[derive(Debug, Clone)]
pub struct Card {
    pub kind: &'static str,
    pub id: u64,
    pub phone: String,
    pub user: u64,
    pub leads: Vec<u64>,
}

/// A note of a card; calls are such, too.
#[derive(Debug, Clone)]
pub struct Note {
    pub place: (String, u64),
    pub kind: String,
    pub params: Value,
}

#[derive(Debug, Default)]
pub struct Account {
    pub cards: Vec<Card>,
    /// What was sent to `/calls` and stored.
    pub calls: Vec<Value>,
    pub notes: Vec<Note>,
    pub tasks: Vec<Value>,
    /// What waits to be sorted, with `category` and the `lead` that it is.
    pub unsorted: Vec<Value>,
    /// The users that somebody may be responsible as.
    pub users: Vec<u64>,
    /// The access token, the refresh token, and how many pairs were given.
    pub tokens: (String, String, u32),
    /// What happens to the first request that begins like that, such as `POST calls`.
    pub troubles: VecDeque<(String, Trouble)>,
    /// So many requests are spared before the troubles begin.
    pub spared: usize,
    /// What was asked, such as `GET contacts`.
    pub asked: Vec<String>,
    /// The most requests in any second.
    pub most: usize,
    /// Whether more than [`LIMIT`] requests a second are refused, and in the end all.
    pub strict: bool,
    recent: VecDeque<Instant>,
    too_many: usize,
    last_id: u64,
}

/// The account, and where it is.
#[derive(Clone)]
pub struct AmoCrm {
    account: Arc<Mutex<Account>>,
    pub address: SocketAddr,
}

impl AmoCrm {
    pub async fn start() -> Self {
        let account = Account { users: vec![1, 12], tokens: pair(1), last_id: 100, ..Account::default() };
        let account = Arc::new(Mutex::new(account));
        let of = Arc::clone(&account);
        let address = serve(move |request| ready(answer(&of, &request))).await;
        Self { account, address }
    }

    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// Settings that name it, with a token for ever.
    pub fn settings(&self) -> Settings {
        Settings {
            kind: Kind::Amocrm,
            url: Secret::new(format!("http://{}/", self.address)),
            access_token: Secret::new(self.account().tokens.0.clone()),
            users: [("12".to_owned(), "boris".parse().unwrap())].into(),
            default_user: "1".to_owned(),
            language: Language::En,
            rate: 10_000,
            burst: 10_000,
            allow_http: true,
            ..Settings::default()
        }
    }

    /// Settings that name it, with tokens that expire.
    pub fn app_settings(&self) -> Settings {
        let refresh = self.account().tokens.1.clone();
        Settings {
            client_id: CLIENT.0.to_owned(),
            client_secret: Secret::new(CLIENT.1),
            redirect_uri: REDIRECT.to_owned(),
            refresh_token: Secret::new(refresh),
            ..self.settings()
        }
    }

    /// What will happen to the next request that begins like that.
    pub fn next(&self, request: &str, trouble: Trouble) {
        self.account().troubles.push_back((request.to_owned(), trouble));
    }
}

fn answer(account: &Mutex<Account>, request: &Request<Bytes>) -> Response<Body> {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let path = request.uri().path().trim_start_matches("/api/v4/").trim_start_matches('/').to_owned();
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let query: Vec<(String, String)> = form_urlencoded::parse(query).into_owned().collect();
    let asked = format!("{} {path}", request.method());
    let mut account = account.lock().unwrap();
    account.asked.push(asked.clone());
    if let Some(refusal) = account.count() {
        return refusal;
    }
    let spared = account.spared > 0;
    account.spared = account.spared.saturating_sub(1);
    let begins = |(begin, _): &(String, Trouble)| !spared && asked.starts_with(begin.as_str());
    let at = account.troubles.iter().position(begins);
    let trouble = at.and_then(|at| account.troubles.remove(at)).map(|(_, trouble)| trouble);
    if let Some(Trouble::Says(status, text)) = trouble {
        return says(status, text);
    }
    if let Some(Trouble::Later(seconds)) = trouble {
        let mut response = says(429, problem(429, "Too Many Requests").to_string());
        response.headers_mut().insert("retry-after", seconds.into());
        return response;
    }
    let (status, said) = if path == "oauth2/access_token" {
        account.renew(&body)
    } else if request.headers().get("authorization").and_then(|value| value.to_str().ok())
        != Some(format!("Bearer {}", account.tokens.0).as_str())
    {
        (401, problem(401, "Unauthorized"))
    } else {
        account.carry_out(request.method().as_str(), &path, &query, &body)
    };
    match trouble {
        Some(Trouble::Lost) => says(504, "<html>Gateway Timeout</html>".to_owned()),
        Some(Trouble::Page) => says(200, "<html>Please sign in</html>".to_owned()),
        Some(Trouble::Cut) => {
            let begin = said.to_string().get(..5).unwrap_or("{").to_owned();
            let parts = [Ok(begin), Err(std::io::Error::other("cut"))];
            Response::new(Body::from_stream(stream::iter(parts)))
        }
        _ if status == 204 => says(204, String::new()),
        _ => says(status, said.to_string()),
    }
}

impl Account {
    /// A card with a phone number, and its id.
    pub fn add_card(&mut self, kind: &'static str, phone: &str, user: u64) -> u64 {
        let id = self.next_id();
        self.cards.push(Card { kind, id, phone: phone.to_owned(), user, leads: Vec::new() });
        id
    }

    /// A manager takes everything out of the unsorted: leads with contacts, and the calls are notes.
    pub fn accept_all(&mut self) {
        for item in std::mem::take(&mut self.unsorted) {
            let lead = item["lead"].as_u64().unwrap();
            let phone =
                item["_embedded"]["contacts"][0]["custom_fields_values"][0]["values"][0]["value"].clone();
            let contact = self.add_card("contacts", phone.as_str().unwrap(), 12);
            self.cards.last_mut().unwrap().leads.push(lead);
            self.cards.push(Card { kind: "leads", id: lead, phone: String::new(), user: 12, leads: vec![] });
            if item["category"] == "sip" {
                let place = ("contacts".to_owned(), contact);
                self.notes.push(Note { place, kind: "call_in".to_owned(), params: item["metadata"].clone() });
            }
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Counts a request; what is said to who asks too often.
    fn count(&mut self) -> Option<Response<Body>> {
        let now = Instant::now();
        while self.recent.front().is_some_and(|at| now - *at >= Duration::from_secs(1)) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.most = self.most.max(self.recent.len());
        if self.strict && self.too_many >= PATIENCE {
            return Some(says(403, "<html>403 Forbidden</html>".to_owned()));
        }
        if self.strict && self.recent.len() > LIMIT {
            self.too_many += 1;
            return Some(says(429, problem(429, "Too Many Requests").to_string()));
        }
        None
    }

    /// A refresh token works once.
    fn renew(&mut self, body: &Value) -> (u16, Value) {
        let given = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let known = (given("client_id"), given("client_secret"), given("redirect_uri"), given("grant_type"));
        let ours =
            (CLIENT.0.to_owned(), CLIENT.1.to_owned(), REDIRECT.to_owned(), "refresh_token".to_owned());
        if known != ours || given("refresh_token") != self.tokens.1 {
            let mut said = problem(400, "Bad Request");
            said["hint"] = json!(format!("Token {} has been revoked", given("refresh_token")));
            return (400, said);
        }
        self.tokens = pair(self.tokens.2 + 1);
        let (access, refresh, _) = &self.tokens;
        let said = json!({ "token_type": "Bearer", "expires_in": 86_400, "access_token": access, "refresh_token": refresh });
        (200, said)
    }
}

/// The tokens of a generation; an access token of amoCRM is a long JWT.
pub fn pair(generation: u32) -> (String, String, u32) {
    let access = format!("eyJ{generation}{}", "aBcDeF0123".repeat(90));
    (access, format!("def502{generation}{}", "9f8e7d".repeat(80)), generation)
}

/// An error in the form of RFC 7807, as amoCRM writes them.
pub fn problem(status: u16, title: &str) -> Value {
    json!({ "title": title, "type": "https://httpstatus.es/", "status": status, "detail": title })
}

fn says(status: u16, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
