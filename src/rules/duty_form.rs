//! The words of a rota in the rules file: the time of the change, and dates with another person.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, Timelike as _};
use chrono_tz::Tz;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::calendar::schedule::parse_zone;
use crate::ids::AgentName;

/// Reads a time zone.
pub(super) fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    parse_zone(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a date.
pub(super) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = String::deserialize(deserializer)?;
    let unreadable = |_| D::Error::custom(format!("{text:?} is not a date; write something like 2026-12-01"));
    NaiveDate::parse_from_str(&text, "%Y-%m-%d").map_err(unreadable)
}

/// A time of day, in minutes from midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChangeTime(pub u16);

/// A text that is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a time of day: write something like 09:00")]
pub struct InvalidChangeTime {
    /// The text that was given.
    pub given: String,
}

impl ChangeTime {
    /// The time on the clock.
    #[must_use]
    pub fn time(self) -> NaiveTime {
        let (hour, minute) = (u32::from(self.0 / 60), u32::from(self.0 % 60));
        NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or(NaiveTime::MIN)
    }
}

impl fmt::Display for ChangeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl TryFrom<String> for ChangeTime {
    type Error = InvalidChangeTime;
    fn try_from(given: String) -> Result<Self, InvalidChangeTime> {
        let time = NaiveTime::parse_from_str(&given, "%H:%M").ok().filter(|_| given.len() == 5);
        let minutes = time.and_then(|time| u16::try_from(time.hour() * 60 + time.minute()).ok());
        minutes.map(Self).ok_or(InvalidChangeTime { given })
    }
}

impl From<ChangeTime> for String {
    fn from(time: ChangeTime) -> Self {
        time.to_string()
    }
}

/// Dates with another person: `2026-12-31 boris`, `2027-01-01..2027-01-08 anna`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DutyException {
    /// The first date.
    pub from: NaiveDate,
    /// The last date.
    pub to: NaiveDate,
    /// The agent.
    pub agent: AgentName,
}

/// A text that is no exception of a rota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a date with an agent: write something like \"2026-12-31 boris\" or \"2027-01-01..2027-01-08 anna\""
)]
pub struct InvalidDutyException {
    /// The text that was given.
    pub given: String,
}

impl DutyException {
    /// Whether it names a date.
    #[must_use]
    pub fn holds(&self, date: NaiveDate) -> bool {
        (self.from..=self.to).contains(&date)
    }
}

impl fmt::Display for DutyException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, agent } = self;
        if from == to { write!(f, "{from} {agent}") } else { write!(f, "{from}..{to} {agent}") }
    }
}

impl FromStr for DutyException {
    type Err = InvalidDutyException;
    fn from_str(text: &str) -> Result<Self, InvalidDutyException> {
        let read = || {
            let (dates, agent) = text.trim().split_once(char::is_whitespace)?;
            let (from, to) = dates.split_once("..").unwrap_or((dates, dates));
            let date = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
            let (from, to) = (date(from)?, date(to)?);
            Some(Self { from, to, agent: agent.trim().parse().ok()? }).filter(|_| from <= to)
        };
        read().ok_or_else(|| InvalidDutyException { given: text.to_owned() })
    }
}

impl TryFrom<String> for DutyException {
    type Error = InvalidDutyException;
    fn try_from(text: String) -> Result<Self, InvalidDutyException> {
        text.parse()
    }
}

impl From<DutyException> for String {
    fn from(exception: DutyException) -> Self {
        exception.to_string()
    }
}
