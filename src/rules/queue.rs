//! A queue as an administrator states it.
//!
//! The type is the file form: a field added to [`Queue`] is read, written, compared and documented by its name and
//! comment. [`Queue::new`] has the defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration::{DAY, HEARD, HOUR, MINUTE, OrNever, Within, ZeroOr};
use crate::ids::{AgentName, PolicyName, PromptName, ScheduleName};
use crate::rules::digits::{Heard, heard, twice};
use crate::rules::policy::Profile;
use crate::rules::survey::Survey;
use crate::rules::verb::Destination;
use crate::rules::wait_key::WaitKey;

crate::vocabulary! {
    /// The order in which the agents of a queue are offered a caller.
    "strategy" pub enum Strategy {
        /// Level, then the longest idle agent, then position.
        LongestIdle = "longest_idle",
        /// The next position after the last one offered in this queue, level by level.
        RoundRobin = "round_robin",
        /// Level, then position, always from the top.
        Sequential = "sequential",
        /// Everybody who is ready at once; the first to answer wins.
        RingAll = "ring_all",
    }
}

/// Callers who wait in order, agents who serve them, and the rules between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// The order in which agents are offered a caller.
    pub strategy: Strategy,
    /// Agents who serve several queues take callers of the queue with the highest priority first.
    pub priority: i32,
    /// The prompt that waiting callers hear. Without one, they hear `music` of `[sounds]` in dozvon.toml.
    pub music: Option<PromptName>,
    /// Whether a caller is answered only when an agent is connected with them. Until then the wait costs them nothing: they
    /// hear early media (183).
    pub early_media: bool,
    /// The prompt that a caller hears when they begin to wait, before the music.
    pub greeting: Option<PromptName>,
    /// Whether a key ends the greeting.
    pub greeting_skip: bool,
    /// Prompts for callers who wait. Each announcement has one of them, in turn.
    pub announcements: Vec<PromptName>,
    /// When a waiting caller hears the first announcement.
    #[serde(with = "Within::<HEARD, HOUR>")]
    pub announce_after: Duration,
    /// The time from the beginning of an announcement to the beginning of the next one. With `never`, there is one only.
    #[serde(with = "OrNever::<HEARD, HOUR>")]
    pub announce_interval: Option<Duration>,
    /// Whether an announcement begins with the caller's position in the queue.
    pub announce_position: bool,
    /// Whether an announcement says how long the wait is expected to be.
    pub announce_wait: bool,
    /// An expected wait below this is not said.
    #[serde(with = "ZeroOr::<MINUTE, DAY>")]
    pub wait_floor: Duration,
    /// How much longer than before the expected wait may be said to be.
    #[serde(with = "ZeroOr::<MINUTE, DAY>")]
    pub wait_rise: Duration,
    /// What callers may press while they wait.
    pub keys: Vec<WaitKey>,
    /// A call answered within this time counts as answered in time.
    #[serde(with = "Within::<HEARD, HOUR>")]
    pub service_level: Duration,
    /// How long a caller may wait. After that, the caller goes to `overflow`.
    #[serde(with = "OrNever::<HEARD, DAY>")]
    pub max_wait: Option<Duration>,
    /// Where a caller goes after `max_wait`.
    pub overflow: Destination,
    /// The schedule of the queue. Its hours and time zone decide the business days. Without one, the queue is always
    /// open, and the days are those of `zone` in dozvon.toml.
    pub schedule: Option<ScheduleName>,
    /// The policy under which the queue's callers are called back.
    pub policy: PolicyName,
    /// Whether agents in another call, such as an internal one, are offered the queue's callers.
    pub call_waiting: bool,
    /// What callers are asked after their talk: `{ questions = ["helpful"], thanks = "thanks" }`, with the prompts of 1 to 3
    /// questions, each of which the caller answers with 1 to 5. Without it, the call ends with the talk.
    pub survey: Option<Survey>,
    /// The agents who serve the queue.
    #[serde(with = "TierList")]
    pub tiers: BTreeMap<AgentName, Tier>,
}

impl Queue {
    /// What can stand in `[defaults]` for all queues.
    pub const DEFAULTS: &[&str] = &[
        "strategy",
        "music",
        "early_media",
        "greeting",
        "greeting_skip",
        "announcements",
        "announce_after",
        "announce_interval",
        "announce_position",
        "announce_wait",
        "wait_floor",
        "wait_rise",
        "keys",
        "service_level",
        "max_wait",
        "overflow",
        "call_waiting",
        "survey",
    ];

    /// A queue with the defaults for everything else.
    #[must_use]
    pub fn new(overflow: Destination) -> Self {
        Self {
            strategy: Strategy::LongestIdle,
            priority: 0,
            music: None,
            early_media: false,
            greeting: None,
            greeting_skip: true,
            announcements: Vec::new(),
            announce_after: Duration::from_secs(30),
            announce_interval: Some(Duration::from_mins(1)),
            announce_position: false,
            announce_wait: false,
            wait_floor: Duration::from_mins(1),
            wait_rise: Duration::from_mins(1),
            keys: Vec::new(),
            service_level: Duration::from_secs(20),
            max_wait: Some(Duration::from_mins(5)),
            overflow,
            schedule: None,
            policy: Profile::Service.into(),
            call_waiting: false,
            survey: None,
            tiers: BTreeMap::new(),
        }
    }

    /// Every destination to which the queue may lead, with its keys; none for `overflow`.
    pub fn destinations(&self) -> impl Iterator<Item = (Option<&WaitKey>, &Destination)> {
        let keys = self.keys.iter().filter_map(|key| Some((Some(key), key.to.as_ref()?)));
        keys.chain([(None, &self.overflow)])
    }

    /// Decides what keys mean that a waiting caller has pressed.
    #[must_use]
    pub fn heard(&self, pressed: &str) -> Heard<'_, WaitKey> {
        heard(&self.keys, pressed)
    }

    /// Returns after how long a wait the next announcement comes, for a caller who has waited for `waited`. None if there
    /// is no further one.
    #[must_use]
    pub fn next_announcement(&self, waited: Duration) -> Option<Duration> {
        let first = self.announce_after;
        if self.announcements.is_empty() && !self.announce_position && !self.announce_wait {
            return None;
        }
        if waited < first {
            return Some(first);
        }
        let interval = self.announce_interval?;
        let past = (waited - first).as_millis().checked_div(interval.as_millis())?;
        Some(first + interval.saturating_mul(u32::try_from(past).unwrap_or(u32::MAX).saturating_add(1)))
    }

    /// What is wrong with the keys: problem and remedy.
    #[must_use]
    pub fn fault(&self) -> Option<(String, &'static str)> {
        if let Some(digits) = twice(&self.keys) {
            return Some((format!("the keys {digits} stand here twice"), "take one of them out"));
        }
        self.keys.iter().find_map(WaitKey::fault)
    }
}

/// An agent's place in one queue: lower levels are asked first, then lower positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tier {
    /// 1 is asked first.
    pub level: i32,
    /// Order within the level.
    pub position: i32,
}

/// The file form of a queue's tiers: a list, in which a position that is not stated is the place in the list.
#[derive(Debug)]
pub enum TierList {}

/// `{ agent = "anna", level = 1, position = 2 }`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatedTier {
    agent: AgentName,
    #[serde(default, deserialize_with = "from_one")]
    level: Option<i32>,
    #[serde(default, deserialize_with = "from_one")]
    position: Option<i32>,
}

impl TierList {
    fn serialize<S: serde::Serializer>(
        tiers: &BTreeMap<AgentName, Tier>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut sorted: Vec<_> = tiers.iter().collect();
        sorted.sort_by_key(|(_, tier)| **tier);
        serializer.collect_seq(sorted.into_iter().map(|(agent, tier)| StatedTier {
            agent: agent.clone(),
            level: Some(tier.level),
            position: Some(tier.position),
        }))
    }

    fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<AgentName, Tier>, D::Error> {
        let stated = Vec::<StatedTier>::deserialize(deserializer)?;
        let tier = |(place, it): (i32, StatedTier)| {
            (it.agent, Tier { level: it.level.unwrap_or(1), position: it.position.unwrap_or(place) })
        };
        Ok((1..).zip(stated).map(tier).collect())
    }
}

/// Problem and remedy.
const FROM_ONE: &str = "levels and positions begin with 1; write 1 or more";

fn from_one<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    match i32::deserialize(deserializer)? {
        ..1 => Err(serde::de::Error::custom(FROM_ONE)),
        number => Ok(Some(number)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(after: u64, interval: Option<u64>) -> Queue {
        Queue {
            announcements: vec!["p".parse().unwrap()],
            announce_after: Duration::from_millis(after),
            announce_interval: interval.map(Duration::from_millis),
            ..Queue::new(Destination::HangUp(crate::cause::HangupCause::NoAnswer))
        }
    }

    #[test]
    fn announcements_come_where_there_is_something_to_say() {
        let next = |queue: &Queue, ms| queue.next_announcement(Duration::from_millis(ms));
        let mut once = queue(500, None);
        assert_eq!(next(&once, 499), Some(Duration::from_millis(500)));
        assert_eq!(next(&once, 500), None, "only one");
        once.announcements.clear();
        assert_eq!(next(&once, 0), None, "nothing to say");
        once.announce_wait = true;
        assert_eq!(next(&once, 0), Some(Duration::from_millis(500)));
    }

    proptest! {
        #[test]
        fn the_next_announcement_is_the_first_after_now(
            after in 100..100_000_u64, interval in 100..100_000_u64, waited in 0..10_000_000_u64,
        ) {
            let next = queue(after, Some(interval)).next_announcement(Duration::from_millis(waited)).unwrap();
            let next = u64::try_from(next.as_millis()).unwrap();
            prop_assert!(next > waited && next >= after && (next - after) % interval == 0);
            prop_assert!(next == after || next - interval <= waited);
        }
    }
}
