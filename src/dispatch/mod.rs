//! Ringing agents for callers: the one task that owns the board, and each offer that it makes.
//!
//! In: callers who wait, agents who are ready, the queues' rules. Out: offers, each under a claim committed in the
//! database. [`task`] owns the board, and [`dispatcher`] sends it messages. [`offer`] carries out one offer.
//! [`in_flight`] lists the calls and offers that this process is handling. [`queue`](crate::queue) decides who rings
//! for whom.

pub mod answered;
pub mod callbacks_under_way;
pub mod context;
pub mod dispatcher;
pub mod in_flight;
mod message;
pub mod offer;
pub mod queued_caller;
pub mod task;
pub mod trunks;
