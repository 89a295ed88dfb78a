//! The recipients of a destination, with the people of the settings.

use serde_json::Value;

use super::message;
use super::templates::{Part, Templates};
use crate::config::notify::recipient::Recipient;
use crate::config::notify::{Destination, Kind, Person, Settings};
use crate::event::EventKind;
use crate::event::Role;
use crate::missed::outgoing::Medium;

/// The recipients of a destination.
#[derive(Debug, Clone)]
pub struct Recipients {
    kind: Kind,
    to: Vec<Recipient>,
    book: Vec<Person>,
    most: usize,
}

impl Recipients {
    /// Reads the recipients of a destination.
    ///
    /// # Errors
    /// What is wrong with a recipient.
    pub fn new(settings: &Settings, to: &Destination) -> Result<Self, String> {
        let read = |text: &String| Recipient::read(text, to.kind);
        Ok(Self {
            kind: to.kind,
            to: to.to.iter().map(read).collect::<Result<_, _>>()?,
            book: settings.people.clone(),
            most: settings.max_recipients,
        })
    }

    /// Whether the caller is the recipient. Then nobody else is.
    #[must_use]
    pub fn caller(&self) -> bool {
        self.to.contains(&Recipient::Role(Role::Caller))
    }

    /// The part of a template for a short text.
    #[must_use]
    pub fn short(&self) -> Part {
        if self.caller() { Part::Caller } else { Part::Short }
    }

    /// Why the event must not be sent, if so: a caller gets SMS only with consent on file.
    #[must_use]
    pub fn forbidden(&self, data: &Value) -> Option<String> {
        let asked = self.caller() && self.kind.is_sms() && data["sms_consent"] != true;
        asked.then(|| "the caller has not agreed to get SMS (sms_consent)".to_owned())
    }

    /// The medium, if the event goes to the caller, whose address a stranger may have given.
    #[must_use]
    pub fn to_stranger(&self, data: &Value) -> Option<Medium> {
        if !self.caller() || self.forbidden(data).is_some() {
            return None;
        }
        match self.kind {
            Kind::Sms | Kind::Smpp => Some(Medium::Sms),
            Kind::Email => Some(Medium::Letter),
            // Nobody can give somebody else's chat id, and a program is no person.
            Kind::Telegram | Kind::Webhook => None,
        }
    }

    /// Returns the addresses that receive an event; none if there is no template for them. A caller who sent a request
    /// gets a confirmation of the request, not the message of a missed call for the case that it opens.
    #[must_use]
    pub fn of(&self, kind: &str, data: &Value, templates: &Templates) -> Vec<String> {
        let asked = kind == EventKind::CaseOpened.as_str() && !data["request"].is_null();
        if !templates.has(kind, self.short()) || (asked && self.caller()) {
            return Vec::new();
        }
        message::addresses(&self.to, self.kind, data, &self.book, self.most)
    }
}
