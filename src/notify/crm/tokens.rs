//! Access tokens that expire, and their renewal.
//!
//! A refresh token works once: the new pair is given to the [`TokenStore`] before it is used, and again until it is
//! stored. **Invariant:** one renewal at a time; a second request uses the tokens that the first has got.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::http;
use crate::notify::Trouble;
use crate::notify::excerpt::scrub;
use crate::notify::http::Http;
use crate::secret::Secret;

/// A pair of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The access token.
    pub access: Secret,
    /// The refresh token; empty with a long-lived access token.
    pub refresh: Secret,
    /// A hash of the tokens in the settings from which this pair descends. When an administrator sets new ones, stored
    /// pairs of the old ones are ignored.
    pub root: String,
}

/// Stores renewed tokens over a restart.
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// Loads the tokens that were stored last.
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, String>>;
    /// Stores a new pair in place of the last.
    fn keep(&self, tokens: Tokens) -> BoxFuture<'_, Result<(), String>>;
}

/// How a CRM renews tokens.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The address for renewals.
    pub url: String,
    /// Whether to send a GET with a query (Bitrix24) or a POST with JSON (amoCRM).
    pub by_query: bool,
    /// The integration's client id.
    pub client_id: String,
    /// The integration's secret.
    pub client_secret: Secret,
    /// The redirect address of the integration; amoCRM compares it.
    pub redirect_uri: String,
}

#[derive(Debug)]
struct TokenState {
    tokens: Tokens,
    loaded: bool,
    unkept: bool,
}

/// The tokens in use.
#[derive(Debug)]
pub struct Session {
    state: Mutex<TokenState>,
    renewal: Option<Renewal>,
    token_store: Arc<dyn TokenStore>,
}

impl Session {
    /// Starts with the tokens of the settings; without `renewal` they are never renewed.
    #[must_use]
    pub fn new(
        access: Secret,
        refresh: Secret,
        renewal: Option<Renewal>,
        token_store: Arc<dyn TokenStore>,
    ) -> Self {
        let hash = Sha256::digest(format!("{}\n{}", access.expose(), refresh.expose()));
        let root = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let tokens = Tokens { access, refresh, root };
        Self { state: Mutex::new(TokenState { tokens, loaded: false, unkept: false }), renewal, token_store }
    }

    /// The access token.
    ///
    /// # Errors
    /// Passing if stored tokens cannot be read, or a renewed pair still cannot be stored.
    pub async fn access(&self) -> Result<Secret, Trouble> {
        let mut state = self.state.lock().await;
        if self.renewal.is_some() && !state.loaded {
            self.load(&mut state).await?;
            state.loaded = true;
        }
        self.keep(&mut state).await?;
        Ok(state.tokens.access.clone())
    }

    /// Renews the access token `stale`, which the CRM has refused.
    ///
    /// # Errors
    /// Refused if there is no refresh token, or the CRM refuses it; passing if the CRM does not answer now.
    pub async fn renew(&self, http: &Http, stale: &Secret) -> Result<Secret, Trouble> {
        let Some(renewal) = &self.renewal else {
            return Err(Trouble::refused(
                "the CRM refuses the access token: make a new one there and set it as [crm] access_token",
            ));
        };
        let mut state = self.state.lock().await;
        if state.tokens.access == *stale {
            self.load(&mut state).await?;
        }
        if state.tokens.access == *stale {
            let (access, refresh) = renewal.ask(http, &state.tokens.refresh).await?;
            state.tokens = Tokens { access, refresh, root: state.tokens.root.clone() };
            state.unkept = true;
            self.keep(&mut state).await?;
        }
        Ok(state.tokens.access.clone())
    }

    /// Removes the tokens in use and the integration's secret from a text.
    pub async fn scrub(&self, text: &str) -> String {
        let state = self.state.lock().await;
        let secret = self.renewal.as_ref().map_or("", |renewal| renewal.client_secret.expose());
        scrub(text, [state.tokens.access.expose(), state.tokens.refresh.expose(), secret])
    }

    async fn load(&self, state: &mut TokenState) -> Result<(), Trouble> {
        let kept = self.token_store.load().await;
        let kept =
            kept.map_err(|error| Trouble::passing(format!("the CRM's tokens cannot be read: {error}")))?;
        if let Some(kept) = kept.filter(|kept| kept.root == state.tokens.root && !state.unkept) {
            state.tokens = kept;
        }
        Ok(())
    }

    async fn keep(&self, state: &mut TokenState) -> Result<(), Trouble> {
        if state.unkept {
            let kept = self.token_store.keep(state.tokens.clone()).await;
            kept.map_err(|error| {
                Trouble::passing(format!(
                    "the CRM's new tokens cannot be stored: {error}; they are kept in memory"
                ))
            })?;
            state.unkept = false;
        }
        Ok(())
    }
}

impl Renewal {
    async fn ask(&self, http: &Http, refresh: &Secret) -> Result<(Secret, Secret), Trouble> {
        let (id, secret, refresh) = (self.client_id.as_str(), self.client_secret.expose(), refresh.expose());
        let request = if self.by_query {
            let mut url = reqwest::Url::parse(&self.url)
                .map_err(|error| Trouble::refused(format!("[crm] oauth_url is no address: {error}")))?;
            url.query_pairs_mut()
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", id)
                .append_pair("client_secret", secret)
                .append_pair("refresh_token", refresh);
            http.client().get(url)
        } else {
            http.client().post(&self.url).json(&json!({
                "grant_type": "refresh_token", "client_id": id, "client_secret": secret,
                "refresh_token": refresh, "redirect_uri": self.redirect_uri,
            }))
        };
        let answer = http::ask(http, request).await?;
        if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(answer.passing(format!("tokens cannot be renewed now: {}", answer.shown())));
        }
        let said = answer.json()?;
        let token = |key: &str| {
            said.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Secret::new)
        };
        match (token("access_token"), token("refresh_token")) {
            (Some(access), Some(refresh)) => Ok((access, refresh)),
            _ => Err(Trouble::refused(format!(
                "the CRM does not renew the tokens: {}; authorise the integration again and set the new access_token and refresh_token under [crm]",
                answer.shown()
            ))),
        }
    }
}
