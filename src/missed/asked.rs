//! A caller who pressed the key for a callback (pure).
//!
//! **Invariant:** asked is asked. From the moment the key is pressed, the call opens a case however it ends, unless the
//! caller gets through.

use std::time::Duration;

use crate::ids::QueueName;
use crate::missed::ending::Ending;
use crate::phone::{E164, Party};

crate::vocabulary! {
    /// When callers who ask for a callback are asked for their number.
    "time to ask for a number" pub enum AskNumber {
        /// Only if the number that the caller shows cannot be called back.
        Unknown = "unknown",
        /// Every caller confirms the number that they show, or enters another.
        Always = "always",
        /// Nobody is asked: only callers with a callable number are called back.
        Never = "never",
    }
}

/// What the caller asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The queue whose agents call back.
    pub queue: QueueName,
    /// The number that the caller entered. None: the number that the caller showed.
    pub number: Option<E164>,
}

/// Returns how a call ended, and who is called back for it. `ended`: how it ended if the caller has asked for nothing.
/// `shown`: the number that the caller's phone showed.
#[must_use]
pub fn outcome(asked: Option<&Asked>, ended: Ending, shown: &Party) -> (Ending, Party) {
    match (asked, ended) {
        (None, _) | (_, Ending::Answered | Ending::Forwarded) => (ended, shown.clone()),
        (Some(Asked { number, .. }), _) => {
            (Ending::AskedCallback, number.clone().map_or_else(|| shown.clone(), Party::Number))
        }
    }
}

/// Returns how long the case of a call waits for the caller to call again: not at all if they wait for our call.
#[must_use]
pub const fn grace(asked: Option<&Asked>, usual: Duration) -> Duration {
    match asked {
        Some(_) => Duration::ZERO,
        None => usual,
    }
}

/// What a caller entered who was asked for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered<'a> {
    /// The number that is shown is right.
    Shown,
    /// These digits.
    Digits(&'a str),
    /// Nothing that could be a number.
    Nothing,
}

/// The key that confirms the number that is shown.
const CONFIRM: char = '1';
/// The key that ends a number.
pub const END: char = '#';
/// The key that takes back what was entered.
const CLEAR: char = '*';

/// Reads the keys that were pressed. `is_callable`: whether the number that is shown can be called back.
#[must_use]
pub fn entered(keys: &str, is_callable: bool) -> Entered<'_> {
    let keys = keys.rsplit(CLEAR).next().unwrap_or_default();
    let digits = keys.split(END).next().unwrap_or_default();
    match digits {
        "" if is_callable && keys.contains(END) => Entered::Shown,
        "" => Entered::Nothing,
        _ if is_callable && digits.chars().eq([CONFIRM]) => Entered::Shown,
        _ => Entered::Digits(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_who_asked_has_asked_however_the_call_ends_unless_they_got_through() {
        for &ending in Ending::ALL {
            let through = matches!(ending, Ending::Answered | Ending::Forwarded);
            let asked = Asked { queue: "sales".parse().unwrap(), number: None };
            let ended = outcome(Some(&asked), ending, &Party::Withheld).0;
            assert_eq!(ended, if through { ending } else { Ending::AskedCallback });
            assert_eq!(outcome(None, ending, &Party::Withheld), (ending, Party::Withheld));
        }
    }

    #[test]
    fn keys_confirm_the_number_that_is_shown_or_are_another() {
        for (keys, is_callable, is_read) in [
            ("1", true, Entered::Shown),
            ("#", true, Entered::Shown),
            ("1", false, Entered::Digits("1")),
            ("#", false, Entered::Nothing),
            ("", true, Entered::Nothing),
            ("84951234567#", true, Entered::Digits("84951234567")),
            ("84*84951234567", false, Entered::Digits("84951234567")),
            ("8495*", true, Entered::Nothing),
            ("8495*1", true, Entered::Shown),
        ] {
            assert_eq!(entered(keys, is_callable), is_read, "{keys}");
        }
    }
}
