//! Keys of the rules file that have a new name since version 0.1. The next release no longer reads the old names.

use crate::document::renamed::Renamed;

/// Old key, new name.
pub const RENAMED: &[Renamed] = &[
    ("defaults.max_misses", "max_no_answer"),
    ("agent.max_misses", "max_no_answer"),
    ("policy.cap_day", "max_attempts_per_day"),
    ("policy.cap_24h", "max_attempts_per_24h"),
    ("policy.cap_week", "max_attempts_per_week"),
    ("policy.cap_month", "max_attempts_per_month"),
    ("policy.gaps", "retry_delays"),
    ("policy.ring", "ring_timeout"),
    ("policy.reaction", "reaction_time"),
    ("policy.rungs", "escalation_pct"),
    ("policy.weekdays", "weekday_hours"),
    ("policy.weekends", "weekend_hours"),
    ("policy.margin", "hours_margin"),
    ("policy.settle", "grace"),
    ("policy.lease", "accept_timeout"),
    ("policy.repeat_total", "max_attempts"),
    ("policy.destinations", "allowed_destinations"),
    ("policy.premium", "allow_premium"),
];
