//! A sentence that people read: written in English where it is made, said in the reader's language where it is shown.

use super::text::show;
use super::{Cell, Language, Look};

/// A sentence with its values. The English text is the key of [`SENTENCES`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sentence {
    template: &'static str,
    values: Vec<(&'static str, Cell)>,
}

impl From<&'static str> for Sentence {
    fn from(template: &'static str) -> Self {
        Self { template, values: Vec::new() }
    }
}

impl Sentence {
    /// A sentence whose places, such as `{number}`, are filled by [`Self::with`].
    #[must_use]
    pub fn of(template: &'static str) -> Self {
        template.into()
    }

    /// Fills a place. A time is shown in the reader's zone, a word in the reader's language.
    #[must_use]
    pub fn with(mut self, place: &'static str, value: impl Into<Cell>) -> Self {
        debug_assert!(self.template.contains(&format!("{{{place}}}")), "{place} of {:?}", self.template);
        self.values.push((place, value.into()));
        self
    }

    /// The sentence as a reader sees it.
    #[must_use]
    pub fn said(&self, look: &Look) -> String {
        let mut text = String::new();
        let mut rest = translated(self.template, look.language);
        while let Some((before, place, after)) = next_place(rest) {
            text.push_str(before);
            match self.values.iter().find(|(name, _)| *name == place) {
                Some((_, value)) => text.push_str(&show(value, look)),
                None => text.push_str(place),
            }
            rest = after;
        }
        text + rest
    }
}

/// The text before the next place, the place's name, and the text after it.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (place, after) = rest.split_once('}')?;
    Some((before, place, after))
}

fn translated(template: &'static str, language: Language) -> &'static str {
    let known = SENTENCES.iter().find(|(english, _)| *english == template);
    match (language, known) {
        (Language::Ru, Some((_, russian))) => russian,
        _ => template,
    }
}

/// English, Russian; in the order of the English.
const SENTENCES: &[(&str, &str)] = &[
    ("PLACEHOLDER", ""),
];

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::clock::UnixMs;

    fn look(language: Language) -> Look {
        Look { language, zone: Tz::Europe__Moscow, colour: false, width: None }
    }

    #[test]
    fn a_sentence_is_said_in_the_language_and_zone_of_its_reader() {
        let sentence = Sentence::of("the case: {stage}, next at {at}")
            .with("stage", Cell::word("due"))
            .with("at", UnixMs(1_767_225_600_000));
        assert_eq!(sentence.said(&look(Language::En)), "the case: due, next at 2026-01-01 03:00:00");
        assert_eq!(
            sentence.said(&look(Language::Ru)),
            "обращение: пора звонить, следующая попытка 2026-01-01 03:00:00"
        );
    }

    #[test]
    fn a_value_cannot_name_a_place() {
        let sentence = Sentence::of("{number} may be called again").with("number", "{number}\u{1b}[31m");
        assert_eq!(sentence.said(&look(Language::En)), "{number}·[31m may be called again");
    }

    #[test]
    fn sentences_are_in_order_and_keep_their_places() {
        for pair in SENTENCES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?} then {:?}", pair[0].0, pair[1].0);
        }
        let places = |text: &str| {
            let (mut found, mut rest) = (Vec::new(), text);
            while let Some((_, place, after)) = next_place(rest) {
                found.push(place.to_owned());
                rest = after;
            }
            found.sort_unstable();
            found
        };
        for (english, russian) in SENTENCES {
            assert_eq!(places(english), places(russian), "{english:?}");
        }
    }
}
