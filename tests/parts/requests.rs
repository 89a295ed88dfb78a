//! Requests over HTTP: from people, programs, robots and attackers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use dozvon::clock::Clock;
use dozvon::config::Settings;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::requests::{Form, Source};
use dozvon::rules::Rules;
use dozvon::rules::file;
use dozvon::store::Store;
use dozvon::web::requests::{Intake, router};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::http::{self, Answer};

const TOKEN: &str = "token-of-the-site-1";
const SECRET: &str = "secret-of-the-bot-1";
const GOOD: &str = r#"{"number": "89001234567", "name": "Ivan", "text": "price?", "consent": true, "consent_text": "I agree", "source": "ad-7"}"#;

/// A web port with a database of its own, and a clock that the test moves.
struct Site {
    address: SocketAddr,
    store: Store,
    late_by_ms: &'static AtomicI64,
    _folder: tempfile::TempDir,
}

/// What an answer is read for.
trait Read {
    /// The field that a refusal names.
    fn field(&self) -> String;
    /// The stamp of a form.
    fn stamp(&self) -> String;
}

impl Read for Answer {
    fn field(&self) -> String {
        self.json()["error"]["field"].as_str().unwrap().to_owned()
    }

    fn stamp(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"stamp\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }
}

#[derive(Debug, PartialEq, QueryableByName)]
struct Kept {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    number: String,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
    #[diesel(sql_type = Text)]
    source: String,
    #[diesel(sql_type = Text)]
    consent_text: String,
    #[diesel(sql_type = Nullable<Text>)]
    address: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    wanted_at: Option<i64>,
}

impl Site {
    async fn open() -> Self {
        Self::open_with(|_| ()).await
    }

    async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::open_by(Rules::default(), change).await
    }

    async fn open_by(rules: Rules, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        let source = |name: &str, token: &str, secret: &str| Source {
            name: name.to_owned(),
            token: token.to_owned(),
            secret: secret.to_owned(),
            bot: name == "bot",
            queue: None,
        };
        settings.requests.sources = vec![source("site", TOKEN, ""), source("bot", "", SECRET)];
        settings.requests.forms = vec![
            Form { queue: Some("sales".parse().unwrap()), ..Form::default() },
            Form {
                name: "framed".to_owned(),
                allowed_origins: vec!["https://example.com".to_owned()],
                ..Form::default()
            },
        ];
        change(&mut settings);
        assert_eq!(settings.requests.wrong(), []);
        let url = DatabaseUrl::Sqlite(folder.path().join("dozvon.db"));
        let store = Store::open(&url, settings.store.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let late_by_ms: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(0)));
        let (_, rules) = tokio::sync::watch::channel(std::sync::Arc::new(rules));
        let intake = Intake::new(&settings, Clock::wrong_by(late_by_ms), store.clone(), rules);
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let stop = tokio_util::sync::CancellationToken::new();
        tokio::spawn(dozvon::web::port::serve(
            socket,
            router(intake),
            dozvon::web::public_limits(&settings),
            stop,
        ));
        Self { address, store, late_by_ms, _folder: folder }
    }

    fn later(&self, span: Duration) {
        self.late_by_ms.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Sends a request and hears the answer.
    async fn send(&self, head: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        http::send(self.address, head, headers, body).await.expect("nobody listens")
    }

    async fn post(&self, body: &str) -> Answer {
        self.post_with(&[], body).await
    }

    async fn post_with(&self, more: &[(&str, &str)], body: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let mut headers = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        headers.extend(more);
        self.send("POST /api/v1/requests", &headers, body).await
    }

    /// Sends a signed request of the bot.
    async fn signed(&self, id: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let now = Clock::wrong_by(self.late_by_ms).now().0 / 1000;
        let (stamp, signature) = (now.to_string(), sign(id, now, body));
        let mut headers = vec![
            ("Content-Type", "application/json"),
            ("webhook-timestamp", stamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        if !id.is_empty() {
            headers.push(("webhook-id", id));
        }
        headers.extend(more);
        self.send("POST /api/v1/requests", &headers, body).await
    }

    /// Somebody without a good token, behind our proxy.
    async fn stranger(&self, address: &str) -> Answer {
        let headers = [("Authorization", "Bearer guessed"), ("X-Forwarded-For", address)];
        self.send("POST /api/v1/requests", &headers, GOOD).await
    }

    async fn fill(&self, stamp: &str, fields: &str) -> Answer {
        self.fill_from("198.51.100.1", stamp, fields).await
    }

    /// Sends the form from an address behind our proxy.
    async fn fill_from(&self, address: &str, stamp: &str, fields: &str) -> Answer {
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("X-Forwarded-For", address)];
        self.send("POST /form/callback?lang=en", &headers, &format!("stamp={stamp}&{fields}")).await
    }

    /// A form with a stamp of its own, for a number, good in all.
    async fn fill_anew(&self, address: &str, number: u32) -> Answer {
        let stamp = self.send("GET /form/callback?lang=en", &[], "").await.stamp();
        self.later(Duration::from_secs(5));
        self.fill_from(address, &stamp, &format!("number=%2B7900123{number:04}&consent=yes")).await
    }

    /// The numbers whose consent to SMS holds from now on.
    async fn standing(&self) -> Vec<String> {
        let sql = "SELECT number AS v FROM requests WHERE sms_consent_standing ORDER BY id";
        let lines: Vec<Line> =
            self.store.read("test", move |c| Ok(diesel::sql_query(sql).load(c)?)).await.unwrap();
        lines.into_iter().map(|line| line.v).collect()
    }

    async fn kept(&self) -> Vec<Kept> {
        let sql = "SELECT id, number, name, text, source, consent_text, address, wanted_at FROM requests ORDER BY id";
        self.store.read("test", move |c| Ok(diesel::sql_query(sql).load(c)?)).await.unwrap()
    }
}

fn sign(id: &str, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_program_sends_json_or_a_form_and_is_answered() {
    let site = Site::open().await;
    let said = site.post(GOOD).await;
    assert_eq!(said.status, 201, "{said:?}");
    assert_eq!(said.json()["id"], 1);
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let body = "number=%2B79007654321&text=a%0D%0Ab&consent=yes&consent_text=I+agree";
    assert_eq!(site.send("POST /api/v1/requests", &headers, body).await.status, 201);
    let kept = site.kept().await;
    assert_eq!(kept.len(), 2);
    assert_eq!((kept[0].number.as_str(), kept[0].name.as_deref()), ("+79001234567", Some("Ivan")));
    assert_eq!((kept[0].source.as_str(), kept[0].consent_text.as_str()), ("site", "I agree"));
    assert_eq!((kept[1].text.as_deref(), kept[1].address.as_deref()), (Some("a\nb"), Some("127.0.0.1")));
    let entries = site.store.read("test", |c| dozvon::store::audit::page(c, 0, 10)).await.unwrap();
    assert_eq!(entries[0].subject.as_deref(), Some("request:1"));
}

/// For each request, which consent text allows SMS and which address gets mail; and what the last event said of it.
async fn reach(site: &Site) -> (Vec<String>, serde_json::Value) {
    let wish = "SELECT number || ' ' || coalesce(sms_consent_text, '-') || ' ' || coalesce(email, '-') AS v \
                FROM requests ORDER BY id";
    let told = "SELECT payload AS v FROM outbox WHERE kind = 'request.received' ORDER BY seq";
    let texts = async |sql: &'static str| -> Vec<String> {
        let rows = site.store.read("test", move |c| Ok(diesel::sql_query(sql).load::<Line>(c)?)).await;
        rows.unwrap().into_iter().map(|line| line.v).collect()
    };
    (texts(wish).await, serde_json::from_str(texts(told).await.last().unwrap()).unwrap())
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    v: String,
}

#[tokio::test]
async fn only_a_caller_that_agreed_gets_sms() {
    let site = Site::open().await;
    assert_eq!(site.post(GOOD).await.status, 201);
    let agrees = |more: &str| {
        GOOD.replace("89001234567", "89001234568").replace("\"source\"", &format!("{more}, \"source\""))
    };
    let missing = site.post(&agrees(r#""sms_consent": true"#)).await;
    assert_eq!((missing.status, missing.field().as_str()), (422, "sms_consent_text"));
    let said = r#""sms_consent": true, "sms_consent_text": "SMS too", "email": "ivan@example.com""#;
    assert_eq!(site.post(&agrees(said)).await.status, 201);
    let (kept, told) = reach(&site).await;
    assert_eq!(kept, ["+79001234567 - -", "+79001234568 SMS too ivan@example.com"]);
    assert_eq!((&told["sms_consent"], &told["caller"]["email"]), (&true.into(), &"ivan@example.com".into()));
    assert_eq!(site.standing().await, ["+79001234568"], "a program vouches for it");
    let form = site.send("GET /form/callback?lang=en", &[], "").await.stamp();
    site.later(Duration::from_secs(5));
    assert_eq!(site.fill(&form, "number=89001234569&consent=yes&sms_consent=yes").await.status, 200);
    assert_eq!(site.standing().await, ["+79001234568"], "a form proves nothing");
    let letter = site.fill(&form, "number=89001234569&consent=yes&email=root%40localhost").await;
    assert_eq!(letter.status, 422);
}

#[tokio::test]
async fn the_box_for_sms_comes_unticked_and_nobody_must_tick_it() {
    let site = Site::open_with(|s| {
        let framed = &mut s.requests.forms[1];
        (framed.sms_consent_ru, framed.sms_consent_en) = (String::new(), String::new());
    })
    .await;
    let form = site.send("GET /form/callback?lang=en", &[], "").await;
    let box_of =
        |page: &str| page.lines().find(|line| line.contains("name=\"sms_consent\"")).map(str::to_owned);
    let unticked = box_of(&form.body).unwrap();
    assert!(!unticked.contains("checked") && !unticked.contains("required"), "{unticked}");
    assert!(form.body.contains(&Form::default().sms_consent_en));
    let russian = site.send("GET /form/callback?lang=ru", &[], "").await;
    assert!(russian.body.contains(&Form::default().sms_consent_ru));
    assert_eq!(box_of(&site.send("GET /form/framed", &[], "").await.body), None, "nobody is asked there");
    site.later(Duration::from_secs(5));
    let stamp = form.stamp();
    assert_eq!(site.fill(&stamp, "number=89001234567&consent=yes").await.status, 200);
    let more = "number=89001234568&consent=yes&sms_consent=yes";
    let wrong = site.fill(&russian.stamp(), &format!("{more}&email=ivan")).await;
    assert!(wrong.status == 422 && wrong.body.contains("ivan@example.com"), "{}", wrong.body);
    assert!(box_of(&wrong.body).unwrap().contains(" checked"), "what was ticked stays ticked");
    assert_eq!(site.fill(&russian.stamp(), &format!("{more}&email=olga%40example.com")).await.status, 200);
    let (kept, told) = reach(&site).await;
    let text = Form::default().sms_consent_en;
    assert_eq!(kept, ["+79001234567 - -".to_owned(), format!("+79001234568 {text} olga@example.com")]);
    assert_eq!(told["sms_consent"], true);
}

#[tokio::test]
async fn an_unknown_client_is_refused() {
    let site = Site::open().await;
    let kind = ("Content-Type", "application/json");
    for headers in
        [vec![kind], vec![kind, ("Authorization", "Bearer x")], vec![kind, ("Authorization", "Bearer ")]]
    {
        let said = site.send("POST /api/v1/requests", &headers, GOOD).await;
        assert_eq!((said.status, said.field().as_str()), (401, "authorization"), "{headers:?}");
    }
    assert!(site.kept().await.is_empty());
}

#[tokio::test]
async fn a_signature_holds_for_one_body_and_a_short_time() {
    let site = Site::open().await;
    let now = Clock::system().now().0 / 1000;
    let send = async |id: &str, timestamp: i64, signature: &str, body: &str| {
        let stamp = timestamp.to_string();
        let headers = [
            ("Content-Type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", stamp.as_str()),
            ("webhook-signature", signature),
        ];
        site.send("POST /api/v1/requests", &headers, body).await
    };
    let good = sign("m1", now, GOOD);
    assert_eq!(send("m1", now, &good, GOOD).await.status, 201);
    let replayed = send("m1", now, &good, GOOD).await;
    assert_eq!((replayed.status, replayed.headers["idempotency-replayed"].as_str()), (201, "true"));
    assert_eq!(send("m1", now, &good, &GOOD.replace("Ivan", "Evil")).await.status, 401);
    assert_eq!(send("m2", now, &good, GOOD).await.status, 401);
    assert_eq!(send("m3", now, "v1,AAAA", GOOD).await.status, 401);
    assert_eq!(send("m4", now, "nonsense", GOOD).await.status, 401);
    let stale = now - 600;
    let said = send("m5", stale, &sign("m5", stale, GOOD), GOOD).await;
    assert_eq!(said.status, 401);
    assert!(said.body.contains("too old"), "{}", said.body);
    assert_eq!(site.kept().await.len(), 1);
}

#[tokio::test]
async fn a_program_that_signs_with_the_official_library_is_heard() {
    const OFFICIAL: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let site = Site::open_with(|settings| settings.requests.sources[1].secret = OFFICIAL.to_owned()).await;
    let now = Clock::system().now().0 / 1000;
    let signature =
        standardwebhooks::Webhook::new(OFFICIAL).unwrap().sign("msg_1", now, GOOD.as_bytes()).unwrap();
    let stamp = now.to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", stamp.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    let said = site.send("POST /api/v1/requests", &headers, GOOD).await;
    assert_eq!(said.status, 201, "{}", said.body);
    assert_eq!(site.kept().await[0].source, "bot");
}

#[tokio::test]
async fn a_signed_request_is_one_whatever_key_stands_beside_it() {
    let site = Site::open().await;
    assert_eq!(site.signed("m1", &[], GOOD).await.status, 201);
    // What anybody who saw it can write beside it.
    let said = site.signed("m1", &[("Idempotency-Key", "k-1")], GOOD).await;
    assert_eq!((said.status, said.field().as_str()), (422, "idempotency-key"));
    assert!(said.body.contains("webhook-id"), "{}", said.body);
    let same = site.signed("m1", &[("Idempotency-Key", "m1")], GOOD).await;
    assert_eq!((same.status, same.headers["idempotency-replayed"].as_str()), (201, "true"));
    // Without an id it could come again and again.
    let said = site.signed("", &[], GOOD).await;
    assert_eq!((said.status, said.field().as_str()), (422, "webhook-id"));
    assert_eq!(site.kept().await.len(), 1);
    assert_eq!(site.signed("m2", &[], GOOD).await.status, 201);
}

#[tokio::test]
async fn a_request_that_comes_again_is_answered_again_and_kept_once() {
    // Those that come at one moment count, each of them: none is known as a repetition yet.
    let site = Site::open_with(|s| s.requests.max_per_number = 20).await;
    let key = [("Idempotency-Key", "k-1")];
    let first = site.post_with(&key, GOOD).await;
    let again = site.post_with(&key, GOOD).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.body, again.body);
    let other = site.post_with(&key, &GOOD.replace("Ivan", "Olga")).await;
    assert_eq!(other.status, 409);
    // Many at once are one as well.
    let key = [("Idempotency-Key", "k-2")];
    let all = futures_util::future::join_all((0..10).map(|_| site.post_with(&key, GOOD))).await;
    assert!(all.iter().all(|said| said.status == 201 && said.json()["id"] == 2), "{all:?}");
    assert_eq!(site.kept().await.len(), 2);
    assert_eq!(site.post_with(&[("Idempotency-Key", "")], GOOD).await.field(), "idempotency-key");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_its_field() {
    let site = Site::open().await;
    for (body, status, field) in [
        ("not json", 400, ""),
        ("[1, 2]", 400, ""),
        (r#"{"number": 89001234567}"#, 422, "number"),
        (r#"{"number": {"$gt": ""}}"#, 422, "number"),
        (r#"{"number": "112"}"#, 422, "number"),
        (r#"{"number": "+79001234567"}"#, 422, "consent"),
        (r#"{"number": "+79001234567", "consent": true}"#, 422, "consent_text"),
        (r#"{"number": "+79001234567", "consent": true, "consent_text": "x", "role": "admin"}"#, 422, "role"),
        (
            r#"{"number": "+79001234567", "consent": true, "consent_text": "x", "wanted_at": "2001-01-01T00:00:00Z"}"#,
            422,
            "wanted_at",
        ),
    ] {
        let said = site.post(body).await;
        assert_eq!((said.status, said.field().as_str()), (status, field), "{body}");
        assert_ne!(said.json()["error"]["remedy"], "");
    }
    let bearer = format!("Bearer {TOKEN}");
    let xml = [("Authorization", bearer.as_str()), ("Content-Type", "text/xml")];
    assert_eq!(site.send("POST /api/v1/requests", &xml, "<x/>").await.status, 415);
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(site.post(&deep).await.status, 400);
    assert!(site.kept().await.is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_big_or_too_slow_is_not_waited_for() {
    let site = Site::open_with(|s| s.requests.body_timeout = Duration::from_millis(200)).await;
    let big = GOOD.replace("price?", &"x".repeat(1 << 20));
    assert_eq!(site.post(&big).await.status, 413);
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let head = format!(
        "POST /api/v1/requests HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(http::hear(&mut stream).await.status, 408);
    assert!(site.kept().await.is_empty());
}

fn other(number: u32) -> String {
    GOOD.replace("89001234567", &format!("8900123{number:04}"))
}

fn behind_a_proxy(settings: &mut Settings) {
    settings.requests.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

#[tokio::test]
async fn a_flood_is_held_off_by_number_by_source_and_by_address() {
    let site = Site::open_with(|s| {
        behind_a_proxy(s);
        s.requests.max_per_number = 2;
        s.requests.max_per_source = 6;
        s.requests.max_per_address = 2;
    })
    .await;
    assert_eq!([site.post(GOOD).await.status, site.post(GOOD).await.status], [201, 201]);
    let said = site.post(GOOD).await;
    assert_eq!(said.status, 429);
    assert!(said.headers["retry-after"].parse::<u64>().unwrap() > 3500);
    assert_eq!(site.post(&other(1)).await.status, 201);
    assert_eq!(site.post("junk counts as well").await.status, 400);
    assert_eq!(site.post(&other(2)).await.status, 201);
    assert_eq!(site.post(&other(3)).await.status, 429);
    assert_eq!(site.signed("m1", &[], &other(3)).await.status, 201, "another source");
    // What the client itself writes before our proxy's entry counts for nothing.
    assert_eq!(site.fill_anew("6.6.6.6, 203.0.113.7", 4).await.status, 200);
    assert_eq!(site.kept().await.last().unwrap().address.as_deref(), Some("203.0.113.7"));
    assert_eq!(site.fill_anew("6.6.6.7, 203.0.113.7", 5).await.status, 200);
    assert_eq!(site.fill_anew("6.6.6.8, 203.0.113.7", 6).await.status, 429);
    assert_eq!(site.fill_anew("203.0.113.8", 6).await.status, 200);
    site.later(Duration::from_secs(3700));
    assert_eq!(site.post(GOOD).await.status, 201);
    assert_eq!(site.fill_anew("203.0.113.7", 7).await.status, 200);
}

#[tokio::test]
async fn strangers_use_up_nothing_of_those_who_are_known() {
    let site = Site::open_with(|s| {
        behind_a_proxy(s);
        s.requests.max_per_address = 3;
        s.requests.max_in_all = 3;
        s.requests.max_per_number = 1;
    })
    .await;
    // One address guesses tokens; then nothing is heard from it but what has a good token.
    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(site.stranger("203.0.113.1").await.status);
    }
    assert_eq!(said, [401, 401, 401, 429]);
    assert_eq!(site.fill_anew("203.0.113.1", 1).await.status, 429);
    assert_eq!(site.signed("m0", &[("X-Forwarded-For", "203.0.113.1")], GOOD).await.status, 429);
    assert_eq!(site.post_with(&[("X-Forwarded-For", "203.0.113.1")], &other(1)).await.status, 201);
    // Many addresses send junk: people's forms go on.
    for n in 10..20 {
        let address = format!("203.0.113.{n}");
        assert_eq!(site.stranger(&address).await.status, 401);
        assert_eq!(site.fill_from(&address, "1.x.y", "number=1").await.status, 422);
    }
    for n in 20..23 {
        assert_eq!(site.fill_anew(&format!("203.0.113.{n}"), n).await.status, 200);
    }
    // Then there are too many forms; sources have their own count, and of the same numbers, too.
    assert_eq!(site.fill_anew("203.0.113.30", 30).await.status, 429);
    for n in 20..27 {
        assert_eq!(site.post(&other(n)).await.status, 201);
    }
    for n in 40..47 {
        assert_eq!(site.signed(&format!("m{n}"), &[], &other(n)).await.status, 201, "{n}");
    }
    assert_eq!(site.signed("m47", &[], &other(46)).await.status, 429, "the number");
}

#[tokio::test]
async fn a_stranger_s_forwarded_header_is_not_believed() {
    let site = Site::open().await;
    assert_eq!(site.post_with(&[("X-Forwarded-For", "203.0.113.7")], GOOD).await.status, 201);
    assert_eq!(site.kept().await[0].address.as_deref(), Some("127.0.0.1"));
}

/// A proxy appends what it sees, in whatever way it writes it. What the client wrote before that is never believed.
#[tokio::test]
async fn the_client_s_own_text_is_not_believed_however_the_proxy_writes_a_hop() {
    let site = Site::open_with(|s| {
        behind_a_proxy(s);
        s.requests.max_per_number = 100;
    })
    .await;
    for (told, address) in [
        ("6.6.6.6, 203.0.113.7:51820", "203.0.113.7"),
        ("6.6.6.6, [2001:db8::7]", "2001:db8::7"),
        ("6.6.6.6, [2001:db8::7]:443", "2001:db8::7"),
        ("6.6.6.6, 203.0.113.7, 127.0.0.3:80", "203.0.113.7"),
        ("6.6.6.6, unknown", "127.0.0.1"),
        ("6.6.6.6, unknown, 127.0.0.3", "127.0.0.3"),
        ("6.6.6.6,", "127.0.0.1"),
    ] {
        assert_eq!(site.post_with(&[("X-Forwarded-For", told)], GOOD).await.status, 201);
        assert_eq!(site.kept().await.last().unwrap().address.as_deref(), Some(address), "{told}");
    }
}

#[tokio::test]
async fn a_person_fills_the_form_in_without_script() {
    let site = Site::open().await;
    let russian = site.send("GET /form/callback", &[("Accept-Language", "ru-RU,ru;q=0.9")], "").await;
    assert!(russian.body.contains("lang=\"ru\"") && russian.body.contains("Перезвоните мне"));
    let form = site.send("GET /form/callback?lang=en", &[], "").await;
    assert_eq!(form.status, 200);
    assert!(form.body.contains("Call me back") && !form.body.contains("<script"));
    let stamp = form.stamp();
    let fields = "number=8+900+123-45-67&name=Ivan&text=&wanted_at=&website=&consent=yes";
    let fast = site.fill(&stamp, fields).await;
    assert_eq!(fast.status, 422);
    assert!(
        fast.body.contains("press the button again") && fast.body.contains("value=\"Ivan\""),
        "{}",
        fast.body
    );
    site.later(Duration::from_secs(5));
    let refused = site.fill(&stamp, "number=8+900+123-45-67&name=Ivan").await;
    assert!(refused.status == 422 && refused.body.contains("only if you consent"));
    let thanks = site.fill(&stamp, fields).await;
    assert_eq!(thanks.status, 200);
    assert!(thanks.body.contains("Thank you!") && !thanks.body.contains("<form"));
    // Pressed twice.
    assert_eq!(site.fill(&stamp, fields).await.status, 200);
    let kept = site.kept().await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].consent_text, Form::default().consent_en);
    assert_eq!(kept[0].source, "callback");
    assert_eq!(site.send("GET /form/none", &[], "").await.status, 404);
}

#[tokio::test]
async fn the_time_that_a_person_wants_is_that_of_the_queue_that_will_call() {
    let moscow = chrono_tz::Tz::Europe__Moscow;
    let rules = r#"
        [[schedule]]
        name = "far"
        zone = "Asia/Vladivostok"
        hours = ["mon-sun 00:00-24:00"]
        [[queue]]
        name = "sales"
        schedule = "far"
        overflow = { forward = "user/1" }
    "#;
    let rules = file::parse("rules.toml", rules, moscow).unwrap();
    let site = Site::open_by(rules, |s| s.zone = moscow).await;
    let form = site.send("GET /form/callback?lang=en", &[], "").await;
    assert!(form.body.contains("Asia&#x2f;Vladivostok, UTC+10:00"), "{}", form.body);
    let framed = site.send("GET /form/framed", &[], "").await;
    let only = "a form without a queue: the only one calls";
    assert!(framed.body.contains("Asia&#x2f;Vladivostok, UTC+10:00"), "{only}: {}", framed.body);
    site.later(Duration::from_secs(5));
    let day = (Clock::system().now() + Duration::from_hours(48)).utc().date_naive();
    let fields = format!("number=%2B79001234567&consent=yes&wanted_at={day}T10:00");
    assert_eq!(site.fill(&form.stamp(), &fields).await.status, 200);
    let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
    assert_eq!(site.kept().await[0].wanted_at, Some(at(&format!("{day}T00:00:00Z"))), "10:00 there");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_disconnected() {
    let site = Site::open_with(|s| s.web.header_timeout = Duration::from_millis(200)).await;
    for half in ["", "GET /form/call", "GET /form/callback HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        closed(&mut stream).await;
    }
    assert_eq!(site.send("GET /form/callback", &[], "").await.status, 200);
}

#[tokio::test]
async fn beyond_the_most_connections_one_waits_and_is_served() {
    let wait = Duration::from_millis(500);
    let site = Site::open_with(|s| {
        s.web.max_connections = 2;
        s.web.header_timeout = wait;
    })
    .await;
    let from = tokio::time::Instant::now();
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(b"GET /form/call").await.unwrap();
        slow.push(stream);
    }
    assert_eq!(site.send("GET /form/callback", &[], "").await.status, 200);
    assert!(from.elapsed() >= wait, "it was let in beside them");
}

#[tokio::test]
async fn silent_sockets_of_one_host_keep_nobody_waiting() {
    let site = Site::open_with(|s| s.web.max_connections_per_address = 8).await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(site.address).await.unwrap());
    }
    let elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.9:0".parse().unwrap()).unwrap();
    let mut stream = elsewhere.connect(site.address).await.unwrap();
    stream.write_all(b"GET /form/callback HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(5), http::hear(&mut stream)).await.expect("it waits").status,
        200
    );
    // The host itself is closed out, as long as its silent ones are there.
    closed(&mut silent.pop().unwrap()).await;
}

#[tokio::test]
async fn a_few_addresses_do_not_use_up_everybody_s_forms() {
    let site = Site::open_with(|s| {
        behind_a_proxy(s);
        (s.requests.max_per_address, s.requests.max_in_all) = (6, 20);
    })
    .await;
    let mut kept = 0;
    for round in 0..6 {
        for host in 1..=4 {
            kept += u32::from(
                site.fill_anew(&format!("203.0.113.{host}"), round * 10 + host).await.status == 200,
            );
        }
    }
    assert!((10..20).contains(&kept), "four hosts sent {kept} of 20");
    assert_eq!(site.fill_anew("203.0.113.99", 99).await.status, 200, "somebody else's first");
}

#[tokio::test]
async fn a_connection_is_kept_for_a_while_and_not_for_ever() {
    let site = Site::open_with(|s| s.web.max_connection_age = Duration::from_millis(300)).await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    stream.write_all(b"GET /form/none HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let text = closed(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 404"), "{text}");
}

/// What comes until the other side closes, which it does soon.
async fn closed(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("it stays open").unwrap();
    text
}

#[tokio::test]
async fn a_robot_gets_nothing_kept() {
    let site = Site::open().await;
    let form = site.send("GET /form/callback?lang=en", &[], "").await;
    site.later(Duration::from_secs(5));
    let fields = "number=%2B79001234567&consent=yes";
    let trapped = site.fill(&form.stamp(), &format!("{fields}&website=http://spam")).await;
    assert!(trapped.status == 422 && trapped.body.contains("Leave this field empty"));
    for stamp in ["", "1.x.y", &form.stamp().replace('a', "b")] {
        let said = site.fill(stamp, fields).await;
        assert_eq!(said.status, 422, "{stamp}");
    }
    site.later(Duration::from_hours(13));
    assert_eq!(site.fill(&form.stamp(), fields).await.status, 422, "it lay open too long");
    assert!(site.kept().await.is_empty());
}

#[tokio::test]
async fn what_a_person_types_runs_nowhere() {
    let site = Site::open().await;
    let form = site.send("GET /form/callback?lang=en", &[], "").await;
    site.later(Duration::from_secs(5));
    let evil = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%7B%7B7*7%7D%7D";
    let fields =
        format!("number={evil}&name={evil}&text=%3C%2Ftextarea%3E{evil}&wanted_at={evil}&consent=yes");
    let back = site.fill(&form.stamp(), &fields).await;
    assert_eq!(back.status, 422);
    assert!(!back.body.contains("<script") && !back.body.contains("</textarea>\""), "{}", back.body);
    assert!(back.body.contains("&lt;script&gt;") && back.body.contains("{{7*7}}"), "{}", back.body);
    let policy = &back.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    // In a language, too.
    let lang = site.send("GET /form/callback?lang=%22%3E%3Cscript%3E", &[], "").await;
    assert!(!lang.body.contains("<script"));
    // What the API takes is kept as it was written, and shown by nobody unescaped.
    let said = site.post(&GOOD.replace("Ivan", "<script>alert(1)</script>")).await;
    assert_eq!(said.status, 201);
    assert_eq!(site.kept().await[0].name.as_deref(), Some("<script>alert(1)</script>"));
    assert!(!said.body.contains("script"));
}

#[tokio::test]
async fn a_form_is_framed_only_where_it_may_be() {
    let site = Site::open().await;
    let alone = site.send("GET /form/callback", &[], "").await;
    assert!(alone.headers["content-security-policy"].contains("frame-ancestors 'none'"));
    assert_eq!(alone.headers["x-frame-options"], "DENY");
    let framed = site.send("GET /form/framed", &[], "").await;
    assert!(framed.headers["content-security-policy"].contains("frame-ancestors https://example.com"));
    assert!(!framed.headers.contains_key("x-frame-options"));
    assert_eq!(framed.headers["x-content-type-options"], "nosniff");
    // The style that may be used is the one that is there.
    let (_, style) = alone.body.split_once("<style>").unwrap();
    let sum = sha2::Sha256::digest(style.split_once("</style>").unwrap().0);
    let sum = base64::engine::general_purpose::STANDARD.encode(sum);
    assert!(
        alone.headers["content-security-policy"].contains(&format!("style-src 'sha256-{sum}'")),
        "{style}"
    );
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_told() {
    let settings = dozvon::config::requests::Settings {
        sources: vec![Source::default(), Source { token: "short".to_owned(), ..Source::default() }],
        forms: vec![Form {
            name: "a/b".to_owned(),
            consent_ru: " ".to_owned(),
            sms_consent_en: String::new(),
            allowed_origins: vec!["https://x.example; script-src *".to_owned()],
            ..Form::default()
        }],
        ..dozvon::config::requests::Settings::default()
    };
    assert_eq!(settings.wrong().len(), 7, "{:#?}", settings.wrong());
}
