//! The limits under which calls back are made, and the law's maximum of each, with its source.
//!
//! In: a profile. Out: a [`Policy`] with its defaults; [`Policy::faults`] says which limit is above what the law, or the
//! house, allows. Sources stand in facts/callbacks.md §2 by the numbers given here (R3 and so on).

use std::time::Duration;

use super::regulation::CAP_A_DAY;
use super::working_time::WorkingTime;
use crate::clock::UnixMs;

crate::words! {
    /// What the calls are about: it decides which law applies.
    "policy profile" pub enum Profile {
        /// Calls that the customer asked for by calling.
        Service = "service",
        /// The same, where something is sold to him.
        Sales = "sales",
        /// Calls about debts.
        Debt = "debt",
    }
}

/// A stretch of the day at the called party's place, in minutes since midnight: from, and up to.
pub type Minutes = (u16, u16);

/// The limits of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Grows with every change.
    pub version: i32,
    /// What the calls are about.
    pub profile: Profile,
    /// Counted attempts to a number on one business day.
    pub cap_day: i32,
    /// The same in any 24 hours; no limit if none.
    pub cap_24h: Option<i64>,
    /// The same in any 7 days.
    pub cap_week: Option<i64>,
    /// The same in any 31 days.
    pub cap_month: Option<i64>,
    /// Time between attempts: after the first, after the second; the last one holds for all further.
    pub gaps: Vec<Duration>,
    /// How long the customer's phone rings.
    pub ring: Duration,
    /// How soon somebody must call, in the queue's working time.
    pub reaction: Duration,
    /// Shares of the reaction time at which those concerned are told, in per cent.
    pub rungs: Vec<i32>,
    /// When he may be called on weekdays, by his clock.
    pub weekdays: Minutes,
    /// The same on Saturdays and Sundays.
    pub weekends: Minutes,
    /// How far we stay inside these.
    pub margin: Duration,
    /// So long after a call of his own he may be called at any hour of ours; never if none.
    pub recent_contact: Option<Duration>,
    /// How long he may ring again before somebody is to call him.
    pub settle: Duration,
    /// How long an agent may take to accept.
    pub lease: Duration,
    /// On how many further business days the repeat-contacts queue tries.
    pub repeat_days: i32,
    /// How many attempts a case may have in all.
    pub repeat_total: i32,
    /// Prefixes that may be called; our own country if none.
    pub destinations: Vec<String>,
    /// Whether services and numbers that cost extra may be called.
    pub premium: bool,
}

/// A limit above what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {policy}: {field} = {value} is more than {most}, which is allowed by {law}: lower it")]
pub struct Fault {
    /// The policy.
    pub policy: String,
    /// The limit.
    pub field: &'static str,
    /// What it says.
    pub value: String,
    /// What is allowed.
    pub most: String,
    /// By what.
    pub law: &'static str,
}

const HOUSE: &str = "the house rule (at most three attempts a working day)";
const DEBT: &str = "230-FZ article 7 part 3 (R3)";
const SPACING: &str = "12 CFR 1006.14 and 47 CFR 68.318 as precedents: calls in rapid succession (R20, R22)";

const MINUTE: Duration = Duration::from_secs(60);

impl Policy {
    /// The defaults of a profile.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        let debt = profile == Profile::Debt;
        Self {
            name: profile.to_string(),
            version: 1,
            profile,
            cap_day: if debt { 1 } else { CAP_A_DAY },
            // A business day that crosses midnight must not hold two calls of one date of his.
            cap_24h: debt.then_some(1),
            cap_week: debt.then_some(2),
            cap_month: debt.then_some(8),
            gaps: vec![MINUTE * 30, MINUTE * 90],
            ring: Duration::from_secs(25),
            reaction: MINUTE * 15,
            rungs: vec![50, 80, 100, 200],
            weekdays: (8 * 60, 22 * 60),
            weekends: (9 * 60, 20 * 60),
            margin: MINUTE * 10,
            recent_contact: (profile == Profile::Service).then_some(MINUTE * 60),
            settle: MINUTE,
            lease: MINUTE * 3,
            repeat_days: 3,
            repeat_total: 6,
            destinations: Vec::new(),
            premium: false,
        }
    }

    /// Everything that is above what is allowed.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let debt = self.profile == Profile::Debt;
        let mut faults = Vec::new();
        let mut most = |field, value: String, bad: bool, most: &str, law| {
            if bad {
                faults.push(Fault { policy: self.name.clone(), field, value, most: most.to_owned(), law });
            }
        };
        let cap = if debt { 1 } else { CAP_A_DAY };
        let source = if debt { DEBT } else { HOUSE };
        most(
            "cap_day",
            self.cap_day.to_string(),
            !(1..=cap).contains(&self.cap_day),
            &cap.to_string(),
            source,
        );
        if debt {
            let above = |cap: Option<i64>, limit| cap.is_none_or(|cap| cap > limit);
            most("cap_24h", format!("{:?}", self.cap_24h), above(self.cap_24h, 1), "1", DEBT);
            most("cap_week", format!("{:?}", self.cap_week), above(self.cap_week, 2), "2", DEBT);
            most("cap_month", format!("{:?}", self.cap_month), above(self.cap_month, 8), "8", DEBT);
            let outside = |is: Minutes, may: Minutes| is.0 < may.0 || is.1 > may.1;
            most(
                "weekdays",
                format!("{:?}", self.weekdays),
                outside(self.weekdays, (480, 1320)),
                "08:00-22:00",
                DEBT,
            );
            most(
                "weekends",
                format!("{:?}", self.weekends),
                outside(self.weekends, (540, 1200)),
                "09:00-20:00",
                DEBT,
            );
        }
        let recent = self.recent_contact.is_some() && self.profile != Profile::Service;
        most(
            "recent_contact",
            format!("{:?}", self.recent_contact),
            recent,
            "nothing",
            "38-FZ article 18 (R1) and R3",
        );
        let close = self.gaps.iter().any(|gap| *gap < MINUTE * 15) || self.gaps.is_empty();
        most("gaps", format!("{:?}", self.gaps), close, "a gap of at least 15 minutes", SPACING);
        let ring = !(Duration::from_secs(15)..=MINUTE).contains(&self.ring);
        most(
            "ring",
            format!("{:?}", self.ring),
            ring,
            "15 s to 60 s",
            "47 CFR 64.1200(a)(6) and 68.318(b) (R17, R22)",
        );
        faults
    }

    /// The least time after so many attempts of a day.
    #[must_use]
    pub fn gap_after(&self, counted: i64) -> Duration {
        let place = usize::try_from(counted.max(1) - 1).unwrap_or(usize::MAX);
        let gap = self.gaps.get(place).or(self.gaps.last()).copied();
        gap.unwrap_or_default().max(MINUTE * 15)
    }

    /// When each rung of the reaction time is reached that began at `from`.
    fn rung_times(&self, hours: WorkingTime<'_>, from: UnixMs) -> Vec<(i32, UnixMs)> {
        let rung = |pct: &i32| {
            let share = self.reaction * u32::try_from(*pct).ok()? / 100;
            Some((*pct, hours.after(from, share)?))
        };
        self.rungs.iter().filter_map(rung).collect()
    }

    /// The rungs that are reached by `at`.
    #[must_use]
    pub fn rungs_until(&self, hours: WorkingTime<'_>, from: UnixMs, at: UnixMs) -> Vec<(i32, UnixMs)> {
        self.rung_times(hours, from).into_iter().filter(|(_, then)| *then <= at).collect()
    }

    /// The first rung that is not reached at `at`.
    #[must_use]
    pub fn next_rung(&self, hours: WorkingTime<'_>, from: UnixMs, at: UnixMs) -> Option<(i32, UnixMs)> {
        self.rung_times(hours, from).into_iter().filter(|(_, then)| *then > at).min_by_key(|(_, then)| *then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_lawful() {
        for &profile in Profile::ALL {
            assert_eq!(Policy::of(profile).faults(), [], "{profile}");
        }
    }

    #[test]
    fn a_limit_above_the_law_is_named_with_its_source() {
        let debt = Policy { cap_day: 4, ..Policy::of(Profile::Debt) };
        let said = debt.faults()[0].to_string();
        assert!(said.contains("cap_day = 4") && said.contains("230-FZ"), "{said}");
        let changes: [fn(&mut Policy); 8] = [
            |p| p.cap_day = 2,
            |p| p.cap_day = 0,
            |p| p.cap_week = None,
            |p| p.cap_month = Some(9),
            |p| p.weekdays = (479, 1320),
            |p| p.weekends = (540, 1201),
            |p| p.recent_contact = Some(MINUTE),
            |p| p.gaps = vec![MINUTE * 14],
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut policy = Policy::of(Profile::Debt);
            change(&mut policy);
            assert_eq!(policy.faults().len(), 1, "change {number}");
        }
        assert_eq!(Policy { cap_day: 4, ..Policy::of(Profile::Service) }.faults().len(), 1);
        assert_eq!(Policy { ring: MINUTE * 2, ..Policy::of(Profile::Sales) }.faults().len(), 1);
    }

    #[test]
    fn the_gap_grows_and_is_never_under_a_quarter_of_an_hour() {
        let policy = Policy::of(Profile::Service);
        assert_eq!([0, 1, 2, 3].map(|n| policy.gap_after(n)), [30, 30, 90, 90].map(|n| MINUTE * n));
        let hasty = Policy { gaps: vec![], ..policy };
        assert_eq!(hasty.gap_after(1), MINUTE * 15);
    }
}
