//! References between rules by name, and the check that each name exists: the same for the file and for the rows of the
//! database.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Step;
use crate::rules::{Destination, Duty, Keys, Menu, Queue, Route, Rules, Voicemail};

crate::vocabulary! {
    /// The kinds of rules that have a name; the sections of the rules file.
    "kind of rule" pub enum Kind {
        /// A sound.
        Prompt = "prompt",
        /// Opening hours.
        Schedule = "schedule",
        /// Limits of callbacks.
        Policy = "policy",
        /// A person with phones.
        Agent = "agent",
        /// People who take turns.
        Duty = "duty",
        /// Callers who wait.
        Queue = "queue",
        /// What callers may press.
        Menu = "menu",
        /// Where callers leave messages.
        Voicemail = "voicemail",
        /// Where calls go.
        Route = "route",
    }
}

/// The names that exist, by kind.
pub type Names = BTreeMap<Kind, BTreeSet<String>>;

/// A name that one rule uses for another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{owner} refers to {kind} {name}, which does not exist: add it or name another")]
pub struct Reference {
    /// The rule that uses the name, such as `queue sales`.
    pub owner: String,
    /// The place of the name in the rules file.
    pub at: Vec<Step>,
    /// The kind of rule that is meant.
    pub kind: Kind,
    /// The name that is used.
    pub name: String,
}

/// Returns the references whose names do not exist.
pub fn dangling(references: Vec<Reference>, names: &Names) -> impl Iterator<Item = Reference> {
    let is_there = |it: &Reference| names.get(&it.kind).is_some_and(|names| names.contains(it.name.as_str()));
    references.into_iter().filter(move |it| !is_there(it))
}

impl Rules {
    /// The names of all rules.
    #[must_use]
    pub fn names(&self) -> Names {
        fn texts<N: ToString>(names: impl IntoIterator<Item = N>) -> BTreeSet<String> {
            names.into_iter().map(|name| name.to_string()).collect()
        }
        [
            (Kind::Prompt, texts(self.prompts.keys())),
            (Kind::Schedule, texts(self.schedules.keys())),
            (Kind::Policy, texts(self.policies.keys())),
            (Kind::Agent, texts(self.agents.keys())),
            (Kind::Duty, texts(self.duties.keys())),
            (Kind::Queue, texts(self.queues.keys())),
            (Kind::Menu, texts(self.menus.keys())),
            (Kind::Voicemail, texts(self.voicemails.keys())),
            (Kind::Route, texts(self.routes.iter().map(|route| &route.name))),
        ]
        .into()
    }

    /// Every name that one rule uses for another.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut all = Vec::new();
        for (name, duty) in &self.duties {
            all.extend(duty.references(&Owner::of(Kind::Duty, name.as_str())));
        }
        for (name, queue) in &self.queues {
            all.extend(queue.references(&Owner::of(Kind::Queue, name.as_str())));
        }
        for (name, menu) in &self.menus {
            all.extend(menu.references(&Owner::of(Kind::Menu, name.as_str())));
        }
        for (name, voicemail) in &self.voicemails {
            all.extend(voicemail.references(&Owner::of(Kind::Voicemail, name.as_str())));
        }
        for route in &self.routes {
            all.extend(route.references(&Owner::of(Kind::Route, route.name.as_str())));
        }
        all
    }
}

/// A rule that uses names.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The kind and name of the rule, such as `queue sales`.
    pub name: String,
    /// The place of the rule in the rules file.
    pub at: Vec<Step>,
}

impl Owner {
    fn of(kind: Kind, name: &str) -> Self {
        let at = vec![Step::Key(kind.as_str()), Step::Named("name", name.to_owned())];
        Self { name: format!("{kind} {name}"), at }
    }

    fn to(&self, steps: impl IntoIterator<Item = Step>, kind: Kind, name: &str) -> Reference {
        let at = self.at.iter().cloned().chain(steps).collect();
        Reference { owner: self.name.clone(), at, kind, name: name.to_owned() }
    }

    fn destination(&self, steps: &[Step], to: &Destination) -> Vec<Reference> {
        let mut all = Vec::new();
        let mut steps = steps.to_vec();
        for to in to.chain() {
            let used = match to {
                Destination::Queue(name) | Destination::Callback(name, _) => {
                    Some((Kind::Queue, name.as_str()))
                }
                Destination::Menu(name) => Some((Kind::Menu, name.as_str())),
                Destination::Duty(name, _) => Some((Kind::Duty, name.as_str())),
                Destination::Message(name, _) => Some((Kind::Prompt, name.as_str())),
                Destination::Voicemail(name, _) => Some((Kind::Voicemail, name.as_str())),
                Destination::Forward(..) | Destination::Extension(_) | Destination::HangUp(_) => None,
            };
            let place = steps.iter().cloned().chain([Step::Key(to.parts().0.as_str())]);
            all.extend(used.map(|(kind, name)| self.to(place, kind, name)));
            steps.push(Step::Key("then"));
        }
        all
    }
}

impl Duty {
    /// The names that a rota uses.
    fn references(&self, owner: &Owner) -> Vec<Reference> {
        let people = self.people.iter().map(|agent| ("people", agent));
        let others = self.exceptions.iter().map(|exception| ("exceptions", &exception.agent));
        let all = people.chain(others);
        all.map(|(key, agent)| owner.to([Step::Key(key)], Kind::Agent, agent.as_str())).collect()
    }
}

/// The place of the destination of keys in a list.
fn pressed(list: &'static str, keys: &impl Keys) -> Vec<Step> {
    vec![Step::Key(list), Step::Named("digits", keys.digits().to_string()), Step::Key("to")]
}

impl Menu {
    /// The names that a menu uses.
    fn references(&self, owner: &Owner) -> Vec<Reference> {
        let prompt = |key: &'static str, name: &crate::ids::PromptName| {
            owner.to([Step::Key(key)], Kind::Prompt, name.as_str())
        };
        let mut all: Vec<Reference> = self.prompts.iter().map(|name| prompt("prompts", name)).collect();
        all.extend(self.invalid.iter().map(|name| prompt("invalid", name)));
        all.extend(self.no_input.iter().map(|name| prompt("no_input", name)));
        for (option, to) in self.destinations() {
            let steps = option.map_or_else(|| vec![Step::Key("failed")], |it| pressed("options", it));
            all.extend(owner.destination(&steps, to));
        }
        all
    }
}

impl Voicemail {
    /// The names that a voicemail uses.
    fn references(&self, owner: &Owner) -> Vec<Reference> {
        let prompts = self.prompts();
        let mut all: Vec<Reference> =
            prompts.map(|(key, name)| owner.to([Step::Key(key)], Kind::Prompt, name.as_str())).collect();
        let queue = self.queue.as_ref();
        all.extend(queue.map(|name| owner.to([Step::Key("queue")], Kind::Queue, name.as_str())));
        all
    }
}

impl Queue {
    /// The names that a queue uses.
    #[must_use]
    pub fn references(&self, owner: &Owner) -> Vec<Reference> {
        let mut all = Vec::new();
        for (key, to) in self.destinations() {
            let steps = key.map_or_else(|| vec![Step::Key("overflow")], |it| pressed("keys", it));
            all.extend(owner.destination(&steps, to));
        }
        let (music, greeting) = (self.music.as_ref(), self.greeting.as_ref());
        let prompts =
            music.map(|name| ("music", name)).into_iter().chain(greeting.map(|it| ("greeting", it)));
        let prompts = prompts.chain(self.announcements.iter().map(|name| ("announcements", name)));
        all.extend(prompts.map(|(key, name)| owner.to([Step::Key(key)], Kind::Prompt, name.as_str())));
        if let Some(survey) = &self.survey {
            let prompt = |key: &'static str, name: &crate::ids::PromptName| {
                owner.to([Step::Key("survey"), Step::Key(key)], Kind::Prompt, name.as_str())
            };
            all.extend(survey.questions().iter().map(|name| prompt("questions", name)));
            all.extend(survey.thanks().map(|name| prompt("thanks", name)));
        }
        let schedule = self.schedule.as_ref();
        all.extend(schedule.map(|name| owner.to([Step::Key("schedule")], Kind::Schedule, name.as_str())));
        all.push(owner.to([Step::Key("policy")], Kind::Policy, self.policy.as_str()));
        all.extend(self.tiers.keys().map(|agent| {
            let tier = Step::Named("agent", agent.to_string());
            owner.to([Step::Key("tiers"), tier, Step::Key("agent")], Kind::Agent, agent.as_str())
        }));
        all
    }
}

impl Route {
    /// The names that a route uses.
    fn references(&self, owner: &Owner) -> Vec<Reference> {
        let places = [("open", &self.open), ("closed", &self.closed)];
        let mut all: Vec<Reference> =
            places.into_iter().flat_map(|(key, to)| owner.destination(&[Step::Key(key)], to)).collect();
        let schedule = self.schedule.as_ref();
        all.extend(schedule.map(|name| owner.to([Step::Key("schedule")], Kind::Schedule, name.as_str())));
        all
    }
}
