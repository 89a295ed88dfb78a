//! What must never be seen: tokens, and addresses with a token in them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::notify::excerpt::CUT;

/// A secret as it is written in the settings: itself, `env:NAME` or `file:PATH`. Never shown.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret known now.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it stands in a variable or a file.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.0.starts_with("env:") || self.0.starts_with("file:")
    }

    /// The secret itself, to be put into a request and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Fetches what `env:` and `file:` point at; `key` is the setting's name.
    ///
    /// # Errors
    /// What is not there, and what to do.
    pub fn resolve(&self, key: &str) -> Result<Self, String> {
        let found = if let Some(name) = self.0.strip_prefix("env:") {
            std::env::var(name).map_err(|_| {
                format!("[crm] {key}: the environment variable {name} is not set; set it, or write file:PATH")
            })?
        } else if let Some(path) = self.0.strip_prefix("file:") {
            std::fs::read_to_string(path).map_err(|error| {
                format!("[crm] {key}: cannot read {path}: {error}; make it readable for this process")
            })?
        } else {
            return Ok(self.clone());
        };
        let found = found.trim();
        if found.is_empty() {
            return Err(format!("[crm] {key}: {} holds nothing; put the secret into it", self.0));
        }
        Ok(Self::new(found))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(secret)" })
    }
}

/// Shorter texts are not looked for: they would blot out words that are no secrets.
const SHORTEST: usize = 6;

/// A text without any of the secrets, nor the beginning of one where [`CUT`] says that it goes on.
#[must_use]
pub fn scrub<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let long = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST);
    long.fold(text.to_owned(), |text, secret| {
        let whole = text.replace(secret, "***");
        let mut pieces: Vec<&str> = whole.split(CUT).collect();
        let last = pieces.pop();
        let cleaned = pieces.into_iter().map(|piece| {
            let begins = secret.char_indices().rev().map(|(at, _)| &secret[..at]);
            let begun =
                begins.take_while(|begin| !begin.is_empty()).find_map(|begin| piece.strip_suffix(begin));
            begun.map_or_else(|| format!("{piece}{CUT}"), |rest| format!("{rest}***{CUT}"))
        });
        cleaned.chain(last.map(str::to_owned)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_is_blotted_out() {
        let secret = Secret::new("abcdef123");
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(scrub("at /rest/1/abcdef123/x", [secret.expose()]), "at /rest/1/***/x");
    }

    #[test]
    fn a_pointer_that_leads_nowhere_names_the_setting_and_the_remedy() {
        let said = Secret::new("file:/nowhere/at/all").resolve("refresh_token").unwrap_err();
        assert!(said.contains("[crm] refresh_token") && said.contains("make it readable"), "{said}");
        let said = Secret::new("env:DOZVON_NO_SUCH_THING").resolve("url").unwrap_err();
        assert!(said.contains("DOZVON_NO_SUCH_THING") && said.contains("set it"), "{said}");
    }
}
