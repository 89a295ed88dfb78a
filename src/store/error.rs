//! The errors of the database, and which of them may pass.

use std::path::PathBuf;
use std::time::Duration;

use super::dialect;
use crate::column::Unreadable;
use crate::missed::regulation::CapReached;
use crate::queue::agent;

/// Why a transaction failed and left nothing behind.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The requested thing does not exist.
    #[error("there is no {kind} {name}")]
    NotFound {
        /// The kind of thing, such as `agent`.
        kind: &'static str,
        /// The name or number of the thing.
        name: String,
    },
    /// A thing with this name exists already.
    #[error("there is a {kind} {name} already")]
    Exists {
        /// The kind of thing.
        kind: &'static str,
        /// The name of the thing.
        name: String,
    },
    /// The database took longer than allowed.
    #[error("the database has not answered for {limit:?}; see whether its disk or server is overloaded")]
    Slow {
        /// The time allowed.
        limit: std::time::Duration,
    },
    /// A rule forbids the change.
    #[error("{0}")]
    Refused(String),
    /// The agent cannot take this step.
    #[error("agent {name}: {refused}")]
    Step {
        /// The agent's name.
        name: String,
        /// The step, and the status and activity from which it was tried.
        refused: agent::Refused,
    },
    /// The day's attempts to a number are used up.
    #[error("{number}: {cap}")]
    Cap {
        /// The number.
        number: String,
        /// The limit.
        cap: CapReached,
    },
    /// Another controller uses the database.
    #[error(
        "the database {database} is in use by another controller{holder}: \
         stop that one first, or give this one another [database] url{last_resort}"
    )]
    Locked {
        /// The file or the server, without a password.
        database: String,
        /// The process that holds the lock, if it says so.
        holder: String,
        /// What else may help.
        last_resort: String,
    },
    /// The file or its folder cannot be written.
    #[error("cannot write the database {}: {reason}: give this user the right to write the file and its folder, or choose another [database] url", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// The file is not a database.
    #[error("{} is not a SQLite database: name another file in [database] url, or move this one away", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Another program made the database.
    #[error("{} holds the tables of another program: name another file in [database] url", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process has been writing for too long.
    #[error(
        "the database is busy: another process{holder} has been writing for {waited:?}; end it or try again"
    )]
    Busy {
        /// How long the transaction waited, or how long the other process has been writing, if that is known and
        /// longer.
        waited: Duration,
        /// The process that writes, if it is known.
        holder: String,
    },
    /// The url names no database of a known kind.
    #[error(transparent)]
    InvalidUrl(#[from] crate::config::database::InvalidDatabaseUrl),
    /// A newer dozvon has changed the database.
    #[error(
        "the database was made by a newer dozvon (it has migration {version}, this one knows up to {known}): \
         install that version again, or restore the backup from before"
    )]
    Newer {
        /// The newest migration in the database.
        version: String,
        /// The newest migration that this program knows.
        known: String,
    },
    /// The schema is older than this program.
    #[error("the database lacks {pending} migration(s): run `dozvon migrate`")]
    Older {
        /// How many migrations are missing.
        pending: usize,
    },
    /// A migration failed.
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
    /// The database cannot be reached.
    #[error("cannot open the database {url}: {reason}")]
    Unreachable {
        /// The url, without a password.
        url: String,
        /// The reason that was given.
        reason: String,
    },
    /// The database holds a value that this program cannot read.
    #[error("the database holds {value:?} in {column}, which is not readable: was it changed by hand?")]
    Unreadable {
        /// The column.
        column: String,
        /// The value, cut to 80 characters.
        value: String,
    },
    /// Too many transactions wait to be committed.
    #[error("the database is overloaded: {waiting} transactions wait to be committed")]
    Overloaded {
        /// How many transactions wait.
        waiting: usize,
    },
    /// The commit failed, and nothing of the group was kept.
    #[error("the commit failed, nothing was kept: {0}")]
    Commit(String),
    /// A transaction panicked and was undone. This is a fault in dozvon.
    #[error("the transaction {name} panicked and was undone: this is a fault in dozvon, please report it")]
    Panicked {
        /// The transaction's name.
        name: &'static str,
    },
    /// The task that commits has ended: the process is stopping.
    #[error("the store is closed")]
    Closed,
    /// The database refused the change or failed.
    #[error("database: {0}")]
    Database(#[source] diesel::result::Error),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        match dialect::refusal(&error) {
            Some(reason) => Self::Refused(reason.to_owned()),
            None => unreadable(&error).unwrap_or(Self::Database(error)),
        }
    }
}

/// Returns an error with the column and the value, if a value could not be read as its type.
fn unreadable(error: &diesel::result::Error) -> Option<StoreError> {
    let diesel::result::Error::DeserializationError(error) = error else { return None };
    let field = error.downcast_ref::<diesel::result::DeserializeFieldError>()?;
    let Unreadable { value } = field.error.downcast_ref()?;
    Some(StoreError::Unreadable {
        column: field.field_name.clone().unwrap_or_default(),
        value: value.clone(),
    })
}

impl StoreError {
    /// Returns whether the same transaction may succeed when it is tried again later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Overloaded { .. } | Self::Commit(_) | Self::Unreachable { .. } | Self::Busy { .. } => true,
            Self::Database(error) => dialect::may_pass(error),
            _ => false,
        }
    }

    /// Returns the same error for another transaction of the group.
    pub(super) fn for_another(&self) -> Self {
        match self {
            Self::Busy { waited, holder } => Self::Busy { waited: *waited, holder: holder.clone() },
            Self::Unreachable { url, reason } => {
                Self::Unreachable { url: url.clone(), reason: reason.clone() }
            }
            Self::Commit(reason) => Self::Commit(reason.clone()),
            other => Self::Commit(other.to_string()),
        }
    }
}

/// Names the table when a query finds a value that is not readable.
pub(super) trait OfTable<T> {
    /// Returns the result, with the table before the column of [`StoreError::Unreadable`].
    fn of_table(self, table: &str) -> Result<T, StoreError>;
}

impl<T> OfTable<T> for diesel::QueryResult<T> {
    fn of_table(self, table: &str) -> Result<T, StoreError> {
        self.map_err(|error| match error.into() {
            StoreError::Unreadable { column, value } => {
                StoreError::Unreadable { column: format!("{table}.{column}"), value }
            }
            other => other,
        })
    }
}

/// Names the missing thing when a query finds no row.
pub(super) trait Found<T> {
    /// Returns the row, or [`StoreError::NotFound`].
    fn found(self, kind: &'static str, name: impl std::fmt::Display) -> Result<T, StoreError>;
}

impl<T> Found<T> for diesel::QueryResult<T> {
    fn found(self, kind: &'static str, name: impl std::fmt::Display) -> Result<T, StoreError> {
        self.map_err(|error| match error {
            diesel::result::Error::NotFound => StoreError::NotFound { kind, name: name.to_string() },
            other => other.into(),
        })
    }
}
