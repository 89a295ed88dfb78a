//! A menu as an administrator states it: what the caller hears, and what each key does.
//!
//! The type is the file form, as for [`Queue`](crate::rules::Queue). [`Menu::heard`] decides what pressed keys mean.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cause::HangupCause;
use crate::duration::{HEARD, MINUTE, Within};
use crate::ids::PromptName;
use crate::language::Language;
use crate::rules::digits::{Digits, Heard, Keys, heard, twice};
use crate::rules::verb::Destination;

/// A menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// What the caller hears, in this order.
    pub prompts: Vec<PromptName>,
    /// What the caller may press.
    pub options: Vec<MenuOption>,
    /// How long the menu waits for a key after the prompts.
    #[serde(with = "Within::<HEARD, MINUTE>")]
    pub timeout: Duration,
    /// How long the menu waits for another key, when what was pressed begins a longer option.
    #[serde(with = "Within::<HEARD, MINUTE>")]
    pub digit_timeout: Duration,
    /// How often the menu is played again after no key or a wrong one.
    pub retries: u32,
    /// The prompt after keys that no option has. The menu's prompts follow.
    pub invalid: Option<PromptName>,
    /// The prompt after `timeout`. The menu's prompts follow.
    pub no_input: Option<PromptName>,
    /// Whether a key stops the prompts. Without it, the prompts are played to their end, and keys pressed meanwhile count
    /// then.
    pub barge_in: bool,
    /// Where a caller goes who pressed no option after all retries.
    pub failed: Destination,
    /// Whether a caller whose call ends in this menu is owed a callback.
    pub missed: bool,
}

/// What a caller may press, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuOption {
    /// The keys.
    pub digits: Digits,
    /// Where the caller goes. Without it, the menu is played again, or with `back` the menu before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Destination>,
    /// Whether the caller goes back to the menu from which they came.
    #[serde(default, skip_serializing_if = "is_false")]
    pub back: bool,
    /// The language of the rest of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}

/// The most retries of a menu.
pub const MAX_RETRIES: u32 = 9;

impl Keys for MenuOption {
    fn digits(&self) -> &Digits {
        &self.digits
    }
}

impl Menu {
    /// A menu with the defaults for everything else.
    #[must_use]
    pub fn new(prompts: Vec<PromptName>, options: Vec<MenuOption>) -> Self {
        Self {
            prompts,
            options,
            timeout: Duration::from_secs(5),
            digit_timeout: Duration::from_secs(2),
            retries: 2,
            invalid: None,
            no_input: None,
            barge_in: true,
            failed: Destination::HangUp(HangupCause::NormalClearing),
            missed: true,
        }
    }

    /// Decides what pressed keys mean.
    #[must_use]
    pub fn heard(&self, digits: &str) -> Heard<'_, MenuOption> {
        heard(&self.options, digits)
    }

    /// Every destination to which the menu may lead, with its option; none for `failed`.
    pub fn destinations(&self) -> impl Iterator<Item = (Option<&MenuOption>, &Destination)> {
        let options = self.options.iter().filter_map(|option| Some((Some(option), option.to.as_ref()?)));
        options.chain([(None, &self.failed)])
    }

    /// What is wrong with the menu itself: problem and remedy.
    #[must_use]
    pub fn fault(&self) -> Option<(String, &'static str)> {
        if self.prompts.is_empty() {
            return Some(("the menu has no prompts".to_owned(), "add prompts = [\"…\"]"));
        }
        if self.options.is_empty() {
            return Some((
                "the menu has no options".to_owned(),
                "add options = [{ digits = \"1\", to = { … } }]",
            ));
        }
        if self.retries > MAX_RETRIES {
            return Some((format!("`retries` is more than {MAX_RETRIES}"), "write 0 to 9"));
        }
        if let Some(digits) = twice(&self.options) {
            return Some((format!("two options have the keys {digits}"), "take one of them out"));
        }
        let both = self.options.iter().find(|option| option.back && option.to.is_some())?;
        Some((format!("option {} has `to` and `back`", both.digits), "take one of them out"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu(digits: &[&str]) -> Menu {
        let option =
            |text: &&str| MenuOption { digits: text.parse().unwrap(), to: None, back: false, language: None };
        Menu::new(vec!["hello".parse().unwrap()], digits.iter().map(option).collect())
    }

    #[test]
    fn a_short_option_waits_for_a_longer_one_that_begins_with_it() {
        let menu = menu(&["1", "12", "2", "*#"]);
        let chosen = |digits| menu.options.iter().find(|it| it.digits.as_str() == digits).unwrap();
        assert_eq!(menu.heard("2"), Heard::Chosen(chosen("2")));
        assert_eq!(menu.heard("1"), Heard::Unfinished(Some(chosen("1"))));
        assert_eq!(menu.heard("12"), Heard::Chosen(chosen("12")));
        assert_eq!(menu.heard("*"), Heard::Unfinished(None));
        for wrong in ["13", "3", "#", "22"] {
            assert_eq!(menu.heard(wrong), Heard::Invalid, "{wrong}");
        }
    }

    #[test]
    fn a_menu_that_nobody_can_use_is_a_fault() {
        let said = |menu: &Menu| menu.fault().map(|(problem, _)| problem).unwrap_or_default();
        assert_eq!(said(&menu(&["1"])), "");
        assert_eq!(said(&menu(&[])), "the menu has no options");
        assert_eq!(said(&menu(&["1", "2", "1"])), "two options have the keys 1");
        assert_eq!(said(&Menu { prompts: Vec::new(), ..menu(&["1"]) }), "the menu has no prompts");
        assert_eq!(said(&Menu { retries: 10, ..menu(&["1"]) }), "`retries` is more than 9");
        let mut both = menu(&["1"]);
        (both.options[0].back, both.options[0].to) = (true, Some(both.failed.clone()));
        assert_eq!(said(&both), "option 1 has `to` and `back`");
        for text in ["", "123456789", "A", "1 2"] {
            assert!(text.parse::<Digits>().is_err(), "{text:?}");
        }
    }
}
