//! Calls: committed when they arrive, and completed when they end, together with the case that they open.
//!
//! In the order of a call's life: `arrive`, `waits` in queues, `end`. `show` reads calls for people.

mod arrive;
mod end;
mod show;
mod talked;
mod waits;

pub use arrive::{Arrival, arrive};
pub use end::{Ended, end, forwarded};
pub use show::{CallRow, Wanted, ending_with, get, list};
pub use waits::{WaitOutcome, WaitRow, WaitingRow, join, time_out, waiting, waits};

pub(super) use arrive::{begin, on_channel};
pub(super) use talked::has_talked;
pub(super) use waits::{leave, waits_in};
