//! A route as an administrator states it: which numbers it matches, and where it sends callers.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{InvalidName, PromptName, QueueName, RouteName, ScheduleName};
use crate::rules::contact::{Contact, InvalidContact};

/// Where a caller goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The caller waits in a queue.
    Queue(QueueName),
    /// A duty contact is rung and connected with the caller.
    Forward(Contact),
    /// A message is played and the call ends. It counts as missed.
    Message(PromptName),
}

crate::vocabulary! {
    /// The kinds of destination: a key in the rules file, a column in the database.
    "destination" pub enum DestinationKind {
        /// [`Destination::Queue`].
        Queue = "queue",
        /// [`Destination::Forward`].
        Forward = "forward",
        /// [`Destination::Message`].
        Message = "message",
    }
}

impl DestinationKind {
    /// Reads a destination of this kind. The rules file, the database and JSON all use this function.
    ///
    /// # Errors
    /// If the text is not a destination of this kind.
    pub fn read(self, to: &str) -> Result<Destination, InvalidDestination> {
        Ok(match self {
            Self::Queue => Destination::Queue(to.parse()?),
            Self::Forward => Destination::Forward(to.parse()?),
            Self::Message => Destination::Message(to.parse()?),
        })
    }
}

/// A text that names no destination of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum InvalidDestination {
    /// No name of a queue or a prompt.
    Name(#[from] InvalidName),
    /// No contact.
    Contact(#[from] InvalidContact),
}

impl Destination {
    /// The kind, and the text that [`DestinationKind::read`] reads back.
    #[must_use]
    pub fn parts(&self) -> (DestinationKind, String) {
        match self {
            Self::Queue(name) => (DestinationKind::Queue, name.to_string()),
            Self::Forward(contact) => (DestinationKind::Forward, contact.to_string()),
            Self::Message(prompt) => (DestinationKind::Message, prompt.to_string()),
        }
    }

    /// The contact that rings, if there is one.
    #[must_use]
    pub const fn contact(&self) -> Option<&Contact> {
        match self {
            Self::Forward(contact) => Some(contact),
            Self::Queue(_) | Self::Message(_) => None,
        }
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, to) = self.parts();
        serializer.collect_map([(kind, to)])
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneEntry)
    }
}

/// Reads `{ queue = "sales" }`, `{ forward = "user/1001" }` or `{ message = "closed" }`.
struct OneEntry;

const ONE_THING: &str = "this must have exactly one destination; \
    write one of { queue = \"…\" }, { forward = \"…\" } and { message = \"…\" }";

impl<'de> Visitor<'de> for OneEntry {
    type Value = Destination;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ queue = \"…\" }, { forward = \"…\" } or { message = \"…\" }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Destination, A::Error> {
        let mut to = None;
        while let Some(kind) = map.next_key::<DestinationKind>()? {
            if to.replace(map.next_value_seed(kind)?).is_some() {
                return Err(A::Error::custom(ONE_THING));
            }
        }
        to.ok_or_else(|| A::Error::custom(ONE_THING))
    }
}

impl<'de> DeserializeSeed<'de> for DestinationKind {
    type Value = Destination;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Destination, D::Error> {
        self.read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Matches a call by the number dialled and names what to do with it. The type is the file form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The name of the route.
    pub name: RouteName,
    /// The dialled numbers that the route matches: exactly (`7001`), by prefix (`7*`), or all (`*`).
    pub number: NumberPattern,
    /// Where a call goes while the schedule is open.
    pub open: Destination,
    /// The schedule that decides whether the route is open. Without one, the route is always open.
    pub schedule: Option<ScheduleName>,
    /// Where a call goes while the schedule is closed. A route with a `schedule` must state it; others must not.
    pub closed: Destination,
}

crate::stored! { Display:
    /// Matches a dialled number: exactly (`7001`), by prefix (`7*`), or any (`*`).
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub struct NumberPattern {
        /// The digits at the beginning of the number, perhaps after a `+`.
        pub digits: String,
        /// Whether more digits may follow.
        pub prefix: bool,
    }
}

impl NumberPattern {
    /// Whether the pattern matches a dialled number.
    #[must_use]
    pub fn matches(&self, dialled: &str) -> bool {
        if self.prefix { dialled.starts_with(&self.digits) } else { dialled == self.digits }
    }

    /// Whether the pattern matches every number that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if self.prefix { other.digits.starts_with(&self.digits) } else { self == other }
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
pub struct InvalidPattern {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl std::str::FromStr for NumberPattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let prefix = text.ends_with('*');
        let digits = text.strip_suffix('*').unwrap_or(text);
        let number = digits.strip_prefix('+').unwrap_or(digits);
        let fits = number.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if fits && text.len() <= 64 && !text.is_empty() && (prefix || !number.is_empty()) {
            Ok(Self { digits: digits.to_owned(), prefix })
        } else {
            Err(InvalidPattern { given: text.chars().take(80).collect() })
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

impl TryFrom<String> for NumberPattern {
    type Error = InvalidPattern;
    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<NumberPattern> for String {
    fn from(pattern: NumberPattern) -> Self {
        pattern.to_string()
    }
}
