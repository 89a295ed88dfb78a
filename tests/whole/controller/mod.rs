//! A whole controller: the paths that a call can take, and what happens when the controller is killed at the worst
//! moment or something that it needs breaks. No caller who holds the line is lost, and no row is.
//!
//! The controller runs in a runtime of its own, which is shut down without warning: the sockets close, and no task can
//! finish its work. FreeSWITCH is the stand-in; time is real.

mod agents;
mod asked;
mod callback_breaks;
mod callbacks;
mod changes;
mod crashes;
mod customer_first;
mod flood;
mod handsets;
mod hour_cap;
mod hours;
mod lock;
mod logs;
mod menus;
mod paths;
mod pauses;
mod poison;
mod stage;
mod stories;
mod surroundings;
mod surveys;
mod taken;
mod trunks;
mod vital;
mod voicemail;
mod waiting;
mod web;
