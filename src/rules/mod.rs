//! The rules as an administrator states them: queues, agents, tiers, schedules, routes, prompts, policies.
//!
//! In: rows of the database, or a rules file. Out: values that cannot hold a bad name, contact or time.
//! **Invariant:** plain data; no clock, no `async`, no database, no logging.

pub mod contact;
pub mod destination;
pub mod file;
pub mod limits;
pub mod policy;
pub mod premium;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::calendar::schedule::Schedule;
use crate::ids::{AgentName, PolicyName, PromptName, QueueName, RouteName, ScheduleName};
use crate::rules::contact::Contact;
use crate::rules::policy::{Policy, Profile};

/// Everything that an administrator decides, at one moment. Names refer to what exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Sounds by name.
    pub prompts: BTreeMap<PromptName, Prompt>,
    /// Opening hours by name.
    pub schedules: BTreeMap<ScheduleName, Schedule>,
    /// Policies of calling back by name; those of [`Policy::built_in`] are always there.
    pub policies: BTreeMap<PolicyName, Policy>,
    /// Agents by name.
    pub agents: BTreeMap<AgentName, Agent>,
    /// Queues by name.
    pub queues: BTreeMap<QueueName, Queue>,
    /// Routes in the order in which they are tried.
    pub routes: Vec<Route>,
}

impl Default for Rules {
    /// Nothing but the policies that exist without being stated.
    fn default() -> Self {
        Self {
            prompts: BTreeMap::new(),
            schedules: BTreeMap::new(),
            policies: Policy::built_in(),
            agents: BTreeMap::new(),
            queues: BTreeMap::new(),
            routes: Vec::new(),
        }
    }
}

impl Rules {
    /// The agent whose phone a user of FreeSWITCH's directory has registered.
    #[must_use]
    pub fn agent_at(&self, user: &str) -> Option<&AgentName> {
        let his = |contact: &Contact| match contact {
            Contact::User { user: name, .. } | Contact::Sofia { user: name, .. } => name.as_str() == user,
            Contact::Gateway { .. } | Contact::Loopback { .. } => false,
        };
        self.agents.iter().find(|(_, agent)| agent.contacts.iter().any(his)).map(|(name, _)| name)
    }

    /// The limits under which a queue's cases are called back; those of service where there is no queue.
    #[must_use]
    pub fn policy(&self, queue: Option<&QueueName>) -> Policy {
        let named = queue.and_then(|name| Some(self.queues.get(name)?.policy.clone()));
        let name = named.unwrap_or_else(|| Profile::Service.into());
        self.policies.get(&name).cloned().unwrap_or_else(|| Policy::of(Profile::Service))
    }
}

/// A sound: what FreeSWITCH plays for it, checked to hold nothing that FreeSWITCH would expand or run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// A file name without `..`, or `tone_stream://…`, `local_stream://…`, `silence_stream://…`.
    pub source: String,
}

/// A person with one or more contacts, and how his phone is to be treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// What people call him; shown, never dialled.
    pub display: String,
    /// Where he is reached; all ring at once for one offer.
    pub contacts: Vec<Contact>,
    /// How long his phone rings before the next agent's turn. Default 20 s.
    pub ring_timeout: Duration,
    /// Time after a talk in which he is offered nothing. Default 0.
    pub wrap_up: Duration,
    /// What passes after a failed offer before the next one.
    pub delays: Delays,
    /// Unanswered offers in a row after which he is sent on break; 0 means never. Default 3.
    pub max_misses: u32,
    /// Whether FreeSWITCH follows the phone's redirects (302), for instance to a mobile phone. Default no: a redirect
    /// ends the offer, since it may lead to a mailbox or in circles.
    pub follow_redirects: bool,
}

/// Time in which an agent is offered nothing after an offer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// After the phone rang out. Default 5 s.
    pub no_answer: Duration,
    /// After the phone was busy. Default 30 s.
    pub busy: Duration,
    /// After he rejected the call. Default 10 s.
    pub rejected: Duration,
    /// After the phone could not be reached. Default 30 s.
    pub unreachable: Duration,
}

crate::words! {
    /// In which order the agents of a queue are offered a caller.
    "strategy" pub enum Strategy {
        /// Level, then who has been idle longest, then position.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// In which order agents are offered a caller.
    pub strategy: Strategy,
    /// Callers of a higher priority are served first, across queues that share agents. Default 0.
    pub priority: i32,
    /// What waiting callers hear; the configuration's default if none.
    pub music: Option<PromptName>,
    /// An answer within this time counts for the service level. Default 20 s.
    pub service_level: Duration,
    /// How long a caller may wait before the overflow; none means for ever. Default 5 minutes.
    pub max_wait: Option<Duration>,
    /// Where a caller goes who waited too long.
    pub overflow: Destination,
    /// Whose hours and zone decide business days; the configuration's zone and all days if none.
    pub schedule: Option<ScheduleName>,
    /// The limits of calls back of this queue. Default service.
    pub policy: PolicyName,
    /// Whether agents who are in another call, such as an internal one, are offered the queue's callers. Default no.
    pub call_waiting: bool,
    /// Who serves the queue, with level and position.
    pub tiers: BTreeMap<AgentName, Tier>,
}

/// An agent's place in one queue: lower levels are asked first, then lower positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tier {
    /// 1 is asked first.
    pub level: i32,
    /// Order within the level.
    pub position: i32,
}

/// What to do with a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Let him wait in a queue.
    Queue(QueueName),
    /// Ring a duty contact and connect him.
    Forward(Contact),
    /// Play a message and end the call; we owe him a call back.
    Message(PromptName),
}

/// A rule that matches a call by the number dialled and names what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Which numbers it matches.
    pub number: NumberPattern,
    /// Where a call goes while open.
    pub open: Destination,
    /// When it is open; always if none.
    pub schedule: Option<ScheduleName>,
    /// Where a call goes while closed.
    pub closed: Destination,
}

/// Matches a dialled number: exactly (`7001`), by prefix (`7*`), or any (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPattern {
    /// The digits that must stand at the beginning; may begin with `+`.
    pub digits: String,
    /// Whether more may follow.
    pub prefix: bool,
}
