//! Callbacks: which cases are due, who has them, and what follows from an attempt.
//!
//! In: [`CallbackRules`] and instants. Out: cases that have taken a step, each in one transaction with its
//! attempt, its refusal and its events.
//! **Invariant:** the planner, [`missed::plan`](crate::missed::plan), decides, and it decides on locked rows. These
//! files load the facts, ask the planner, and apply its changes.
//!
//! `callback_rules` holds the rules that apply, `guards` reads what may refuse a dial, `hour_cap` limits all dials
//! together, `steps` makes one step of a case, and `apply` applies the planner's changes. The others follow the life of
//! a callback: `due`, `lease`, `attempt`, `end`. `people` records what people ask for and report.

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
pub use due::{advance, decide_disposition, due, missing_dispositions, rehome};
pub use end::{CallbackEnd, CallbackResult, TrunkRefusal, end};
pub use guards::{RefusalRow, refusals_of, waits_for_people, why_not};
pub use lease::{LeaseRequest, Leased, LeasedCase, kept_places, lease, ready, renew};
pub use people::{GivenDisposition, defer, now, record_disposition, report};

pub(super) use attempt::{Reserved, reserve_place};
pub(super) use guards::{check_dial, refused};
pub(super) use hour_cap::DialTime;
pub(super) use lease::permitted;
