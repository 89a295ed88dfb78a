//! Secrets of settings: tokens, and addresses with a token in them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret as written in the settings: the value itself, `env:NAME` or `file:PATH`. It is never shown.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Makes a secret from its value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the value is in a variable or a file.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.0.starts_with("env:") || self.0.starts_with("file:")
    }

    /// The value. Put it into a request and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads the variable or file of `env:` and `file:`; `key` is the setting's name.
    ///
    /// # Errors
    /// What is missing, and the remedy.
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
            return Err(format!("[crm] {key}: {} is empty; put the secret into it", self.0));
        }
        Ok(Self::new(found))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(secret)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("abcdef123")), "(secret)");
    }

    #[test]
    fn a_pointer_that_leads_nowhere_names_the_setting_and_the_remedy() {
        let said = Secret::new("file:/nowhere/at/all").resolve("refresh_token").unwrap_err();
        assert!(said.contains("[crm] refresh_token") && said.contains("make it readable"), "{said}");
        let said = Secret::new("env:DOZVON_NO_SUCH_THING").resolve("url").unwrap_err();
        assert!(said.contains("DOZVON_NO_SUCH_THING") && said.contains("set it"), "{said}");
    }
}
