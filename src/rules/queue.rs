//! A queue as an administrator states it.
//!
//! The type is the file form: a field added to [`Queue`] is read, written, compared and documented by its name and
//! comment. [`Queue::new`] has the defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration::{DAY, HEARD, HOUR, OrNever, Within};
use crate::ids::{AgentName, PolicyName, PromptName, ScheduleName};
use crate::rules::policy::Profile;
use crate::rules::verb::Destination;

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
    /// The agents who serve the queue.
    #[serde(with = "TierList")]
    pub tiers: BTreeMap<AgentName, Tier>,
}

impl Queue {
    /// What can stand in `[defaults]` for all queues.
    pub const DEFAULTS: &[&str] =
        &["strategy", "music", "service_level", "max_wait", "overflow", "call_waiting"];

    /// A queue with the defaults for everything else.
    #[must_use]
    pub fn new(overflow: Destination) -> Self {
        Self {
            strategy: Strategy::LongestIdle,
            priority: 0,
            music: None,
            service_level: Duration::from_secs(20),
            max_wait: Some(Duration::from_mins(5)),
            overflow,
            schedule: None,
            policy: Profile::Service.into(),
            call_waiting: false,
            tiers: BTreeMap::new(),
        }
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
