//! A sentence for people: written in English where it is made, translated where it is shown.

use std::borrow::Cow;

use crate::language::Language;
use crate::render::cell::show;
use crate::render::russian;
use crate::render::russian::fill;
use crate::render::{Cell, DisplayOptions};

/// A sentence with its values. The English text is the key of the tables in `render/russian`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sentence {
    template: Cow<'static, str>,
    values: Vec<(&'static str, Cell)>,
}

impl From<&'static str> for Sentence {
    fn from(template: &'static str) -> Self {
        Self { template: template.into(), values: Vec::new() }
    }
}

/// A finished text, such as a command to type. It is translated if a table has its form.
impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self::of("{text}").with("text", text)
    }
}

impl Sentence {
    /// A sentence with placeholders, such as `{number}`, that [`Self::with`] fills.
    #[must_use]
    pub fn of(template: &'static str) -> Self {
        template.into()
    }

    /// Fills a placeholder. A time is shown in the reader's zone, a word in the reader's language.
    #[must_use]
    pub fn with(mut self, place: &'static str, value: impl Into<Cell>) -> Self {
        debug_assert!(self.template.contains(&format!("{{{place}}}")), "{place} of {:?}", self.template);
        self.values.push((place, value.into()));
        self
    }

    /// Translates the sentence.
    #[must_use]
    pub fn said(&self, options: &DisplayOptions) -> String {
        let filled = |template: &str| {
            fill(template, |place| match self.values.iter().find(|(name, _)| *name == place) {
                Some((_, value)) => show(value, options),
                None => place.to_owned(),
            })
        };
        match (options.language, russian::of_template(&self.template)) {
            (Language::Ru, Some(russian)) => filled(russian),
            (language, _) => super::translate(language, &filled(&self.template)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::clock::UnixMs;

    fn options(language: Language) -> DisplayOptions {
        DisplayOptions { language, zone: Tz::Europe__Moscow, colour: false, width: None }
    }

    #[test]
    fn a_sentence_is_said_in_the_language_and_zone_of_its_reader() {
        let sentence = Sentence::of("the case: {stage}, next at {at}")
            .with("stage", Cell::word("due"))
            .with("at", UnixMs(1_767_225_600_000));
        assert_eq!(sentence.said(&options(Language::En)), "the case: due, next at 2026-01-01 03:00:00");
        assert_eq!(
            sentence.said(&options(Language::Ru)),
            "обращение: пора звонить, следующая попытка 2026-01-01 03:00:00"
        );
    }

    #[test]
    fn a_value_cannot_name_a_place() {
        let sentence = Sentence::of("{number} may be called again").with("number", "{number}\u{1b}[31m");
        assert_eq!(sentence.said(&options(Language::En)), "{number}·[31m may be called again");
    }
}
