//! One request to amoCRM: waits its turn, adds the token, reads the answer, and repeats once with a renewed token.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use std::sync::{Mutex, PoisonError};

use crate::clock::{Clock, UnixMs};
use crate::config::crm::Settings;
use crate::notify::Trouble;
use crate::notify::crm::http;
use crate::notify::crm::throttle::Throttle;
use crate::notify::crm::tokens::{Renewal, Session, TokenStore};
use crate::notify::http::{Answer, Http};
use crate::secret::Secret;

/// How long after a 429 a 403 means that amoCRM has blocked the address.
const BLOCK_FOLLOWS: Duration = Duration::from_secs(24 * 3600);

/// The connection to an account.
#[derive(Debug)]
pub struct Wire {
    http: Http,
    throttle: Throttle,
    base: String,
    session: Session,
    block: Duration,
    /// When amoCRM last answered 429.
    too_many: Mutex<Option<UnixMs>>,
}

/// An answer of amoCRM.
#[derive(Debug)]
pub enum Reply {
    /// Success; null if there is nothing.
    Done(Value),
    /// Refused: the answer's body, and a description.
    Bad(Value, String),
}

impl Wire {
    pub fn new(settings: &Settings, token_store: Arc<dyn TokenStore>, clock: Clock) -> Result<Self, String> {
        let base = settings.url.expose().trim_end_matches('/').to_owned();
        let url = Some(settings.oauth_url.clone()).filter(|url| !url.is_empty());
        let renewal = settings.has_app().then(|| Renewal {
            url: url.unwrap_or_else(|| format!("{base}/oauth2/access_token")),
            by_query: false,
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            redirect_uri: settings.redirect_uri.clone(),
        });
        let session =
            Session::new(settings.access_token.clone(), settings.refresh_token.clone(), renewal, token_store);
        Ok(Self {
            http: http::client(settings, clock)?,
            throttle: Throttle::new(settings, clock),
            base,
            session,
            block: settings.blocked_pause,
            too_many: Mutex::new(None),
        })
    }

    /// Reads a list or an item; null if it does not exist.
    pub async fn get(&self, path: &str) -> Result<Value, Trouble> {
        match self.ask(&Method::GET, path, None).await? {
            Reply::Done(value) => Ok(value),
            Reply::Bad(_, reason) => Err(Trouble::refused(reason)),
        }
    }

    /// Sends a request with a body.
    pub async fn send(&self, method: &Method, path: &str, body: &Value) -> Result<Reply, Trouble> {
        self.ask(method, path, Some(body)).await
    }

    async fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Reply, Trouble> {
        let token = self.session.access().await?;
        let answer = self.once(method, path, body, &token).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return self.judge(path, &answer);
        }
        let token = self.session.renew(&self.http, &token).await?;
        let answer = self.once(method, path, body, &token).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(Trouble::refused(format!(
                "amoCRM refuses a token that it has just renewed: {}; authorise the integration again and set its tokens under [crm]",
                answer.shown()
            )));
        }
        self.judge(path, &answer)
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        token: &Secret,
    ) -> Result<Answer, Trouble> {
        self.throttle.turn().await?;
        let request = self.http.client().request(method.clone(), format!("{}/api/v4/{path}", self.base));
        let request = request.bearer_auth(token.expose());
        let request = if let Some(body) = body { request.json(body) } else { request };
        http::ask(&self.http, request).await
    }

    fn judge(&self, path: &str, answer: &Answer) -> Result<Reply, Trouble> {
        let path = path.split('?').next().unwrap_or_default();
        let said = || format!("{path}: amoCRM answers {}", answer.shown());
        match answer.status.as_u16() {
            204 => return Ok(Reply::Done(Value::Null)),
            429 => {
                *self.lock() = Some(self.throttle.clock().now());
                let wait = answer.wait.unwrap_or(Duration::from_secs(1));
                self.throttle.pause(wait);
                return Err(Trouble::Passing { reason: said(), wait: Some(wait) });
            }
            403 if self.was_warned() => {
                self.throttle.pause(self.block);
                let reason = format!(
                    "{}; it has blocked this machine's address after 429, see [crm] blocked_pause",
                    said()
                );
                return Err(Trouble::Passing { reason, wait: Some(self.block) });
            }
            408 | 500.. => return Err(answer.passing(said())),
            410 => return Err(Trouble::Gone { reason: said() }),
            402 => return Err(Trouble::refused(format!("{}; the account is unpaid", said()))),
            _ => {}
        }
        let value = answer.json()?;
        match answer.status.as_u16() {
            200..=299 => Ok(Reply::Done(value)),
            403 => Err(Trouble::refused(format!(
                "{}; give the integration the right, or allow this machine's address in the account",
                said()
            ))),
            _ => Ok(Reply::Bad(value, said())),
        }
    }

    fn was_warned(&self) -> bool {
        self.lock().is_some_and(|at| self.throttle.clock().now().since(at) < BLOCK_FOLLOWS)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<UnixMs>> {
        self.too_many.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes secrets from an error.
    pub async fn hide(&self, trouble: Trouble) -> Trouble {
        let (Trouble::Passing { reason, .. } | Trouble::Refused { reason } | Trouble::Gone { reason }) =
            &trouble;
        let said = self.session.scrub(reason).await;
        trouble.reworded(|_| said)
    }
}
