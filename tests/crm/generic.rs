//! Any other CRM: templates, what they escape, and what its answers mean.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use dozvon::clock::Clock;
use dozvon::notify::crm::{BodyFormat, Contact, Crm, Happening, Kind, Secret, Settings};
use serde_json::{Value, json};

use super::support::*;

const NASTY: &str = "say \"yes\"\nor no\\ & more=1 </x> {{ number }} %41 ю";

/// Answers everything with this; address and body of each request.
async fn server(status: u16, says: &'static str) -> (Settings, Arc<Mutex<Vec<(String, String)>>>) {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let log = Arc::<Mutex<Vec<(String, String)>>>::default();
    let of = Arc::clone(&log);
    let router = Router::new().fallback(move |request: Request| {
        let of = Arc::clone(&of);
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            of.lock().unwrap().push((parts.uri.to_string(), String::from_utf8(body.to_vec()).unwrap()));
            let mut response = Response::new(says.to_owned());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        }
    });
    tokio::spawn(async move { axum::serve(socket, router).await });
    let settings = Settings {
        kind: Kind::Generic,
        url: Secret::new(format!("http://{address}/hook-secret/{{{{ number }}}}?note={{{{ note }}}}")),
        body: r#"{"note": "{{ note }}", "number": "{{ number }}"}"#.to_owned(),
        allow_http: true,
        ..Settings::default()
    };
    (settings, log)
}

fn nasty() -> Contact {
    Contact { note: Some(NASTY.to_owned()), ..contact(Happening::Request) }
}

#[tokio::test]
async fn no_value_leaves_its_place() {
    let (json, log) = server(200, "{}").await;
    open(&json).record(&nasty()).await.unwrap();
    let body = "note={{ note }}&number={{ number }}".to_owned();
    let form = Settings { body, body_format: BodyFormat::Form, ..json.clone() };
    open(&form).record(&nasty()).await.unwrap();
    let log = log.lock().unwrap();
    let read: Value = serde_json::from_str(&log[0].1).unwrap();
    assert_eq!(read, json!({ "note": NASTY, "number": NUMBER }));
    let pairs = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
    let note = ("note".to_owned(), NASTY.to_owned());
    assert_eq!(pairs(&log[1].1), [note.clone(), ("number".to_owned(), NUMBER.to_owned())]);
    let (path, query) = log[0].0.split_once('?').unwrap();
    assert_eq!((path, pairs(query)), ("/hook-secret/%2B79005550001", vec![note]));
}

#[tokio::test]
async fn what_success_points_at_must_be_true() {
    for (says, good) in [
        (r#"{"ok":true}"#, true),
        (r#"{"ok":1}"#, true),
        (r#"{"ok":false}"#, false),
        (r#"{"ok":0}"#, false),
        (r#"{"ok":""}"#, false),
        (r#"{"ok":null}"#, false),
        ("{}", false),
    ] {
        let (settings, _) = server(200, says).await;
        let settings = Settings { success: "/ok".to_owned(), ..settings };
        match open(&settings).record(&nasty()).await {
            Ok(receipt) => assert!(good, "{says}: {receipt:?}"),
            Err(trouble) => assert!(!good && kind(&trouble).0 == "refused", "{says}: {trouble}"),
        }
    }
}

#[tokio::test]
async fn a_status_is_what_it_means_and_the_address_stays_secret() {
    for (status, expected) in
        [(302, "refused"), (404, "refused"), (410, "gone"), (429, "passing"), (503, "passing")]
    {
        let (settings, _) = server(status, "no /hook-secret/ here").await;
        let crm = open(&settings);
        let trouble = crm.record(&nasty()).await.unwrap_err();
        assert_eq!(kind(&trouble).0, expected, "{status}");
        let text = format!("{trouble:?} {crm:?}");
        assert!(!text.contains("hook-secret"), "{text}");
    }
}

#[tokio::test]
async fn a_template_cannot_choose_the_host() {
    for url in ["http://{{ note }}/", "http://127.0.0.1{{ note }}/x", "http://127.0.0.1?x={{ note }}"] {
        let settings =
            Settings { kind: Kind::Generic, url: Secret::new(url), allow_http: true, ..Settings::default() };
        let said = Crm::open(&settings, Arc::<Memory>::default(), Clock::system()).unwrap_err();
        assert!(said.starts_with("[crm] url "), "{url}: {said}");
    }
}
