//! Calling back: an agent is rung first, then the customer.
//!
//! In: cases that are due. Out: talks, and for each attempt its row, its disposition and what follows for the case.
//! [`tick`] moves cases on and leases those that are due. [`story`] is one callback, from the board to its end. In
//! [`dispatch`](crate::dispatch), `callbacks_under_way` connects a caller with the agent who is about to call them
//! back, and `trunks` dials within the limits of each trunk.
//! **Invariants:** no customer is dialled before the attempt is a committed row, which the guards and the database
//! allowed. If the controller dies during an attempt, the reconciler closes it and counts it as if the phone had rung.

mod agent_first;
mod customer_first;
mod in_progress;
mod redial;
pub mod story;
pub mod tick;
