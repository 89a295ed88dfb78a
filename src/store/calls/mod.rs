//! Calls: committed when they arrive, and completed when they end, together with the case that they open.
//!
//! In the order of a call's life: `arrive`, `ask`, `end`. `show` reads calls for people.

mod arrive;
mod ask;
mod end;
mod show;

pub use arrive::{Arrival, arrive};
pub use ask::{ask_callback, asked_callback};
pub use end::{Ended, MenuVisit, end, forwarded, speaks};
pub use show::{CallRow, Wanted, ending_with, list};

pub(super) use arrive::{begin, on_channel};
pub(super) use ask::open_asked;
