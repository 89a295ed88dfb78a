//! A route as an administrator states it: which calls it matches, and where it sends callers.

use serde::{Deserialize, Serialize};

use crate::ids::{RouteName, ScheduleName};
use crate::rules::verb::Destination;

/// Matches a call by the number dialled and by the caller, and names what to do with it. The type is the file form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The name of the route.
    pub name: RouteName,
    /// The dialled numbers that the route matches: exactly (`7001`), by prefix (`7*`), or all (`*`).
    pub number: NumberPattern,
    /// The callers whom the route matches, by number: exactly (`+79001234567`), by prefix (`+7495*`). Without any, the route
    /// matches every caller.
    #[serde(default)]
    pub from: Callers,
    /// Whether the route matches only callers who have an open case: whom somebody is to call back.
    #[serde(default)]
    pub open_case: bool,
    /// Where a call goes while the schedule is open.
    pub open: Destination,
    /// The schedule that decides whether the route is open. Without one, the route is always open.
    pub schedule: Option<ScheduleName>,
    /// Where a call goes while the schedule is closed. A route with a `schedule` must state it; others must not.
    pub closed: Destination,
}

impl Route {
    /// Whether the route matches a call: the number dialled, the caller's number in each form in which it may be stated, and
    /// whether the caller has an open case.
    #[must_use]
    pub fn matches(&self, dialled: &str, caller: &[&str], open_case: bool) -> bool {
        let from = &self.from.0;
        let is_from = || from.iter().any(|from| caller.iter().any(|number| from.matches(number)));
        self.number.matches(dialled) && (open_case || !self.open_case) && (from.is_empty() || is_from())
    }

    /// Whether the route matches every call that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.from.0, &other.from.0);
        let covers_from =
            || !theirs.is_empty() && theirs.iter().all(|theirs| ours.iter().any(|ours| ours.covers(theirs)));
        self.number.covers(&other.number)
            && (other.open_case || !self.open_case)
            && (ours.is_empty() || covers_from())
    }
}

crate::stored! { Display:
    /// The numbers of callers: a list in the rules file, separated by spaces in a column.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct Callers(pub Vec<NumberPattern>);
}

impl std::fmt::Display for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join(" "))
    }
}

impl std::str::FromStr for Callers {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

crate::stored! { Display:
    /// Matches a number: exactly (`7001`), by prefix (`7*`), or any (`*`).
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub struct NumberPattern {
        /// The digits at the beginning of the number, perhaps after a `+`.
        pub digits: String,
        /// Whether more digits may follow.
        pub prefix: bool,
    }
}

impl NumberPattern {
    /// Whether the pattern matches a dialled number.
    #[must_use]
    pub fn matches(&self, dialled: &str) -> bool {
        if self.prefix { dialled.starts_with(&self.digits) } else { dialled == self.digits }
    }

    /// Whether the pattern matches every number that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if self.prefix { other.digits.starts_with(&self.digits) } else { self == other }
    }
}

impl std::fmt::Display for NumberPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.digits, if self.prefix { "*" } else { "" })
    }
}

/// A text that is not a pattern of numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a number pattern: write digits such as 7001, a prefix such as 7*, or * for all")]
pub struct InvalidPattern {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl std::str::FromStr for NumberPattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let prefix = text.ends_with('*');
        let digits = text.strip_suffix('*').unwrap_or(text);
        let number = digits.strip_prefix('+').unwrap_or(digits);
        let fits = number.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if fits && text.len() <= 64 && !text.is_empty() && (prefix || !number.is_empty()) {
            Ok(Self { digits: digits.to_owned(), prefix })
        } else {
            Err(InvalidPattern { given: text.chars().take(80).collect() })
        }
    }
}

impl TryFrom<String> for NumberPattern {
    type Error = InvalidPattern;
    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<NumberPattern> for String {
    fn from(pattern: NumberPattern) -> Self {
        pattern.to_string()
    }
}
