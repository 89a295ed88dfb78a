//! `POST /api/v1/requests`: requests of programs.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::fields::{self, Problem, problem};
use super::{By, From, Intake, Refused, proof};
use crate::config::requests::Source;
use crate::missed::case::Reason;
use crate::store::requests::Received;

/// The longest key of a sender, in characters.
const LONGEST_KEY: usize = 255;

pub(super) async fn receive(
    State(intake): State<Arc<Intake>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match take(&intake, peer, &headers, body).await {
        Ok(received) => accepted(&received),
        Err(Answer::Refused(refused)) => answer(&refused),
        Err(Answer::Stranger(problem, remedy)) => {
            let text = said(&fields::problem("authorization", problem, remedy));
            let mut response = respond(StatusCode::UNAUTHORIZED, &text);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Err(Answer::Kind) => {
            let remedy = "send application/json or application/x-www-form-urlencoded";
            respond(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                &said(&problem("content-type", "this content type is not supported", remedy)),
            )
        }
    }
}

enum Answer {
    Refused(Refused),
    Stranger(&'static str, &'static str),
    Kind,
}

impl std::convert::From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

async fn take(
    intake: &Intake,
    peer: SocketAddr,
    headers: &HeaderMap,
    body: Body,
) -> Result<Received, Answer> {
    let address = intake.address(peer, headers);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A token identifies the sender before the body is read.
    let known = proof::of_token(&intake.settings.sources, text("authorization"));
    let _permit = match known {
        Some(source) => intake.admit_known(source)?,
        None => intake.admit_stranger(address, !text("webhook-signature").is_empty())?,
    };
    if known.is_none() && text("webhook-signature").is_empty() {
        let remedy = "send `Authorization: Bearer TOKEN`, or sign it as Standard Webhooks describes";
        return Err(Answer::Stranger("the sender is unknown", remedy));
    }
    let body = intake.body(body).await?;
    let (source, signed) = match known {
        Some(source) => (source, false),
        None => (signer(intake, headers, &body)?, true),
    };
    if signed {
        intake.recognize(source, address)?;
    }
    let kind = text("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fields = match kind.as_str() {
        "application/json" => fields::of_json(&body),
        "application/x-www-form-urlencoded" => fields::of_form(&body),
        _ => return Err(Answer::Kind),
    };
    let said = intake.read(&fields.map_err(Refused::Bad)?, source.queue.as_ref())?;
    let from = From {
        by: By::Source,
        key: key(headers, source, signed)?,
        body,
        reason: if source.bot { Reason::Bot } else { Reason::WebForm },
        source: source.name.clone(),
        queue: source.queue.clone(),
        consent: None,
        address,
    };
    Ok(intake.keep(said, from).await?)
}

fn signer<'g>(intake: &'g Intake, headers: &HeaderMap, body: &Bytes) -> Result<&'g Source, Answer> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = proof::Signed {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
        body,
    };
    proof::of_signature(&intake.settings.sources, &signed, intake.now(), intake.settings.max_signature_age)
        .map_err(|(problem, remedy)| Answer::Stranger(problem, remedy))
}

/// The idempotency key of a request. For a signed request it is the signed id and nothing else: otherwise somebody who
/// intercepted the request could send it again with another key.
fn key(headers: &HeaderMap, source: &Source, signed: bool) -> Result<Option<String>, Refused> {
    let (id, given) = (headers.get("webhook-id"), headers.get("idempotency-key"));
    if signed && given.is_some() && given != id {
        return Err(Refused::Bad(problem(
            "idempotency-key",
            "the key of a signed request is its webhook-id",
            "leave it out: only the webhook-id is signed",
        )));
    }
    let (name, given) = match given {
        Some(given) if !signed => ("idempotency-key", Some(given)),
        _ => ("webhook-id", id),
    };
    match given.map(|given| given.to_str().unwrap_or_default()) {
        None if !signed => Ok(None),
        Some(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Some(format!("{}\n{key}", source.name))),
        _ => Err(Refused::Bad(problem(
            name,
            "it is missing or unreadable",
            &format!("send 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID"),
        ))),
    }
}

/// The answer to an accepted request; a repetition gets the same answer.
fn accepted(received: &Received) -> Response {
    let value = json!({
        "id": received.id,
        "received_at": received.received_at.to_string(),
        "case": received.case.map(|case| case.0),
    });
    let mut response = respond(StatusCode::CREATED, &value);
    if received.replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

fn answer(refused: &Refused) -> Response {
    let whole = |status, what: &str, remedy: &str| respond(status, &said(&problem("", what, remedy)));
    match refused {
        Refused::Big => whole(StatusCode::PAYLOAD_TOO_LARGE, "the body is too big", "send less text"),
        Refused::Slow => {
            whole(StatusCode::REQUEST_TIMEOUT, "the body arrived too slowly, or broke off", "send it again")
        }
        Refused::Other => whole(
            StatusCode::CONFLICT,
            "this Idempotency-Key was used for another request",
            "send a new key with a new request",
        ),
        Refused::Bad(problem) if problem.field.is_empty() => respond(StatusCode::BAD_REQUEST, &said(problem)),
        Refused::Bad(problem) => respond(StatusCode::UNPROCESSABLE_ENTITY, &said(problem)),
        Refused::Often(wait) => {
            later(whole(StatusCode::TOO_MANY_REQUESTS, "too many requests", "wait"), wait.as_secs() + 1)
        }
        Refused::Away => later(
            whole(
                StatusCode::SERVICE_UNAVAILABLE,
                "the request cannot be stored now",
                "send it again, with the same key",
            ),
            5,
        ),
    }
}

fn later(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn said(problem: &Problem) -> Value {
    json!({ "error": problem })
}

fn respond(status: StatusCode, value: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, format!("{value}\n")).into_response()
}
