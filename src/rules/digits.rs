//! Keys that callers press, and what they mean where several are possible.

use serde::{Deserialize, Serialize};

crate::stored! { Text:
    /// The keys of an option: 1 to 8 of `0` to `9`, `*` and `#`.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub struct Digits(String);
}

/// The most keys of an option.
pub const MAX_DIGITS: usize = 8;

/// A text that is not the keys of an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} cannot be pressed: write 1 to 8 of the keys 0 to 9, * and #")]
pub struct InvalidDigits {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl Digits {
    /// One key of the phone, for defaults.
    pub(super) fn of_key(key: char) -> Self {
        Self(key.to_string())
    }

    /// The keys.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Digits {
    type Err = InvalidDigits;
    fn from_str(text: &str) -> Result<Self, InvalidDigits> {
        let fits = text.chars().all(|key| key.is_ascii_digit() || matches!(key, '*' | '#'));
        if fits && (1..=MAX_DIGITS).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDigits { given: text.chars().take(80).collect() })
        }
    }
}

impl std::fmt::Display for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Digits {
    type Error = InvalidDigits;
    fn try_from(text: String) -> Result<Self, InvalidDigits> {
        text.parse()
    }
}

impl From<Digits> for String {
    fn from(digits: Digits) -> Self {
        digits.0
    }
}

/// Something that callers choose by keys.
pub trait Keys {
    /// The keys.
    fn digits(&self) -> &Digits;
}

/// What pressed keys mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a, T> {
    /// This one, and no other begins with these keys.
    Chosen(&'a T),
    /// A longer one begins with these keys. If no further key comes, they mean this one, or nothing.
    Unfinished(Option<&'a T>),
    /// Nothing begins with these keys.
    Invalid,
}

/// Decides which of the choices pressed keys mean.
#[must_use]
pub fn heard<'a, T: Keys>(choices: &'a [T], pressed: &str) -> Heard<'a, T> {
    let exact = choices.iter().find(|choice| choice.digits().as_str() == pressed);
    let is_longer = |choice: &T| {
        let digits = choice.digits().as_str();
        digits.len() > pressed.len() && digits.starts_with(pressed)
    };
    match (choices.iter().any(is_longer), exact) {
        (true, exact) => Heard::Unfinished(exact),
        (false, Some(choice)) => Heard::Chosen(choice),
        (false, None) => Heard::Invalid,
    }
}

/// Returns keys that two of the choices have.
#[must_use]
pub fn twice<T: Keys>(choices: &[T]) -> Option<&Digits> {
    let mut digits = choices.iter().map(Keys::digits).enumerate();
    digits.find(|(n, digits)| choices[..*n].iter().any(|other| other.digits() == *digits)).map(|(_, it)| it)
}
