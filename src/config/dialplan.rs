//! The section `[dialplan]`: how FreeSWITCH hands callers over, and what it does when nobody takes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::sounds;
use crate::duration;
use crate::rules::NumberPattern;
use crate::rules::contact::Contact;
use crate::sound::Sound;

/// How FreeSWITCH hands callers over, and what it does when nobody takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialplan {
    /// The dialled numbers that FreeSWITCH hands to the controller, written as in routes: `7001`, `7*`.
    #[serde(with = "patterns")]
    pub numbers: Vec<NumberPattern>,
    /// The dialplan contexts in which callers come in.
    #[serde(deserialize_with = "contexts")]
    pub contexts: Vec<String>,
    /// The dialplan contexts of the agents' phones. When an agent dials a number with an open case there, the
    /// controller makes the call. All other calls continue in your own dialplan. Empty: the controller does not see
    /// what agents dial.
    #[serde(deserialize_with = "contexts")]
    pub agent_contexts: Vec<String>,
    /// The controllers as `HOST:PORT`, asked in this order. Empty: the address of `[switch] listen`.
    #[serde(deserialize_with = "controllers")]
    pub controllers: Vec<String>,
    /// How long the dialplan keeps asking the controllers when none takes the caller, or when the caller's controller
    /// dies. After that comes the fallback. It must be longer than a restart of the controller.
    #[serde(with = "duration::Within::<0, LONGEST_PATIENCE_MS>")]
    pub retry_time: Duration,
    /// The sound between two tries. It must end, should last about a second, and must not need a file.
    #[serde(deserialize_with = "sounds::that_ends")]
    pub pause_sound: Sound,
    /// The contact that rings when no controller takes the caller. None: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_contact: Option<Contact>,
    /// How long the fallback contact rings.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub fallback_timeout: Duration,
}

impl Default for Dialplan {
    fn default() -> Self {
        Self {
            numbers: vec![NumberPattern { digits: "7001".to_owned(), prefix: false }],
            contexts: vec!["public".to_owned()],
            agent_contexts: Vec::new(),
            controllers: Vec::new(),
            retry_time: Duration::from_secs(30),
            pause_sound: Sound::ours("tone_stream://%(400,500,425)"),
            fallback_contact: None,
            fallback_timeout: Duration::from_secs(30),
        }
    }
}

/// The dialplan counts tries with a regular expression, whose length is limited.
const LONGEST_PATIENCE_MS: u64 = duration::HOUR;

fn contexts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let fits = |name: &str| {
        (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find(|name| !fits(name) || name.starts_with('.') || *name == CONTEXT) {
        Some(bad) => Err(serde::de::Error::custom(format!(
            "{bad:?} is not a context in which callers come in; write something like \"public\" or \"default\""
        ))),
        None => Ok(names),
    }
}

fn controllers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let fits = |text: &str| {
        let Some((host, port)) = text.rsplit_once(':') else { return false };
        let is_host = (1..=253).contains(&host.len())
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let all = Vec::<String>::deserialize(deserializer)?;
    match all.iter().find(|text| !fits(text)) {
        Some(bad) => Err(serde::de::Error::custom(format!(
            "{bad:?} is not a controller; write its host and port, such as \"10.0.0.5:8084\""
        ))),
        None => Ok(all),
    }
}

mod patterns {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::NumberPattern;

    pub fn serialize<S: Serializer>(all: &[NumberPattern], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NumberPattern>, D::Error> {
        let all = Vec::<String>::deserialize(deserializer)?;
        all.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

/// The name of dozvon's own dialplan context. `check` looks for it in a running FreeSWITCH.
pub const CONTEXT: &str = "dozvon";
