//! The repeat-contacts queue takes over a case.

use super::case::{Case, CaseRules};
use super::change::Change;
use crate::clock::UnixMs;
use crate::missed::case::Closed;
use crate::missed::regulation::DialRules;
use crate::rules::limits::DAY;

/// Hands the case over, or closes it, once the day's attempts or lawful hours are used up.
pub(super) fn hand_over<'a>(case: &Case, made: i64, rules: &CaseRules<'_>, now: UnixMs) -> Change<'a> {
    let DialRules { policy, hours, .. } = rules.dial;
    let spent = case.repeat_days >= policy.repeat_days || made >= i64::from(policy.repeat_total);
    if spent && case.handed_over {
        return Change::Close(Closed::Unreachable);
    }
    // A case of a stricter profile is not handed to a queue whose profile allows more.
    let repeat = rules.repeat.filter(|repeat| repeat.profile >= policy.profile);
    let next_hours = repeat.map_or(hours, |repeat| repeat.hours);
    // On a night shift, the other queue's next business day may already have begun after midnight.
    let begun = next_hours.business_day(now) > hours.business_day(now);
    let next_at = if begun { next_hours.next_open(now) } else { next_hours.next_day(now) };
    Change::HandOver {
        queue: repeat.map(|repeat| repeat.queue.clone()),
        // If the queue does not open within a year, the case is checked again a day later: the hours may change.
        next_at: next_at.unwrap_or(now + DAY),
    }
}
