//! A phrase and the ids that it is made of.

use std::borrow::Cow;
use std::fmt;

/// The id of one short sound, such as `number-21`: the name of its text and, without the ending, of its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptId(Cow<'static, str>);

impl PromptId {
    /// The id as text: lower-case letters, digits and `-`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) const fn of(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Sounds in the order in which they are heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phrase(Vec<PromptId>);

impl Phrase {
    /// The ids of the sounds.
    #[must_use]
    pub fn ids(&self) -> &[PromptId] {
        &self.0
    }

    /// This phrase and then another.
    #[must_use]
    pub fn then(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }

    /// This phrase and then the sound with an id.
    pub(super) fn word(mut self, id: &'static str) -> Self {
        self.0.push(PromptId::of(id));
        self
    }

    /// This phrase and then the sound whose id ends with a number, such as `ordinal-3`.
    pub(super) fn numbered(mut self, kind: &str, number: u16, form: &str) -> Self {
        self.0.push(PromptId(Cow::Owned(format!("{kind}-{number}{form}"))));
        self
    }
}
