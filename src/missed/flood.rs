//! How many cases missed calls may open before they count as a flood (pure).
//!
//! A caller can choose the number that is shown: a machine that dials with other people's numbers would make us call
//! all of them. So only a limited number of new cases an hour is called automatically. Further cases are opened and
//! wait for people.
//! **Invariant:** a number that has talked with us before is never held back. No flood of strangers costs a customer
//! their callback.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The period of the limits.
pub const HOUR: Duration = Duration::from_hours(1);

/// How many new cases missed calls may open in an hour: the section `[callback.flood]`. 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// New cases in an hour from one source: an address, and the gateway if the call names one. 0 means no limit.
    pub max_per_source: u32,
    /// New cases in an hour from all addresses together. 0 means no limit.
    pub max_in_all: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_per_source: 100, max_in_all: 500 }
    }
}
