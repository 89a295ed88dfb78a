//! When is somebody there? Pure: an instant and what the administrator stated in, hours and days out.
//!
//! `business_day` is the day to which a call belongs, `schedule` is weekly hours with exceptions, `holidays` the days of law, `working_time` counts only the hours that are
//! worked, `zone` is the zone in which a number is. **Invariant:** no clock, no `async`, no database, no logging.

pub mod business_day;
pub mod holidays;
pub mod schedule;
pub mod working_time;
pub mod zone;
