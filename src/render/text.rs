//! Text for people.

use comfy_table::{
    Attribute, Cell as Styled, CellAlignment, Color, ColumnConstraint, ContentArrangement, Width, presets,
};

use crate::render::cell::show;
use crate::render::width::{Column, Fit, GAP, fit, length};
use crate::render::{Cell, DisplayOptions, Sentence, Sheet, Table, heading};

/// The indent of lines below a row.
const INDENT: &str = "    ";

/// A table for people: headings, rows, notes.
///
/// If a terminal is too narrow for all columns, whole columns are left out and named in a note. Ids, numbers and times
/// are never broken.
#[must_use]
pub fn table(table: &Table, options: &DisplayOptions) -> String {
    if table.rows.is_empty() {
        return lines(std::slice::from_ref(&table.empty), options) + &lines(&table.notes, options);
    }
    let columns: Vec<Column> =
        (0..table.fields.len()).map(|place| Column::of(table, place, options)).collect();
    let is_below = |place: &usize| table.below.contains(&table.fields[*place]);
    let (below, across): (Vec<usize>, Vec<usize>) = (0..table.fields.len()).partition(is_below);
    let fit = fit(&columns, across, options.width);
    let mut shown = blank(options);
    shown.set_header(fit.shown.iter().map(|(place, _)| {
        let column = &columns[*place];
        let heading = dim(Styled::new(&column.heading), options);
        if column.numbers { heading.set_alignment(CellAlignment::Right) } else { heading }
    }));
    let mut text = String::new();
    for row in &table.rows {
        shown.add_row(
            fit.shown.iter().filter_map(|(place, _)| row.get(*place)).map(|cell| styled(cell, options)),
        );
        if !below.is_empty() {
            text.push_str(&finish_fixed(&mut shown, &fit));
            text.push_str(&one_below_another(row, &below, &columns, options));
            shown = blank(options);
        }
    }
    if below.is_empty() {
        text = finish_fixed(&mut shown, &fit);
    }
    text + &lines(&table.notes, options) + &lines(&left_out(&fit.left_out, &columns), options)
}

/// The lines of a table, with the column widths of `fit`.
fn finish_fixed(shown: &mut comfy_table::Table, fit: &Fit) -> String {
    for (column, (_, width)) in shown.column_iter_mut().zip(&fit.shown) {
        let width = u16::try_from(width + GAP).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    finish(shown)
}

/// The values of a row that are shown below it, indented, each with its heading.
fn one_below_another(row: &[Cell], places: &[usize], columns: &[Column], options: &DisplayOptions) -> String {
    let mut shown = blank(options);
    for place in places {
        let Some(cell) = row.get(*place).filter(|cell| **cell != Cell::Nothing) else { continue };
        let heading = format!("{INDENT}{}:", columns[*place].heading);
        shown.add_row([
            dim(Styled::new(heading), options),
            styled(cell, options).set_alignment(CellAlignment::Left),
        ]);
    }
    if shown.is_empty() { String::new() } else { finish(&mut shown) }
}

/// The line below a table that names the columns that did not fit.
fn left_out(places: &[usize], columns: &[Column]) -> Option<Sentence> {
    let names: Vec<String> = places.iter().map(|place| columns[*place].heading.clone()).collect();
    (!names.is_empty()).then(|| {
        Sentence::of("the terminal is too narrow for: {columns} (--json has them)")
            .with("columns", Cell::List(names))
    })
}

/// One thing for people: its fields, then its tables.
#[must_use]
pub fn sheet(sheet: &Sheet, options: &DisplayOptions) -> String {
    let mut shown = blank(options);
    for (field, cell) in &sheet.fields {
        let value = styled(cell, options).set_alignment(CellAlignment::Left);
        shown.add_row([dim(Styled::new(heading(options.language, field)), options), value]);
    }
    let mut text = finish(&mut shown);
    for (name, part) in &sheet.tables {
        text.push_str(&format!("\n{}\n", heading(options.language, name)));
        text.push_str(&table(part, options));
    }
    text
}

fn lines<'a>(sentences: impl IntoIterator<Item = &'a Sentence>, options: &DisplayOptions) -> String {
    let said = sentences.into_iter().map(|sentence| sentence.said(options));
    said.filter(|text| !text.is_empty()).map(|text| format!("{}\n", wrapped(&text, options.width))).collect()
}

/// A text whose lines fit into the terminal; a word that is longer stays whole.
fn wrapped(text: &str, width: Option<u16>) -> String {
    let Some(width) = width.map(usize::from) else { return text.to_owned() };
    let fold = |line: &str| {
        if length(line) <= width {
            return line.to_owned();
        }
        let mut lines = vec![String::new()];
        for word in line.split(' ') {
            match lines.last_mut() {
                Some(last) if last.is_empty() => last.push_str(word),
                Some(last) if length(last) + 1 + length(word) <= width => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines.join("\n")
    };
    text.split('\n').map(fold).collect::<Vec<_>>().join("\n")
}

fn blank(options: &DisplayOptions) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    match options.width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    if options.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// The lines, with two spaces between columns and none around them.
fn finish(table: &mut comfy_table::Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, u16::try_from(GAP).unwrap_or(2)));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn dim(cell: Styled, options: &DisplayOptions) -> Styled {
    if options.colour { cell.add_attribute(Attribute::Dim) } else { cell }
}

fn styled(cell: &Cell, options: &DisplayOptions) -> Styled {
    let shown = Styled::new(show(cell, options));
    match cell {
        Cell::Count(_) | Cell::Span(_) | Cell::Percent(_) | Cell::Mean(_) => {
            shown.set_alignment(CellAlignment::Right)
        }
        Cell::Word(word) if options.colour => match tone(word) {
            Some(colour) => shown.fg(colour),
            None => shown,
        },
        Cell::Word(_)
        | Cell::Nothing
        | Cell::Text(_)
        | Cell::Translated(_)
        | Cell::Field(_)
        | Cell::Id(_)
        | Cell::At(_)
        | Cell::Flag(_)
        | Cell::List(_) => shown,
    }
}

/// Green: in order. Yellow: in progress or waiting. Red: a failure, or a caller who was not served.
fn tone(word: &str) -> Option<Color> {
    match word {
        "available" | "answered" | "forwarded" | "reached" | "agent_reached" | "caller_reached_us"
        | "open_now" | "ok" => Some(Color::Green),
        "ringing" | "talking" | "wrapping_up" | "on_break" | "taken" | "waiting" | "open" | "advice" => {
            Some(Color::Yellow)
        }
        "abandoned" | "timed_out" | "lost" | "no_answer" | "rejected" | "unreachable" | "busy" | "wrong" => {
            Some(Color::Red)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::clock::UnixMs;
    use crate::language::Language;
    use crate::render::span;

    const OPTIONS: DisplayOptions =
        DisplayOptions { language: Language::En, zone: Tz::Europe__Moscow, colour: false, width: None };

    fn agents() -> Table {
        let mut table = Table::new(&["name", "status", "since_at"], "there are no agents");
        table.row([Cell::from("anna"), Cell::word("on_break"), UnixMs(1_767_225_600_000).into()]);
        table
    }

    #[test]
    fn people_read_words_and_the_clock_on_their_wall() {
        let text = table(&agents(), &OPTIONS);
        assert_eq!(
            text.lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>(),
            ["name status since", "anna on break 2026-01-01 03:00:00"]
        );
        let text = table(&agents(), &DisplayOptions { language: Language::Ru, ..OPTIONS });
        assert!(text.contains("перерыв"), "{text}");
    }

    #[test]
    fn a_caller_cannot_write_on_the_terminal() {
        let mut table = Table::new(&["caller_name"], "");
        table.row([Cell::from("a\u{1b}[31mb\u{202e}c\nd")]);
        let text = super::table(&table, &OPTIONS);
        assert!(text.contains("a·[31mb·c·d"), "{text}");
    }

    #[test]
    fn spans_are_short() {
        let shown = [0, 412, 8_400, 20_000, 83_000, 300_000, 7_500_000, 273_600_000].map(span);
        assert_eq!(shown, ["0s", "412ms", "8.4s", "20s", "1m23s", "5m", "2h05m", "3d4h"]);
    }
}
