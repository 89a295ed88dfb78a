//! Who is on duty: people who take turns, dates with another person, and what people swapped.
//!
//! A day of duty begins at the time of the change on its date and ends where the next one begins, so a night belongs to the
//! date on which it began, and there is neither a gap nor an overlap. Clocks that change follow the rule of
//! [`crate::calendar::schedule`] for an opening: a skipped time is the first instant after the gap, and of a time that comes
//! twice the later one counts.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::calendar::schedule::{Edge, civil_date, to_instant};
use crate::clock::UnixMs;
use crate::ids::AgentName;
use crate::rules::duty_form::{self, ChangeTime, DutyException};

crate::vocabulary! {
    /// How long a turn is.
    "turn" pub enum Turn {
        /// The person changes every day.
        Day = "day",
        /// The person changes on the weekday of the start.
        Week = "week",
    }
}

impl Turn {
    const fn days(self) -> u64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
        }
    }
}

/// A rota. The type is the file form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// The time zone of `change` and of the dates.
    #[serde(deserialize_with = "duty_form::zone")]
    pub zone: Tz,
    /// How long a turn is: `day` or `week`. A weekly turn begins on the weekday of `start`.
    pub turn: Turn,
    /// When a day of duty begins, such as `09:00`.
    pub change: ChangeTime,
    /// The date on which the first turn of the first person begins, such as `2026-12-01`. Before that, nobody is on duty.
    #[serde(deserialize_with = "duty_form::date")]
    pub start: NaiveDate,
    /// The agents who take turns, in order.
    pub people: Vec<AgentName>,
    /// Dates with another person: `2026-12-31 boris`, `2027-01-01..2027-01-08 anna`. A date is that on which the day of duty
    /// begins.
    pub exceptions: Vec<DutyException>,
    /// What people swapped, which counts before the exceptions. It is no part of the rules file.
    #[serde(skip)]
    pub swaps: BTreeMap<NaiveDate, Swap>,
}

/// Another person takes the duty of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The agent on duty.
    pub agent: AgentName,
    /// Who changed it.
    pub by: String,
}

/// Who is on duty at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDuty<'a> {
    /// The agent.
    pub agent: &'a AgentName,
    /// The date on which this day of duty began.
    pub date: NaiveDate,
    /// Why this agent.
    pub why: WhyOnDuty<'a>,
    /// When another agent is on duty. None if that is not so within a year.
    pub until: Option<UnixMs>,
}

/// Why an agent is on duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyOnDuty<'a> {
    /// It is the agent's turn, which began on this date.
    Turn(NaiveDate),
    /// An exception names the agent.
    Exception(&'a DutyException),
    /// A person gave the agent this duty.
    Swap(&'a Swap),
}

/// How many days ahead another person is searched.
const AHEAD_DAYS: u64 = 367;

impl Duty {
    /// A rota of nobody: the defaults.
    #[must_use]
    pub const fn new(zone: Tz) -> Self {
        let (turn, change) = (Turn::Day, ChangeTime(0));
        Self {
            zone,
            turn,
            change,
            start: NaiveDate::MIN,
            people: Vec::new(),
            exceptions: Vec::new(),
            swaps: BTreeMap::new(),
        }
    }

    /// Returns who is on duty at an instant, and why. None before the start.
    #[must_use]
    pub fn on_duty(&self, at: UnixMs) -> Option<OnDuty<'_>> {
        let date = self.date_of(at)?;
        let (agent, why) = self.person(date)?;
        let later = (1..AHEAD_DAYS).filter_map(|n| date.checked_add_days(Days::new(n)));
        let changes = later.into_iter().find(|date| self.person(*date).is_none_or(|(next, _)| next != agent));
        Some(OnDuty { agent, date, why, until: changes.map(|date| self.begins(date)) })
    }

    /// Returns the agents to ring at an instant: the one on duty, then the others in the order of their turns.
    #[must_use]
    pub fn ladder(&self, at: UnixMs) -> Vec<&AgentName> {
        let Some((agent, _)) = self.date_of(at).and_then(|date| self.person(date)) else { return Vec::new() };
        let place = self.people.iter().position(|other| other == agent).map_or(0, |place| place + 1);
        let (before, after) = self.people.split_at(place);
        let mut ladder = vec![agent];
        for other in after.iter().chain(before) {
            if !ladder.contains(&other) {
                ladder.push(other);
            }
        }
        ladder
    }

    /// Returns the dates of the turn that a date belongs to. None before the start.
    #[must_use]
    pub fn turn_of(&self, date: NaiveDate) -> Option<Vec<NaiveDate>> {
        let first = self.first_of_turn(date)?;
        Some(first.iter_days().take(usize::try_from(self.turn.days()).unwrap_or(1)).collect())
    }

    /// Returns the agent of the day of duty that begins on a date, and why.
    #[must_use]
    pub fn person(&self, date: NaiveDate) -> Option<(&AgentName, WhyOnDuty<'_>)> {
        let first = self.first_of_turn(date)?;
        if let Some(swap) = self.swaps.get(&date) {
            return Some((&swap.agent, WhyOnDuty::Swap(swap)));
        }
        if let Some(exception) = self.exceptions.iter().find(|exception| exception.holds(date)) {
            return Some((&exception.agent, WhyOnDuty::Exception(exception)));
        }
        let turns = self.days_since_start(date)? / self.turn.days();
        let people = u64::try_from(self.people.len()).ok().filter(|people| *people > 0)?;
        let agent = self.people.get(usize::try_from(turns % people).ok()?)?;
        Some((agent, WhyOnDuty::Turn(first)))
    }

    /// Returns when the day of duty of a date begins.
    #[must_use]
    pub fn begins(&self, date: NaiveDate) -> UnixMs {
        to_instant(self.zone, date.and_time(self.change.time()), Edge::Opening)
    }

    /// Returns the date of the day of duty that contains an instant.
    fn date_of(&self, at: UnixMs) -> Option<NaiveDate> {
        // A clock that is set back over midnight, or a zone that skips a day, moves the beginning by a date.
        let last = civil_date(self.zone, at).checked_add_days(Days::new(1))?;
        (0..4).filter_map(|n| last.checked_sub_days(Days::new(n))).find(|date| self.begins(*date) <= at)
    }

    fn first_of_turn(&self, date: NaiveDate) -> Option<NaiveDate> {
        let into_turn = self.days_since_start(date)? % self.turn.days();
        date.checked_sub_days(Days::new(into_turn))
    }

    fn days_since_start(&self, date: NaiveDate) -> Option<u64> {
        u64::try_from(date.signed_duration_since(self.start).num_days()).ok()
    }

    /// Returns two exceptions that name the same date, if there are any.
    #[must_use]
    pub fn overlap(&self) -> Option<(&DutyException, &DutyException)> {
        let pairs = self
            .exceptions
            .iter()
            .enumerate()
            .flat_map(|(n, one)| self.exceptions[n + 1..].iter().map(move |other| (one, other)));
        pairs.into_iter().find(|(one, other)| one.from <= other.to && other.from <= one.to)
    }
}

#[cfg(test)]
mod tests;
