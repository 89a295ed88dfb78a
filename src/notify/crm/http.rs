//! One request to a CRM: bounded in time and size, no redirect followed, no address in an error.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, redirect::Policy};
use serde_json::Value;

use crate::notify::Trouble;
use crate::notify::excerpt::excerpt;

/// A client of a CRM.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    most_bytes: usize,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long the other side wants to be left alone, from `Retry-After` in seconds.
    pub retry_after: Option<Duration>,
    /// The body, bounded.
    pub body: Vec<u8>,
}

impl Http {
    /// A client that gives up after `timeout` and reads at most `most_bytes` of an answer.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(timeout: Duration, most_bytes: usize) -> Result<Self, String> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Fails only if another task was quicker: then one is there all the same.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).build();
        client.map(|client| Self { client, most_bytes }).map_err(said)
    }

    /// The client, to begin a request with.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// Passing when no whole answer came; refused when it is a redirect.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let mut response = request.send().await.map_err(|error| Trouble::passing(said(error)))?;
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            return Err(Trouble::refused(format!(
                "the CRM answers with a redirect ({status}), which is not followed: write its own address under [crm] url"
            )));
        }
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Trouble::passing(said(error)))? {
            if body.len() + chunk.len() > self.most_bytes {
                let most = self.most_bytes;
                return Err(Trouble::passing(format!(
                    "the CRM's answer ({status}) is longer than [crm] answer_limit = {most} bytes; it begins: {}",
                    excerpt(&body)
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// Passing with the beginning of the body when it is none.
    pub fn json(&self) -> Result<Value, Trouble> {
        serde_json::from_slice(&self.body).map_err(|_| Trouble::Passing {
            reason: format!(
                "the CRM's answer ({}) is not JSON; it begins: {}",
                self.status,
                excerpt(&self.body)
            ),
            wait: self.retry_after,
        })
    }
}

/// What went wrong with a request, without its address, which may hold a secret.
fn said(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "the CRM did not answer in time ([crm] timeout)".to_owned();
    }
    let error = error.without_url();
    let mut text = format!("the CRM cannot be reached: {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
