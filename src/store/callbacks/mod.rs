//! Cases that are paid back: what is due, who has it, and what an attempt leaves.
//!
//! In: [`CallbackRules`], the rules of the house, and instants. Out: cases that have moved one step on, each in one transaction
//! with its attempt, its refusal and what must be told of it.
//! **Invariant:** whatever is decided here is decided on rows that are held, by the pure rules of `missed`.
//!
//! `terms` is what holds here, `guards` what refuses, with `hour_cap` for all together, `steps` each step of a case; then in the order of a callback's
//! life: `due`, `lease`, `attempt`, `end`, `after`; and `people` is what is said from outside.

mod apply;
mod attempt;
mod callback_rules;
mod due;
mod end;
mod guards;
mod hour_cap;
mod lease;
mod people;
mod steps;

pub use attempt::{NotReserved, Redial, Reserve, redial, reserve, talk};
pub use callback_rules::CallbackRules;
pub use due::{advance, due, forget, forgotten, rehome};
pub use end::{CallbackEnd, CallbackResult, TrunkSaid, end};
pub use guards::{RefusalRow, refusals_of, waits_for_people, why_not};
pub use lease::{LeaseRequest, Leased, LeasedCase, lease, ready};
pub use people::{Disposition, defer, dispose, now, report};

pub(super) use attempt::{Reserved, reserve_place};
pub(super) use guards::{check_dial, refused};
pub(super) use hour_cap::Asked;
pub(super) use lease::permitted;
pub(super) use steps::{held, is_of};
