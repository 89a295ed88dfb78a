//! Reads TOML into serde types, and reports all mistakes at once.
//!
//! serde stops at the first mistake. Therefore the entry with the mistake is removed and the rest is read again, until
//! there is no mistake left. Every round adds one [`Fault`].

mod explain;
pub mod fault;
pub mod hidden;
pub mod nearest;
mod place;
pub mod renamed;

use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::Range;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, ValueDeserializer};

use crate::document::explain::{explain, unknown_key, without_value};
use crate::document::fault::{Fault, Faults, Place, locate};
pub use crate::document::place::{Step, place, text};

/// Reading stops after this many mistakes.
const MOST_FAULTS: usize = 100;

/// A TOML text that is being read, with the mistakes found so far.
#[derive(Debug)]
pub struct Document<'a> {
    file: &'a str,
    text: &'a str,
    /// Environment variables that override the text. Their spans begin after its end.
    overlaid: Vec<String>,
    faults: Vec<(usize, Fault)>,
    /// Lines about keys that were stated by an old name.
    notices: Vec<String>,
}

impl<'a> Document<'a> {
    /// Starts to read a text. `file` is its name for messages.
    #[must_use]
    pub const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, overlaid: Vec::new(), faults: Vec::new(), notices: Vec::new() }
    }

    /// Parses the text. Text that is not TOML becomes a fault.
    pub fn parse(&mut self) -> DeTable<'a> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.fault(&error.span().unwrap_or_default(), error.message(), "");
        }
        table.into_inner()
    }

    /// Returns a span for a value that comes from an environment variable.
    pub fn overlay(&mut self, variable: &str) -> Range<usize> {
        let start = self.text.len() + 1 + 2 * self.overlaid.len();
        self.overlaid.push(variable.to_owned());
        start..start + 1
    }

    /// Reads entries into a type that refuses unknown keys. An entry that cannot be read is left out and becomes a
    /// fault. None if the type needs that entry, or there are too many faults.
    pub fn read<T: DeserializeOwned>(&mut self, table: DeTable<'_>) -> Option<T> {
        self.read_item(&Spanned::new(0..self.text.len(), table), "")
    }

    /// Reads an item of a list, like [`Self::read`]. `usual` is TOML with the defaults of keys that the item leaves
    /// out.
    pub fn read_item<'t, T: DeserializeOwned>(
        &mut self,
        item: &Spanned<DeTable<'t>>,
        usual: &'t str,
    ) -> Option<T> {
        let mut table = item.get_ref().clone();
        while self.faults.len() < MOST_FAULTS {
            let whole = Spanned::new(item.span(), filled(table.clone(), usual));
            let error = match T::deserialize(Deserializer::from(whole)) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let span = error.span().unwrap_or_default();
            let (problem, remedy) = explain(error.message());
            // An entry that was left out has its fault already.
            if !error.message().starts_with("missing field") || !self.is_doubtful(&span) {
                self.fault(&span, problem, remedy);
            }
            if !take_out(&mut table, &span) {
                return None;
            }
        }
        None
    }

    /// Reads a single value.
    pub fn read_value<T: DeserializeOwned>(&mut self, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let read = T::deserialize(ValueDeserializer::from(value.clone()));
        let note = |error: toml::de::Error| {
            let (problem, remedy) = explain(error.message());
            self.fault(&value.span(), problem, remedy);
        };
        read.map_err(note).ok()
    }

    /// Adds a fault for a key that does not exist.
    pub fn unknown_key<'k>(
        &mut self,
        span: &Range<usize>,
        key: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let (problem, remedy) = unknown_key(key, &known.into_iter().collect::<Vec<_>>());
        self.fault(span, problem, remedy);
    }

    /// Adds a fault for an error. The text before its last semicolon is the problem, the text after it the remedy.
    pub fn fault_of(&mut self, span: &Range<usize>, error: &dyn Display) {
        let text = error.to_string();
        let (problem, remedy) = text.rsplit_once("; ").unwrap_or((&text, ""));
        self.fault(span, problem, remedy);
    }

    /// Whether a value has a fault.
    #[must_use]
    pub fn is_faulty(&self, value: &Range<usize>) -> bool {
        self.faults.iter().any(|(at, _)| value.contains(at))
    }

    /// Adds a fault for a part of the text. Each place has at most one fault, because later ones may follow from the
    /// first.
    pub fn fault(&mut self, span: &Range<usize>, problem: impl Into<String>, remedy: impl Into<String>) {
        if self.faults.iter().any(|(at, _)| *at == span.start) {
            return;
        }
        let variable = self.variable(span);
        let place = match variable {
            Some(name) => Place::Environment(name.clone()),
            None => locate(self.file, self.text, span),
        };
        let secret = match variable {
            Some(name) => hidden::is_secret(name.rsplit("__").next().unwrap_or(name)),
            None => hidden::key_of(self.text, span.start).is_some_and(|key| hidden::is_secret(&key)),
        };
        let problem = if secret { without_value(problem.into()) } else { problem.into() };
        self.faults.push((span.start, Fault { place, problem, remedy: remedy.into() }));
    }

    /// The environment variable that a value comes from, if it comes from one.
    fn variable(&self, span: &Range<usize>) -> Option<&String> {
        span.start.checked_sub(self.text.len() + 1).and_then(|past| self.overlaid.get(past / 2))
    }

    /// Adds a line about a key that was stated by its old name.
    fn notice(&mut self, span: &Range<usize>, old: &str, new: &str) {
        let place = match self.variable(span) {
            Some(name) => name.clone(),
            None => format!("{}:{}", self.file, self.line(span)),
        };
        self.notices.push(format!("{place}: `{old}` is now called `{new}`"));
    }

    /// Returns the lines about old names, and forgets them.
    #[must_use]
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Whether there is a fault between the beginning of an item and the next header. Then a key that seems to be
    /// missing may be on a line that could not be read.
    #[must_use]
    pub fn is_doubtful(&self, item: &Range<usize>) -> bool {
        let rest = self.text.get(item.start..).unwrap_or_default();
        let is_header = rest.starts_with('[');
        let end =
            if is_header { rest.find("\n[").map_or(self.text.len(), |at| item.start + at) } else { item.end };
        self.faults.iter().any(|(at, _)| (item.start..=end).contains(at))
    }

    /// The number of the line in which a span begins.
    #[must_use]
    pub fn line(&self, span: &Range<usize>) -> usize {
        match locate(self.file, self.text, span) {
            Place::Text { line, .. } => line,
            Place::Environment(_) | Place::File(_) => 0,
        }
    }

    /// Whether there are no faults.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// Returns all faults, in the order of the text.
    #[must_use]
    pub fn into_faults(mut self) -> Faults {
        self.faults.sort_by_key(|(at, _)| *at);
        Faults(self.faults.into_iter().map(|(_, fault)| fault).collect())
    }
}

/// Adds the entries of `usual` that the table leaves out.
fn filled<'t>(mut table: DeTable<'t>, usual: &'t str) -> DeTable<'t> {
    for (key, value) in DeTable::parse_recoverable(usual).0.into_inner() {
        if !table.contains_key(key.get_ref().as_ref()) {
            table.insert(key, value);
        }
    }
    table
}

/// Reads a value with `FromStr`. A mistake is shown at the text itself, also inside a list.
///
/// # Errors
/// When it is not text, or what its `FromStr` says.
pub fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: serde::Deserializer<'de>,
{
    deserializer.deserialize_str(Parsed(PhantomData))
}

struct Parsed<T>(PhantomData<T>);

impl<T> serde::de::Visitor<'_> for Parsed<T>
where
    T: FromStr,
    T::Err: Display,
{
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Removes the innermost entry that contains `span` from a table. Returns false if there is no such entry.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    for (_, value) in table.iter_mut() {
        if take_out_of_value(value.get_mut(), span) {
            return true;
        }
    }
    let before = table.len();
    let kept = std::mem::take(table).into_iter();
    *table =
        kept.filter(|(key, value)| !touches(&key.span(), span) && !touches(&value.span(), span)).collect();
    table.len() < before
}

fn take_out_of_value(value: &mut DeValue<'_>, span: &Range<usize>) -> bool {
    match value {
        DeValue::Table(inner) => take_out(inner, span),
        DeValue::Array(items) => {
            if items.iter_mut().any(|item| take_out_of_value(item.get_mut(), span)) {
                return true;
            }
            let mut kept = DeArray::new();
            for item in items.iter().filter(|item| !touches(&item.span(), span)) {
                kept.push(item.clone());
            }
            let taken = kept.len() < items.len();
            *items = kept;
            taken
        }
        _ => false,
    }
}

const fn touches(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start == b.start || (a.start < b.end && b.start < a.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        count: u32,
        name: String,
        list: Vec<String>,
        part: Part,
        many: Vec<Part>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Part {
        size: u16,
    }

    fn read(text: &str) -> (Option<Sample>, Vec<String>) {
        let mut document = Document::new("f.toml", text);
        let table = document.parse();
        let sample = document.read(table);
        let faults = document.into_faults();
        (sample, faults.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_mistake_is_told_and_the_rest_is_read() {
        let text = "count = \"x\"\nnam = 1\nname = \"ok\"\nlist = [\"a\", 5, \"b\"]\n[part]\nsize = 70000\n[[many]]\nsiz = 1\n[[many]]\nsize = 2\n";
        let (sample, faults) = read(text);
        let sample = sample.unwrap();
        assert_eq!((sample.name.as_str(), sample.list.len(), sample.many.len()), ("ok", 2, 2));
        assert_eq!(sample.many[1].size, 2);
        let places: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
        assert_eq!(
            places,
            ["f.toml:1:9", "f.toml:2:1", "f.toml:4:14", "f.toml:6:8", "f.toml:8:1"],
            "{faults:#?}"
        );
        assert!(faults[1].contains("unknown key `nam`") && faults[1].ends_with("did you mean `name`?"));
        assert!(faults[2].contains("write text in quotes here"), "{}", faults[2]);
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_place() {
        let (_, faults) = read("count = \nname = \"x\"\n[part\n");
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(faults[0].starts_with("f.toml:1:"), "{}", faults[0]);
    }

    #[test]
    fn a_table_where_a_number_belongs_is_told() {
        let (_, faults) = read("part = 5\n[count]\nx = 1\n");
        assert_eq!(faults.len(), 2, "{faults:#?}");
    }

    #[test]
    fn a_thousand_mistakes_end() {
        let text =
            "x = 1\n".replace('x', "y") + &(0..1000).map(|n| format!("x{n} = 1\n")).collect::<String>();
        let (_, faults) = read(&text);
        assert!(faults.len() <= MOST_FAULTS);
    }
}
