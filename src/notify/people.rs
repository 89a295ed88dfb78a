//! Whom a destination tells: its recipients, with the people of the settings.

use serde_json::Value;

use super::message::{self, Recipient, Role};
use super::settings::{Destination, Kind, Person, Settings};
use super::words::{Part, Words};

/// Whom a destination tells.
#[derive(Debug, Clone)]
pub struct People {
    kind: Kind,
    to: Vec<Recipient>,
    book: Vec<Person>,
    most: usize,
}

impl People {
    /// Whom this destination tells.
    ///
    /// # Errors
    /// What is wrong with a recipient.
    pub fn new(settings: &Settings, to: &Destination) -> Result<Self, String> {
        let read = |text: &String| Recipient::read(text, to.kind);
        Ok(Self {
            kind: to.kind,
            to: to.to.iter().map(read).collect::<Result<_, _>>()?,
            book: settings.people.clone(),
            most: settings.most_recipients,
        })
    }

    /// Whether it tells the caller, and so nobody else.
    #[must_use]
    pub fn caller(&self) -> bool {
        self.to.contains(&Recipient::Role(Role::Caller))
    }

    /// The addresses that hear of an event; none if there are no words for them.
    #[must_use]
    pub fn of(&self, kind: &str, data: &Value, words: &Words) -> Vec<String> {
        let part = if self.caller() { Part::Caller } else { Part::Short };
        if !words.has(kind, part) {
            return Vec::new();
        }
        message::addresses(&self.to, self.kind, data, &self.book, self.most)
    }
}
