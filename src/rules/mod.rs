//! The rules that an administrator states: queues, agents, tiers, schedules, routes, prompts, policies.
//!
//! In: rows of the database, or a rules file. Out: values that cannot hold a bad name, contact or time.
//! **Invariant:** plain data; no clock, no `async`, no database, no logging.

mod agent;
pub mod contact;
pub mod destination;
mod digits;
mod duty;
mod duty_form;
pub mod file;
pub mod flow;
pub mod limits;
mod menu;
pub mod policy;
pub mod premium;
mod prompt;
mod queue;
pub mod references;
mod route;
mod survey;
mod verb;
mod voicemail;
mod wait_key;

use std::collections::BTreeMap;

use crate::calendar::schedule::Schedule;
use crate::ids::{
    AgentName, DutyName, MenuName, PolicyName, PromptName, QueueName, RouteName, ScheduleName, VoicemailName,
};
use crate::rules::contact::Contact;
use crate::rules::policy::{Policy, Profile};
use crate::sound::Sound;
pub use agent::{Agent, Delays};
pub use digits::{Digits, Heard, InvalidDigits, Keys};
pub use duty::{Duty, OnDuty, Swap, Turn, WhyOnDuty};
pub use duty_form::{ChangeTime, DutyException, InvalidChangeTime, InvalidDutyException};
pub use menu::{Menu, MenuOption};
pub use prompt::{InvalidSource, Prompt, Source};
pub use queue::{Queue, Strategy, Tier};
pub use route::{Callers, InvalidPattern, NumberPattern, Route};
pub use survey::{InvalidSurvey, MARKS, MAX_QUESTIONS, Survey};
pub use verb::{Destination, DestinationKind, Extension, InvalidDestination, Then};
pub use voicemail::{Voicemail, VoicemailFault};
pub use wait_key::WaitKey;

/// All rules at one moment. Every name in them refers to a rule that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Sounds by name.
    pub prompts: BTreeMap<PromptName, Prompt>,
    /// Opening hours by name.
    pub schedules: BTreeMap<ScheduleName, Schedule>,
    /// Policies by name; those of [`Policy::built_in`] are always there.
    pub policies: BTreeMap<PolicyName, Policy>,
    /// Agents by name.
    pub agents: BTreeMap<AgentName, Agent>,
    /// Rotas of people on duty, by name.
    pub duties: BTreeMap<DutyName, Duty>,
    /// Queues by name.
    pub queues: BTreeMap<QueueName, Queue>,
    /// Menus by name.
    pub menus: BTreeMap<MenuName, Menu>,
    /// Voicemails by name.
    pub voicemails: BTreeMap<VoicemailName, Voicemail>,
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
            duties: BTreeMap::new(),
            queues: BTreeMap::new(),
            menus: BTreeMap::new(),
            voicemails: BTreeMap::new(),
            routes: Vec::new(),
        }
    }
}

impl Rules {
    /// The schedule of a queue. None if the queue is always open, or does not exist.
    #[must_use]
    pub fn schedule(&self, queue: Option<&QueueName>) -> Option<&Schedule> {
        self.schedules.get(self.queues.get(queue?)?.schedule.as_ref()?)
    }

    /// The queues whose music is said and not played, with the prompt: speech cannot go on for ever.
    pub fn spoken_music(&self) -> impl Iterator<Item = (&QueueName, &PromptName)> {
        let music = self.queues.iter().filter_map(|(name, queue)| Some((name, queue.music.as_ref()?)));
        music.filter(|(_, prompt)| self.prompts.get(*prompt).is_some_and(|it| it.source.sound().is_none()))
    }

    /// The route of a name.
    #[must_use]
    pub fn route(&self, name: &RouteName) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == *name)
    }

    /// The sound of a prompt, if the prompt exists and is a sound.
    #[must_use]
    pub fn sound(&self, prompt: Option<&PromptName>) -> Option<&Sound> {
        prompt.and_then(|name| self.prompts.get(name)).and_then(|prompt| prompt.source.sound())
    }

    /// The agent whose phone a user of FreeSWITCH's directory has registered.
    #[must_use]
    pub fn agent_at(&self, user: &str) -> Option<&AgentName> {
        let is_theirs = |contact: &Contact| match contact {
            Contact::User { user: name, .. } | Contact::Sofia { user: name, .. } => name.as_str() == user,
            Contact::Gateway { .. } | Contact::Loopback { .. } => false,
        };
        self.agents.iter().find(|(_, agent)| agent.contacts.iter().any(is_theirs)).map(|(name, _)| name)
    }

    /// The policy of a queue; that of service if there is no queue.
    #[must_use]
    pub fn policy(&self, queue: Option<&QueueName>) -> Policy {
        let named = queue.and_then(|name| Some(self.queues.get(name)?.policy.clone()));
        let name = named.unwrap_or_else(|| Profile::Service.into());
        self.policies.get(&name).cloned().unwrap_or_else(|| Policy::of(Profile::Service))
    }
}
