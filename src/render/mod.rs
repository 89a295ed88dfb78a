//! Renders tables and sheets for people, spreadsheets and programs.
//!
//! In: typed cells (an instant, a duration, a word). Out: text in the reader's language and time zone, CSV, or JSON.
//! **Invariant:** field names, instants (RFC 3339, UTC) and durations (milliseconds) are the same in JSON and CSV in
//! every language; only the text for people is translated, coloured and rounded.

mod cell;
mod data;
mod language;
mod russian;
mod sentence;
mod text;
mod width;

use crate::clock::UnixMs;
use crate::ids::{AgentName, NodeName, QueueName, RouteName};
use crate::phone::E164;

pub use cell::{DisplayOptions, age, span, when};
pub use data::{csv, json};
pub use language::{heading, translate, word};
pub use sentence::Sentence;
pub use text::{sheet, table};

/// A typed value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Nothing,
    /// Free text, perhaps from outside: shown without control characters.
    Text(String),
    /// A word of a vocabulary.
    Word(String),
    /// An English text, such as a reason; people see its translation.
    Translated(String),
    /// A key of a file; people also see its meaning.
    Field(String),
    /// A UUID; people see its last twelve digits.
    Id(String),
    /// A count.
    Count(i64),
    /// A share in per cent.
    Percent(f64),
    /// A mean of whole numbers.
    Mean(f64),
    /// An instant.
    At(UnixMs),
    /// A duration in milliseconds.
    Span(i64),
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<UnixMs> for Cell {
    fn from(at: UnixMs) -> Self {
        Self::At(at)
    }
}

macro_rules! named_cells {
    ($($name:ty),+) => { $(
        impl From<&$name> for Cell {
            fn from(name: &$name) -> Self {
                name.as_str().into()
            }
        }
    )+ };
}

named_cells!(AgentName, E164, NodeName, QueueName, RouteName);

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl Cell {
    /// A word of a vocabulary.
    #[must_use]
    pub fn word(word: impl ToString) -> Self {
        Self::Word(word.to_string())
    }

    /// A key of a file.
    #[must_use]
    pub fn field(key: impl ToString) -> Self {
        Self::Field(key.to_string())
    }

    /// An English text that is translated for people.
    #[must_use]
    pub fn translated(text: impl ToString) -> Self {
        Self::Translated(text.to_string())
    }

    /// A word, or nothing.
    #[must_use]
    pub fn word_or_nothing(word: Option<impl ToString>) -> Self {
        word.map_or(Self::Nothing, Self::word)
    }

    /// A count of any integer type.
    #[must_use]
    pub fn count(count: impl TryInto<i64>) -> Self {
        Self::Count(count.try_into().unwrap_or(i64::MAX))
    }

    /// A duration in milliseconds, or nothing.
    #[must_use]
    pub fn span_or_nothing(ms: Option<i64>) -> Self {
        ms.map_or(Self::Nothing, Self::Span)
    }
}

/// Rows of the same shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Field names, as in JSON and CSV.
    pub fields: Vec<&'static str>,
    /// A cell for each field.
    pub rows: Vec<Vec<Cell>>,
    /// Fields that a narrow terminal can do without, the least needed first.
    pub spare: Vec<&'static str>,
    /// Fields that are shown below their row, each on lines of its own. Then they are complete on any terminal.
    pub below: Vec<&'static str>,
    /// Shown if there are no rows.
    pub empty: Sentence,
    /// Shown below the rows.
    pub notes: Vec<Sentence>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(fields: &[&'static str], empty: impl Into<Sentence>) -> Self {
        Self {
            fields: fields.to_vec(),
            rows: Vec::new(),
            spare: Vec::new(),
            below: Vec::new(),
            empty: empty.into(),
            notes: Vec::new(),
        }
    }

    /// Sets the fields that a narrow terminal can do without, the least needed first.
    #[must_use]
    pub fn spare(mut self, fields: &[&'static str]) -> Self {
        debug_assert!(
            fields.iter().all(|field| self.fields.contains(field)),
            "{fields:?} of {:?}",
            self.fields
        );
        self.spare = fields.to_vec();
        self
    }

    /// Sets the fields that are shown below their row.
    #[must_use]
    pub fn below(mut self, fields: &[&'static str]) -> Self {
        debug_assert!(
            fields.iter().all(|field| self.fields.contains(field)),
            "{fields:?} of {:?}",
            self.fields
        );
        self.below = fields.to_vec();
        self
    }

    /// Adds a row: a cell for each field.
    pub fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        let cells = cells.into();
        debug_assert_eq!(cells.len(), self.fields.len(), "a cell for each of {:?}", self.fields);
        self.rows.push(cells);
    }
}

/// One thing: its fields, then its tables.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// Fields in the order in which they are shown.
    pub fields: Vec<(&'static str, Cell)>,
    /// Tables by name.
    pub tables: Vec<(&'static str, Table)>,
}

impl Sheet {
    /// Adds a field.
    #[must_use]
    pub fn with(mut self, field: &'static str, cell: impl Into<Cell>) -> Self {
        self.fields.push((field, cell.into()));
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn and(mut self, name: &'static str, table: Table) -> Self {
        self.tables.push((name, table));
        self
    }
}
