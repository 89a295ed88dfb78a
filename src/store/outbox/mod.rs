//! Events that must be told, and the deliveries that tell them.
//!
//! In: events, inside the transactions in which they happen. Out: deliveries, leased to the worker that sends them.
//! **Invariant:** no recipient is told of an event while an earlier event of the same aggregate waits for the same
//! recipient.
//!
//! The files in the order of an event's life: `emit` stores the event, `spread` makes its deliveries, `line` keeps
//! their order, `lease` hands out what is due, `permit` counts messages to people whom strangers named, `settle`
//! records the result, `closed` holds the destinations that accept no more deliveries. For people, `show` lists
//! deliveries, and `replay` sends a delivery again.

mod closed;
mod emit;
mod lease;
mod line;
mod permit;
mod replay;
mod settle;
mod show;
mod spread;

pub use crate::store::dialect::lease::Lease;
pub use closed::{ClosedDestination, closed, open};
pub use emit::{emit, emit_at_most_every};
pub use lease::{Look, lease, look};
pub use permit::{Ask, Met, permit};
pub use replay::{replay, replay_dead};
pub use settle::{Settled, settle};
pub use show::{DeliveryRow, backlog, list};
pub use spread::{Kept, Target, spread, unspread};

pub(super) use settle::give_up_before;
pub(super) use spread::{ERASED, WAS_ERASED};

crate::vocabulary! {
    /// The state of a delivery.
    "state of a delivery" pub enum State {
        /// The delivery will be tried, or tried again.
        Waiting = "waiting",
        /// The delivery arrived.
        Done = "done",
        /// The delivery was given up. Somebody should look at it.
        Dead = "dead",
        /// The delivery was not to be made.
        Skipped = "skipped",
    }
}

/// The name of the PostgreSQL lock for operations on the outbox that only one process at a time may do.
pub(super) const LOCK: &str = "outbox";
