//! What can go wrong with the database, and whose fault it is.

use std::path::PathBuf;
use std::time::Duration;

use super::dialect;
use crate::column::Unreadable;
use crate::missed::regulation::CapReached;
use crate::queue::agent;

/// A transaction that left nothing behind, and why.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was asked for is not there.
    #[error("there is no {kind} {name}")]
    NotFound {
        /// What kind of thing, such as `agent`.
        kind: &'static str,
        /// Its name or number.
        name: String,
    },
    /// Something with this name is there already.
    #[error("there is a {kind} {name} already")]
    Exists {
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// It took longer than it may.
    #[error("the database has not answered for {limit:?}; see whether its disk or server is overloaded")]
    Slow {
        /// How long it had.
        limit: std::time::Duration,
    },
    /// A rule forbids it.
    #[error("{0}")]
    Refused(String),
    /// The agent cannot make this step.
    #[error("agent {name}: {refused}")]
    Step {
        /// Who.
        name: String,
        /// What, and from where.
        refused: agent::Refused,
    },
    /// The day's attempts are used up.
    #[error("{number}: {cap}")]
    Cap {
        /// The number.
        number: String,
        /// The limit.
        cap: CapReached,
    },
    /// Another controller works on the database.
    #[error(
        "the database {database} is in use by another controller{holder}: \
         stop that one first, or give this one another [database] url{last_resort}"
    )]
    Locked {
        /// The file or the server, without a password.
        database: String,
        /// Which process, if it says so.
        holder: String,
        /// What else helps.
        last_resort: String,
    },
    /// The file or its folder cannot be written.
    #[error("cannot write the database {}: {reason}: give this user the right to write the file and its folder, or choose another [database] url", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is something else than a database.
    #[error("{} is not a SQLite database: name another file in [database] url, or move this one away", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Another program has made the database.
    #[error("{} holds the tables of another program: name another file in [database] url", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes for too long.
    #[error(
        "the database is busy: another process{holder} has been writing for {waited:?}; end it or try again"
    )]
    Busy {
        /// How long it was waited for, or how long the other one has been at it, if that is known and longer.
        waited: Duration,
        /// Which process, if it is known.
        holder: String,
    },
    /// The url names no database that we know.
    #[error(transparent)]
    BadUrl(#[from] crate::config::database::InvalidDatabaseUrl),
    /// A newer dozvon has changed the database.
    #[error(
        "the database was made by a newer dozvon (it has migration {version}, this one knows up to {known}): \
         install that version again, or restore the backup from before"
    )]
    Newer {
        /// The newest migration in the database.
        version: String,
        /// The newest that we know.
        known: String,
    },
    /// The schema is older than this program.
    #[error("the database lacks {pending} migration(s): run `dozvon migrate`")]
    Older {
        /// How many are missing.
        pending: usize,
    },
    /// A migration failed.
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
    /// The database cannot be reached.
    #[error("cannot open the database {url}: {reason}")]
    Unreachable {
        /// Where, without a password.
        url: String,
        /// What was said.
        reason: String,
    },
    /// A value that the database holds is none of ours.
    #[error("the database holds {value:?} in {column}, which is not readable: was it changed by hand?")]
    Unreadable {
        /// The column.
        column: String,
        /// The value, cut to 80 characters.
        value: String,
    },
    /// Too many transactions wait.
    #[error("the database is overloaded: {waiting} transactions wait to be committed")]
    Overloaded {
        /// How many.
        waiting: usize,
    },
    /// The commit failed: nothing of the group was kept.
    #[error("the commit failed, nothing was kept: {0}")]
    Commit(String),
    /// A transaction of ours has a fault. It was undone.
    #[error("the transaction {name} panicked and was undone: this is a fault in dozvon, please report it")]
    Panicked {
        /// Its name.
        name: &'static str,
    },
    /// The committing task is gone: the process is stopping.
    #[error("the store is closed")]
    Closed,
    /// The database refused or failed.
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

/// The column and the value, if the error is that a value is none of its type's.
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
    /// Whether the same transaction may succeed when it is tried again later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Overloaded { .. } | Self::Commit(_) | Self::Unreachable { .. } | Self::Busy { .. } => true,
            Self::Database(error) => dialect::may_pass(error),
            _ => false,
        }
    }

    /// The same news for another one who shares the commit.
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

/// Says what was looked for when a query finds no row.
pub(super) trait Found<T> {
    /// The row, or [`StoreError::NotFound`].
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
