//! How a command ended, for people and for scripts.

use std::process::ExitCode;

use crate::app::AppError;
use crate::config::ConfigError;
use crate::demo::testbed::TestbedError;
use crate::document::fault::Faults;
use crate::language::Language;
use crate::queue::agent::Status;
use crate::render::translate;
use crate::store::StoreError;
use crate::telemetry::TelemetryError;

/// Exit codes. They are part of the interface: do not change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// What the command names does not exist.
    NotFound = 3,
    /// A rule forbids it, or something else is there already.
    Refused = 4,
    /// The database or a FreeSWITCH cannot be reached.
    Unreachable = 5,
    /// `serve` has ended by itself: an essential task has ended.
    Died = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed: one line with the remedy, then the mistakes of a file, if there are any.
#[derive(Debug, thiserror::Error)]
#[error("{message}{faults}")]
pub struct Failure {
    exit: Exit,
    message: String,
    faults: Faults,
}

impl Failure {
    /// Makes a failure.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), faults: Faults::default() }
    }

    /// The reader of standard output has gone, which is not an error.
    pub(super) fn nobody_reads() -> Self {
        Self::new(Exit::Done, "")
    }

    /// Prints the failure to standard error and returns the exit code.
    #[must_use]
    pub fn report(&self, language: Language) -> ExitCode {
        let translated = |english: &str| translate(language, english);
        let parts = [translated(&self.message), self.faults.said(translated)];
        let said: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if !said.is_empty() {
            eprintln!("dozvon: {}", said.join("\n"));
        }
        self.exit.into()
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Bad(faults) => Self { faults, ..Self::new(Exit::Usage, "") },
            ConfigError::Unreadable { .. } => Self::new(Exit::Usage, error.to_string()),
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let count = match faults.0.len() {
            1 => "one mistake".to_owned(),
            count => format!("{count} mistakes"),
        };
        Self { faults, ..Self::new(Exit::Usage, format!("{count}, nothing was changed")) }
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Store(error) => error.into(),
            AppError::Died(_) => Self::new(Exit::Died, error.to_string()),
            other => Self::new(Exit::Failed, other.to_string()),
        }
    }
}

impl From<TestbedError> for Failure {
    fn from(error: TestbedError) -> Self {
        match error {
            TestbedError::Store(error) => error.into(),
            TestbedError::App(error) => error.into(),
            TestbedError::Sim(error) => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // The database's own messages may have several lines; a script reads one.
        let message = format!("{error}{}", remedy(&error));
        Self::new(exit_of(&error), message.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

const fn exit_of(error: &StoreError) -> Exit {
    match error {
        StoreError::NotFound { .. } => Exit::NotFound,
        StoreError::Exists { .. }
        | StoreError::Refused(_)
        | StoreError::Step { .. }
        | StoreError::Cap { .. }
        | StoreError::Locked { .. }
        | StoreError::Database(diesel::result::Error::NotFound) => Exit::Refused,
        StoreError::Unreachable { .. } | StoreError::Unwritable { .. } | StoreError::NotADatabase { .. } => {
            Exit::Unreachable
        }
        StoreError::InvalidUrl(_) => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// The command that lists the things of a kind, if there is one.
fn list_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "agent" => "agent list",
        "call" => "call list",
        "change of hours by hand for schedule" | "schedule" => "hours",
        "duty" | "swap of duty" => "duty",
        "case" => "case list --state all",
        "closed destination" | "delivery" => "outbox list",
        "number on the do-not-call list" => "dnc list",
        "policy" => "policy list",
        "queue" => "queue list",
        _ => return None,
    })
}

/// The remedy on the command line. The store does not know that a command uses it.
fn remedy(error: &StoreError) -> String {
    match error {
        StoreError::NotFound { kind, .. } => {
            list_of(kind).map(|command| format!(": `dozvon {command}` lists them")).unwrap_or_default()
        }
        StoreError::Step { name, refused } if refused.status == Status::LoggedOut => {
            format!(": log them in with `dozvon agent login {name}`")
        }
        StoreError::Database(diesel::result::Error::NotFound) => {
            " (somebody changed the same row at the same moment): try again".to_owned()
        }
        StoreError::Database(error) if error.to_string().contains("locked") => {
            ": another process has been writing for too long; try again, or see what that process does"
                .to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use regex::Regex;

    use super::*;
    use crate::cli::Cli;

    /// The text of every source below a folder.
    fn sources(folder: &std::path::Path) -> String {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let text = |path: std::path::PathBuf| {
            if path.is_dir() { sources(&path) } else { std::fs::read_to_string(&path).unwrap_or_default() }
        };
        entries.map(text).collect()
    }

    /// Every kind of thing that may not be found has a command that lists it.
    #[test]
    fn the_remedy_for_what_is_not_found_is_a_command() {
        let kinds = Regex::new(r#"found\("([a-z -]+)"|NotFound \{\s*kind: "([a-z -]+)""#).unwrap();
        let text = sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
        let kinds: std::collections::BTreeSet<String> = kinds
            .captures_iter(&text)
            .filter_map(|found| found.get(1).or(found.get(2)))
            .map(|kind| kind.as_str().to_owned())
            .collect();
        assert!(kinds.len() > 6 && kinds.contains("number on the do-not-call list"), "{kinds:?}");
        // Nobody names these on the command line.
        let inner = ["attempt", "controller", "message", "offer"];
        for kind in kinds.iter().filter(|kind| !inner.contains(&kind.as_str())) {
            let command = list_of(kind).unwrap_or_else(|| panic!("no command lists {kind}"));
            let words = std::iter::once("dozvon").chain(command.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "dozvon {command}");
        }
    }
}
