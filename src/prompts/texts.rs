//! The texts of the prompts.

use serde::Deserialize;

use crate::language::Language;

/// The text of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The prompt.
    pub id: String,
    /// What is heard. A person who records the prompt reads it.
    pub text: String,
    /// What the default voice is given instead, where it would read the text wrongly.
    pub say: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Text(String),
    Say { text: String, say: String },
}

/// Returns the texts of all prompts of a language, in the order of the file.
///
/// # Errors
/// The file that the program was built with cannot be read; a test holds that it can.
pub fn texts(language: Language) -> Result<Vec<Text>, toml::de::Error> {
    let file = match language {
        Language::En => include_str!("../../prompts/en.toml"),
        Language::Ru => include_str!("../../prompts/ru.toml"),
    };
    let table: toml::Table = file.parse()?;
    let text = |(id, entry): (String, toml::Value)| {
        let (text, say) = match entry.try_into()? {
            Entry::Text(text) => (text, None),
            Entry::Say { text, say } => (text, Some(say)),
        };
        Ok(Text { id, text, say })
    };
    table.into_iter().map(text).collect()
}
