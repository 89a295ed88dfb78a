//! Any other CRM: templates, what they escape, and what its answers mean.

use std::sync::{Arc, Mutex};

use axum::http::Response;
use dozvon::clock::Clock;
use dozvon::config::crm::{BodyFormat, Kind, Settings};
use dozvon::notify::crm::{Contact, Crm, Happening};
use dozvon::secret::Secret;
use serde_json::{Value, json};

use super::support::*;

const NASTY: &str = "say \"yes\"\nor no\\ & more=1 </x> {{ number }} %41 ю";

/// A CRM that is told a number and a note, in its address and in its body; it answers everything with this.
async fn answering(status: u16, says: &'static str) -> (Settings, Arc<Mutex<Vec<Came>>>) {
    let answer = move || Response::builder().status(status).body(says.into()).unwrap();
    let (settings, log) = server(answer).await;
    let url = format!("{}{{{{ number }}}}?note={{{{ note }}}}", settings.url.expose());
    let body = r#"{"note": "{{ note }}", "number": "{{ number }}"}"#.to_owned();
    (Settings { url: Secret::new(url), body, ..settings }, log)
}

fn nasty() -> Contact {
    Contact { note: Some(NASTY.to_owned()), ..contact(Happening::Request) }
}

#[tokio::test]
async fn no_value_leaves_its_place() {
    let (json, log) = answering(200, "{}").await;
    open(&json).record(&nasty()).await.unwrap();
    let body = "note={{ note }}&number={{ number }}".to_owned();
    let form = Settings { body, body_format: BodyFormat::Form, ..json.clone() };
    open(&form).record(&nasty()).await.unwrap();
    let log = log.lock().unwrap();
    let read: Value = serde_json::from_str(&log[0].body).unwrap();
    assert_eq!(read, json!({ "note": NASTY, "number": NUMBER }));
    let pairs = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
    let note = ("note".to_owned(), NASTY.to_owned());
    assert_eq!(pairs(&log[1].body), [note.clone(), ("number".to_owned(), NUMBER.to_owned())]);
    let (path, query) = log[0].path.split_once('?').unwrap();
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
        let (settings, _) = answering(200, says).await;
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
        let (settings, _) = answering(status, "no /hook-secret/ here").await;
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
