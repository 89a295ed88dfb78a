//! The rules of a story: one queue `sales`, its agents, the number that leads to it.

use crate::tone::Tone;

/// The number that callers dial.
pub const NUMBER: &str = "7001";
/// The number of the second queue.
pub const SECOND: &str = "7002";

/// A queue and those who serve it.
#[derive(Clone)]
pub struct Team {
    /// Name and contact of each agent, in order.
    pub agents: Vec<(String, String)>,
    /// `sequential`, `ring_all` …
    pub strategy: &'static str,
    /// What who waits hears.
    pub music: String,
    /// How long a phone rings.
    pub ring_timeout: &'static str,
    /// Time after a talk in which an agent is offered nothing.
    pub wrap_up: &'static str,
    /// Time after a rejected or unanswered call in which an agent is offered nothing.
    pub delay: &'static str,
    /// Unanswered offers in a row after which an agent is sent on break; 0 is never.
    pub max_no_answer: u32,
    /// How long a caller may wait.
    pub max_wait: &'static str,
    /// More lines of `[defaults]`.
    pub defaults: &'static str,
    /// Who serves a second queue, with a number of its own.
    pub second: Vec<&'static str>,
    /// Whether the route is open.
    pub open: bool,
    /// Where calls go while it is closed, as the rules file writes it.
    pub closed: String,
    /// More rules.
    pub more: String,
}

impl Team {
    /// These agents, asked in this order.
    pub fn of(agents: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self {
            agents: agents.into_iter().map(|(name, contact)| (name.to_owned(), contact)).collect(),
            strategy: "sequential",
            music: Tone::Music.endless(),
            ring_timeout: "10s",
            wrap_up: "0s",
            delay: "60s",
            max_no_answer: 0,
            max_wait: "5m",
            defaults: "",
            second: Vec::new(),
            open: true,
            closed: "{ message = \"closed\" }".to_owned(),
            more: String::new(),
        }
    }

    /// The rules file.
    pub fn rules(&self) -> String {
        let Self { strategy, music, ring_timeout, wrap_up, delay, max_no_answer, max_wait, closed, .. } =
            self;
        let defaults = self.defaults;
        let mut text = format!(
            "[defaults]\nzone = \"UTC\"\nring_timeout = \"{ring_timeout}\"\nwrap_up = \"{wrap_up}\"\n\
             no_answer_delay = \"{delay}\"\nbusy_delay = \"{delay}\"\nrejected_delay = \"{delay}\"\n\
             unreachable_delay = \"{delay}\"\nmax_no_answer = {max_no_answer}\n{defaults}\n\n\
             [[prompt]]\nname = \"music\"\nsource = \"{music}\"\n\n[[prompt]]\nname = \"closed\"\nsource = \"{}\"\n\n\
             [[schedule]]\nname = \"never\"\nhours = [\"mon-sun closed\"]\n\n",
            Tone::Closed.source(1)
        );
        for (name, contact) in &self.agents {
            text += &format!("[[agent]]\nname = \"{name}\"\ncontacts = [\"{contact}\"]\n\n");
        }
        let tier = |(position, (name, _)): (usize, &(String, String))| {
            format!("{{ agent = \"{name}\", level = 1, position = {} }}", position + 1)
        };
        let tiers: Vec<String> = self.agents.iter().enumerate().map(tier).collect();
        text += &format!(
            "[[queue]]\nname = \"sales\"\nstrategy = \"{strategy}\"\nmusic = \"music\"\nmax_wait = \"{max_wait}\"\n\
             overflow = {{ message = \"closed\" }}\ntiers = [{}]\n\n\
             [[route]]\nname = \"main\"\nnumber = \"{NUMBER}\"\nopen = {{ queue = \"sales\" }}\n",
            tiers.join(", ")
        );
        if !self.open {
            text += &format!("schedule = \"never\"\nclosed = {closed}\n");
        }
        let second: Vec<_> = self.second.iter().map(|name| format!("{{ agent = \"{name}\" }}")).collect();
        text += &format!(
            "\n[[queue]]\nname = \"second\"\nmusic = \"music\"\nmax_wait = \"{max_wait}\"\n\
             overflow = {{ message = \"closed\" }}\ntiers = [{}]\n\n\
             [[route]]\nname = \"second\"\nnumber = \"{SECOND}\"\nopen = {{ queue = \"second\" }}\n",
            second.join(", ")
        );
        text + &self.more
    }
}
