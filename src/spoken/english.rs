//! English numbers, without "and": "one hundred eleven".

use super::Phrase;

/// "two thousand twenty-one".
pub(super) fn cardinal(number: u16) -> Phrase {
    let mut said = Phrase::default();
    if number >= 1000 {
        said = said.then(cardinal(number / 1000)).word("thousand");
    }
    if number % 1000 >= 100 {
        said = said.numbered("number", number % 1000 / 100, "").word("hundred");
    }
    match number % 100 {
        0 if number > 0 => said,
        rest @ 0..=20 => said.numbered("number", rest, ""),
        rest if rest % 10 == 0 => said.numbered("number", rest, ""),
        rest => said.numbered("number", rest / 10 * 10, "").numbered("number", rest % 10, ""),
    }
}

/// A day of the month: "twenty-first".
pub(super) fn ordinal(day: u16) -> Phrase {
    match day {
        0..=20 | 30 => Phrase::default().numbered("ordinal", day, ""),
        _ => Phrase::default().numbered("number", day / 10 * 10, "").numbered("ordinal", day % 10, ""),
    }
}
