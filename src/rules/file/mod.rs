//! The rules file: what an administrator decides, in TOML.
//!
//! In: a text. Out: [`Rules`], or everything that is wrong with the text, each with its line and its remedy.
//! `raw` is the file as written, `check` turns it into rules (`schedules` the hours, `policies` the limits of calls back), `references` looks at how they hang together,
//! `write` makes a file of rules. **Invariant:** `parse(write(rules)) == rules`, but for the
//! versions of policies, which the database counts; a text with one fault yields
//! nothing at all, so nothing can be half applied.

mod changes;
mod check;
mod policies;
mod raw;
mod references;
mod schedules;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use chrono_tz::Tz;

pub use changes::{Change, changes};
pub use write::write;

use crate::document::Document;
use crate::document::fault::Faults;
use crate::rules::{Agent, Delays, Rules};

/// How an agent's phone is treated where nobody said otherwise.
pub const RING_TIMEOUT: Duration = Duration::from_secs(20);
/// Time after a talk where nobody said otherwise.
pub const WRAP_UP: Duration = Duration::ZERO;
/// Waits after a failed offer where nobody said otherwise.
pub const DELAYS: Delays = Delays {
    no_answer: Duration::from_secs(5),
    busy: Duration::from_secs(30),
    rejected: Duration::from_secs(10),
    unreachable: Duration::from_secs(30),
};
/// Missed offers in a row that send an agent on break where nobody said otherwise.
pub const MAX_MISSES: u32 = 3;
/// Time in which an answer counts for the service level where nobody said otherwise.
pub const SERVICE_LEVEL: Duration = Duration::from_secs(20);
/// How long a caller may wait where nobody said otherwise.
pub const MAX_WAIT: Option<Duration> = Some(Duration::from_secs(300));

/// An agent as nobody said otherwise: no contacts yet.
#[must_use]
pub fn plain_agent(display: String) -> Agent {
    Agent {
        display,
        contacts: Vec::new(),
        ring_timeout: RING_TIMEOUT,
        wrap_up: WRAP_UP,
        delays: DELAYS,
        max_misses: MAX_MISSES,
        follow_redirects: false,
    }
}

/// Reads the rules file at `path`; `-` is standard input. `zone` holds for schedules that name none.
///
/// # Errors
/// [`Faults`]: everything that is wrong.
pub fn read(path: &Path, zone: Tz) -> Result<Rules, Faults> {
    let name = path.display().to_string();
    let text =
        if name == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    let unreadable = |error: std::io::Error| {
        let remedy = "name a rules file, or make one with `dozvon init` or `dozvon export`";
        Faults::of_file(&name, format!("cannot read the rules: {error}"), remedy)
    };
    parse(&name, &text.map_err(unreadable)?, zone)
}

/// Reads the text of a rules file. `file` is its name for messages, `zone` holds for schedules that name none.
///
/// # Errors
/// [`Faults`]: everything that is wrong.
pub fn parse(file: &str, text: &str, zone: Tz) -> Result<Rules, Faults> {
    let mut document = Document::new(file, text);
    let table = document.parse();
    // What stands behind a mistake of form may be read wrongly: no point in looking at it.
    if !document.is_good() {
        return Err(document.into_faults());
    }
    let Some(file) = document.read::<raw::File>(table) else {
        return Err(document.into_faults());
    };
    let rules = check::check(&mut document, &file, zone);
    references::check(&mut document, &file, &rules);
    if document.is_good() { Ok(rules) } else { Err(document.into_faults()) }
}
