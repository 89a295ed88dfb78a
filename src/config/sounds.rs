//! The section `[sounds]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;
use crate::language::Language;
use crate::sound::{PromptFolder, Sound};

/// What callers hear where the rules name nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sounds {
    /// The music that callers hear in queues that name none.
    pub music: Sound,
    /// Played when the music cannot be played, and while the dialplan rings its fallback contact. It must not need a
    /// file.
    pub fallback_music: Sound,
    /// Played when a message is missing, when nobody takes a forwarded call, and at the end of the dialplan's fallback.
    pub fallback_message: Sound,
    /// What an agent hears who picks up after the caller has hung up.
    pub no_caller: Sound,
    /// What an agent hears after a dialled code or number was accepted.
    pub done: Sound,
    /// What an agent hears after a dialled code or number was refused, or failed.
    pub refused: Sound,
    /// The language of prompts for callers who have chosen none.
    pub language: Language,
    /// The folder of prompts, which `dozvon prompt install` fills. It must be at the same place for dozvon and every
    /// FreeSWITCH.
    pub prompts: PromptFolder,
    /// What callers hear instead of a prompt that is missing or cannot be played. It must not need a file, and must
    /// end.
    #[serde(deserialize_with = "that_ends")]
    pub missing_prompt: Sound,
    /// A longer prompt is taken for a mistake, and is not played.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub longest_prompt: Duration,
}

impl Default for Sounds {
    fn default() -> Self {
        Self {
            music: Sound::ours("local_stream://moh"),
            fallback_music: Sound::ours("tone_stream://%(1000,4000,425);loops=-1"),
            fallback_message: Sound::ours(
                "tone_stream://%(330,15,950);%(330,15,1400);%(330,1000,1800);loops=2",
            ),
            no_caller: Sound::ours("tone_stream://%(150,100,480);loops=3"),
            done: Sound::ours("tone_stream://%(120,60,600);%(200,60,900)"),
            refused: Sound::ours("tone_stream://%(300,150,330);loops=3"),
            language: Language::Ru,
            prompts: PromptFolder::ours("/var/lib/dozvon/prompts"),
            missing_prompt: Sound::ours("tone_stream://%(150,100,620)"),
            longest_prompt: Duration::from_secs(60),
        }
    }
}

/// Reads a sound that is played once, after which something else comes.
pub(super) fn that_ends<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Sound, D::Error> {
    let sound = Sound::deserialize(deserializer)?;
    let source = sound.as_str();
    let endless = ["local_stream://", "silence_stream://-"].iter().any(|start| source.starts_with(start));
    if endless || source.contains("loops=-") {
        return Err(serde::de::Error::custom(format!(
            "{source:?} never ends; write something like \"tone_stream://%(400,500,425)\""
        )));
    }
    Ok(sound)
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn every_default_is_a_sound() {
        let Settings { sounds, callback, dialplan, .. } = Settings::default();
        let ours =
            [sounds.music, sounds.fallback_music, sounds.fallback_message, sounds.no_caller, sounds.done];
        let others = [
            sounds.refused,
            sounds.missing_prompt,
            callback.confirm_sound,
            callback.ringback,
            callback.greeting,
        ];
        let more = [callback.apology, dialplan.pause_sound];
        for sound in ours.into_iter().chain(others).chain(more) {
            assert_eq!(sound.as_str().parse(), Ok(sound));
        }
        assert_eq!(sounds.prompts.as_str().parse(), Ok(sounds.prompts));
    }
}
