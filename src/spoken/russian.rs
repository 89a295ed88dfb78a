//! Russian numbers, and the form of a noun after a number.

use super::{Case, Gender, Phrase};

/// Which form of a noun follows a number in the nominative: "час", "часа" or "часов".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// After 1, 21, 101: "час".
    One,
    /// After 2 to 4, 22, 104: "часа".
    Few,
    /// After all others, 11 to 14 among them: "часов".
    Many,
}

/// Returns the form of a noun after a number.
pub(super) fn form(number: u64) -> Form {
    match (number % 100, number % 10) {
        (11..=14, _) => Form::Many,
        (_, 1) => Form::One,
        (_, 2..=4) => Form::Few,
        _ => Form::Many,
    }
}

/// "две тысячи одна", "двух тысяч одной".
pub(super) fn cardinal(number: u16, gender: Gender, case: Case) -> Phrase {
    let (thousands, rest) = (number / 1000, number % 1000);
    let mut said = Phrase::default();
    if thousands > 0 {
        said = below_thousand(said, thousands, Gender::Feminine, case).word(thousand(thousands, case));
    }
    if rest > 0 || thousands == 0 { below_thousand(said, rest, gender, case) } else { said }
}

fn below_thousand(said: Phrase, number: u16, gender: Gender, case: Case) -> Phrase {
    let said = if number >= 100 { unit(said, number / 100 * 100, gender, case) } else { said };
    match number % 100 {
        0 if number > 0 => said,
        rest @ 0..=20 => unit(said, rest, gender, case),
        rest if rest % 10 == 0 => unit(said, rest, gender, case),
        rest => unit(unit(said, rest / 10 * 10, gender, case), rest % 10, gender, case),
    }
}

/// One word: 0 to 20, a multiple of ten, or one of a hundred.
fn unit(said: Phrase, number: u16, gender: Gender, case: Case) -> Phrase {
    let form = match (number, gender, case) {
        (1, Gender::Feminine, Case::Genitive) => "-f-gen",
        (_, _, Case::Genitive) => "-gen",
        (1, Gender::Feminine, Case::Accusative) => "-f-acc",
        (1 | 2, Gender::Feminine, _) => "-f",
        (1, Gender::Neuter, _) => "-n",
        _ => "",
    };
    said.numbered("number", number, form)
}

fn thousand(thousands: u16, case: Case) -> &'static str {
    match (form(thousands.into()), case) {
        (Form::One, Case::Nominative) => "thousand",
        (Form::One, Case::Accusative) => "thousand-acc",
        (Form::One, Case::Genitive) | (Form::Few, Case::Nominative | Case::Accusative) => "thousands-few",
        (Form::Few, Case::Genitive) | (Form::Many, _) => "thousands-many",
    }
}

/// "две тысячи двадцать первый". Only the last word is an ordinal, and 1,000 to 9,000 are one word.
pub(super) fn ordinal(number: u16) -> Phrase {
    let (thousands, rest) = (number / 1000, number % 1000);
    let said = match (thousands, rest) {
        (1.., 0) => return Phrase::default().numbered("ordinal", number, ""),
        (0, _) => Phrase::default(),
        (1, _) => Phrase::default().word("thousand"),
        _ => cardinal(thousands * 1000, Gender::Masculine, Case::Nominative),
    };
    match (rest / 100, rest % 100) {
        (1.., 0) => said.numbered("ordinal", rest, ""),
        (0, last) => last_word(said, last, ""),
        (hundreds, last) => last_word(said.numbered("number", hundreds * 100, ""), last, ""),
    }
}

/// A day of the month in the genitive: "двадцать первого".
pub(super) fn day_of_month(day: u16) -> Phrase {
    last_word(Phrase::default(), day, "-gen")
}

/// An ordinal below 100: one word, or a cardinal and an ordinal.
fn last_word(said: Phrase, number: u16, form: &str) -> Phrase {
    if number <= 20 || number.is_multiple_of(10) {
        return said.numbered("ordinal", number, form);
    }
    said.numbered("number", number / 10 * 10, "").numbered("ordinal", number % 10, form)
}
