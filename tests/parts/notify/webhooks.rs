//! What receivers of webhooks get, and how they fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dozvon::clock::UnixMs;
use dozvon::config::notify::Kind;
use dozvon::egress;
use dozvon::notify::{Outlet, outlets};
use dozvon::secret::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::support::*;

/// HMAC-SHA256 by its definition (RFC 2104), with nothing of ours.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36)[..], message].concat());
    Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat()).to_vec()
}

#[tokio::test]
async fn a_webhook_is_a_signed_cloud_event() {
    let (receiver, address) = Receiver::start([]).await;
    let mut to = webhook(address);
    let old = format!("whsec_{}", STANDARD.encode([7_u8; 32]));
    to.old_secrets = vec![Secret::from(old.as_str())];
    let app = App::new(settings(to)).await;
    let row = app.one(hostile()).await;
    assert_eq!((row.state.as_str(), row.last_status.as_deref()), ("done", Some("200 OK")));
    let came = receiver.came().pop().unwrap();
    let header = |name: &str| came.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/cloudevents+json");
    assert_eq!(header("webhook-id"), row.event);
    let seconds: i64 = header("webhook-timestamp").parse().unwrap();
    assert!((NOW.0 / 1000..NOW.0 / 1000 + 30).contains(&seconds), "{seconds}");
    let message = format!("{}.{seconds}.{}", row.event, came.body);
    let keys = [STANDARD.decode(&SECRET[6..]).unwrap(), vec![7; 32]];
    let signed = keys.map(|key| format!("v1,{}", STANDARD.encode(hmac(&key, message.as_bytes()))));
    assert_eq!(header("webhook-signature"), signed.join(" "));
    let body: Value = serde_json::from_str(&came.body).unwrap();
    let attributes =
        ["specversion", "id", "type", "subject", "source"].map(|key| body[key].as_str().unwrap());
    assert_eq!(attributes, ["1.0", row.event.as_str(), "dozvon.case.opened", "case:1", "/dozvon"]);
    assert_eq!(body["data"], hostile());
    assert_eq!(body["time"], body["timestamp"]);
    assert_eq!(app.counted("crm", "done"), 1);
}

#[tokio::test]
async fn programs_are_told_instants_in_rfc_3339() {
    let (receiver, address) = Receiver::start([]).await;
    let app = App::new(settings(webhook(address))).await;
    app.one(json!({ "due_at": 1_767_225_600_000_i64, "wait_ms": 5_000, "caller": { "seen_at": 0 }, "answered_at": null }))
        .await;
    let body: Value = serde_json::from_str(&receiver.came().pop().unwrap().body).unwrap();
    let told = json!({
        "due_at": "2026-01-01T00:00:00.000Z", "wait_ms": 5_000,
        "caller": { "seen_at": "1970-01-01T00:00:00.000Z" }, "answered_at": null,
    });
    assert_eq!(body["data"], told);
}

#[tokio::test]
async fn what_is_no_success_comes_again_and_410_closes_the_door() {
    let moved = Some((302, Some(("location", "http://127.0.0.1:1/".to_owned())), Vec::new()));
    let huge = Some((500, None, vec![b'x'; 4_000_000]));
    let slow = Some((429, Some(("retry-after", "600".to_owned())), Vec::new()));
    let dated = Some((503, Some(("retry-after", "Mon, 23 Nov 2026 18:20:00 GMT".to_owned())), Vec::new()));
    for (answer, pause, words) in
        [(moved, 5, "302"), (huge, 5, "500"), (status(404), 5, "404"), (slow, 600, "429"), (dated, 0, "503")]
    {
        let (receiver, address) = Receiver::start([answer]).await;
        let app = App::new(settings(webhook(address))).await;
        let row = app.one(json!({})).await;
        let error = row.last_error.unwrap();
        assert!(row.state == "waiting" && error.contains(words) && error.len() < 400, "{error}");
        let next = row.next_at.unwrap() - NOW.0;
        // A date is an instant: Retry-After as a date is not later than it says.
        let expected = if words == "503" { (UnixMs(1_795_458_000_000).0 - NOW.0) / 1000 } else { pause };
        assert!((expected * 1000..=(expected + 20) * 1000).contains(&next), "{words}: {next}");
        assert_eq!(receiver.came().len(), 1);
    }
    let (receiver, address) = Receiver::start([status(410)]).await;
    let app = App::new(settings(webhook(address))).await;
    app.one(json!({})).await;
    let row = app.one(json!({})).await;
    assert_eq!(receiver.came().len(), 1, "nothing is sent to a closed door");
    assert_eq!(row.state, "waiting");
    let store = &app.context.store;
    let closed = store.read("test", dozvon::store::outbox::closed).await.unwrap();
    assert_eq!(closed[0].name.as_str(), "crm");
    store.write("test", |c| dozvon::store::outbox::open(c, &"crm".parse().unwrap())).await.unwrap();
    let (relay, _stop) = app.relay();
    app.tick(&relay).await;
    app.tick(&relay).await;
    let states: Vec<_> = app.rows().await.into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["done", "done"]);
}

#[tokio::test]
async fn a_closed_door_is_told_to_the_others_and_not_to_itself() {
    let gone = Some((410, None, b"+79001112233 is none of ours".to_vec()));
    let (_, address) = Receiver::start([gone]).await;
    let (others, other) = Receiver::start([]).await;
    let mut both = settings(webhook(address));
    both.destinations.push(webhook(other));
    both.destinations[1].name = "ops".parse().unwrap();
    both.destinations[1].events = vec!["destination.closed".parse().unwrap()];
    let app = App::new(both).await;
    app.one(json!({})).await;
    let (relay, _stop) = app.relay();
    app.tick(&relay).await;
    let told: Vec<_> = others.came().iter().map(|came| came.body.parse::<Value>().unwrap()).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["type"], "dozvon.destination.closed");
    assert_eq!((&told[0]["subject"], &told[0]["data"]["name"]), (&json!("destination:crm"), &json!("crm")));
    let reason = told[0]["data"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("410") && reason.contains("none of ours") && !reason.contains("79001112233"),
        "{reason}"
    );
    // Open again, it hears what waited, and not that it was closed.
    let store = &app.context.store;
    store.write("test", |c| dozvon::store::outbox::open(c, &"crm".parse().unwrap())).await.unwrap();
    app.tick(&relay).await;
    let kinds: Vec<_> =
        app.rows().await.into_iter().map(|row| (row.destination, row.kind, row.state)).collect();
    let row = |to: &str, kind: &str| (to.to_owned(), kind.to_owned(), "done".to_owned());
    assert_eq!(kinds, [row("crm", "case.opened"), row("ops", "destination.closed")]);
}

#[tokio::test]
async fn one_that_hangs_holds_up_nobody_else() {
    let (hung, address) = Receiver::start([None]).await;
    let (quick, other) = Receiver::start([]).await;
    let mut both = settings(webhook(address));
    both.destinations[0].timeout = Some(Duration::from_millis(300));
    both.destinations.push(webhook(other));
    both.destinations[1].name = "quick".parse().unwrap();
    let app = App::new(both).await;
    app.one(json!({})).await;
    let rows = app.rows().await;
    let of = |name: &str| rows.iter().find(|row| row.destination == name).unwrap();
    assert_eq!(of("quick").state, "done");
    assert_eq!(of("crm").state, "waiting");
    assert!(of("crm").last_error.as_ref().unwrap().contains("no answer"), "{:?}", of("crm").last_error);
    assert_eq!((hung.came().len(), quick.came().len()), (1, 1));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_given_up() {
    let (receiver, address) = Receiver::start([]).await;
    let app = App::new(settings(webhook(address))).await;
    let row = app.one(json!({"note": "x".repeat(20_001)})).await;
    assert_eq!(row.state, "dead");
    assert!(receiver.came().is_empty());
}

#[tokio::test]
async fn our_own_network_is_not_connected_to_whatever_a_name_says() {
    let (receiver, address) = Receiver::start([]).await;
    let mut to = destination(Kind::Webhook, format!("http://hooks.example.ru:{}/", address.port()));
    to.allow_private = false;
    to.timeout = Some(Duration::from_millis(500));
    let app = App::new(settings(to)).await;
    // The name is outside when it is asked for first, and inside from then on.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup: egress::Lookup = Arc::new(move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let ip = if first { [8, 8, 8, 8] } else { [127, 0, 0, 1] };
        Box::pin(async move { Ok(vec![(ip, 0).into()]) })
    });
    let outlets: Vec<Outlet> = outlets(&app.context, &lookup, &app.tasks).unwrap();
    let (relay, _stop) = app.relay_to(outlets);
    for case in 1..4 {
        app.emit(dozvon::event::EventKind::CaseOpened, case, json!({})).await;
        app.tick(&relay).await;
    }
    assert!(asked.load(Ordering::SeqCst) >= 3, "each connection asks");
    assert!(receiver.came().is_empty(), "it was connected to an address that was not looked at");
    let rows = app.rows().await;
    assert!(rows.iter().all(|row| row.state == "waiting"));
    let error = rows[2].last_error.as_ref().unwrap();
    assert!(error.contains("private network"), "{error}");
}
