//! A whole controller: the ways that a call can take, and what happens when it is killed at the worst moment, or when
//! what it stands on breaks. Nobody who holds the line is lost, and no row.
//!
//! The controller runs in a runtime of its own, which is torn down without a word: the sockets close, no task gets
//! to say anything. FreeSWITCH is the stand-in; time is real.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests fail by panicking"
)]

mod agents;
#[path = "../bitrix24/mod.rs"]
#[allow(dead_code, reason = "its troubles are seen through the relay alone")]
mod bitrix24;
mod callback_breaks;
mod callbacks;
mod changes;
mod crashes;
mod customer_first;
mod flood;
mod handsets;
mod hour_cap;
mod lock;
#[path = "../log_lines/mod.rs"]
mod log_lines;
mod logs;
mod paths;
mod pauses;
mod poison;
mod stage;
mod stories;
mod surroundings;
mod taken;
mod trunks;
mod vital;
mod web;
