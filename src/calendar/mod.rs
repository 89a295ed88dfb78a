//! When is somebody there? Pure.
//!
//! `business_day` is the day to which a call belongs. `schedule` has weekly hours with exceptions. `manual` is what a
//! person set for a while, and `state` says whether a schedule is open, and why. `holidays` knows the public holidays.
//! `import` reads calendars of other programs. `working_time` counts only opening hours. `zone` finds the time zones of a
//! number. **Invariant:** no clock, no `async`, no database, no logging.

pub mod business_day;
pub mod holidays;
pub mod import;
pub mod manual;
pub mod schedule;
pub mod state;
pub mod working_time;
pub mod zone;
