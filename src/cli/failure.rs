//! How a command ended, for people and for scripts.

use std::process::ExitCode;

use crate::app::AppError;
use crate::config::ConfigError;
use crate::config::fault::Faults;
use crate::queue::agent::Status;
use crate::sim::stage::StageError;
use crate::store::StoreError;
use crate::telemetry::TelemetryError;

/// Exit codes; they are part of the interface and stay what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// It was asked for wrongly.
    Usage = 2,
    /// What it is about is not there.
    NotFound = 3,
    /// A rule forbids it, or something else is there already.
    Refused = 4,
    /// The database or a FreeSWITCH cannot be reached.
    Unreachable = 5,
    /// `serve` has ended by itself: a task that everything depends on is gone.
    Died = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it should: one line, with the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// A failure with its message.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The reader of our output has gone: that is his right.
    pub(super) const fn nobody_reads() -> Self {
        Self { exit: Exit::Done, message: String::new() }
    }

    /// Says it on standard error and gives the exit code.
    #[must_use]
    pub fn tell(&self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("dozvon: {}", self.message);
        }
        self.exit.into()
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let count = match faults.0.len() {
            1 => "one mistake".to_owned(),
            count => format!("{count} mistakes"),
        };
        Self::new(Exit::Usage, format!("{count}, nothing was changed\n{faults}"))
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

impl From<StageError> for Failure {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Store(error) => error.into(),
            StageError::App(error) => error.into(),
            StageError::Sim(error) => Self::new(Exit::Failed, error.to_string()),
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
        StoreError::BadUrl { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// What the message of the store does not say, because it does not know that it speaks to a command line.
fn remedy(error: &StoreError) -> String {
    match error {
        StoreError::NotFound { kind: "case", .. } => ": `dozvon case list --state all` shows all".to_owned(),
        StoreError::NotFound { kind: "delivery" | "closed destination", .. } => {
            ": `dozvon outbox list` shows what there is".to_owned()
        }
        StoreError::NotFound { kind: "number on the do-not-call list", .. } => {
            ": `dozvon dnc list` shows those that are".to_owned()
        }
        StoreError::NotFound { kind: kind @ ("agent" | "call" | "queue"), .. } => {
            format!(": `dozvon {kind} list` shows those that there are")
        }
        StoreError::Step { name, refused } if refused.status == Status::LoggedOut => {
            format!(": log him in with `dozvon agent login {name}`")
        }
        StoreError::Database(diesel::result::Error::NotFound) => {
            " (somebody changed the same row at the same moment): try again".to_owned()
        }
        StoreError::Database(error) if error.to_string().contains("locked") => {
            ": another process has been writing for too long; try again, or see what it does".to_owned()
        }
        _ => String::new(),
    }
}
