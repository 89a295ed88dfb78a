//! Tests of the pure decisions, and of the source itself. They read files of the repository and nothing else: no
//! socket, no database, no process, no clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests fail by panicking"
)]

mod board;
mod dialplan;
mod docs;
mod expected_wait;
mod layers;
#[path = "../support/markdown.rs"]
#[expect(dead_code, reason = "the test that runs the pages uses the rest")]
mod markdown;
mod purity;
mod reference;
mod reference_of_keys;
mod seam;
mod source;
mod spoken;
mod versus;
