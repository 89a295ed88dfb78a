//! The text of a cell.

use chrono_tz::Tz;

use crate::clock::UnixMs;
use crate::language::Language;
use crate::render::language::meaning;
use crate::render::{Cell, translate, word};

/// How cells are shown: language, time zone, colours, width.
#[derive(Debug, Clone, Copy)]
pub struct DisplayOptions {
    /// The language of headings and words.
    pub language: Language,
    /// The time zone of times.
    pub zone: Tz,
    /// Whether to use colours.
    pub colour: bool,
    /// The width of the terminal in characters; without one, lines are never wrapped.
    pub width: Option<u16>,
}

pub(super) const fn is_number(cell: &Cell) -> bool {
    matches!(cell, Cell::Count(_) | Cell::Span(_) | Cell::Percent(_) | Cell::Mean(_))
}

pub(super) fn show(cell: &Cell, options: &DisplayOptions) -> String {
    match cell {
        Cell::Nothing => "-".to_owned(),
        Cell::Text(text) => printable(text),
        Cell::Field(key) => field(key, options.language),
        Cell::Translated(text) => printable(&translate(options.language, text)),
        Cell::Word(text) => word(options.language, text),
        Cell::Id(id) => id.rsplit('-').next().unwrap_or(id).to_owned(),
        Cell::Count(number) => number.to_string(),
        Cell::Percent(share) => format!("{share:.1} %"),
        Cell::Mean(mean) => format!("{mean:.2}"),
        Cell::At(at) => when(*at, options.zone),
        Cell::Span(ms) => span(*ms),
        Cell::Flag(flag) => word(options.language, if *flag { "yes" } else { "no" }),
        Cell::List(texts) if texts.is_empty() => "-".to_owned(),
        Cell::List(texts) => printable(&texts.join(", ")),
    }
}

/// A key as in the file. In languages other than English, its meaning comes first.
fn field(key: &str, language: Language) -> String {
    match (language, meaning(language, key)) {
        (Language::Ru, Some(meaning)) => format!("{meaning} ({key})"),
        _ => key.to_owned(),
    }
}

/// Removes characters that move the cursor, colour the terminal or change the direction of writing.
fn printable(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if harmful(c) { '\u{b7}' } else { c }).collect()
}

/// An instant in a time zone, to the second.
#[must_use]
pub fn when(at: UnixMs, zone: Tz) -> String {
    at.utc().with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A duration in its two largest units: `412ms`, `8.4s`, `20s`, `1m23s`, `5m`, `2h05m`, `3d4h`.
#[must_use]
pub fn span(ms: i64) -> String {
    let (unit, rest) = match ms {
        ..=0 => return "0s".to_owned(),
        1..1000 => return format!("{ms}ms"),
        1000..60_000 => (format!("{}", ms / 1000), format!(".{}", ms % 1000 / 100)),
        60_000..3_600_000 => (format!("{}m", ms / 60_000), format!("{:02}s", ms / 1000 % 60)),
        3_600_000..86_400_000 => (format!("{}h", ms / 3_600_000), format!("{:02}m", ms / 60_000 % 60)),
        86_400_000.. => (format!("{}d", ms / 86_400_000), format!("{}h", ms / 3_600_000 % 24)),
    };
    let nothing = rest.bytes().all(|b| !b.is_ascii_digit() || b == b'0');
    let rest = if nothing { String::new() } else { rest };
    format!("{unit}{rest}{}", if ms < 60_000 { "s" } else { "" })
}

/// The age of an instant in milliseconds; 0 if it is in the future.
#[must_use]
pub fn age(now: UnixMs, at: UnixMs) -> Cell {
    Cell::Span(now.since_ms(at))
}
