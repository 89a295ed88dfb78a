//! HTTP as every channel speaks it: no redirects, no proxies of the environment, a time limit, a bounded answer.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};

use super::Trouble;
use super::excerpt::excerpt;
use super::guard::{Guarded, Lookup};
use crate::clock::UnixMs;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client: {0}")]
pub struct NoClient(#[from] reqwest::Error);

/// A client that connects only where it may.
///
/// # Errors
/// When the certificates that this system trusts cannot be read.
pub fn client(timeout: Duration, allow_private: bool, lookup: Lookup) -> Result<Client, NoClient> {
    // The first one stays; it is the same whoever was first.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(Client::builder()
        .user_agent(concat!("dozvon/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .timeout(timeout)
        .connect_timeout(timeout)
        .dns_resolver(std::sync::Arc::new(Guarded { lookup, allow_private }))
        .build()?)
}

/// What the other side answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long it wants to be left alone, if it said so.
    pub wait: Option<Duration>,
    /// The body, cut to the limit.
    pub body: Vec<u8>,
}

impl Answer {
    /// The status and the beginning of the body, for people: one line, nothing that a terminal would obey.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}", self.status, excerpt(&self.body)).trim_end().to_owned()
    }
}

/// Sends a request and reads at most `limit` bytes of the answer.
///
/// # Errors
/// [`Trouble::Passing`] when there is no answer.
pub async fn ask(request: RequestBuilder, limit: usize, now: UnixMs) -> Result<Answer, Trouble> {
    let mut response = request.send().await.map_err(|error| Trouble::passing(reason(&error)))?;
    let (status, wait) = (response.status(), wait(response.headers(), now));
    let mut body = Vec::new();
    // What is cut off or broken off after the status changes nothing: the status counts.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if chunk.len() >= room {
            break;
        }
    }
    Ok(Answer { status, wait, body })
}

/// An error with its causes, without the URL: it may hold a key.
fn reason(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "cannot connect".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text.chars().take(500).collect()
}

/// `Retry-After`: seconds or a date.
fn wait(headers: &HeaderMap, now: UnixMs) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(UnixMs(until.timestamp_millis()).since(now))
}

/// What a status other than success means: passing for what may be better later, gone for 410, else refused.
#[must_use]
pub fn trouble(answer: &Answer) -> Trouble {
    let reason = answer.shown();
    match answer.status {
        StatusCode::GONE => Trouble::Gone { reason },
        // Anything else may be put right on the other side, at any time: Standard Webhooks tries all of it again.
        _ => Trouble::Passing { reason, wait: answer.wait },
    }
}
