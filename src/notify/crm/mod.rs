//! Writes each contact into a CRM, and asks it who owns a customer.
//!
//! In: a [`Contact`]; a number. Out: a [`Receipt`] with the place where it was written, or a [`Trouble`] that says
//! whether to try again; the customer's [`Owner`]. `read` makes contacts from events, `channel` delivers them and
//! assigns cases to owners, `token_store` stores tokens.
//!
//! **Invariants:** a contact that is delivered twice is written once, since existing entries are looked for first; no
//! secret is in an error, a log or a `Debug`; no redirect is followed; answers are bounded in time and size; requests
//! stay below the CRM's own limits.

mod amo;
mod bitrix24;
mod channel;
mod contact;
mod generic;
mod http;
mod read;
mod throttle;
mod token_store;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use amo::Amo;
pub use bitrix24::Bitrix24;
pub use channel::{CrmContext, check, outlet};
pub use contact::{Contact, Direction, Happening};

use crate::config::crm::{Kind, Settings};
pub use generic::Generic;
pub use token_store::TokenTable;
pub use tokens::{TokenStore, Tokens};

use crate::clock::Clock;
use crate::ids::AgentName;
use crate::notify::Trouble;
use crate::phone::E164;

/// What was written into the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entries of the CRM, such as `call 77, task 78`.
    pub place: String,
    /// Whether an earlier delivery had written all of it.
    pub already: bool,
}

/// The owner of a customer, according to the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The CRM's user.
    pub user: String,
    /// The agent who is that user, by `[crm] users`.
    pub agent: Option<AgentName>,
}

/// The configured CRM.
#[derive(Debug)]
pub enum Crm {
    /// Bitrix24.
    Bitrix24(Bitrix24),
    /// amoCRM, elsewhere called Kommo.
    Amo(Amo),
    /// Anything else.
    Generic(Generic),
}

impl Crm {
    /// Makes the CRM of the settings, if there is one. `token_store` stores renewed tokens.
    ///
    /// # Errors
    /// What is wrong with the settings, and the remedy.
    pub fn open(
        settings: &Settings,
        token_store: Arc<dyn TokenStore>,
        clock: Clock,
    ) -> Result<Option<Self>, String> {
        if settings.kind == Kind::None {
            return Ok(None);
        }
        let mut settings = settings.clone();
        for (key, secret) in [
            ("url", &mut settings.url),
            ("client_secret", &mut settings.client_secret),
            ("access_token", &mut settings.access_token),
            ("refresh_token", &mut settings.refresh_token),
        ] {
            *secret = secret.resolve(key)?;
        }
        settings.check_url(settings.url.expose())?;
        Ok(Some(match settings.kind {
            Kind::Amocrm => Self::Amo(Amo::new(settings, token_store, clock)?),
            Kind::Generic | Kind::None => Self::Generic(Generic::new(settings, clock)?),
            Kind::Bitrix24 => Self::Bitrix24(Bitrix24::new(settings, token_store, clock)?),
        }))
    }

    /// Writes a contact. Repeated deliveries write it once.
    ///
    /// # Errors
    /// [`Trouble`] says whether and when to try again, or what somebody must do.
    pub async fn record(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        match self {
            Self::Bitrix24(crm) => crm.record(contact).await,
            Self::Amo(crm) => crm.record(contact).await,
            Self::Generic(crm) => crm.record(contact).await,
        }
    }

    /// Returns the owner of the customer with this number; none if the CRM does not know, or has no such query.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub async fn owner(&self, number: &E164) -> Result<Option<Owner>, Trouble> {
        match self {
            Self::Bitrix24(crm) => crm.owner(number).await,
            Self::Amo(crm) => crm.owner(number).await,
            Self::Generic(_) => Ok(None),
        }
    }
}

/// The CRM's user who is this agent.
fn user_of<'a>(users: &'a BTreeMap<String, AgentName>, agent: Option<&AgentName>) -> Option<&'a str> {
    let agent = agent?;
    users.iter().find(|(_, name)| *name == agent).map(|(user, _)| user.as_str())
}

/// An id, as a JSON number or a string of digits.
fn id_of(value: Option<&serde_json::Value>) -> Option<u64> {
    match value? {
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .filter(|id| *id != 0)
}
