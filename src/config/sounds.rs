//! The section `[sounds]`.

use serde::{Deserialize, Serialize};

use crate::sound::Sound;

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
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn every_default_is_a_sound() {
        let Settings { sounds, callback, dialplan, .. } = Settings::default();
        let ours =
            [sounds.music, sounds.fallback_music, sounds.fallback_message, sounds.no_caller, sounds.done];
        let others = [sounds.refused, callback.confirm_sound, callback.ringback, callback.greeting];
        let more = [callback.apology, dialplan.pause_sound];
        for sound in ours.into_iter().chain(others).chain(more) {
            assert_eq!(sound.as_str().parse(), Ok(sound));
        }
    }
}
