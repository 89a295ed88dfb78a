//! Where should this call go? Pure: rules and an instant in, a plan and its reasons out.
//!
//! `rules` is what an administrator decides, `contact` what may be dialled, `schedule` when somebody is there,
//! `plan` the decision. **Invariant:** no clock, no `async`, no database, no logging.

pub mod plan;
