//! Who rings for whom. Pure: `now` is an argument.
//!
//! In: callers who wait, agents who are ready, the queues' rules. Out: proposals of the [`board`], what the end of an
//! [`offer`] means for its agent, and the next [state](agent) of an agent. [`dispatch`](crate::dispatch) acts on them.

pub mod agent;
pub mod board;
pub mod cause;
pub mod elsewhere;
pub mod expected_wait;
pub mod offer;
mod position;
pub mod preferred;
mod queue_state;
mod ranked;
mod ready_agents;
pub mod release;
