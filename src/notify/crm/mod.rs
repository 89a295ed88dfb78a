//! A CRM is told of each contact, and says who owns a customer.
//!
//! In: a [`Contact`]; a number. Out: a [`Receipt`] that says where it was written, or a [`Trouble`] that says
//! whether to try again; the customer's [`Owner`].
//! `read` makes contacts of events, `channel` takes them to the CRM and brings back the owner, `keeper` keeps its tokens.
//!
//! **Invariants:** the same contact delivered twice is written once: what exists is looked for before anything is
//! made; no secret is in an error, a log or a `Debug`; no redirect is followed; answers are bounded in time and
//! size; requests keep below the CRM's own limits.

mod amo;
mod bitrix24;
mod channel;
mod contact;
mod gate;
mod generic;
mod http;
mod keeper;
mod read;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use amo::Amo;
pub use bitrix24::Bitrix24;
pub use channel::{Tools, check, outlet};
pub use contact::{Contact, Direction, Happening};

use crate::config::crm::{Kind, Settings};
pub use generic::Generic;
pub use keeper::Kept;
pub use tokens::{TokenKeeper, Tokens};

use crate::clock::Clock;
use crate::ids::AgentName;
use crate::notify::Trouble;
use crate::phone::E164;

/// Where a contact was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What it became in the CRM, such as `call 77, task 78`.
    pub place: String,
    /// Whether an earlier delivery had written all of it.
    pub already: bool,
}

/// Who looks after a customer, by the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user of the CRM.
    pub user: String,
    /// Which agent of ours that is, by `[crm] users`.
    pub agent: Option<AgentName>,
    /// His internal number, if the CRM knows it.
    pub extension: Option<String>,
}

/// The CRM that is told.
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
    /// The CRM of the settings; none if none is to be told. `keeper` keeps renewed tokens.
    ///
    /// # Errors
    /// What in the settings cannot be used, and the remedy.
    pub fn open(
        settings: &Settings,
        keeper: Arc<dyn TokenKeeper>,
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
            Kind::Amocrm => Self::Amo(Amo::new(settings, keeper, clock)?),
            Kind::Generic | Kind::None => Self::Generic(Generic::new(settings, clock)?),
            Kind::Bitrix24 => Self::Bitrix24(Bitrix24::new(settings, keeper, clock)?),
        }))
    }

    /// Writes a contact, once however often it is delivered.
    ///
    /// # Errors
    /// [`Trouble`]: whether and when to try again, or what somebody must do.
    pub async fn record(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        match self {
            Self::Bitrix24(crm) => crm.record(contact).await,
            Self::Amo(crm) => crm.record(contact).await,
            Self::Generic(crm) => crm.record(contact).await,
        }
    }

    /// Who looks after the customer with this number; none if the CRM does not know, or cannot be asked that.
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

/// The user of the CRM who is this agent.
fn user_of<'a>(users: &'a BTreeMap<String, AgentName>, agent: Option<&AgentName>) -> Option<&'a str> {
    let agent = agent?;
    users.iter().find(|(_, name)| *name == agent).map(|(user, _)| user.as_str())
}

/// A number without its plus.
fn digits(number: &E164) -> &str {
    number.as_str().trim_start_matches('+')
}

/// A number that may stand in quotes.
fn id_of(value: Option<&serde_json::Value>) -> Option<u64> {
    match value? {
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .filter(|id| *id != 0)
}
