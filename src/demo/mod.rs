//! The demo's day: who calls, who answers, and the callback rounds of the evening, on a test bed of a controller and a
//! FreeSWITCH stand-in.

pub mod callback_rounds;
pub mod scenario;
pub mod testbed;
