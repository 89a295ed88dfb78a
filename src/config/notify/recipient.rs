//! The recipients of a destination, as the settings state them.

use super::Kind;
use crate::event::Role;
use crate::phone::E164;

/// A recipient of a destination's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// The person whom the event names in this role.
    Role(Role),
    /// This address, for every event.
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
        fit(text, kind).map(Self::Address).ok_or_else(|| format!("{shown:?} is not an address for {kind}"))
    }
}

/// Returns the address in the form that the channel needs, if `text` is an address of this kind.
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
