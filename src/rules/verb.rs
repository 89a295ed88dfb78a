//! Where a caller goes: the verbs of a flow. A verb may lead to the next one.
//!
//! [`Destination`] has one grammar: the rules file, JSON and the columns of the database are read by the same functions.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cause::HangupCause;
use crate::ids::{DutyName, InvalidName, MenuName, PromptName, QueueName, VoicemailName};
use crate::rules::contact::{Contact, InvalidContact};
use crate::vocabulary::UnknownWord;

/// Where a caller goes after a verb that has nothing more to do; none: the call ends.
pub type Then = Option<Box<Destination>>;

/// Where a caller goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The caller waits in a queue.
    Queue(QueueName),
    /// The caller hears a menu and presses keys.
    Menu(MenuName),
    /// The person on duty by a rota is rung, then the others until somebody accepts. The second field: where the caller goes if
    /// nobody does.
    Duty(DutyName, Then),
    /// A contact is rung and connected with the caller. The second field: where the caller goes if nobody answers.
    Forward(Contact, Then),
    /// A message is played. If nothing follows, the call ends and counts as missed.
    Message(PromptName, Then),
    /// The agents of a queue call the caller back. The second field: where the caller goes meanwhile.
    Callback(QueueName, Then),
    /// The caller leaves a message in a voicemail. The second field: where the caller goes afterwards; none: the call ends.
    Voicemail(VoicemailName, Then),
    /// The dialplan continues with an extension.
    Extension(Extension),
    /// The call ends with this cause.
    HangUp(HangupCause),
}

crate::vocabulary! {
    /// The kinds of destination: a key in the rules file, a column in the database.
    "destination" pub enum DestinationKind {
        /// [`Destination::Queue`].
        Queue = "queue",
        /// [`Destination::Menu`].
        Menu = "menu",
        /// [`Destination::Duty`].
        Duty = "duty",
        /// [`Destination::Forward`].
        Forward = "forward",
        /// [`Destination::Message`].
        Message = "message",
        /// [`Destination::Callback`].
        Callback = "callback",
        /// [`Destination::Voicemail`].
        Voicemail = "voicemail",
        /// [`Destination::Extension`].
        Extension = "extension",
        /// [`Destination::HangUp`].
        HangUp = "hang_up",
    }
}

impl DestinationKind {
    /// Reads a destination of this kind. The rules file, the database and JSON all use this function.
    ///
    /// # Errors
    /// If the text is not a destination of this kind, or nothing can follow one.
    pub fn read(self, to: &str, then: Then) -> Result<Destination, InvalidDestination> {
        let ends = match self {
            Self::Duty => return Ok(Destination::Duty(to.parse()?, then)),
            Self::Forward => return Ok(Destination::Forward(to.parse()?, then)),
            Self::Message => return Ok(Destination::Message(to.parse()?, then)),
            Self::Callback => return Ok(Destination::Callback(to.parse()?, then)),
            Self::Voicemail => return Ok(Destination::Voicemail(to.parse()?, then)),
            Self::Queue => Destination::Queue(to.parse()?),
            Self::Menu => Destination::Menu(to.parse()?),
            Self::Extension => Destination::Extension(to.parse()?),
            Self::HangUp => Destination::HangUp(to.parse()?),
        };
        if then.is_some() { Err(InvalidDestination::NothingFollows(self)) } else { Ok(ends) }
    }
}

/// A text that names no destination of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    /// No name of a queue, a menu, a rota, a prompt or a voicemail.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// No contact.
    #[error(transparent)]
    Contact(#[from] InvalidContact),
    /// No extension.
    #[error(transparent)]
    Extension(#[from] InvalidExtension),
    /// No cause.
    #[error(transparent)]
    Cause(#[from] UnknownWord),
    /// `then` stands beside a verb that nothing can follow.
    #[error(
        "`then` cannot follow `{0}`, only `message`, `forward`, `duty`, `callback` and `voicemail`; take it out"
    )]
    NothingFollows(DestinationKind),
}

impl Destination {
    /// A message after which the call ends.
    #[must_use]
    pub const fn message(prompt: PromptName) -> Self {
        Self::Message(prompt, None)
    }

    /// A contact; if nobody answers there, the call ends.
    #[must_use]
    pub const fn forward(contact: Contact) -> Self {
        Self::Forward(contact, None)
    }

    /// The kind, and the text that [`DestinationKind::read`] reads back.
    #[must_use]
    pub fn parts(&self) -> (DestinationKind, String) {
        match self {
            Self::Queue(name) => (DestinationKind::Queue, name.to_string()),
            Self::Menu(name) => (DestinationKind::Menu, name.to_string()),
            Self::Duty(name, _) => (DestinationKind::Duty, name.to_string()),
            Self::Forward(contact, _) => (DestinationKind::Forward, contact.to_string()),
            Self::Message(prompt, _) => (DestinationKind::Message, prompt.to_string()),
            Self::Callback(queue, _) => (DestinationKind::Callback, queue.to_string()),
            Self::Voicemail(name, _) => (DestinationKind::Voicemail, name.to_string()),
            Self::Extension(extension) => (DestinationKind::Extension, extension.to_string()),
            Self::HangUp(cause) => (DestinationKind::HangUp, cause.to_string()),
        }
    }

    /// What the rules state to come next by itself.
    #[must_use]
    pub fn then(&self) -> Option<&Self> {
        match self {
            Self::Duty(_, then)
            | Self::Forward(_, then)
            | Self::Message(_, then)
            | Self::Callback(_, then)
            | Self::Voicemail(_, then) => then.as_deref(),
            Self::Queue(_) | Self::Menu(_) | Self::Extension(_) | Self::HangUp(_) => None,
        }
    }

    /// This destination, and those that follow it by `then`.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |to| to.then())
    }

    /// The contact that rings, if there is one.
    #[must_use]
    pub const fn contact(&self) -> Option<&Contact> {
        match self {
            Self::Forward(contact, _) => Some(contact),
            _ => None,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Menu(name) => write!(f, "menu {name}"),
            Self::Duty(name, _) => write!(f, "duty {name}"),
            Self::Forward(contact, _) => write!(f, "forward to {contact}"),
            Self::Message(prompt, _) => write!(f, "message {prompt}"),
            Self::Callback(queue, _) => write!(f, "callback by {queue}"),
            Self::Voicemail(name, _) => write!(f, "voicemail {name}"),
            Self::Extension(extension) => write!(f, "extension {extension}"),
            Self::HangUp(cause) => write!(f, "hang up {cause}"),
        }?;
        self.then().map_or(Ok(()), |then| write!(f, ", then {then}"))
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, to) = self.parts();
        let mut map = serializer.serialize_map(Some(1 + usize::from(self.then().is_some())))?;
        map.serialize_entry(&kind, &to)?;
        if let Some(then) = self.then() {
            map.serialize_entry(THEN, then)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneVerb)
    }
}

/// Reads `{ queue = "sales" }`, or `{ message = "closed", then = { menu = "main" } }`.
struct OneVerb;

const THEN: &str = "then";

const ONE_THING: &str = "this must have exactly one destination; write one of { queue = \"…\" }, { menu = \"…\" }, \
    { duty = \"…\" }, { forward = \"…\" }, { message = \"…\" }, { voicemail = \"…\" }, { callback = \"…\" }, \
    { extension = \"…\" } and { hang_up = \"…\" }";

/// A key of a destination.
enum Key {
    Kind(DestinationKind),
    Then,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            THEN => Ok(Self::Then),
            kind => kind.parse().map(Self::Kind).map_err(D::Error::custom),
        }
    }
}

impl<'de> Visitor<'de> for OneVerb {
    type Value = Destination;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of { queue = \"…\" }, { menu = \"…\" }, { duty = \"…\" }, { forward = \"…\" }, ")?;
        f.write_str(
            "{ message = \"…\" }, { voicemail = \"…\" }, { callback = \"…\" }, { extension = \"…\" } and { hang_up = \"…\" }",
        )
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Destination, A::Error> {
        let (mut to, mut then) = (None, None);
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Then => then = Some(Box::new(map.next_value::<Destination>()?)),
                Key::Kind(kind) => {
                    // Read alone, so that a mistake in the text has its own place.
                    if to.replace((kind, map.next_value_seed(kind)?)).is_some() {
                        return Err(A::Error::custom(ONE_THING));
                    }
                }
            }
        }
        let (kind, text) = to.ok_or_else(|| A::Error::custom(ONE_THING))?;
        kind.read(&text, then).map_err(A::Error::custom)
    }
}

impl<'de> DeserializeSeed<'de> for DestinationKind {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let text = String::deserialize(deserializer)?;
        self.read(&text, None).map_err(D::Error::custom)?;
        Ok(text)
    }
}

/// An extension of FreeSWITCH's dialplan: `7001@office`, or `7001` for the context `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The number to which the caller is transferred.
    pub number: String,
    /// The context of the dialplan.
    pub context: String,
}

const DEFAULT_CONTEXT: &str = "default";

/// A text that is not an extension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not an extension: write a number or name of up to 64 letters, digits, '_', '-', '.' or '+', and \
     perhaps a context, such as 7001@office"
)]
pub struct InvalidExtension {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl std::str::FromStr for Extension {
    type Err = InvalidExtension;
    fn from_str(text: &str) -> Result<Self, InvalidExtension> {
        let (number, context) = text.split_once('@').unwrap_or((text, DEFAULT_CONTEXT));
        let fits = |part: &str| {
            (1..=64).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte))
        };
        // The dialplan's own steps have such names.
        if fits(number) && fits(context) && !number.starts_with("dozvon_") {
            Ok(Self { number: number.to_owned(), context: context.to_owned() })
        } else {
            Err(InvalidExtension { given: text.chars().take(80).collect() })
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)?;
        if self.context == DEFAULT_CONTEXT { Ok(()) } else { write!(f, "@{}", self.context) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Destination, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_verb_may_lead_to_the_next_and_reads_back() {
        let text = r#"{"message":"closed","then":{"forward":"user/1001","then":{"menu":"main"}}}"#;
        let to = read(text).unwrap();
        assert_eq!(to.to_string(), "message closed, then forward to user/1001, then menu main");
        assert_eq!(serde_json::to_string(&to).unwrap(), text);
        assert_eq!(to.chain().count(), 3);
        for text in [
            r#"{"extension":"7001@office"}"#,
            r#"{"hang_up":"USER_BUSY"}"#,
            r#"{"queue":"sales"}"#,
            r#"{"callback":"sales","then":{"message":"bye"}}"#,
        ] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_verb_is_refused_with_the_remedy() {
        for (text, said) in [
            (r#"{"queue":"sales","then":{"menu":"main"}}"#, "`then` cannot follow `queue`"),
            (r#"{"callback":"no such queue!"}"#, "queue"),
            (r#"{"then":{"menu":"main"}}"#, "exactly one destination"),
            (r#"{"menu":"a","queue":"b"}"#, "exactly one destination"),
            (r#"{"extension":"7001 XML"}"#, "is not an extension"),
            (r#"{"extension":"dozvon_fallback"}"#, "is not an extension"),
            (r#"{"hang_up":"OOPS"}"#, "is not a hangup cause"),
            (r#"{"men":"a"}"#, "is not a destination"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
