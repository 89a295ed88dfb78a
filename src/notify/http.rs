//! HTTP as every channel speaks it: no redirects, no proxies of the environment, a time limit, a bounded answer, and
//! no address in an error.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::Trouble;
use super::excerpt::{CUT, excerpt};
use crate::clock::{Clock, UnixMs};
use crate::config::notify::{Destination, Settings};
use crate::egress::{Guarded, Lookup};

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client: {0}")]
pub struct NoClient(#[from] reqwest::Error);

/// How far a client goes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long an answer may take, to its end.
    pub timeout: Duration,
    /// How many bytes of an answer are read.
    pub max_answer_bytes: usize,
    /// Whether it may connect into our own network.
    pub allow_private: bool,
    /// Which setting `timeout` is, for errors.
    pub timeout_key: &'static str,
    /// Which setting `max_answer_bytes` is, for errors.
    pub largest_answer_key: &'static str,
}

impl Bounds {
    /// Those of a destination of `[notify]`.
    #[must_use]
    pub fn of(settings: &Settings, to: &Destination) -> Self {
        Self {
            timeout: to.timeout.unwrap_or(settings.timeout),
            max_answer_bytes: settings.max_answer_bytes,
            allow_private: to.allow_private,
            timeout_key: "[notify] timeout",
            largest_answer_key: "[notify] max_answer_bytes",
        }
    }
}

/// A client that connects only where it may, and reads only so much.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    bounds: Bounds,
    clock: Clock,
}

impl Http {
    /// A client within these bounds.
    ///
    /// # Errors
    /// When the certificates that this system trusts cannot be read.
    pub fn new(bounds: Bounds, lookup: Lookup, clock: Clock) -> Result<Self, NoClient> {
        // The first one stays; it is the same whoever was first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .user_agent(concat!("dozvon/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .timeout(bounds.timeout)
            .connect_timeout(bounds.timeout)
            .dns_resolver(Arc::new(Guarded { lookup, allow_private: bounds.allow_private }))
            .build()?;
        Ok(Self { client, bounds, clock })
    }

    /// The client, to begin a request with.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads as much of the answer as the bounds allow.
    ///
    /// # Errors
    /// [`Trouble::Passing`] when there is no answer.
    pub async fn ask(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let response = request.send().await.map_err(|error| Trouble::passing(self.reason(&error)))?;
        let (status, wait) = (response.status(), wait(response.headers(), self.clock.now()));
        let (body, flaw) = self.body(response).await;
        Ok(Answer { status, wait, body, flaw })
    }

    /// What is cut off or broken off after the status is no error here: for most the status is all that counts.
    async fn body(&self, mut response: Response) -> (Vec<u8>, Option<String>) {
        let (limit, mut body) = (self.bounds.max_answer_bytes, Vec::new());
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return (body, None),
                Err(error) => return (body, Some(format!("breaks off: {}", self.reason(&error)))),
            };
            let room = limit.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if chunk.len() > room {
                let key = self.bounds.largest_answer_key;
                return (body, Some(format!("is longer than {key} = {limit} bytes")));
            }
        }
    }

    /// An error with its causes, without the URL: it may hold a key.
    fn reason(&self, error: &reqwest::Error) -> String {
        let mut text = if error.is_timeout() {
            format!("no answer in time, see {}", self.bounds.timeout_key)
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

/// What the other side answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long it wants to be left alone, if it said so.
    pub wait: Option<Duration>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Why that is not all of it: a verb and what follows.
    pub flaw: Option<String>,
}

impl Answer {
    /// The status and the beginning of the body, for people: one line, nothing that a terminal would obey.
    #[must_use]
    pub fn shown(&self) -> String {
        let shown = format!("{} {}", self.status, excerpt(&self.body)).trim_end().to_owned();
        // Where a secret begins at the end, only the mark tells that it does.
        if self.flaw.is_some() && !shown.ends_with(CUT) { format!("{shown}{CUT}") } else { shown }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Passing with the beginning of the body when it is none, or not all of it was read.
    pub fn json(&self) -> Result<Value, Trouble> {
        let value = match &self.flaw {
            Some(flaw) => Err(flaw.as_str()),
            None => serde_json::from_slice(&self.body).map_err(|_| "is not JSON"),
        };
        value.map_err(|flaw| self.passing(format!("the answer {flaw}; it begins: {}", self.shown())))
    }

    /// Try again, when the other side likes.
    #[must_use]
    pub const fn passing(&self, reason: String) -> Trouble {
        Trouble::Passing { reason, wait: self.wait }
    }

    /// What a status other than success means: gone for 410, else passing. Anything may be put right on the other side,
    /// at any time: Standard Webhooks tries all of it again.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self.status {
            StatusCode::GONE => Trouble::Gone { reason: self.shown() },
            _ => self.passing(self.shown()),
        }
    }
}
