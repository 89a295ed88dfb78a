//! Tests of one part at a time against real sockets, databases and processes: the store, the event socket, the relay and
//! its channels, the CRM adapters, requests over HTTP, the commands, and the FreeSWITCH stand-in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    clippy::disallowed_methods,
    clippy::explicit_write,
    clippy::type_complexity,
    clippy::unit_arg,
    clippy::zombie_processes,
    dropping_copy_types,
    reason = "tests fail by panicking"
)]

mod cli;
mod crm;
mod notify;
mod prompts;
mod requests;
mod store;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support;
mod transcripts;
mod wire;
