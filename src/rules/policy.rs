//! The limits of callbacks: a policy has a name, a profile, and a version that grows with every change.
//!
//! In: a profile. Out: a [`Policy`] with its defaults. [`crate::rules::limits`] has the bounds of each limit.
//!
//! **The caps of a week and a month.** The law on debts counts calendar weeks and calendar months by the debtor's clock
//! (R3). The debtor's time zone is not known for sure, and may change between two attempts. Therefore dozvon counts the
//! attempts of the last [`WEEK`](crate::rules::limits::WEEK) and [`MONTH`](crate::rules::limits::MONTH), which are as
//! long as the longest calendar week and month. Two attempts of one calendar week always lie in one such span, in any
//! time zone. There are never more attempts than the law allows; across the end of a week or month there may be fewer.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::calendar::schedule::{Interval, intervals};
use crate::calendar::working_time::WorkingTime;
use crate::clock::UnixMs;
use crate::duration::{self, OrNever, Within, YEAR};
use crate::ids::PolicyName;

crate::vocabulary! {
    /// What the calls are about: it decides which law applies.
    "policy profile" pub enum Profile {
        /// Calls that the customer asked for by calling.
        Service = "service",
        /// The same, where something is sold to the customer.
        Sales = "sales",
        /// Calls about debts.
        Debt = "debt",
    }
}

/// Counted attempts to one number on one business day, across queues.
///
/// Source: dozvon's own limit, from the business rules ("at most three callback attempts during a working day"). No law
/// sets it for service calls. Some laws set less for sales and debts; the policies of these profiles follow those laws.
pub const CAP_A_DAY: i32 = 3;

/// A span of a day by the customer's clock, in minutes since midnight: start and end. Both 0: closed.
pub type Minutes = (u16, u16);

/// Reads a span of a day: `08:00-22:00`, or `closed`.
///
/// # Errors
/// The problem and the remedy, as `PROBLEM; REMEDY`.
pub fn read_minutes(text: &str) -> Result<Minutes, String> {
    let remedy = "write something like \"08:00-22:00\", or \"closed\"";
    match intervals(text).map_err(|problem| format!("{problem}; {remedy}"))?.as_slice() {
        [] => Ok((0, 0)),
        [one] if one.closes_min <= 1440 => Ok((one.opens_min, one.closes_min)),
        _ => Err(format!("this is not one span of one day; {remedy}")),
    }
}

/// Writes a span of a day so that [`read_minutes`] reads it back.
#[must_use]
pub fn show_minutes((opens_min, closes_min): Minutes) -> String {
    if closes_min == 0 { "closed".to_owned() } else { Interval { opens_min, closes_min }.to_string() }
}

/// Whole minutes, rounded up.
fn minutes(span: Duration) -> u16 {
    u16::try_from(span.as_secs().div_ceil(60)).unwrap_or(u16::MAX)
}

/// The limits of one policy. The type is the file form. [`Policy::of`] the profile gives the limits that are not
/// stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The name of the policy. A policy with the name of a profile has that profile.
    pub name: PolicyName,
    /// Grows with every change; 1 until the database has counted it.
    #[serde(skip, default = "first_version")]
    pub version: i32,
    /// What the calls are about. This decides which law applies.
    pub profile: Profile,
    /// The most counted attempts to a number on one business day.
    #[serde(rename = "max_attempts_per_day")]
    pub cap_day: i32,
    /// The most counted attempts to a number in any 24 hours.
    #[serde(with = "CapText")]
    #[serde(rename = "max_attempts_per_24h")]
    pub cap_24h: Option<i64>,
    /// The most counted attempts to a number in any span as long as a calendar week.
    #[serde(with = "CapText")]
    #[serde(rename = "max_attempts_per_week")]
    pub cap_week: Option<i64>,
    /// The most counted attempts to a number in any span as long as the longest calendar month.
    #[serde(with = "CapText")]
    #[serde(rename = "max_attempts_per_month")]
    pub cap_month: Option<i64>,
    /// The time between attempts: after the first, after the second, and so on. The last value holds for all further
    /// attempts.
    #[serde(with = "DurationList")]
    pub retry_delays: Vec<Duration>,
    /// How long the customer's phone rings.
    #[serde(with = "Within::<0, YEAR>")]
    #[serde(rename = "ring_timeout")]
    pub ring: Duration,
    /// How soon somebody must call, in the queue's working time.
    #[serde(with = "Within::<0, YEAR>")]
    #[serde(rename = "reaction_time")]
    pub reaction: Duration,
    /// After these shares of the reaction time, in per cent, people are told that the case waits; at the last one, the
    /// person on duty.
    pub escalation_pct: Vec<i32>,
    /// When the customer may be called on weekdays, by the customer's clock.
    #[serde(with = "MinutesText")]
    #[serde(rename = "weekday_hours")]
    pub weekdays: Minutes,
    /// When the customer may be called on Saturdays, Sundays, holidays, and dates that are exceptions in the queue's
    /// schedule.
    #[serde(with = "MinutesText")]
    #[serde(rename = "weekend_hours")]
    pub weekends: Minutes,
    /// How far inside these hours the calls stay.
    #[serde(with = "Within::<0, YEAR>")]
    #[serde(rename = "hours_margin")]
    pub margin: Duration,
    /// For this long after a call of their own, customers may be called at any hour at which the queue is open.
    #[serde(with = "OrNever::<0, YEAR>")]
    pub recent_contact: Option<Duration>,
    /// How long a case waits before its first attempt, since the caller may call again.
    #[serde(with = "Within::<0, YEAR>")]
    pub grace: Duration,
    /// How long an agent may take to accept a callback.
    #[serde(with = "Within::<0, YEAR>")]
    #[serde(rename = "accept_timeout")]
    pub lease: Duration,
    /// The number of further business days on which the repeat-contacts queue tries.
    pub repeat_days: i32,
    /// The most attempts for a case.
    #[serde(rename = "max_attempts")]
    pub repeat_total: i32,
    /// Prefixes (`+7495`) and countries (`KZ`) whose numbers may be called, and may get SMS. Empty: those of our own
    /// country.
    #[serde(rename = "allowed_destinations")]
    pub destinations: Vec<String>,
    /// Whether service numbers, expensive ranges and numbers that cost extra may be called, and may get SMS.
    #[serde(rename = "allow_premium")]
    pub premium: bool,
}

const fn first_version() -> i32 {
    1
}

/// The file form of a limit of attempts: a number, or `none`.
#[derive(Debug)]
pub enum CapText {}

/// The text for no limit.
const NO_LIMIT: &str = "none";

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a whole number, or \"none\"")]
enum Cap {
    Most(i64),
    None(String),
}

impl CapText {
    fn serialize<S: Serializer>(cap: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        cap.map_or_else(|| Cap::None(NO_LIMIT.to_owned()), Cap::Most).serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        match Cap::deserialize(deserializer)? {
            Cap::Most(cap) => Ok(Some(cap)),
            Cap::None(text) if text == NO_LIMIT => Ok(None),
            Cap::None(text) => {
                let problem = format!("{text:?} is not a limit; write a whole number, or \"none\"");
                Err(D::Error::custom(problem))
            }
        }
    }
}

/// The file form of a span of a day: `08:00-22:00`, or `closed`.
#[derive(Debug)]
pub enum MinutesText {}

impl MinutesText {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn serialize<S: Serializer>(minutes: &Minutes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show_minutes(*minutes))
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Minutes, D::Error> {
        read_minutes(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The file form of several durations.
#[derive(Debug)]
pub enum DurationList {}

impl DurationList {
    fn serialize<S: Serializer>(spans: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(spans.iter().map(|span| duration::show(*span)))
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
        let one = |text: &String| Within::<0, YEAR>::parse(text).map_err(D::Error::custom);
        Vec::<String>::deserialize(deserializer)?.iter().map(one).collect()
    }
}

impl From<Profile> for PolicyName {
    fn from(profile: Profile) -> Self {
        Self::of_word(profile.as_str())
    }
}

const MINUTE: Duration = Duration::from_secs(60);

impl Policy {
    /// The defaults of a profile.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        let debt = profile == Profile::Debt;
        // On weekdays, sales calls must end an hour earlier than calls about debts (R16, R3).
        let evening = if profile == Profile::Sales { 21 } else { 22 };
        Self {
            name: profile.into(),
            version: 1,
            profile,
            cap_day: if debt { 1 } else { CAP_A_DAY },
            // A business day that crosses midnight must not allow two calls on one of the customer's dates.
            cap_24h: debt.then_some(1),
            cap_week: debt.then_some(2),
            cap_month: debt.then_some(8),
            retry_delays: vec![MINUTE * 30, MINUTE * 90],
            ring: Duration::from_secs(25),
            reaction: MINUTE * 15,
            escalation_pct: vec![50, 80, 100, 200],
            weekdays: (8 * 60, evening * 60),
            weekends: (9 * 60, 20 * 60),
            margin: MINUTE * 10,
            recent_contact: (profile == Profile::Service).then_some(MINUTE * 60),
            grace: MINUTE,
            lease: MINUTE * 3,
            repeat_days: 3,
            repeat_total: 6,
            destinations: Vec::new(),
            premium: false,
        }
    }

    /// The policies that exist without being stated: one of each profile, named like it.
    #[must_use]
    pub fn built_in() -> BTreeMap<PolicyName, Self> {
        Profile::ALL.iter().map(|profile| ((*profile).into(), Self::of(*profile))).collect()
    }

    /// Returns the profile with this name. Its policy exists without being stated.
    #[must_use]
    pub fn profile_named(name: &PolicyName) -> Option<Profile> {
        name.as_str().parse().ok()
    }

    /// Returns the part of a span of a day in which a phone may begin to ring: inside the margin, and early enough to
    /// stop ringing there.
    #[must_use]
    pub fn inside(&self, (from, to): Minutes) -> Minutes {
        let margin = minutes(self.margin);
        // A phone that begins to ring at the end of the span would ring after it.
        (from.saturating_add(margin), to.saturating_sub(margin.saturating_add(minutes(self.ring))))
    }

    /// Returns the shortest time to the next attempt after `counted` attempts of a day.
    #[must_use]
    pub fn gap_after(&self, counted: i64) -> Duration {
        let place = usize::try_from(counted.max(1) - 1).unwrap_or(usize::MAX);
        let gap = self.retry_delays.get(place).or(self.retry_delays.last()).copied();
        gap.unwrap_or_default().max(MINUTE * 15)
    }

    /// Returns when each escalation of the reaction time that began at `from` comes.
    fn escalation_times(&self, hours: WorkingTime<'_>, from: UnixMs) -> Vec<(i32, UnixMs)> {
        let escalation = |pct: &i32| {
            let share = self.reaction * u32::try_from(*pct).ok()? / 100;
            Some((*pct, hours.after(from, share)?))
        };
        self.escalation_pct.iter().filter_map(escalation).collect()
    }

    /// Returns the escalations that have come by `at`.
    #[must_use]
    pub fn escalations_until(&self, hours: WorkingTime<'_>, from: UnixMs, at: UnixMs) -> Vec<(i32, UnixMs)> {
        self.escalation_times(hours, from).into_iter().filter(|(_, then)| *then <= at).collect()
    }

    /// Returns the first escalation that comes after `at`.
    #[must_use]
    pub fn next_escalation(&self, hours: WorkingTime<'_>, from: UnixMs, at: UnixMs) -> Option<(i32, UnixMs)> {
        self.escalation_times(hours, from)
            .into_iter()
            .filter(|(_, then)| *then > at)
            .min_by_key(|(_, then)| *then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_has_a_policy_of_its_name() {
        let names: Vec<String> = Policy::built_in().into_keys().map(String::from).collect();
        assert_eq!(names, ["debt", "sales", "service"]);
        assert_eq!(Policy::profile_named(&"debt".parse().unwrap()), Some(Profile::Debt));
        assert_eq!(Policy::profile_named(&"collect".parse().unwrap()), None);
    }

    #[test]
    fn a_stretch_of_the_day_reads_back_as_it_was_written() {
        for stretch in [(0, 0), (0, 1440), (480, 1320), (1439, 1440)] {
            assert_eq!(read_minutes(&show_minutes(stretch)), Ok(stretch));
        }
        for bad in
            ["22:00-06:00", "08:00-12:00, 13:00-17:00", "8-22", "", "08:00", "24:00-24:00", "08:00-08:00"]
        {
            let said = read_minutes(bad).unwrap_err();
            assert!(said.contains("08:00-22:00"), "{bad}: {said}");
        }
    }

    #[test]
    fn the_gap_grows_and_is_never_under_a_quarter_of_an_hour() {
        let policy = Policy::of(Profile::Service);
        assert_eq!([0, 1, 2, 3].map(|n| policy.gap_after(n)), [30, 30, 90, 90].map(|n| MINUTE * n));
        let hasty = Policy { retry_delays: vec![], ..policy };
        assert_eq!(hasty.gap_after(1), MINUTE * 15);
    }
}
