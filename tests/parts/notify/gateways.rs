//! SMS gateways and Telegram: what each of their answers means.

use std::collections::BTreeMap;
use std::time::Duration;

use dozvon::clock::{Clock, UnixMs};
use dozvon::config::notify::{Destination, Kind, Preset};
use dozvon::notify::wrong_destinations;
use dozvon::secret::Secret;
use serde_json::{Value, json};

use super::support::*;

fn sms(url: String, preset: Option<Preset>, to: &str) -> Destination {
    let mut sms = destination(Kind::Sms, url);
    (sms.preset, sms.key, sms.to) = (preset, Secret::from("key&1"), vec![to.to_owned()]);
    sms
}

/// What a form says, read as any receiver reads it.
fn form(body: &str) -> BTreeMap<String, String> {
    reqwest::Url::parse(&format!("http://x/?{body}")).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn presets_send_one_message_and_believe_only_the_number_s_own_answer() {
    let smsru = |code: u32| {
        format!(
            r#"{{"status":"OK","status_code":100,"sms":{{"79001112233":{{"status_code":{code},"sms_id":"5"}}}}}}"#
        )
    };
    for (preset, said, state) in [
        (Preset::Smsru, smsru(100), "done"),
        (Preset::Smsru, smsru(202), "dead"),
        (Preset::Smsru, smsru(201), "waiting"),
        (Preset::Smsc, r#"{"id":7,"cnt":1}"#.to_owned(), "done"),
        (Preset::Smsc, r#"{"error":"invalid number","error_code":7}"#.to_owned(), "dead"),
        (Preset::Smsc, r#"{"error":"no money","error_code":3}"#.to_owned(), "waiting"),
        (Preset::Smsc, "<html>busy</html>".to_owned(), "waiting"),
    ] {
        let (receiver, address) = Receiver::start([says(&said)]).await;
        let app = App::new(settings(sms(format!("http://{address}/send"), Some(preset), "caller"))).await;
        let row = app.one(hostile()).await;
        assert_eq!(row.state, state, "{preset} {said}: {:?}", row.last_error);
        let fields = form(&receiver.came()[0].body);
        let (number, key) = if preset == Preset::Smsru { ("to", "api_id") } else { ("phones", "apikey") };
        assert_eq!((fields[number].as_str(), fields[key].as_str()), ("+79001112233", "key&1"));
    }
}

/// A page of an error often holds the address that was asked.
#[tokio::test]
async fn a_gateway_that_says_the_key_again_does_not_get_it_into_the_outbox() {
    let key = "abc&123456";
    for (status, said) in [(200, key), (500, "/send?api_id=abc%26123456&to=7"), (400, key)] {
        let (_receiver, address) = Receiver::start([Some((status, None, said.into()))]).await;
        let mut sms = sms(format!("http://{address}/send"), None, "caller");
        (sms.key, sms.body) = (Secret::from(key), "key={{ key }}&to={{ to }}".to_owned());
        let row = App::new(settings(sms)).await.one(hostile()).await;
        let kept = format!("{:?} {:?}", row.last_status, row.last_error);
        assert!(kept.contains("***") && !kept.contains("123456"), "{kept}");
    }
}

/// A stranger chooses the number, and we pay.
#[tokio::test]
async fn nobody_makes_us_send_sms_to_dear_numbers_or_without_end() {
    let (receiver, address) = Receiver::start([]).await;
    let mut sms = sms(format!("http://{address}/"), None, "caller");
    sms.body = "to={{ to }}".to_owned();
    let mut settings = settings(sms);
    (settings.callers.sms_per_day, settings.callers.sms_per_hour) = (2, 3);
    let app = App::new(settings).await;
    let ask = async |number: &str| {
        let row = app.one(json!({"number": number, "sms_consent": true})).await;
        (row.state, row.last_error.unwrap_or_default())
    };
    for (number, why) in [
        ("+4915112345678", "abroad"),
        ("+79401234567", "+7940"),
        ("+18765551234", "abroad"),
        ("+78091234567", "premium"),
        ("+8816123456789", "destinations"),
    ] {
        let (state, said) = ask(number).await;
        assert!(state == "skipped" && said.contains(why), "{number}: {state} {said}");
    }
    assert!(receiver.came().is_empty());
    let mut states = Vec::new();
    for number in ["+79001112233", "+79001112233", "+79001112233", "+79001112244", "+79001112255"] {
        states.push(ask(number).await);
    }
    let said: Vec<&str> = states.iter().map(|(_, said)| said.as_str()).collect();
    assert!(said[2].contains("in 24 hours") && said[4].contains("an hour"), "{states:?}");
    assert_eq!(receiver.came().len(), 3, "two to one number, one to another, and then an hour's are spent");
    let put_off = app.rows().await.pop().unwrap();
    assert_eq!((put_off.state.as_str(), put_off.attempt_no), ("waiting", 0), "it was not tried");
    let wait = UnixMs(put_off.next_at.unwrap()).since(app.context.clock.now());
    let hour = Duration::from_hours(1);
    assert!(wait > Duration::from_mins(30) && wait <= hour, "until the oldest leaves the window: {wait:?}");
    let text = app.context.metrics.text().unwrap();
    for (result, count) in [("destination", 5), ("allowed", 3), ("recipient", 1), ("hour", 1)] {
        let line = format!("dozvon_outgoing_contacts_total{{medium=\"sms\",result=\"{result}\"}} {count}");
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert!(text.contains("dozvon_outgoing_contacts_total{medium=\"dial\",result=\"destination\"} 0"));
}

/// A mistake in a template is told without the template, which may hold a key.
#[tokio::test]
async fn what_is_wrong_with_a_template_is_told_without_the_key_in_it() {
    for (url, body) in [
        ("https://sms.example.com/?apikey=S3cr3tKey&to={{ too }}", "x"),
        ("https://sms.example.com/?apikey=S3cr3tKey&to={{ to", "x"),
        ("sms.example.com/S3cr3tKey?to={{ to }}", "x"),
        ("https://sms.example.com/", "key=S3cr3tKey&to={{ too }}"),
    ] {
        let mut sms = sms(url.to_owned(), None, "caller");
        sms.body = body.to_owned();
        let settings = settings(sms);
        let wrong = wrong_destinations(&settings, chrono_tz::UTC, Clock::system());
        let said = wrong.iter().map(ToString::to_string).collect::<String>();
        assert!(wrong.len() == 1 && !said.contains("S3cr3t"), "{url}: {said}");
    }
}

/// Somebody has written secrets where there is no setting for them.
#[tokio::test]
async fn a_gateway_that_says_login_headers_or_address_again_does_not_get_them_into_the_outbox() {
    let echo = "no user oleg-login with Bearer t0ken-of-ours at /hooks/T0123ABCD4567?apikey=qwerty77 body bodykey12345";
    for status in [200, 500, 400] {
        let (_receiver, address) = Receiver::start([Some((status, None, echo.into()))]).await;
        let mut sms = sms(format!("http://{address}/hooks/T0123ABCD4567?apikey=qwerty77"), None, "caller");
        sms.login = "oleg-login".to_owned();
        sms.headers = [("Authorization".to_owned(), "Bearer t0ken-of-ours".to_owned())].into();
        sms.body = "login={{ login }}&to={{ to }}&k=bodykey12345".to_owned();
        let row = App::new(settings(sms)).await.one(hostile()).await;
        let kept = format!("{:?} {:?}", row.last_status, row.last_error);
        for secret in ["oleg-login", "t0ken-of-ours", "T0123ABCD4567", "qwerty77", "bodykey12345"] {
            assert!(kept.contains("***") && !kept.contains(secret), "{secret}: {kept}");
        }
    }
}

#[tokio::test]
async fn without_consent_on_file_no_caller_gets_an_sms() {
    let (receiver, address) = Receiver::start([]).await;
    let app = App::new(settings(sms(format!("http://{address}/"), Some(Preset::Smsru), "caller"))).await;
    for consent in [Value::Null, json!(false), json!("true")] {
        let row = app.one(json!({"number": "+79001112233", "sms_consent": consent})).await;
        assert_eq!(row.state, "skipped");
        assert!(row.last_error.unwrap().contains("sms_consent"));
    }
    assert!(receiver.came().is_empty());
}

#[tokio::test]
async fn the_sender_of_a_request_is_not_told_of_a_missed_call() {
    let (receiver, address) = Receiver::start([]).await;
    let app = App::new(settings(sms(format!("http://{address}/"), Some(Preset::Smsru), "caller"))).await;
    let row = app.one(json!({"number": "+79001112233", "sms_consent": true, "request": 1})).await;
    assert_eq!((row.state.as_str(), receiver.came().len()), ("skipped", 0));
}

#[tokio::test]
async fn no_name_becomes_another_parameter() {
    let own = tempfile::tempdir().unwrap();
    let path = own.path().join("own.toml");
    std::fs::write(&path, "[\"case.opened\"]\nshort = \"{{ name }}\"\n").unwrap();
    let name = "x  Bcc: all@example.ru    <b>&to=+7900\"},{{ number }} ";
    let (receiver, address) = Receiver::start([says(r#"{"s":{"ok":1}}"#), says(r#"{"s":{"ok":1}}"#)]).await;
    let mut to = sms(format!("http://{address}/?a={{{{ text }}}}"), None, "+79001112233");
    to.body = "to={{ to }}&text={{ text }}".to_owned();
    (to.success, to.success_is, to.template) = ("/s/ok".to_owned(), "1".to_owned(), Some(path.clone()));
    let app = App::new(settings(to.clone())).await;
    assert_eq!(app.one(hostile()).await.state, "done");
    let came = receiver.came().pop().unwrap();
    let fields = form(&came.body);
    assert_eq!(fields.len(), 2, "{fields:?}");
    assert_eq!((fields["to"].as_str(), fields["text"].as_str()), ("+79001112233", name));
    assert_eq!(form(came.path.trim_start_matches("/?"))["a"], name);

    to.body = r#"{"to": "{{ to }}", "text": "{{ text }}"}"#.to_owned();
    to.headers = BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]);
    let app = App::new(settings(to)).await;
    assert_eq!(app.one(hostile()).await.state, "done");
    let came = receiver.came().pop().unwrap();
    let body: Value = serde_json::from_str(&came.body).unwrap();
    assert_eq!(body, json!({"to": "+79001112233", "text": name}));
}

#[tokio::test]
async fn telegram_is_asked_as_its_bots_ask_and_left_alone_when_it_says_so() {
    let slow = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":77}}"#;
    let (receiver, address) = Receiver::start([says(slow)]).await;
    let mut to = destination(Kind::Telegram, format!("http://{address}/bot{{{{ key }}}}/sendMessage"));
    (to.key, to.to) = (Secret::from("123:abc"), vec!["supervisor".to_owned()]);
    let app = App::new(settings(to)).await;
    let row = app.one(hostile()).await;
    assert_eq!(row.state, "waiting");
    assert!((77_000..97_000).contains(&(row.next_at.unwrap() - NOW.0)));
    assert!(!row.last_error.unwrap().contains("123:abc"));
    let came = receiver.came().pop().unwrap();
    assert_eq!(came.path, "/bot123:abc/sendMessage");
    let body: Value = serde_json::from_str(&came.body).unwrap();
    assert_eq!(body["chat_id"], "42");
    assert_eq!(body["text"], "Missed call from +79001112233, sales. Case 17.");
}
