//! Whether a customer may be dialled now: every guard, in one place.
//!
//! In: the [`NumberHistory`] of a number, the policy, our hours, the zones where the customer may be, and an instant.
//! Out: a [`Permit`] that goes into the attempt's row, or the [`Refusal`] of the first guard that forbids the dial. The
//! guards are asked when a case is offered, and again in the transaction that reserves the attempt. The database checks
//! the most important ones once more by itself.

use std::time::Duration;

use super::window::{Outside, Proof, Window};
use crate::calendar::working_time::WorkingTime;
use crate::calendar::zone::Whereabouts;
use crate::clock::UnixMs;
use crate::phone::{E164, Region};
use crate::rules::destination;
use crate::rules::destination::Barred;
use crate::rules::limits::{DAY, MONTH, WEEK};
use crate::rules::policy::Policy;

/// No further attempt is allowed on this business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the number has had its {cap} attempts of this business day: no further attempt before the next business day"
)]
pub struct CapReached {
    /// The most attempts that the day allows.
    pub cap: i32,
}

/// Returns the ordinal of the next counted attempt to one phone number on one business day, from 1 to `cap`.
///
/// # Errors
/// [`CapReached`] when `counted` attempts already reach the cap of the day.
pub fn next_ordinal(counted: i64, cap: i32) -> Result<i32, CapReached> {
    match i32::try_from(counted) {
        Ok(counted) if (0..cap).contains(&counted) => Ok(counted + 1),
        _ => Err(CapReached { cap }),
    }
}

crate::vocabulary! {
    /// What can refuse a dial.
    "guard" pub enum Guard {
        /// The case is closed.
        CaseOpen = "case_open",
        /// The number is already in a call with us.
        LiveCall = "live_call",
        /// The person wants no calls, or the number belongs to somebody else.
        DoNotCall = "do_not_call",
        /// The last attempt has no disposition yet.
        Disposition = "disposition",
        /// The business day's attempts are used up.
        DayCap = "day_cap",
        /// The attempts of 24 hours are used up.
        RollingCap = "rolling_cap",
        /// The attempts of a week are used up.
        WeekCap = "week_cap",
        /// The attempts of a month are used up.
        MonthCap = "month_cap",
        /// Too soon after the last attempt.
        Gap = "gap",
        /// We are closed.
        QueueHours = "queue_hours",
        /// It is too early or too late where the customer may be.
        CalleeWindow = "callee_window",
        /// The number must not be dialled: it is abroad, a service number, or invalid.
        Destination = "destination",
        /// The case was opened in a flood of calls and waits for people. This module does not check it: the guard only
        /// keeps the tick from calling.
        Flood = "flood",
        /// The hourly limit on dials to all customers together is reached.
        HourCap = "hour_cap",
        /// No trunk has room for one more call. This module does not check it: the room changes with every call, and
        /// the trunks know it.
        Budget = "budget",
    }
}

/// The facts about a number and its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberHistory {
    /// The number.
    pub number: E164,
    /// Whether the case of the number is open.
    pub open: bool,
    /// Whether the number is in a call with us, or an attempt to it is under way.
    pub live_call: bool,
    /// Whether the number must not be called.
    pub suppressed: bool,
    /// Whether the last attempt has no disposition yet.
    pub undisposed: bool,
    /// Counted attempts on this business day.
    pub counted_today: i64,
    /// Counted attempts in the last [`DAY`].
    pub counted_24h: i64,
    /// Counted attempts in the last [`WEEK`].
    pub counted_week: i64,
    /// Counted attempts in the last [`MONTH`].
    pub counted_month: i64,
    /// When the last counted attempt was made.
    pub last_counted_at: Option<UnixMs>,
    /// The end of the gap after that attempt.
    pub gap_until: Option<UnixMs>,
    /// When the customer last contacted us: called, or asked for a call.
    pub contact_at: Option<UnixMs>,
    /// Whether a member of staff allowed calls to the number although it is abroad.
    pub abroad_allowed: bool,
}

/// The rules on where and when a number may be called.
#[derive(Debug, Clone, Copy)]
pub struct DialRules<'a> {
    /// The limits.
    pub policy: &'a Policy,
    /// Our hours.
    pub hours: WorkingTime<'a>,
    /// The zones where the customer may be.
    pub whereabouts: &'a Whereabouts,
    /// Our own country.
    pub home: Region,
}

/// The customer may be dialled. The fields are what the attempt's row must prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// The ordinal of the attempt among those of the day.
    pub ordinal: i32,
    /// No further attempt is allowed before this.
    pub gap_until: UnixMs,
    /// The proof that the hour is lawful.
    pub window: Proof,
}

/// The customer may not be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{guard}: {why}")]
pub struct Refusal {
    /// The guard that refused the dial.
    pub guard: Guard,
    /// When the guard will allow the dial, if that is known.
    pub until: Option<UnixMs>,
    /// The reason in words.
    pub why: String,
}

impl Refusal {
    /// Whether our hours and the customer's lawful hours do not overlap in the days ahead.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.guard, Guard::QueueHours | Guard::CalleeWindow) && self.until.is_none()
    }
}

/// The shortest gap between two attempts, even from one business day to the next.
pub const LEAST_GAP: Duration = Duration::from_secs(15 * 60);

fn refuse<T>(guard: Guard, until: Option<UnixMs>, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { guard, until, why: why.into() })
}

/// Asks every guard in order.
///
/// # Errors
/// The [`Refusal`] of the first guard that forbids the dial.
pub fn check(history: &NumberHistory, rules: &DialRules<'_>, at: UnixMs) -> Result<Permit, Refusal> {
    at_any_hour(history)?;
    if let Err(barred) = rules.reaches(&history.number, history.abroad_allowed) {
        return refuse(Guard::Destination, None, barred.to_string());
    }
    let ordinal = caps(history, rules, at)?;
    let gap_until = spacing(history, rules.policy);
    if gap_until.is_some_and(|until| until > at) {
        let why = format!("too soon after the last attempt (policy {})", rules.policy.name);
        return refuse(Guard::Gap, gap_until, why);
    }
    let window = rules.window(history);
    let proof = match window.lawful(at) {
        Ok(proof) => proof,
        Err(Outside::Closed) => {
            return refuse(Guard::QueueHours, window.next_lawful(at), "we are closed");
        }
        Err(Outside::TooEarlyOrLate) => {
            let why = "it is too early or too late where the customer may be";
            return refuse(Guard::CalleeWindow, window.next_lawful(at), why);
        }
    };
    let gap = rules.policy.gap_after(i64::from(ordinal));
    Ok(Permit { ordinal, gap_until: at + gap, window: proof })
}

impl<'a> DialRules<'a> {
    /// Whether a number may be called at all. An ordinary number abroad may be called when a member of staff
    /// allows it.
    ///
    /// # Errors
    /// [`Barred`] tells the reason.
    pub fn reaches(&self, number: &E164, abroad_allowed: bool) -> Result<(), Barred> {
        let Policy { destinations, premium, .. } = self.policy;
        match destination::check(number, destinations, *premium, self.home) {
            Err(Barred::Abroad) if abroad_allowed => {
                destination::check(number, &["+".to_owned()], *premium, self.home)
            }
            reached => reached,
        }
    }

    fn window(&self, history: &NumberHistory) -> Window<'a> {
        Window {
            policy: self.policy,
            hours: self.hours,
            whereabouts: self.whereabouts,
            contact_at: history.contact_at,
        }
    }
}

/// Checks what forbids a dial at any hour.
fn at_any_hour(history: &NumberHistory) -> Result<(), Refusal> {
    if !history.open {
        return refuse(Guard::CaseOpen, None, "the case is closed");
    }
    if history.suppressed {
        return refuse(Guard::DoNotCall, None, "the number must not be called");
    }
    if history.live_call {
        return refuse(Guard::LiveCall, None, "the number is in a call with us");
    }
    if history.undisposed {
        return refuse(Guard::Disposition, None, "the last attempt has no disposition yet");
    }
    Ok(())
}

/// Checks the caps, the cap of the day first. Returns the ordinal of the next attempt on this day.
fn caps(history: &NumberHistory, rules: &DialRules<'_>, at: UnixMs) -> Result<i32, Refusal> {
    let policy = rules.policy;
    let ordinal = match next_ordinal(history.counted_today, policy.cap_day) {
        Ok(ordinal) => ordinal,
        Err(cap) => return refuse(Guard::DayCap, rules.hours.next_day(at), cap.to_string()),
    };
    let rolling = [
        (Guard::RollingCap, policy.cap_24h, history.counted_24h, DAY),
        (Guard::WeekCap, policy.cap_week, history.counted_week, WEEK),
        (Guard::MonthCap, policy.cap_month, history.counted_month, MONTH),
    ];
    for (guard, cap, counted, span) in rolling {
        if cap.is_some_and(|cap| counted >= cap) {
            // The guard is asked again a day after the latest counted attempt, although the oldest one may leave the
            // period at another time.
            let until = history.last_counted_at.map_or(at + DAY, |last| last + span.min(DAY));
            return refuse(
                guard,
                Some(until.max(at + DAY / 24)),
                format!("{counted} attempts reach the cap"),
            );
        }
    }
    Ok(ordinal)
}

/// Returns the end of the gap after the last counted attempt: the later of the time in its row and the time by today's
/// policy.
fn spacing(history: &NumberHistory, policy: &Policy) -> Option<UnixMs> {
    let gap = if history.counted_today > 0 { policy.gap_after(history.counted_today) } else { LEAST_GAP };
    history.gap_until.max(history.last_counted_at.map(|last| last + gap))
}

/// What follows from an attempt that did not reach the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another attempt can be made today, not before this time.
    Retry(UnixMs),
    /// The day's attempts, or the lawful hours of the day, are used up.
    HandOver,
}

/// Whether another attempt can be made on this business day, and when. `asked`: when the customer wants to be called.
/// The attempt is made then, unless the gap and the caps allow it only later. If that is on a later day, it still
/// counts as a retry.
#[must_use]
pub fn after_attempt(
    history: &NumberHistory,
    rules: &DialRules<'_>,
    asked: Option<UnixMs>,
    at: UnixMs,
) -> Next {
    let spent = caps(history, rules, at).err();
    if asked.is_none() && spent.as_ref().is_some_and(|refusal| refusal.guard == Guard::DayCap) {
        return Next::HandOver;
    }
    // The customer's wish never overrules a cap: the call is made when the cap allows it.
    let free = spent.map_or_else(|| spacing(history, rules.policy), |refusal| refusal.until);
    let earliest = free.unwrap_or(at).max(at).max(asked.unwrap_or(at));
    // By then the customer's own call may be too long ago to make the hour lawful.
    let lawful = rules.window(history).next_lawful(earliest);
    let today = rules.hours.business_day(at);
    match lawful {
        Some(then) if asked.is_some() || rules.hours.business_day(then) == today => Next::Retry(then),
        _ => Next::HandOver,
    }
}

#[cfg(test)]
mod tests;
