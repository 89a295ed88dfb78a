//! Durations of whole minutes.

use super::russian::{Form, form};
use super::{Case, Gender, Phrase, cardinal};
use crate::language::Language;

/// Says a duration: "two hours five minutes". Russian: "два часа пять минут", genitive "двух часов пяти минут".
#[must_use]
pub fn duration(language: Language, minutes: u64, case: Case) -> Phrase {
    let (hours, rest) = (minutes / 60, minutes % 60);
    let whole = if hours > 0 { counted(language, hours, case, &HOUR) } else { Phrase::default() };
    if rest > 0 || hours == 0 { whole.then(counted(language, rest, case, &MINUTE)) } else { whole }
}

/// Says when, counted from now: "in about two minutes", "примерно через две минуты".
#[must_use]
pub fn in_time(language: Language, minutes: u64) -> Phrase {
    Phrase::default().word("in-about").then(duration(language, minutes, Case::Accusative))
}

/// A noun that is counted, by its prompts.
pub(super) struct Noun {
    gender: Gender,
    one: &'static str,
    /// After "через": the accusative.
    one_acc: &'static str,
    /// After "около одного". Its stress may differ from `few`: "одного ча́са", but "два часа́".
    one_gen: &'static str,
    few: &'static str,
    many: &'static str,
}

pub(super) const HOUR: Noun = Noun {
    gender: Gender::Masculine,
    one: "hour",
    one_acc: "hour",
    one_gen: "hour-gen",
    few: "hours-few",
    many: "hours",
};

pub(super) const MINUTE: Noun = Noun {
    gender: Gender::Feminine,
    one: "minute",
    one_acc: "minute-acc",
    one_gen: "minutes-few",
    few: "minutes-few",
    many: "minutes",
};

/// "two minutes", "двух минут".
pub(super) fn counted(language: Language, number: u64, case: Case, noun: &Noun) -> Phrase {
    cardinal(language, number, noun.gender, case).word(noun.after(language, number, case))
}

impl Noun {
    /// The form of the noun after a number.
    pub(super) fn after(&self, language: Language, number: u64, case: Case) -> &'static str {
        match (language, form(number), case) {
            (Language::En, _, _) if number == 1 => self.one,
            (Language::En, _, _) => self.many,
            (Language::Ru, Form::One, Case::Nominative) => self.one,
            (Language::Ru, Form::One, Case::Accusative) => self.one_acc,
            (Language::Ru, Form::One, Case::Genitive) => self.one_gen,
            (Language::Ru, Form::Few, Case::Nominative | Case::Accusative) => self.few,
            (Language::Ru, Form::Few, Case::Genitive) | (Language::Ru, Form::Many, _) => self.many,
        }
    }
}
