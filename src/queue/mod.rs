//! Who rings for whom.
//!
//! In: callers who wait, agents who are ready, the queues' rules. Out: offers, each under a claim committed in
//! the database.
//! `board`, `strategy`, `first`, `agent` and `offer` are pure; `dispatcher` is the one task that owns the board;
//! `ring` carries out one offer.

pub mod agent;
pub mod board;
mod deadlines;
pub mod dispatcher;
pub mod elsewhere;
pub mod first;
mod lane;
pub mod offer;
mod ranked;
pub mod ring;
mod strategy;
