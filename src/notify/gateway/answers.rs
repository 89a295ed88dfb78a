//! The meaning of gateways' answers (pure). They answer 200 to nearly everything, so the body decides.

use std::time::Duration;

use serde_json::Value;

use crate::notify::http::Answer;
use crate::notify::{Receipt, Trouble};

const fn later(reason: String, seconds: u64) -> Trouble {
    Trouble::Passing { reason, wait: Some(Duration::from_secs(seconds)) }
}

/// Any gateway: success is a status of 2xx and the expected value at the pointer.
pub(super) fn plain(answer: &Answer, pointer: &str, expected: &str) -> Result<Receipt, Trouble> {
    if !answer.status.is_success() {
        return Err(answer.trouble());
    }
    if pointer.is_empty() {
        return Ok(Receipt::Done(answer.shown()));
    }
    let body = answer.json()?;
    let found = match body.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    if found == expected {
        return Ok(Receipt::Done(answer.shown()));
    }
    Err(Trouble::refused(format!("{pointer} is not {expected}: {}", answer.shown())))
}

/// SMSC.ru (smsc.ru/api/http, `fmt=3`): `error_code` 3 no funds, 4 blocked for a while, 9 too many at once; the other
/// codes mean that the message or the settings are wrong.
pub(super) fn smsc(answer: &Answer) -> Result<Receipt, Trouble> {
    if !answer.status.is_success() {
        return Err(answer.trouble());
    }
    let body = answer.json()?;
    match body["error_code"].as_i64() {
        None if body["id"].is_null() => {
            Err(Trouble::passing(format!("not the answer of SMSC: {}", answer.shown())))
        }
        None => Ok(Receipt::Done(format!("SMSC id {}", body["id"]))),
        Some(3) => Err(later(format!("SMSC: no funds: {}", answer.shown()), 600)),
        Some(4) => Err(later(format!("SMSC: blocked: {}", answer.shown()), 600)),
        Some(9) => Err(later(format!("SMSC: too many requests: {}", answer.shown()), 60)),
        Some(code) => Err(Trouble::refused(format!("SMSC error {code}: {}", answer.shown()))),
    }
}

/// SMS.ru (sms.ru/api/send, `json=1`): `status` OK means only that the request was read; each number has a code of its
/// own.
pub(super) fn smsru(answer: &Answer) -> Result<Receipt, Trouble> {
    if !answer.status.is_success() {
        return Err(answer.trouble());
    }
    let body = answer.json()?;
    // A request has one number.
    let number = body["sms"].as_object().and_then(|numbers| numbers.values().next());
    let of = number.unwrap_or(&body);
    let code = of["status_code"].as_i64().or_else(|| of["status_code"].as_str()?.parse().ok());
    match code {
        Some(100) if number.is_some() => Ok(Receipt::Done(format!("SMS.ru id {}", of["sms_id"]))),
        Some(201) => Err(later(format!("SMS.ru: no funds: {}", answer.shown()), 600)),
        Some(206 | 230) => {
            Err(later(format!("SMS.ru: the daily limit is used up: {}", answer.shown()), 3600))
        }
        Some(220 | 500) => Err(Trouble::passing(format!("SMS.ru: {}", answer.shown()))),
        Some(code) if code != 100 => Err(Trouble::refused(format!("SMS.ru code {code}: {}", answer.shown()))),
        _ => Err(Trouble::passing(format!("not the answer of SMS.ru: {}", answer.shown()))),
    }
}

/// Telegram's bots: `ok`, else `error_code` and perhaps `parameters.retry_after` in seconds.
pub(super) fn telegram(answer: &Answer) -> Result<Receipt, Trouble> {
    let body = answer.json()?;
    if body["ok"] == true {
        return Ok(Receipt::Done(format!("message {}", body["result"]["message_id"])));
    }
    let said = format!("Telegram: {}", answer.shown());
    match body["error_code"].as_i64() {
        Some(429) => Err(later(said, body["parameters"]["retry_after"].as_u64().unwrap_or(30))),
        // An unknown chat, a bot that was blocked or may not write, a wrong token: a retry helps with none of these.
        Some(400..=404) => Err(Trouble::refused(said)),
        _ => Err(Trouble::passing(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: reqwest::StatusCode::OK, wait: None, body: body.as_bytes().to_vec(), flaw: None }
    }

    fn word(result: Result<Receipt, Trouble>) -> &'static str {
        match result {
            Ok(_) => "done",
            Err(Trouble::Passing { .. }) => "passing",
            Err(Trouble::Refused { .. }) => "refused",
            Err(Trouble::Gone { .. }) => "gone",
        }
    }

    #[test]
    fn ok_at_the_top_does_not_mean_that_the_number_is_ok() {
        let one = |code: i64| {
            format!(
                r#"{{"status":"OK","status_code":100,"sms":{{"79001112233":{{"status":"ERROR","status_code":{code}}}}}}}"#
            )
        };
        for (code, expected) in [
            (100, "done"),
            (201, "passing"),
            (202, "refused"),
            (209, "refused"),
            (206, "passing"),
            (220, "passing"),
        ] {
            assert_eq!(word(smsru(&answer(&one(code)))), expected, "{code}");
        }
        assert_eq!(word(smsru(&answer(r#"{"status":"OK","status_code":100}"#))), "passing");
        assert_eq!(word(smsru(&answer(r#"{"status":"ERROR","status_code":200}"#))), "refused");
    }

    #[test]
    fn errors_of_the_others_are_understood() {
        for (body, expected) in [
            (r#"{"id":1,"cnt":1}"#, "done"),
            (r#"{"error":"x","error_code":2}"#, "refused"),
            (r#"{"error":"x","error_code":3,"id":1}"#, "passing"),
            (r#"{"error":"x","error_code":9}"#, "passing"),
            ("{}", "passing"),
            ("<html>", "passing"),
        ] {
            assert_eq!(word(smsc(&answer(body))), expected, "{body}");
        }
        for (body, expected) in [
            (r#"{"ok":true,"result":{"message_id":5}}"#, "done"),
            (r#"{"ok":false,"error_code":403}"#, "refused"),
            (r#"{"ok":false,"error_code":502}"#, "passing"),
        ] {
            assert_eq!(word(telegram(&answer(body))), expected, "{body}");
        }
        let slow =
            telegram(&answer(r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#)).unwrap_err();
        assert!(matches!(slow, Trouble::Passing { wait: Some(wait), .. } if wait.as_secs() == 7));
        assert_eq!(word(plain(&answer(r#"{"a":{"b":"ok"}}"#), "/a/b", "ok")), "done");
        assert_eq!(word(plain(&answer(r#"{"a":{"b":1}}"#), "/a/b", "ok")), "refused");
    }
}
