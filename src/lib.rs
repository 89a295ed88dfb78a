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

pub mod app;
pub mod switch;

pub mod call;
pub mod routing;

pub mod queue;

pub mod missed;

pub mod store;

pub mod web;

pub mod clock;
pub mod config;
pub mod ids;
pub mod metrics;
pub mod phone;
pub mod telemetry;
pub mod words;
