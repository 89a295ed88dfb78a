//! What callers hear, as sequences of short sounds: numbers, durations, times, dates, hours and whole sentences, in
//! each language.
//!
//! In: a language and a meaning. Out: a [`Phrase`], the ids of the sounds in the order in which they are heard.
//! **Invariant:** a phrase is grammatical in its language, and every id in it has a text in each default set.

mod day;
mod duration;
mod english;
mod key;
mod number;
mod opening;
mod phrase;
mod russian;
mod said;
mod sentence;
mod time_of_day;
mod waiting;

pub use day::{Day, date, weekday};
pub use duration::{duration, in_time};
pub use key::{Choice, Key, choice};
pub use number::{Case, Gender, cardinal, place};
pub use opening::{hours_today, next_opening};
pub use phrase::{Phrase, PromptId};
pub use said::{Hours, InvalidSaid, Said};
pub use sentence::Sentence;
pub use time_of_day::TimeOfDay;
pub use waiting::{expected_wait, position};
