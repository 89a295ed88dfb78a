//! How many cases missed calls open before they are a flood (pure).
//!
//! Whoever calls chooses the number that is shown: a machine that dials with numbers of other people has us call all
//! of them. So only so many new cases an hour are called automatically; the others are opened and wait for people.
//! **Invariant:** a number that has talked with us before is never held back: no flood of strangers costs a customer
//! the callback.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The span of the limits.
pub const HOUR: Duration = Duration::from_hours(1);

/// How many new cases missed calls may open in an hour: the section `[callback.flood]`. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// New cases in an hour from one address, or from one address behind a gateway. 0: no limit.
    pub max_per_source: u32,
    /// New cases in an hour from all addresses together. 0: no limit.
    pub max_in_all: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_per_source: 100, max_in_all: 500 }
    }
}
