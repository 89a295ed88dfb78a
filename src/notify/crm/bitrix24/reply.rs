//! What an answer of Bitrix24 means. Errors come with HTTP 200 as well as with 400, so the body decides.

use serde_json::Value;

use crate::clock::UnixMs;
use crate::notify::Trouble;
use crate::notify::excerpt::excerpt;
use crate::notify::http::Answer;

/// An answer of Bitrix24.
#[derive(Debug)]
pub enum Reply {
    /// Success, and when the method's used time starts to be released.
    Result {
        /// `result`.
        result: Value,
        /// `time.operating_reset_at`.
        reset: Option<UnixMs>,
    },
    /// The token has expired.
    Expired,
    /// More requests per second than the portal takes.
    TooMany(String),
    /// The method's 480 s in ten minutes are used up.
    UsedUp {
        /// The error.
        reason: String,
        /// When some of it is released, if the answer says so.
        reset: Option<UnixMs>,
    },
    /// Bitrix24's staff has blocked the portal's API.
    Blocked(String),
}

/// The method that ends a call.
pub const FINISH: &str = "telephony.externalCall.finish";

/// Reads an answer.
pub fn read(method: &str, answer: &Answer) -> Result<Reply, Trouble> {
    let status = answer.status.as_u16();
    if status == 410 {
        return Err(Trouble::Gone { reason: format!("Bitrix24 is gone: {}", answer.shown()) });
    }
    let said = answer.json()?;
    let reset = said.pointer("/time/operating_reset_at").or_else(|| said.get("operating_reset_at"));
    let reset = reset.and_then(Value::as_i64).map(|seconds| UnixMs(seconds.saturating_mul(1000)));
    let code = match said.get("error") {
        None | Some(Value::Null) => None,
        // Some errors have no code, such as "Call is not found".
        Some(Value::String(code)) if code.is_empty() && status < 400 && said.get("result").is_some() => None,
        Some(Value::String(code)) => Some(code.clone()),
        Some(other) => Some(other.to_string()),
    };
    let Some(code) = code else {
        return match said.get("result") {
            Some(result) if status < 400 => Ok(Reply::Result { result: result.clone(), reset }),
            _ => Err(answer
                .passing(format!("{method}: the answer has neither result nor error: {}", answer.shown()))),
        };
    };
    let description = said.get("error_description").and_then(Value::as_str).unwrap_or_default();
    let reason = format!("{method}: {} {}", excerpt(&code), excerpt(description));
    let reason = reason.trim_end().to_owned();
    match code.as_str() {
        "QUERY_LIMIT_EXCEEDED" => Ok(Reply::TooMany(reason)),
        "OPERATION_TIME_LIMIT" => Ok(Reply::UsedUp { reason, reset }),
        "OVERLOAD_LIMIT" => Ok(Reply::Blocked(format!("{reason}; ask Bitrix24's support to lift the block"))),
        "expired_token" => Ok(Reply::Expired),
        "WRONG_AUTH_TYPE" => Err(Trouble::refused(format!(
            "{reason}; only an application may call this: set its client_id, client_secret, access_token and refresh_token under [crm], or use a webhook's address without client_id"
        ))),
        "NO_AUTH_FOUND" | "invalid_token" => Err(Trouble::refused(format!(
            "{reason}; the portal does not know the webhook or the application's token: make a new one and set it under [crm]"
        ))),
        "insufficient_scope" | "INVALID_CREDENTIALS" | "ACCESS_DENIED" | "user_access_error" => {
            Err(Trouble::refused(format!(
                "{reason}; give the webhook or application the permissions crm and telephony, and its user the \
                 rights to cards and to call statistics"
            )))
        }
        // An earlier try has finished the call and its answer was lost, or the call was registered too long ago. The
        // next try finds it, or registers it anew.
        "" if method == FINISH && description.starts_with("Call is not found") => Err(answer.passing(reason)),
        "PORTAL_DELETED" | "INTERNAL_SERVER_ERROR" | "ERROR_UNEXPECTED_ANSWER" => Err(answer.passing(reason)),
        _ if status >= 500 || status == 429 => Err(answer.passing(reason)),
        _ => Err(Trouble::refused(reason)),
    }
}

/// Both the token and its renewed successor were refused.
pub fn no_access(method: &str) -> Trouble {
    Trouble::refused(format!(
        "{method}: Bitrix24 says that the token has expired, although it is new or none is needed; set the application's tokens anew under [crm]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(method: &str, status: u16, body: &str) -> Result<Reply, Trouble> {
        let status = reqwest::StatusCode::from_u16(status).unwrap();
        read(method, &Answer { status, wait: None, body: body.as_bytes().to_vec(), flaw: None })
    }

    #[test]
    fn an_error_without_a_code_is_one() {
        let lost = r#"{"error":"","error_description":"Call is not found (call should be registered prior to finishing)"}"#;
        assert!(
            matches!(said(FINISH, 400, lost), Err(Trouble::Passing { .. })),
            "the next try registers it anew"
        );
        for status in [200, 400] {
            let refused = said("crm.item.add", status, r#"{"error":"","error_description":"Bad fields"}"#);
            assert!(
                matches!(&refused, Err(Trouble::Refused { reason }) if reason.contains("Bad fields")),
                "{refused:?}"
            );
        }
        assert!(matches!(said("x", 200, r#"{"result":1,"error":""}"#), Ok(Reply::Result { .. })));
    }
}
