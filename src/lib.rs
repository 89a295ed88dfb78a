//! dozvon gets callers through to people, and turns every call that nobody took into a case.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

pub mod clock;
pub mod ids;
pub mod phone;
pub mod words;
