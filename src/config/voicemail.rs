//! The section `[voicemail]`.

use serde::{Deserialize, Serialize};

use crate::sound::PromptFolder;

/// Where messages of callers are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder of messages, as FreeSWITCH sees it. FreeSWITCH makes the files there, so its user must be able to write
    /// there.
    pub folder: PromptFolder,
    /// Whether dozvon has the folder at the same path, and may write there. Without that, it cannot know whether a message
    /// can be recorded, and cannot delete or attach one.
    pub reachable: bool,
    /// Callers leave no message while less space than this is free, in megabytes. Their cases are opened all the same.
    pub min_free_mb: u64,
    /// What counts as silence: FreeSWITCH's mean of the samples of a frame, 1 to 10000. Raise it if messages of callers in
    /// noisy places end only by `max_length`.
    #[serde(deserialize_with = "level")]
    pub silence_level: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: PromptFolder::ours("/var/lib/dozvon/messages"),
            reachable: true,
            min_free_mb: 100,
            silence_level: 200,
        }
    }
}

fn level<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let level = u32::deserialize(deserializer)?;
    if (1..=10_000).contains(&level) {
        return Ok(level);
    }
    Err(serde::de::Error::custom(format!("{level} is no level of silence; write 1 to 10000, such as 200")))
}
