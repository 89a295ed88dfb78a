//! Keys of the phone, and what pressing one of them leads to.

use super::{Case, Gender, Phrase, english, russian};
use crate::language::Language;

crate::vocabulary! {
    /// What a caller, or an agent, can choose by a key. The word is the id of its sound.
    "choice" pub enum Choice {
        /// Leave a request.
        LeaveRequest = "to-leave-a-request",
        /// Leave a message.
        LeaveMessage = "to-leave-a-message",
        /// Reach the person on duty.
        OnDuty = "to-reach-the-person-on-duty",
        /// Be called back when we open.
        CallbackWhenOpen = "to-be-called-back-when-we-open",
        /// Be called back, and keep the place in the queue.
        KeepPlace = "to-be-called-back-and-keep-your-place",
        /// Hear the place in the queue.
        HearPosition = "to-hear-your-place",
        /// Wait on.
        WaitOn = "to-wait-on",
        /// Keep the recording.
        KeepRecording = "to-keep-the-recording",
        /// Hear the recording.
        HearRecording = "to-hear-the-recording",
        /// Record again.
        RecordAgain = "to-record-again",
        /// Hear the menu again.
        Repeat = "to-hear-this-again",
        /// Be served in the language that is spoken.
        ThisLanguage = "for-this-language",
        /// Accept a call: for agents and the person on duty.
        AcceptCall = "to-accept-the-call",
    }
}

/// A key of the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// 0 to 9.
    Digit(u8),
    /// `*`.
    Star,
    /// `#`.
    Hash,
}

impl Key {
    /// The key of a character that FreeSWITCH reports. None if phones have no such key.
    #[must_use]
    pub fn of(character: char) -> Option<Self> {
        match character {
            '*' => Some(Self::Star),
            '#' => Some(Self::Hash),
            _ => character.to_digit(10).and_then(|digit| u8::try_from(digit).ok()).map(Self::Digit),
        }
    }

    /// The key of a name: a digit, `star` or `hash`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match (name, name.as_bytes()) {
            ("star", _) => Some(Self::Star),
            ("hash", _) => Some(Self::Hash),
            (_, [digit @ b'0'..=b'9']) => Some(Self::Digit(digit - b'0')),
            _ => None,
        }
    }

    fn said(self, language: Language) -> Phrase {
        match (self, language) {
            (Self::Star, _) => Phrase::default().word("star"),
            (Self::Hash, _) => Phrase::default().word("hash"),
            (Self::Digit(digit), Language::En) => english::cardinal(digit.into()),
            (Self::Digit(digit), Language::Ru) => {
                russian::cardinal(digit.into(), Gender::Masculine, Case::Nominative)
            }
        }
    }
}

/// The name of the key.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Digit(digit) => write!(f, "{digit}"),
            Self::Star => f.write_str("star"),
            Self::Hash => f.write_str("hash"),
        }
    }
}

/// Says what a key leads to: "to leave a request, press one".
#[must_use]
pub fn choice(language: Language, choice: Choice, key: Key) -> Phrase {
    Phrase::default().word(choice.as_str()).word("press").then(key.said(language))
}
