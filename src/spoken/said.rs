//! What can be said by a name that an administrator writes: `closed-now`, `1-to-leave-a-request`, `hours-today`.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDateTime, Timelike as _};

use super::{Choice, Day, Key, Phrase, Sentence, TimeOfDay, choice, hours_today, next_opening};
use crate::calendar::schedule::{Interval, Schedule, civil_date};
use crate::calendar::state::Why;
use crate::clock::UnixMs;
use crate::language::Language;

/// Something that is said in the caller's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A whole sentence: `closed-now`.
    Sentence(Sentence),
    /// A key and what it leads to: `1-to-leave-a-request`, `star-to-hear-this-again`.
    Choice(Key, Choice),
    /// The hours of today.
    HoursToday,
    /// When we open next.
    NextOpening,
}

/// A name by which nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing is said by the name {given:?}; `dozvon prompt list` shows the names: a sentence such as closed-now, a key \
     with what it leads to such as 1-to-leave-a-request, hours-today or next-opening"
)]
pub struct InvalidSaid {
    /// The name that was given, cut to 120 characters.
    pub given: String,
}

/// The hours of a schedule, as they are said to somebody who calls now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    /// The hours of today. None if a person has opened or closed the schedule meanwhile.
    today: Option<Vec<Interval>>,
    /// When the schedule opens next. None if it is open, or never opens again.
    next: Option<(Day, TimeOfDay)>,
}

impl Hours {
    /// The hours of a schedule at `now`.
    #[must_use]
    pub fn of(schedule: &Schedule, now: UnixMs) -> Self {
        let (state, today) = (schedule.state(now), civil_date(schedule.zone, now));
        let by_hand = matches!(state.why, Why::Manual(_));
        let opens = |at: UnixMs| {
            let civil: NaiveDateTime = at.utc().with_timezone(&schedule.zone).naive_local();
            let minutes = civil.hour() * 60 + civil.minute();
            (
                Day::seen_from(today, civil.date()),
                TimeOfDay::of_minutes(u16::try_from(minutes).unwrap_or_default()),
            )
        };
        Self {
            today: (!by_hand).then(|| schedule.hours_on(today).to_vec()),
            next: state.until.filter(|_| !state.open).map(opens),
        }
    }
}

impl Said {
    /// The phrase in a language. `hours` is asked only for what needs it; hours that are not known are not said.
    #[must_use]
    pub fn phrase(self, language: Language, hours: impl FnOnce() -> Hours) -> Phrase {
        match self {
            Self::Sentence(sentence) => sentence.into(),
            Self::Choice(key, leads_to) => choice(language, leads_to, key),
            Self::HoursToday => {
                hours().today.map_or_else(Phrase::default, |today| hours_today(language, &today))
            }
            Self::NextOpening => {
                hours().next.map_or_else(Phrase::default, |(day, time)| next_opening(language, day, time))
            }
        }
    }
}

const HOURS_TODAY: &str = "hours-today";
const NEXT_OPENING: &str = "next-opening";

impl FromStr for Said {
    type Err = InvalidSaid;
    fn from_str(text: &str) -> Result<Self, InvalidSaid> {
        let invalid = || InvalidSaid { given: text.chars().take(120).collect() };
        match text {
            HOURS_TODAY => return Ok(Self::HoursToday),
            NEXT_OPENING => return Ok(Self::NextOpening),
            _ => {}
        }
        if let Ok(sentence) = text.parse() {
            return Ok(Self::Sentence(sentence));
        }
        let (key, leads_to) = text.split_once('-').ok_or_else(invalid)?;
        let key = Key::of_name(key).ok_or_else(invalid)?;
        Ok(Self::Choice(key, leads_to.parse().map_err(|_| invalid())?))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sentence(sentence) => f.write_str(sentence.as_str()),
            Self::Choice(key, leads_to) => write!(f, "{key}-{leads_to}"),
            Self::HoursToday => f.write_str(HOURS_TODAY),
            Self::NextOpening => f.write_str(NEXT_OPENING),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMs {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
    }

    fn words(said: &str, language: Language, hours: &Hours) -> String {
        let phrase = said.parse::<Said>().unwrap().phrase(language, || hours.clone());
        phrase.ids().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_name_is_read_back() {
        let keys = "0123456789*#".chars().filter_map(Key::of);
        let choices = keys.flat_map(|key| Choice::ALL.iter().map(move |it| Said::Choice(key, *it)));
        let sentences = Sentence::ALL.iter().map(|it| Said::Sentence(*it));
        for said in choices.chain(sentences).chain([Said::HoursToday, Said::NextOpening]) {
            assert_eq!(said.to_string().parse(), Ok(said));
        }
        for bad in ["", "closed", "10-to-leave-a-request", "1-to-fly", "hours", "-to-leave-a-message", "é-x"]
        {
            assert!(bad.parse::<Said>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hours_are_said_as_they_are_now() {
        let schedule = Schedule::parse("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]).unwrap();
        let evening = Hours::of(&schedule, at("2026-11-27T20:00:00+03:00"));
        let said = words("next-opening", Language::En, &evening);
        assert!(said.starts_with("we-open ") && said.contains("monday"), "{said}");
        assert!(words("hours-today", Language::Ru, &evening).starts_with("today-we-are-open "));
        let noon = Hours::of(&schedule, at("2026-11-27T12:00:00+03:00"));
        assert_eq!(words("next-opening", Language::En, &noon), "", "we are open");
        assert_eq!(words("hours-today", Language::En, &Hours::default()), "", "no schedule, no hours");
        assert_eq!(words("closed-now", Language::En, &noon), "closed-now");
    }
}
