//! Which columns of a table fit into a terminal, and how wide each is.

use crate::render::cell::{is_number, show};
use crate::render::{Cell, DisplayOptions, Table, heading};

/// Blanks between two columns.
pub(super) const GAP: usize = 2;
/// A word longer than this may be broken when the terminal is narrow: an address, a dial string.
const LONG_WORD: usize = 36;

/// The properties of a column that the layout needs.
#[derive(Debug)]
pub(super) struct Column {
    /// Its heading in the reader's language.
    pub(super) heading: String,
    /// Whether it holds numbers, which are aligned to the right.
    pub(super) numbers: bool,
    /// The width at which no line is broken.
    natural: usize,
    /// The width below which an unbreakable value would be broken.
    least: usize,
    /// The order in which columns are left out: columns without values first, then those of [`Table::spare`], then
    /// from the right.
    rank: (u8, usize),
}

impl Column {
    /// Measures the column at `place` of a table.
    pub(super) fn of(table: &Table, place: usize, options: &DisplayOptions) -> Self {
        let field = table.fields.get(place).copied().unwrap_or_default();
        let heading = heading(options.language, field);
        let cells: Vec<&Cell> = table.rows.iter().filter_map(|row| row.get(place)).collect();
        let spare = table.spare.iter().position(|spare| *spare == field);
        let rank = match spare {
            _ if place == 0 => (3, 0),
            _ if cells.iter().all(|cell| **cell == Cell::Nothing) => (0, place),
            Some(order) => (1, order),
            None => (2, usize::MAX - place),
        };
        let texts: Vec<(bool, String)> =
            cells.iter().map(|cell| (breakable(cell), show(cell, options))).collect();
        let natural = texts.iter().map(|(_, text)| length(text)).max().unwrap_or(0).max(length(&heading));
        let least = |(breakable, text): &(bool, String)| {
            if *breakable { longest_word(text).min(LONG_WORD) } else { length(text) }
        };
        let least = texts.iter().map(least).max().unwrap_or(0).max(longest_word(&heading));
        Self { heading, numbers: cells.iter().any(|cell| is_number(cell)), natural, least, rank }
    }
}

/// Whether a value may be broken into lines.
const fn breakable(cell: &Cell) -> bool {
    matches!(cell, Cell::Text(_) | Cell::Translated(_) | Cell::Field(_) | Cell::Word(_) | Cell::List(_))
}

pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(length).max().unwrap_or(0)
}

/// How a table is laid out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// The columns that are shown, each with its width without the gap.
    pub(super) shown: Vec<(usize, usize)>,
    /// The columns that are left out.
    pub(super) left_out: Vec<usize>,
}

/// Lays out the columns at `places` in a terminal of a width; without a width every column has its natural width.
pub(super) fn fit(columns: &[Column], mut places: Vec<usize>, width: Option<u16>) -> Fit {
    let Some(width) = width.map(usize::from) else {
        return Fit {
            shown: places.iter().map(|place| (*place, columns[*place].natural)).collect(),
            left_out: Vec::new(),
        };
    };
    let needs = |places: &[usize]| places.iter().map(|place| columns[*place].least + GAP).sum::<usize>();
    let mut left_out = Vec::new();
    while needs(&places) > width + GAP && places.len() > 1 {
        let Some(first) = places.iter().copied().min_by_key(|place| columns[*place].rank) else { break };
        places.retain(|place| *place != first);
        left_out.push(first);
    }
    left_out.sort_unstable();
    let room = (width + GAP).saturating_sub(needs(&places));
    let wish = |place: &usize| columns[*place].natural - columns[*place].least;
    let wishes: usize = places.iter().map(wish).sum();
    let share = |place: &usize| {
        let wish = wish(place);
        let extra = if wishes <= room { wish } else { wish * room / wishes };
        (*place, columns[*place].least + extra)
    };
    Fit { shown: places.iter().map(share).collect(), left_out }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::super::table;
    use super::*;
    use crate::clock::UnixMs;
    use crate::language::Language;

    fn options(width: u16) -> DisplayOptions {
        DisplayOptions { language: Language::En, zone: Tz::UTC, colour: false, width: Some(width) }
    }

    fn calls() -> Table {
        let fields = ["id", "arrived_at", "caller_number", "agent", "note", "wait_ms"];
        let mut table = Table::new(&fields, "no calls").spare(&["wait_ms"]);
        table.row([
            Cell::Id("0190a8c0-0000-7000-8000-5b9d0c1f2a3e".into()),
            UnixMs(1_767_225_600_000).into(),
            "+79001234567".into(),
            Cell::Nothing,
            "wants an offer by Friday".into(),
            Cell::Span(83_000),
        ]);
        table
    }

    #[test]
    fn a_narrow_terminal_loses_columns_and_no_value_is_broken() {
        let text = table(&calls(), &options(80));
        let first: Vec<&str> = text.lines().collect();
        for whole in ["5b9d0c1f2a3e", "2026-01-01 00:00:00", "+79001234567"] {
            assert!(text.contains(whole), "{whole}: {text}");
        }
        assert!(first[0].contains("wait"), "{text}");
        let text = table(&calls(), &options(58));
        let note = text.replace('\n', " ");
        assert!(note.ends_with("the terminal is too narrow for: agent, wait (--json has them) "), "{text}");
        assert!(text.contains("5b9d0c1f2a3e") && text.contains("+79001234567"), "{text}");
        let text = table(&calls(), &options(20));
        assert!(text.starts_with("id\n5b9d0c1f2a3e\n"), "{text}");
    }

    #[test]
    fn without_a_terminal_nothing_is_left_out() {
        let text = table(&calls(), &DisplayOptions { width: None, ..options(0) });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    proptest! {
        #[test]
        fn lines_are_no_longer_than_the_terminal(
            names in prop::collection::vec("[a-z]{1,12}( [a-z]{1,12}){0,5}", 1..5),
            width in 24_u16..200,
        ) {
            let mut table = calls();
            for name in names {
                let mut row = table.rows[0].clone();
                row[4] = name.into();
                table.row(row);
            }
            let text = super::super::table(&table, &options(width));
            let longest = text.lines().map(length).max();
            prop_assert!(longest <= Some(width.into()), "{width}: {text}");
            prop_assert!(text.matches("5b9d0c1f2a3e").count() == table.rows.len(), "{text}");
        }
    }
}
