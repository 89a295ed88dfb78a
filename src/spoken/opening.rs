//! Opening hours.

use super::{Day, Phrase, TimeOfDay};
use crate::calendar::schedule::Interval;
use crate::language::Language;

/// A day that is open for so many minutes is open all day.
const ALL_DAY_MIN: u16 = 24 * 60;

/// Says the hours of today, in the order of the intervals: "today we are open from nine a.m. to one p.m. and from two
/// p.m. to six p.m.".
#[must_use]
pub fn hours_today(language: Language, intervals: &[Interval]) -> Phrase {
    let [first, others @ ..] = intervals else { return Phrase::default().word("closed-today") };
    if first.closes_min - first.opens_min >= ALL_DAY_MIN {
        return Phrase::default().word("open-all-day");
    }
    let said = Phrase::default().word("today-we-are-open").then(span(language, *first));
    others.iter().fold(said, |said, next| said.word("and").then(span(language, *next)))
}

fn span(language: Language, interval: Interval) -> Phrase {
    let time = TimeOfDay::of_minutes;
    TimeOfDay::span(time(interval.opens_min), time(interval.closes_min), language)
}

/// Says when the next opening is: "we will open tomorrow at nine a.m.".
#[must_use]
pub fn next_opening(language: Language, day: Day, time: TimeOfDay) -> Phrase {
    Phrase::default().word("we-open").then(day.said(language)).then(time.at(language))
}
