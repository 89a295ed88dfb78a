//! To whom a destination tells its events, as the settings say it.

use super::Kind;
use crate::event::Role;
use crate::phone::E164;

/// To whom a destination tells its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// Whom the event names.
    Role(Role),
    /// Always this address.
    Address(String),
}

impl Recipient {
    /// Reads a recipient for a channel.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, kind: Kind) -> Result<Self, String> {
        if let Ok(role) = text.parse() {
            return Ok(Self::Role(role));
        }
        let shown: String = text.chars().take(80).collect();
        fit(text, kind).map(Self::Address).ok_or_else(|| format!("{shown:?} is no address for {kind}"))
    }
}

/// An address in the form in which a channel takes it, if it is one.
#[must_use]
pub fn fit(text: &str, kind: Kind) -> Option<String> {
    let text = text.trim();
    match kind {
        Kind::Email => {
            let plain = text.len() <= 254 && text.chars().all(|c| !c.is_control() && !c.is_whitespace());
            let address = text.parse::<lettre::Address>().ok().filter(|_| plain)?;
            Some(address.to_string())
        }
        Kind::Sms | Kind::Smpp => text.parse::<E164>().ok().map(String::from),
        Kind::Telegram => {
            let id = text.strip_prefix('-').unwrap_or(text);
            let number = (1..=19).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
            let name = text.strip_prefix('@').is_some_and(|name| {
                (5..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            });
            (number || name).then(|| text.to_owned())
        }
        Kind::Webhook => None,
    }
}
