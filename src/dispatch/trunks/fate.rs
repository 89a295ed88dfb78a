//! What the end of a dial says about its trunk.

use crate::missed::attempt::{Disposition, is_unseen};
use crate::store::callbacks::CallbackResult;

/// What the end of a dial says about its trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialFate<'a> {
    /// The trunk carried the call to the customer.
    Carried,
    /// It failed before a phone rang, for this cause.
    Failed(&'a str),
    /// Nothing, for instance because the dial was cancelled.
    Unknown,
}

impl<'a> From<&'a CallbackResult> for DialFate<'a> {
    fn from(how: &'a CallbackResult) -> Self {
        match how {
            CallbackResult::Unreached { disposition: Disposition::TechnicalFailure, cause, .. } => {
                Self::Failed(cause)
            }
            CallbackResult::Unreached { cause, .. } if is_unseen(cause) => Self::Unknown,
            CallbackResult::Unreached {
                disposition: Disposition::Cancelled | Disposition::Orphaned, ..
            }
            | CallbackResult::Released(_)
            | CallbackResult::Refused(_)
            | CallbackResult::Lost => Self::Unknown,
            CallbackResult::Unreached { .. } | CallbackResult::Talked { .. } => Self::Carried,
        }
    }
}
