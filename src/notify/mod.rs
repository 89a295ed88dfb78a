//! Who must be told, and how.
//!
//! In: events, kept by `store::outbox::emit` in the transaction in which they happened. Out: deliveries to the
//! destinations of `[notify]`, at least once, in order for each thing and destination, tried again for days, and
//! kept for people to look at when they were given up.
//!
//! `relay` leases what is due and hands it to a [`Channel`]: one file for each way to tell somebody.

pub mod channel;
pub mod event;
pub mod trouble;

pub use channel::{Channel, Delivering, Delivery, Receipt};
pub use event::{Event, EventKind};
pub use trouble::Trouble;
