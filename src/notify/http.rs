//! The HTTP client of every channel: no redirects, no proxies of the environment, a time limit, a bounded answer, and
//! no address in errors.

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

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client: {0}")]
pub struct NoClient(#[from] reqwest::Error);

/// The limits of a client.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long a request may take, to the end of the answer.
    pub timeout: Duration,
    /// How many bytes of an answer are read.
    pub max_answer_bytes: usize,
    /// Whether it may connect to private networks.
    pub allow_private: bool,
    /// The name of the setting `timeout`, for errors.
    pub timeout_key: &'static str,
    /// The name of the setting `max_answer_bytes`, for errors.
    pub largest_answer_key: &'static str,
}

impl Bounds {
    /// The limits of a destination of `[notify]`.
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

/// A client that connects only to allowed addresses, and reads bounded answers.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    bounds: Bounds,
    clock: Clock,
}

impl Http {
    /// Makes a client.
    ///
    /// # Errors
    /// If the system's trusted certificates cannot be read.
    pub fn new(bounds: Bounds, lookup: Lookup, clock: Clock) -> Result<Self, NoClient> {
        // If another thread has installed it first, that one is the same.
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

    /// The client, to build a request.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads as much of the answer as the bounds allow.
    ///
    /// # Errors
    /// [`Trouble::Passing`] if there is no answer.
    pub async fn ask(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let response = request.send().await.map_err(|error| Trouble::passing(self.reason(&error)))?;
        let (status, wait) = (response.status(), wait(response.headers(), self.clock.now()));
        let (body, flaw) = self.body(response).await;
        Ok(Answer { status, wait, body, flaw })
    }

    /// Reads the body. A body that is cut or breaks off is not an error here: most channels need only the status.
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

    /// Describes an error without its URL, which may hold a key.
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

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long to wait before the next try, if the answer says so.
    pub wait: Option<Duration>,
    /// The part of the body that was read.
    pub body: Vec<u8>,
    /// Why the body is incomplete: a verb and what follows, such as "is longer than …".
    pub flaw: Option<String>,
}

impl Answer {
    /// The status and the beginning of the body, on one line without control characters.
    #[must_use]
    pub fn shown(&self) -> String {
        let shown = format!("{} {}", self.status, excerpt(&self.body)).trim_end().to_owned();
        // The mark shows that a secret may be cut at the end.
        if self.flaw.is_some() && !shown.ends_with(CUT) { format!("{shown}{CUT}") } else { shown }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Passing, with the beginning of the body, if it is not JSON or incomplete.
    pub fn json(&self) -> Result<Value, Trouble> {
        let value = match &self.flaw {
            Some(flaw) => Err(flaw.as_str()),
            None => serde_json::from_slice(&self.body).map_err(|_| "is not JSON"),
        };
        value.map_err(|flaw| self.passing(format!("the answer {flaw}; it begins: {}", self.shown())))
    }

    /// A passing trouble with the pause that the answer asks for.
    #[must_use]
    pub const fn passing(&self, reason: String) -> Trouble {
        Trouble::Passing { reason, wait: self.wait }
    }

    /// What a status other than success means: gone for 410, else passing. The receiver may be repaired at any time,
    /// so Standard Webhooks retries all other statuses.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self.status {
            StatusCode::GONE => Trouble::Gone { reason: self.shown() },
            _ => self.passing(self.shown()),
        }
    }
}
