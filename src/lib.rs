//! dozvon gets callers through to people, and turns every call that nobody took into a case.
//!
//! The modules in the order in which a call meets them:
//!
//! | module | the question it answers |
//! |---|---|
//! | [`switch`] | how do we talk to FreeSWITCH? |
//! | [`call`] | what happens to this caller? |
//! | [`rules`] | what has the administrator decided? |
//! | [`calendar`] | when is somebody there? |
//! | [`routing`] | where should this call go? |
//! | [`queue`] | who rings for whom? |
//! | [`missed`] | what do we owe the caller? |
//! | [`callback`] | how is it paid back? |
//! | [`notify`] | who must be told? |
//! | [`reconcile`] | is what the rows say true? |
//! | [`store`] | what must not be lost? |
//! | [`report`], [`web`], [`cli`] | how do people see and steer it? |
//!
//! Around them: [`app`] is the only wiring, [`config`] what the process is told, [`clock`] the only reader of time,
//! [`vital`] the tasks that everything depends on, [`audit`] the chain of what was done, [`retention`] the end of old rows,
//! [`skipped`] the rows that fail, [`ticks`] the beat of what is done again and again, [`witness`] the log of the audit's
//! head, [`document`] the reading of TOML with place and remedy; [`ids`], [`phone`], [`duration`] and [`mod@vocabulary`] are
//! the types that cannot hold a bad value, and [`column`] says how they stand in the database.
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

pub mod cause;
pub mod egress;
pub mod event;
pub mod render;
pub mod secret;
pub mod signature;
pub mod switch;

pub mod call;

pub mod rules;

pub mod calendar;

pub mod routing;

pub mod queue;

pub mod missed;

pub mod callback;

pub mod notify;

pub mod reconcile;

pub mod store;

pub mod sim;

pub mod vocabulary;
pub mod web;

pub mod cli;

pub mod app;
pub mod audit;
pub mod clock;
pub mod column;
pub mod config;
pub mod context;
pub mod dispatch;
pub mod document;
pub mod duration;
pub mod ids;
pub mod loopback;
pub mod metrics;
pub mod phone;
pub mod retention;
pub mod skipped;
pub mod telemetry;
pub mod ticks;
pub mod vital;
pub mod witness;
