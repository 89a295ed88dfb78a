//! Attempts: each dialling of a customer, with its place among the attempts that a business day allows.
//!
//! An attempt takes its place before the customer's phone is called, and no two attempts have the same place. Facts are
//! only added to the row of an attempt, and the disposition comes last. The database refuses every other change,
//! whoever makes it (migrations/README.md).
//!
//! In the order of an attempt's life: `reserve`, `progress`, `finish`; `record` is for an attempt that a person
//! reports. `counts` counts attempts, `dispositions` finds those whose disposition is known or missing, `trunk_claims`
//! finds what trunks claimed about a number before.

mod counts;
mod dispositions;
mod finish;
mod progress;
mod record;
mod reserve;
mod row;
mod trunk_claims;

pub use counts::{counted, counted_of_case, counted_since, failed_since, first_counted, last_counted};
pub use dispositions::{dispositions, lacks_disposition_of, latest_without_disposition, without_disposition};
pub use finish::{Finish, finish};
pub use progress::{answered, dialled, over_trunk, talk_ended};
pub use record::{ReportedAttempt, record};
pub use reserve::{Reservation, reserve};
pub use row::{AttemptRow, get, of_call, of_case, unfinished};
pub use trunk_claims::earlier_claims;
