//! Where should this call go? Pure: rules and an instant in, a plan and its reasons out.
//!
//! `plan` is the decision. **Invariant:** no clock, no `async`, no database, no logging.

pub mod plan;
