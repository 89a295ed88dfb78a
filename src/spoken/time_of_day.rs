//! Times of the day.
//!
//! Russian says the 24 hours, as Russian timetables do: "в восемнадцать часов тридцать минут". English says twelve hours
//! with a.m. and p.m., as people in English-speaking countries do: "six thirty p.m.".

use super::duration::{HOUR, MINUTE, counted};
use super::{Case, Phrase, english};
use crate::language::Language;

/// The minutes of a day.
const DAY_MIN: u16 = 24 * 60;

/// A time of the day, from 00:00 to 23:59.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    hour: u16,
    minute: u16,
}

impl TimeOfDay {
    /// The time so many minutes after midnight. A day later is the same time.
    #[must_use]
    pub fn of_minutes(minutes: u16) -> Self {
        let minutes = minutes % DAY_MIN;
        Self { hour: minutes / 60, minute: minutes % 60 }
    }

    /// "at nine thirty a.m.", "в девять часов тридцать минут".
    #[must_use]
    pub fn at(self, language: Language) -> Phrase {
        match language {
            Language::En => Phrase::default().word("at").then(self.english()),
            Language::Ru => self.russian("at-hour", Case::Accusative),
        }
    }

    /// From one time until another: "from nine a.m. to six p.m.", "с девяти до восемнадцати часов".
    #[must_use]
    pub fn span(from: Self, to: Self, language: Language) -> Phrase {
        match language {
            Language::En => Phrase::default().word("from").then(from.english()).word("to").then(to.english()),
            Language::Ru if from.minute == 0 && to.minute == 0 => {
                Phrase::default().numbered("from-hour", from.hour, "").then(to.until())
            }
            Language::Ru => from.russian("from-hour", Case::Genitive).then(to.until()),
        }
    }

    /// The end of a span. Midnight ends the day: "до двадцати четырёх часов".
    fn until(self) -> Phrase {
        let hour = if (self.hour, self.minute) == (0, 0) { 24 } else { self.hour };
        let said =
            Phrase::default().word("until").then(counted(Language::Ru, hour.into(), Case::Genitive, &HOUR));
        self.and_minutes(said, Case::Genitive)
    }

    /// The preposition and the hour are one sound, since "в" and "с" have no vowel and cannot stand alone.
    fn russian(self, preposition_and_hour: &str, case: Case) -> Phrase {
        let said = Phrase::default().numbered(preposition_and_hour, self.hour, "");
        self.and_minutes(said.word(HOUR.after(Language::Ru, self.hour.into(), case)), case)
    }

    fn and_minutes(self, said: Phrase, case: Case) -> Phrase {
        if self.minute == 0 {
            return said;
        }
        said.then(counted(Language::Ru, self.minute.into(), case, &MINUTE))
    }

    fn english(self) -> Phrase {
        let half = if self.hour < 12 { "am" } else { "pm" };
        let hour = match self.hour % 12 {
            0 => 12,
            hour => hour,
        };
        match (self.hour, self.minute) {
            (0, 0) => Phrase::default().word("midnight"),
            (12, 0) => Phrase::default().word("noon"),
            (_, 0) => english::cardinal(hour).word(half),
            (_, 1..=9) => english::cardinal(hour).word("oh").then(english::cardinal(self.minute)).word(half),
            _ => english::cardinal(hour).then(english::cardinal(self.minute)).word(half),
        }
    }
}
