//! One method call: waits its turn, adds the token, reads the answer, and repeats once with a renewed token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::reply::{self, Reply};
use crate::clock::{Clock, UnixMs};
use crate::config::crm::Settings;
use crate::notify::Trouble;
use crate::notify::crm::http;
use crate::notify::crm::throttle::Throttle;
use crate::notify::crm::tokens::{Renewal, Session, TokenStore};
use crate::notify::excerpt::scrub;
use crate::notify::http::Http;
use crate::secret::Secret;

/// Where Bitrix24 renews tokens (b24restdocs, settings/oauth/auto-renewal).
const OAUTH: &str = "https://oauth.bitrix.info/oauth/token/";

/// The connection to a portal.
#[derive(Debug)]
pub struct Wire {
    http: Http,
    throttle: Throttle,
    /// The base of every method's address; with a webhook it is a secret.
    base: Secret,
    session: Option<Session>,
    /// How long the portal's counter of requests takes to run empty.
    drain: Duration,
    block: Duration,
    /// When each method's used time starts to be released, as its last successful answer said.
    resets: Mutex<BTreeMap<String, UnixMs>>,
}

impl Wire {
    pub fn new(settings: &Settings, token_store: Arc<dyn TokenStore>, clock: Clock) -> Result<Self, String> {
        let url = settings.url.expose().trim_end_matches('/');
        let app = settings.has_app();
        let base = if app && !url.ends_with("/rest") { format!("{url}/rest") } else { url.to_owned() };
        let oauth = if settings.oauth_url.is_empty() { OAUTH } else { &settings.oauth_url };
        let session = app.then(|| {
            let renewal = Renewal {
                url: oauth.to_owned(),
                by_query: true,
                client_id: settings.client_id.clone(),
                client_secret: settings.client_secret.clone(),
                redirect_uri: String::new(),
            };
            Session::new(
                settings.access_token.clone(),
                settings.refresh_token.clone(),
                Some(renewal),
                token_store,
            )
        });
        let (rate, burst) = settings.limits();
        Ok(Self {
            http: http::client(settings, clock)?,
            throttle: Throttle::new(settings, clock),
            base: Secret::new(base),
            session,
            drain: Duration::from_secs(1) * burst / rate.max(1),
            block: settings.blocked_pause,
            resets: Mutex::new(BTreeMap::new()),
        })
    }

    /// Calls a method and returns its `result`.
    pub async fn call(&self, method: &str, parameters: Value) -> Result<Value, Trouble> {
        let Some(session) = &self.session else {
            return self.once(method, parameters, None).await?.ok_or_else(|| reply::no_access(method));
        };
        let token = session.access().await?;
        if let Some(result) = self.once(method, parameters.clone(), Some(&token)).await? {
            return Ok(result);
        }
        let token = session.renew(&self.http, &token).await?;
        self.once(method, parameters, Some(&token)).await?.ok_or_else(|| reply::no_access(method))
    }

    /// Makes one request; none if the token was refused.
    async fn once(
        &self,
        method: &str,
        mut body: Value,
        token: Option<&Secret>,
    ) -> Result<Option<Value>, Trouble> {
        self.throttle.turn().await?;
        if let (Value::Object(fields), Some(token)) = (&mut body, token) {
            fields.insert("auth".to_owned(), Value::from(token.expose()));
        }
        let request = self.http.client().post(format!("{}/{method}", self.base.expose())).json(&body);
        let answer = http::ask(&self.http, request).await?;
        let reply = reply::read(method, &answer)?;
        match reply {
            Reply::Result { result, reset } => {
                if let Some(reset) = reset {
                    self.lock().insert(method.to_owned(), reset);
                }
                Ok(Some(result))
            }
            Reply::Expired => Ok(None),
            Reply::TooMany(reason) => {
                self.throttle.pause(self.drain);
                Err(Trouble::Passing { reason, wait: Some(self.drain) })
            }
            Reply::UsedUp { reason, reset } => {
                let reset = reset.or_else(|| self.lock().get(method).copied());
                let now = self.throttle.clock().now();
                let wait = reset.map(|at| at.since(now)).filter(|wait| !wait.is_zero());
                Err(Trouble::Passing { reason, wait: Some(wait.unwrap_or(self.drain)) })
            }
            Reply::Blocked(reason) => {
                self.throttle.pause(self.block);
                Err(Trouble::Passing { reason, wait: Some(self.block) })
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, UnixMs>> {
        self.resets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes secrets from an error.
    pub async fn hide(&self, trouble: Trouble) -> Trouble {
        let (Trouble::Passing { reason, .. } | Trouble::Refused { reason } | Trouble::Gone { reason }) =
            &trouble;
        let mut said = scrub(reason, self.base.expose().split('/').skip(3).filter(|part| *part != "rest"));
        if let Some(session) = &self.session {
            said = session.scrub(&said).await;
        }
        trouble.reworded(|_| said)
    }
}
