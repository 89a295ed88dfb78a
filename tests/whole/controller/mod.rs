//! A whole controller: the ways that a call can take, and what happens when it is killed at the worst moment, or when
//! what it stands on breaks. Nobody who holds the line is lost, and no row.
//!
//! The controller runs in a runtime of its own, which is torn down without a word: the sockets close, no task gets
//! to say anything. FreeSWITCH is the stand-in; time is real.

mod agents;
mod callback_breaks;
mod callbacks;
mod changes;
mod crashes;
mod customer_first;
mod flood;
mod handsets;
mod hour_cap;
mod lock;
mod logs;
mod paths;
mod pauses;
mod poison;
mod stage;
mod stories;
mod surroundings;
mod taken;
mod trunks;
mod vital;
mod web;
