//! The rules file as it is written: every value with its place, nothing checked against anything else.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::duration;
use crate::ids::{AgentName, PolicyName, PromptName, QueueName, RouteName, ScheduleName};
use crate::rules::contact::Contact;
use crate::rules::policy::{Minutes, Profile, read_minutes};
use crate::rules::{NumberPattern, Prompt, Strategy};

pub type Given<T> = Option<Spanned<T>>;

/// A duration in words, of `LEAST` to `MOST` milliseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub struct Lasting<const LEAST: u64 = 0, const MOST: u64 = { duration::DAY }>(
    #[serde(with = "duration::Within::<LEAST, MOST>")] pub Duration,
);

/// A phone rings at least so long that somebody can hear it.
pub type RingTime = Lasting<{ duration::HEARD }, { duration::HOUR }>;

/// A time of a policy: [`crate::rules::limits`] says which are lawful.
pub type PolicyTime = Lasting<0, { duration::YEAR }>;

/// A duration in words, or `never`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub struct Limit<const LEAST: u64 = { duration::HEARD }, const MOST: u64 = { duration::DAY }>(
    #[serde(deserialize_with = "duration::OrNever::<LEAST, MOST>::deserialize")] pub Option<Duration>,
);

/// The same of a policy.
pub type PolicyLimit = Limit<0, { duration::YEAR }>;

/// A value that is read by its `FromStr`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String", bound = "T: std::str::FromStr, T::Err: std::fmt::Display")]
pub struct Said<T>(pub T);

impl<T> TryFrom<String> for Said<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    type Error = T::Err;
    fn try_from(text: String) -> Result<Self, T::Err> {
        text.parse().map(Self)
    }
}

/// A stretch of the day, or `closed`.
#[derive(Debug, Clone, Copy)]
pub struct Stretch(pub Minutes);

impl std::str::FromStr for Stretch {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        read_minutes(text).map(Self)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    pub defaults: Defaults,
    pub prompt: Vec<Spanned<RawPrompt>>,
    pub schedule: Vec<Spanned<RawSchedule>>,
    pub policy: Vec<Spanned<RawPolicy>>,
    pub agent: Vec<Spanned<RawAgent>>,
    pub queue: Vec<Spanned<RawQueue>>,
    pub route: Vec<Spanned<RawRoute>>,
}

/// What holds where an item says nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    pub zone: Given<String>,
    pub ring_timeout: Given<RingTime>,
    pub wrap_up: Given<Lasting>,
    pub no_answer_delay: Given<Lasting>,
    pub busy_delay: Given<Lasting>,
    pub rejected_delay: Given<Lasting>,
    pub unreachable_delay: Given<Lasting>,
    pub max_misses: Given<u32>,
    pub follow_redirects: Given<bool>,
    pub strategy: Given<Strategy>,
    pub music: Given<PromptName>,
    pub service_level: Given<RingTime>,
    pub max_wait: Given<Limit>,
    pub overflow: Given<RawDestination>,
    pub call_waiting: Given<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawPrompt {
    pub name: Given<PromptName>,
    pub source: Given<Said<Prompt>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawSchedule {
    pub name: Given<ScheduleName>,
    pub zone: Given<String>,
    pub hours: Vec<Spanned<String>>,
    pub exceptions: Vec<Spanned<String>>,
}

/// What is left out is as the profile has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawPolicy {
    pub name: Given<PolicyName>,
    pub profile: Given<Profile>,
    pub cap_day: Given<i32>,
    pub cap_24h: Given<i64>,
    pub cap_week: Given<i64>,
    pub cap_month: Given<i64>,
    pub gaps: Given<Vec<PolicyTime>>,
    pub ring: Given<PolicyTime>,
    pub reaction: Given<PolicyTime>,
    pub rungs: Given<Vec<i32>>,
    pub weekdays: Given<Said<Stretch>>,
    pub weekends: Given<Said<Stretch>>,
    pub margin: Given<PolicyTime>,
    pub recent_contact: Given<PolicyLimit>,
    pub settle: Given<PolicyTime>,
    pub lease: Given<PolicyTime>,
    pub repeat_days: Given<i32>,
    pub repeat_total: Given<i32>,
    pub destinations: Given<Vec<String>>,
    pub premium: Given<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawAgent {
    pub name: Given<AgentName>,
    pub display: Given<String>,
    pub contacts: Vec<Spanned<String>>,
    pub ring_timeout: Given<RingTime>,
    pub wrap_up: Given<Lasting>,
    pub no_answer_delay: Given<Lasting>,
    pub busy_delay: Given<Lasting>,
    pub rejected_delay: Given<Lasting>,
    pub unreachable_delay: Given<Lasting>,
    pub max_misses: Given<u32>,
    pub follow_redirects: Given<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawQueue {
    pub name: Given<QueueName>,
    pub strategy: Given<Strategy>,
    pub priority: Given<i32>,
    pub music: Given<PromptName>,
    pub service_level: Given<RingTime>,
    pub max_wait: Given<Limit>,
    pub overflow: Given<RawDestination>,
    pub call_waiting: Given<bool>,
    pub schedule: Given<ScheduleName>,
    pub policy: Given<PolicyName>,
    pub tiers: Vec<Spanned<RawTier>>,
}

/// `{ agent = "anna", level = 1, position = 2 }`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawTier {
    pub agent: Given<AgentName>,
    pub level: Given<i32>,
    pub position: Given<i32>,
}

/// `{ queue = "sales" }`, `{ forward = "user/1001" }` or `{ message = "closed" }`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawDestination {
    pub queue: Given<QueueName>,
    pub forward: Given<Contact>,
    pub message: Given<PromptName>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawRoute {
    pub name: Given<RouteName>,
    pub number: Given<Said<NumberPattern>>,
    pub open: Given<RawDestination>,
    pub schedule: Given<ScheduleName>,
    pub closed: Given<RawDestination>,
}
