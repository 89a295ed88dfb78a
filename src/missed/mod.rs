//! Missed calls and the callbacks that follow from them. Pure: `now` is an argument.
//!
//! [`verdict`] says whether a call that ended opens a case, and why. [`plan`] says what changes when something happens
//! to a case, and [`escalation`] who is told that its reaction time is passing. [`regulation`] says whether a number
//! may be dialled now: how many attempts are allowed, when (in [`working_time`](crate::calendar::working_time), within
//! the [`window`] of the [`zone`](crate::calendar::zone) where the customer may be), and which numbers. The
//! [`policy`](crate::rules::policy) sets all of this, within the [`limits`](crate::rules::limits) of the law and of the
//! company. [`asked`] is the caller who asks for a callback by a key.

pub mod asked;
pub mod attempt;
pub mod case;
pub mod claim;
pub mod contact;
pub mod customer_first;
pub mod ending;
pub mod escalation;
pub mod flood;
pub mod mailbox;
pub mod outgoing;
pub mod plan;
pub mod regulation;
pub mod verdict;
pub mod window;
pub mod wish;
