//! The phone of an agent or a duty person. The type cannot hold text that FreeSWITCH would read as another leg, a
//! variable, an argument or a command.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::document;

crate::stored! { Display:
    /// A phone that can be rung.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
    #[serde(into = "String")]
    pub enum Contact {
        /// A user of FreeSWITCH's directory: `user/1001` or `user/1001@example.com`.
        User {
            /// The user's name in the directory.
            user: Word,
            /// The directory's domain; FreeSWITCH's default if none.
            domain: Option<Word>,
        },
        /// An address on a SIP profile: `sofia/internal/1001@10.0.0.7:5060`.
        Sofia {
            /// The profile.
            profile: Word,
            /// The user part.
            user: Word,
            /// The host, by name or IPv4 address.
            host: Word,
            /// The port, if it is not the usual one.
            port: Option<u16>,
        },
        /// A number through a configured gateway: `gateway/trunk/+79001234567`.
        Gateway {
            /// The gateway's name in FreeSWITCH.
            gateway: Word,
            /// The number, as the gateway wants it.
            number: Digits,
        },
        /// An extension of the dialplan: `loopback/9004` or `loopback/9004/default`.
        Loopback {
            /// The extension.
            extension: Word,
            /// The context; FreeSWITCH's default if none.
            context: Option<Word>,
        },
    }
}

/// 1 to 64 ASCII letters, digits, `_`, `-`, `.` or `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(String);

/// 1 to 32 digits, `*` or `#`, perhaps after a `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits(String);

/// A text that is not a contact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a contact: {problem}; write user/NAME, user/NAME@DOMAIN, sofia/PROFILE/USER@HOST[:PORT], \
     gateway/GATEWAY/NUMBER or loopback/EXTENSION[/CONTEXT]"
)]
pub struct InvalidContact {
    /// The text that was given, cut to 120 characters.
    pub given: String,
    /// What is wrong with which part.
    pub problem: String,
}

impl Word {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(part: &str, what: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
        match part.chars().find(|&c| !fits(c)) {
            Some(c) => Err(format!("the {what} holds {c:?}")),
            None if part.is_empty() => Err(format!("the {what} is empty")),
            None if part.len() > 64 => Err(format!("the {what} is longer than 64 characters")),
            None => Ok(Self(part.to_owned())),
        }
    }
}

impl Digits {
    fn new(part: &str) -> Result<Self, String> {
        let digits = part.strip_prefix('+').unwrap_or(part);
        match digits.chars().find(|c| !c.is_ascii_digit() && !matches!(c, '*' | '#')) {
            Some(c) => Err(format!("the number holds {c:?}")),
            None if digits.is_empty() => Err("the number is empty".to_owned()),
            None if digits.len() > 32 => Err("the number is longer than 32 digits".to_owned()),
            None => Ok(Self(part.to_owned())),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Contact {
    type Err = InvalidContact;
    fn from_str(text: &str) -> Result<Self, InvalidContact> {
        parse(text).map_err(|problem| InvalidContact { given: text.chars().take(120).collect(), problem })
    }
}

fn parse(text: &str) -> Result<Contact, String> {
    let (kind, rest) = text.split_once('/').ok_or("it has no '/'")?;
    match kind {
        "user" => user(rest),
        "sofia" => sofia(rest),
        "gateway" => {
            let (gateway, number) = rest.split_once('/').ok_or("the number is missing after the gateway")?;
            Ok(Contact::Gateway { gateway: Word::new(gateway, "gateway")?, number: Digits::new(number)? })
        }
        "loopback" => {
            let (extension, context) = cut(rest, '/');
            let context = context.map(|part| Word::new(part, "context")).transpose()?;
            Ok(Contact::Loopback { extension: Word::new(extension, "extension")?, context })
        }
        other => Err(format!("{other:?} is not a kind of contact")),
    }
}

fn user(rest: &str) -> Result<Contact, String> {
    let (user, domain) = cut(rest, '@');
    let domain = domain.map(|part| Word::new(part, "domain")).transpose()?;
    Ok(Contact::User { user: Word::new(user, "user")?, domain })
}

fn sofia(rest: &str) -> Result<Contact, String> {
    let (profile, address) = rest.split_once('/').ok_or("the address is missing after the profile")?;
    let (user, at) = address.split_once('@').ok_or("the address has no '@'")?;
    let (host, port) = cut(at, ':');
    let port = port
        .map(|part| {
            part.parse::<u16>().ok().filter(|port| *port > 0).ok_or(format!("{part:?} is not a port"))
        })
        .transpose()?;
    Ok(Contact::Sofia {
        profile: Word::new(profile, "profile")?,
        user: Word::new(user, "user")?,
        host: Word::new(host, "host")?,
        port,
    })
}

/// The text before the first `sign`, and what follows it.
fn cut(text: &str, sign: char) -> (&str, Option<&str>) {
    text.split_once(sign).map_or((text, None), |(before, after)| (before, Some(after)))
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { user, domain: None } => write!(f, "user/{}", user.0),
            Self::User { user, domain: Some(domain) } => write!(f, "user/{}@{}", user.0, domain.0),
            Self::Sofia { profile, user, host, port } => {
                write!(f, "sofia/{}/{}@{}", profile.0, user.0, host.0)?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Gateway { gateway, number } => write!(f, "gateway/{}/{}", gateway.0, number.0),
            Self::Loopback { extension, context: None } => write!(f, "loopback/{}", extension.0),
            Self::Loopback { extension, context: Some(context) } => {
                write!(f, "loopback/{}/{}", extension.0, context.0)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Contact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        document::parsed(deserializer)
    }
}

impl From<Contact> for String {
    fn from(contact: Contact) -> Self {
        contact.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_contact_reads_back_as_it_was_written() {
        for text in [
            "user/1001",
            "user/1001@example.com",
            "sofia/internal/1001@10.0.0.7",
            "sofia/internal/1001@10.0.0.7:5070",
            "gateway/trunk/+79001234567",
            "loopback/9004",
            "loopback/9004/default",
        ] {
            assert_eq!(text.parse::<Contact>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_error_names_the_part() {
        let said = |text: &str| text.parse::<Contact>().unwrap_err().problem;
        assert_eq!(said("1001"), "it has no '/'");
        assert_eq!(said("user/1001,user/1002"), "the user holds ','");
        assert_eq!(said("user/1001@a b"), "the domain holds ' '");
        assert_eq!(said("sofia/internal/1001"), "the address has no '@'");
        assert_eq!(said("sofia/internal/1001@h:99999"), "\"99999\" is not a port");
        assert_eq!(said("gateway/trunk/12&park"), "the number holds '&'");
        assert_eq!(said("{a=b}user/1001"), "\"{a=b}user\" is not a kind of contact");
    }

    proptest! {
        #[test]
        fn nothing_that_parses_can_add_to_a_dial_string(text in "(user|sofia|gateway|loopback)/[ -~\\n]{0,30}") {
            if let Ok(contact) = text.parse::<Contact>() {
                let shown = contact.to_string();
                let harmful = shown.contains([',', '|', '\'', '"', '{', '}', '[', ']', '<', '>', '^', '$', '\\', ' ', '=', '&', '(', '\n']);
                prop_assert!(!harmful, "{}", shown);
                prop_assert_eq!(shown.parse::<Contact>().unwrap(), contact);
            }
        }
    }
}
