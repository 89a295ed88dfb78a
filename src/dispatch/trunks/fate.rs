//! What the end of a dial says of its trunk.

use crate::missed::attempt::{Outcome, is_unseen};
use crate::store::callbacks::How;

/// What the end of a dial says of its trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialFate<'a> {
    /// The trunk carried the call to the customer.
    Carried,
    /// It failed before a phone rang, for this cause.
    Failed(&'a str),
    /// Nothing, for instance because the dial was cancelled.
    Unknown,
}

impl<'a> From<&'a How> for DialFate<'a> {
    fn from(how: &'a How) -> Self {
        match how {
            How::Unreached { result: Outcome::TechnicalFailure, cause, .. } => Self::Failed(cause),
            How::Unreached { cause, .. } if is_unseen(cause) => Self::Unknown,
            How::Unreached { result: Outcome::Cancelled | Outcome::Orphaned, .. }
            | How::Released(_)
            | How::Refused(_)
            | How::Lost => Self::Unknown,
            How::Unreached { .. } | How::Talked { .. } => Self::Carried,
        }
    }
}
