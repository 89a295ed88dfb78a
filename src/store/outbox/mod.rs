//! What happened and must be told, and what became of telling it.
//!
//! In: events, inside the transactions in which they happen. Out: deliveries, leased to one who tells them.
//! **Invariant:** nobody is told of an event as long as an earlier one of the same thing waits for him.
//!
//! In the order in which an event is told: `emit` keeps it, `spread` makes its deliveries, `line` says whose turn it
//! is, `lease` hands out what is due, `permit` counts what goes to whom strangers named, `settle` records what became of it, `closed` is who wants nothing more. Then
//! what people do: `show` has them see it, `replay` tells it again.

mod closed;
mod emit;
mod lease;
mod line;
mod permit;
mod replay;
mod settle;
mod show;
mod spread;

pub use closed::{closed, open};
pub use emit::{emit, emit_at_most_every};
pub use lease::{Lease, Look, lease, look};
pub use permit::{Ask, Met, permit};
pub use replay::{replay, replay_dead};
pub use settle::{Settled, settle};
pub use show::{DeliveryRow, backlog, list};
pub use spread::{Kept, Target, spread, unspread};

pub(super) use settle::give_up_before;
pub(super) use spread::{ERASED, WAS_ERASED};

crate::vocabulary! {
    /// Where a delivery stands.
    "state of a delivery" pub enum State {
        /// It will be tried, or tried again.
        Waiting = "waiting",
        /// It arrived.
        Done = "done",
        /// It was given up: somebody should look at it.
        Dead = "dead",
        /// It was not to be made.
        Skipped = "skipped",
    }
}

/// What of the outbox one at a time may do, on PostgreSQL.
pub(super) const LOCK: &str = "outbox";
