//! dozvon gets callers through to people, and turns every call that nobody took into a case.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests fail by panicking"
    )
)]

pub mod call {
    //! What happens to a caller.
    pub mod ending;
}
pub mod cli;
pub mod clock;
pub mod config;
pub mod ids;
pub mod missed;
pub mod phone;
pub mod queue;
pub mod report;
pub mod routing;
pub mod store;
pub mod words;
