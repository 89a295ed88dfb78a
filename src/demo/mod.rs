//! The demo's day: its callers, its agents and its callback rounds, on a test bed of a controller and a FreeSWITCH
//! stand-in.

pub mod callback_rounds;
pub mod scenario;
pub mod testbed;
