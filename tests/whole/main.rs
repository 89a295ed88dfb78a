//! Tests of the whole program: a controller in this process with a simulated FreeSWITCH, simulated days, and the built
//! command as an administrator runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests fail by panicking"
)]

mod controller;
mod demo;
mod docs;
mod service;
mod setup;
mod simulation;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support;
