//! Finds the place of a value in a text, by the steps that lead to it. Pure.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(&'static str),
    /// An item of a list, from 0.
    Item(usize),
    /// The first item of a list in which this key has this text.
    Named(&'static str, String),
}

/// Returns the place of the value at the end of these steps. If a step leads nowhere, returns the place of the last
/// value that was found.
#[must_use]
pub fn place(value: Option<&Spanned<DeValue<'_>>>, steps: &[Step]) -> Range<usize> {
    let Some(value) = value else { return Range::default() };
    let inner = steps.split_first().and_then(|(step, rest)| {
        let inner = match (step, value.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => table.get(*key),
            (Step::Item(n), DeValue::Array(items)) => items.get(*n),
            (Step::Named(key, name), DeValue::Array(items)) => {
                items.iter().find(|item| text(item.get_ref(), key) == Some(name))
            }
            _ => None,
        };
        inner.map(|inner| place(Some(inner), rest))
    });
    inner.unwrap_or_else(|| value.span())
}

/// The text of a key, if the value is a table that has it.
#[must_use]
pub fn text<'v>(value: &'v DeValue<'_>, key: &str) -> Option<&'v str> {
    value.as_table()?.get(key)?.get_ref().as_str()
}
