//! dozvon gets callers through to people, and turns every call that nobody took into a case.
//!
//! Each room answers one question. A room imports rooms of the rows below it only; a test (`tests/pure/layers.rs`) reads
//! this table and holds every import to it.
//!
//! | rooms, from the top | what they answer |
//! |---|---|
//! | [`cli`] | how do people see and steer it? |
//! | [`demo`] | what does a busy day look like? |
//! | [`app`] | how are the parts put together? The only wiring |
//! | [`reconcile`], [`callback`], [`web`] | is what the rows say true? · how is an open case called back? · pages and API |
//! | [`call`] | what happens to this caller? |
//! | [`context`] | what does every call, callback and page work with? |
//! | [`dispatch`] | who acts on the board, and carries out an offer? |
//! | [`notify`], [`switch`], [`retention`], [`witness`] | who must be told? · how do we talk to FreeSWITCH? · which rows are too old? · who else knows the head of the audit? |
//! | [`store`] | what must not be lost? |
//! | [`config`] | what is the process told at its start? |
//! | [`metrics`], [`sim`] | what is counted? · how does FreeSWITCH behave, where there is none? |
//! | [`missed`], [`queue`], [`routing`] | **pure decisions:** what do we owe the caller, and when? · who rings for whom? · where should this call go? |
//! | [`rules`] | what has the administrator decided? |
//! | [`audit`], [`calendar`], [`cause`], [`event`], [`render`], [`signature`] | what was done, in a chain · when is somebody there? · why do calls end? · what happened, to be told · how are answers shown? · who has sent this? |
//! | [`clock`], [`document`], [`duration`], [`egress`], [`ids`], [`loopback`], [`phone`], [`secret`], [`skipped`], [`telemetry`], [`ticks`], [`vital`] | types that cannot hold a bad value, and tools |
//! | [`mod@vocabulary`] | how is a closed vocabulary declared? |
//! | [`column`] | how do values stand in columns? |
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

pub mod cli;

pub mod demo;

pub mod app;

pub mod callback;
pub mod reconcile;
pub mod web;

pub mod call;

pub mod context;

pub mod dispatch;

pub mod notify;
pub mod retention;
pub mod switch;
pub mod witness;

pub mod store;

pub mod config;

pub mod metrics;
pub mod sim;

pub mod missed;
pub mod queue;
pub mod routing;

pub mod rules;

pub mod audit;
pub mod calendar;
pub mod cause;
pub mod event;
pub mod render;
pub mod signature;

pub mod clock;
pub mod document;
pub mod duration;
pub mod egress;
pub mod ids;
pub mod loopback;
pub mod phone;
pub mod secret;
pub mod skipped;
pub mod telemetry;
pub mod ticks;
pub mod vital;

pub mod vocabulary;

pub mod column;
