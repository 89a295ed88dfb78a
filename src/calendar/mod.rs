//! TODO

pub mod holidays;
pub mod schedule;
pub mod working_time;
pub mod zone;
