//! Why something could not be delivered, and what follows.

use std::time::Duration;

/// Why a delivery did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A retry may succeed, but not before `wait` if that is given.
    #[error("{reason}")]
    Passing {
        /// What the other side, or the network, said.
        reason: String,
        /// The pause that the other side asked for.
        wait: Option<Duration>,
    },
    /// No retry can succeed: somebody must look at it.
    #[error("{reason}")]
    Refused {
        /// What the other side said.
        reason: String,
    },
    /// The other side is gone, or asked for no more events: nothing else is sent there.
    #[error("{reason}")]
    Gone {
        /// What the other side said.
        reason: String,
    },
}

impl Trouble {
    /// The kind of trouble, for the log. The reason is not logged, since an answer may name a person.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Passing { .. } => "passing",
            Self::Refused { .. } => "refused",
            Self::Gone { .. } => "gone",
        }
    }

    /// A trouble that may pass, without a pause.
    #[must_use]
    pub fn passing(reason: impl ToString) -> Self {
        Self::Passing { reason: reason.to_string(), wait: None }
    }

    /// Replaces the reason.
    #[must_use]
    pub(super) fn reworded(self, words: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Passing { reason, wait } => Self::Passing { reason: words(&reason), wait },
            Self::Refused { reason } => Self::Refused { reason: words(&reason) },
            Self::Gone { reason } => Self::Gone { reason: words(&reason) },
        }
    }

    /// A trouble that no retry resolves.
    #[must_use]
    pub fn refused(reason: impl ToString) -> Self {
        Self::Refused { reason: reason.to_string() }
    }
}
