//! Why something could not be delivered, and what to do then.

use std::time::Duration;

/// What came of trying to deliver something that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It may arrive when it is tried again, but not before `wait`, if the other side said so.
    #[error("{reason}")]
    Passing {
        /// What the other side, or the network, said.
        reason: String,
        /// How long the other side wants to be left alone.
        wait: Option<Duration>,
    },
    /// It will never arrive as it is: somebody has to look at it.
    #[error("{reason}")]
    Refused {
        /// What the other side said.
        reason: String,
    },
    /// The other side is no more, or does not want anything from us again: nothing else is sent there.
    #[error("{reason}")]
    Gone {
        /// What the other side said.
        reason: String,
    },
}

impl Trouble {
    /// What kind of trouble it is, for the log: the reason may hold what the other side said of a person.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Passing { .. } => "passing",
            Self::Refused { .. } => "refused",
            Self::Gone { .. } => "gone",
        }
    }

    /// Try again, when we like.
    #[must_use]
    pub fn passing(reason: impl ToString) -> Self {
        Self::Passing { reason: reason.to_string(), wait: None }
    }

    /// The same trouble in other words.
    #[must_use]
    pub(super) fn reworded(self, words: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Passing { reason, wait } => Self::Passing { reason: words(&reason), wait },
            Self::Refused { reason } => Self::Refused { reason: words(&reason) },
            Self::Gone { reason } => Self::Gone { reason: words(&reason) },
        }
    }

    /// Do not try again.
    #[must_use]
    pub fn refused(reason: impl ToString) -> Self {
        Self::Refused { reason: reason.to_string() }
    }
}
