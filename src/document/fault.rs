//! Mistakes in a file that a person wrote: place, problem and remedy of each.

use std::fmt;
use std::ops::Range;

use super::hidden;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The place of the mistake.
    pub place: Place,
    /// The problem.
    pub problem: String,
    /// The remedy. Empty if the problem shows it.
    pub remedy: String,
}

/// The place of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A part of a file.
    Text {
        /// The name of the file, as it was given.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The line itself, cut to 200 characters.
        text: String,
        /// How many characters of the line are wrong, from `column` on; at least 1.
        width: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A file as a whole.
    File(String),
}

/// All mistakes, in the order of the file. A file with a mistake is not applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Makes one fault of a file as a whole.
    #[must_use]
    pub fn of_file(file: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        let place = Place::File(file.to_owned());
        Self(vec![Fault { place, problem: problem.into(), remedy: remedy.into() }])
    }
}

impl Faults {
    /// The text of all faults for people; `translated` turns each English text into the reader's language.
    #[must_use]
    pub fn said(&self, translated: impl Fn(&str) -> String) -> String {
        self.0.iter().map(|fault| fault.said(&translated)).collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said(str::to_owned))
    }
}

impl Fault {
    fn said(&self, translated: impl Fn(&str) -> String) -> String {
        let problem = translated(&self.problem);
        let what = match &self.place {
            Place::Environment(name) => translated(&format!("environment variable {name}: {}", self.problem)),
            Place::File(file) => format!("{file}: {problem}"),
            Place::Text { file, line, column, text, width } => {
                let (gutter, indent) = (line.to_string().len(), column - 1);
                let marks = "^".repeat(*width);
                format!(
                    "{file}:{line}:{column}: {problem}\n {line} | {text}\n {:gutter$} | {:indent$}{marks}",
                    "", ""
                )
            }
        };
        if self.remedy.is_empty() { what } else { format!("{what}\n  {}", translated(&self.remedy)) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said(str::to_owned))
    }
}

/// The longest part of a line that is shown, in characters.
const SHOWN_CHARS: usize = 200;

/// Returns line and column of a byte range, with the line as people may see it.
#[must_use]
pub fn locate(file: &str, text: &str, span: &Range<usize>) -> Place {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (boundary(span.start), boundary(span.end));
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let before = text[line_start..start].chars().count();
    let whole = text[line_start..line_end].trim_end();
    let meant = start - line_start..end.clamp(start, line_end) - line_start;
    let secret = hidden::key_of(text, start).is_some_and(|key| hidden::is_secret(&key));
    let whole = hidden::shown(whole, meant, secret);
    let width = text[start..end.clamp(start, line_end)].chars().count();
    Place::Text {
        file: file.to_owned(),
        line: text[..line_start].matches('\n').count() + 1,
        column: before + 1,
        text: whole.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect(),
        width: width.min(SHOWN_CHARS.saturating_sub(before)).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_characters_not_bytes() {
        let text = "a = 1\nимя = \"щ\"\nb = 2";
        let at = text.find("\"щ\"").unwrap();
        let place = locate("f", text, &(at..at + 4));
        let Place::Text { line, column, text, width, .. } = place else { panic!("in the text") };
        assert_eq!((line, column, text.as_str(), width), (2, 7, "имя = \"щ\"", 3));
    }

    #[test]
    fn no_range_makes_it_fall() {
        for text in ["", "\n", "щ\nщ", "abc"] {
            for start in 0..6 {
                for end in 0..6 {
                    let fault = Fault {
                        place: locate("f", text, &(start..end)),
                        problem: "x".into(),
                        remedy: "y".into(),
                    };
                    assert!(fault.to_string().starts_with("f:"));
                }
            }
        }
    }
}
