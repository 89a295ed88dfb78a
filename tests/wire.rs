//! The switch layer against raw TCP peers: well-behaved, hostile, and recorded from a real FreeSWITCH.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    clippy::disallowed_methods,
    reason = "tests fail by panicking"
)]

#[path = "wire/calls.rs"]
mod calls;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/legs.rs"]
mod legs;
#[path = "wire/links.rs"]
mod links;
#[path = "wire/log.rs"]
mod log;
mod log_lines;
#[path = "wire/peer.rs"]
mod peer;
