//! What we owe a caller whom nobody took. Pure: `now` is an argument.
//!
//! In: how a call ended and who called. Out: a [`verdict`]: nothing, or a case with its reason; and the rules
//! of [`regulation`] under which the case is paid back.

pub mod attempt;
pub mod case;
pub mod regulation;
pub mod verdict;
