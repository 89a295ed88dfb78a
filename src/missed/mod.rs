//! What we owe a caller whom nobody took. Pure: `now` is an argument.
//!
//! In: how a call ended and who called. Out: a [`verdict`]: nothing, or a case with its reason; and the rules
//! of [`regulation`] under which the case is paid back: how many attempts, when (in [`working_time`](crate::calendar::working_time),
//! within the [`window`] of the [`zone`](crate::calendar::zone) where they are), and whom at all, as the
//! [`policy`](crate::rules::policy) says, within the [`limits`](crate::rules::limits) of law and house.

pub mod abandonment;
pub mod attempt;
pub mod case;
pub mod contact;
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
