//! A route as an administrator states it: which numbers it matches, and where it sends callers.

use crate::ids::{PromptName, QueueName, RouteName, ScheduleName};
use crate::rules::contact::Contact;

/// What to do with a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Let him wait in a queue.
    Queue(QueueName),
    /// Ring a duty contact and connect him.
    Forward(Contact),
    /// Play a message and end the call; we owe him a call back.
    Message(PromptName),
}

/// A rule that matches a call by the number dialled and names what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Which numbers it matches.
    pub number: NumberPattern,
    /// Where a call goes while open.
    pub open: Destination,
    /// When it is open; always if none.
    pub schedule: Option<ScheduleName>,
    /// Where a call goes while closed.
    pub closed: Destination,
}

/// Matches a dialled number: exactly (`7001`), by prefix (`7*`), or any (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPattern {
    /// The digits that must stand at the beginning; may begin with `+`.
    pub digits: String,
    /// Whether more may follow.
    pub prefix: bool,
}

impl NumberPattern {
    /// Whether a dialled number is one of these.
    #[must_use]
    pub fn matches(&self, dialled: &str) -> bool {
        if self.prefix { dialled.starts_with(&self.digits) } else { dialled == self.digits }
    }
}

impl std::fmt::Display for NumberPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.digits, if self.prefix { "*" } else { "" })
    }
}

/// A text that is not a pattern of numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a number pattern: write digits such as 7001, a prefix such as 7*, or * for all")]
pub struct BadPattern {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl std::str::FromStr for NumberPattern {
    type Err = BadPattern;
    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let prefix = text.ends_with('*');
        let digits = text.strip_suffix('*').unwrap_or(text);
        let number = digits.strip_prefix('+').unwrap_or(digits);
        let fits = number.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if fits && text.len() <= 64 && !text.is_empty() && (prefix || !number.is_empty()) {
            Ok(Self { digits: digits.to_owned(), prefix })
        } else {
            Err(BadPattern { given: text.chars().take(80).collect() })
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Forward(contact) => write!(f, "forward to {contact}"),
            Self::Message(prompt) => write!(f, "message {prompt}"),
        }
    }
}
