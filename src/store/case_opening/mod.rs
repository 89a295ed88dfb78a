//! What opens a case, or joins the open case of the number: a missed call, or somebody who asks for a call.
//!
//! `missed` opens cases for missed calls, and `miss` is such a call. `request` opens cases for requests. `insert`
//! writes the row of a new case. `flood` holds back the cases of a flood of calls.

mod flood;
mod insert;
mod miss;
mod missed;
mod request;

pub use request::{CallbackRequest, open_requested};

pub(super) use flood::release_flooded;
pub(super) use miss::Miss;
pub(super) use missed::open_or_join;
