//! An agent as an administrator states them. The type is the file form, as in [`crate::rules::Queue`].

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::duration::{DAY, HEARD, HOUR, Within};
use crate::rules::contact::Contact;

/// The longest name that is shown for an agent, in characters.
const DISPLAY_CHARS: usize = 128;

/// A person with one or more contacts, and how their phones are treated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The agent's name as people see it. Without one, the name of the entry. It is shown, never dialled.
    #[serde(deserialize_with = "one_line")]
    pub display: String,
    /// The phones of the agent. An offer rings all of them at once.
    pub contacts: Vec<Contact>,
    /// How long the agent's phone rings before the next agent is tried.
    #[serde(with = "Within::<HEARD, HOUR>")]
    pub ring_timeout: Duration,
    /// How long the agent is offered nothing after a talk.
    #[serde(with = "Within::<0, DAY>")]
    pub wrap_up: Duration,
    /// How long the agent is offered nothing after an unanswered offer.
    #[serde(with = "Within::<0, DAY>")]
    pub no_answer_delay: Duration,
    /// The same after the phone was busy.
    #[serde(with = "Within::<0, DAY>")]
    pub busy_delay: Duration,
    /// The same after the agent rejected the call.
    #[serde(with = "Within::<0, DAY>")]
    pub rejected_delay: Duration,
    /// The same after the phone could not be reached. Each further failure in a row doubles the delay, up to 2 minutes.
    #[serde(with = "Within::<0, DAY>")]
    pub unreachable_delay: Duration,
    /// After so many unanswered offers in a row, the agent is sent on break. 0: never.
    pub max_no_answer: u32,
    /// Whether FreeSWITCH follows the phone's redirects (302), for instance to a mobile phone. Otherwise a redirect
    /// ends the offer, because it may lead to a mailbox or in a circle.
    pub follow_redirects: bool,
}

impl Agent {
    /// What can stand in `[defaults]` for all agents.
    pub const DEFAULTS: &[&str] = &[
        "ring_timeout",
        "wrap_up",
        "no_answer_delay",
        "busy_delay",
        "rejected_delay",
        "unreachable_delay",
        "max_no_answer",
        "follow_redirects",
    ];

    /// An agent with the defaults, and no contact yet.
    #[must_use]
    pub const fn new(display: String) -> Self {
        Self {
            display,
            contacts: Vec::new(),
            ring_timeout: Duration::from_secs(20),
            wrap_up: Duration::ZERO,
            no_answer_delay: Duration::from_secs(5),
            busy_delay: Duration::from_secs(30),
            rejected_delay: Duration::from_secs(10),
            unreachable_delay: Duration::from_secs(30),
            max_no_answer: 3,
            follow_redirects: false,
        }
    }

    /// The delays after each kind of failed offer.
    #[must_use]
    pub const fn delays(&self) -> Delays {
        Delays {
            no_answer: self.no_answer_delay,
            busy: self.busy_delay,
            rejected: self.rejected_delay,
            unreachable: self.unreachable_delay,
        }
    }
}

/// Time in which an agent is offered nothing after an offer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// After the phone rang out.
    pub no_answer: Duration,
    /// After the phone was busy.
    pub busy: Duration,
    /// After the agent rejected the call.
    pub rejected: Duration,
    /// After the phone could not be reached.
    pub unreachable: Duration,
}

/// A name that can be shown on one line.
fn one_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = text.trim();
    if text.is_empty() || text.chars().count() > DISPLAY_CHARS || text.chars().any(char::is_control) {
        return Err(D::Error::custom("this cannot be shown; write 1 to 128 characters on one line"));
    }
    Ok(text.to_owned())
}
