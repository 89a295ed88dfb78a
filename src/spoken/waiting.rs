//! What callers hear about their place in a queue.

use super::{Case, Phrase, duration, place};
use crate::language::Language;

/// Says the place in the queue: "you are number twenty-one in the queue", "вы двадцать первый в очереди". The first is
/// told that they are next.
#[must_use]
pub fn position(language: Language, number: u64) -> Phrase {
    if number <= 1 {
        return Phrase::default().word("you-are-next");
    }
    Phrase::default().word("you-are").then(place(language, number)).word("in-the-queue")
}

/// Says how long the wait is expected to be: "the expected wait is about two minutes".
#[must_use]
pub fn expected_wait(language: Language, minutes: u64) -> Phrase {
    if minutes == 0 {
        return Phrase::default().word("wait-below-a-minute");
    }
    Phrase::default().word("wait-is-about").then(duration(language, minutes, Case::Genitive))
}
