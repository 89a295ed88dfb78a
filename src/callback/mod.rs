//! How what we owe is paid back: an agent is rung first, then the customer.
//!
//! In: cases that are due. Out: talks, and for each attempt its row, its result and what follows for the case.
//! [`tick`] moves cases on and leases those that are due; [`story`] is one callback from the board to its end;
//! [`request`] joins a caller who rings in meanwhile to the agent who is about to call him; [`trunks`] dials within
//! the budget of each trunk.
//! **Invariant:** no customer is dialled before his attempt is a committed row, which the guards and the database let
//! pass; and what a story leaves behind by dying is settled by the self-check, counted as if it had rung.

mod agent_first;
mod customer_first;
mod in_progress;
mod redial;
pub mod story;
pub mod tick;
