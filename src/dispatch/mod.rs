//! Ringing agents for callers: the one task that owns the board, and each offer that it makes.
//!
//! In: callers who wait, agents who are ready, the queues' rules. Out: offers, each under a claim committed in
//! the database.
//! [`dispatcher`] is the way to the [`task`], [`offer`] carries out one offer, [`in_flight`] knows which calls and
//! offers this process looks after. Who rings for whom is decided in [`queue`](crate::queue).

pub mod counting;
pub mod dispatcher;
pub mod elsewhere;
pub mod in_flight;
pub mod meeting;
pub mod offer;
pub mod task;
pub mod trunks;
