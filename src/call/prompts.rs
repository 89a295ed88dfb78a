//! Prompts that a caller hears one after the other.
//!
//! FreeSWITCH gets them one by one: those that wait there would be played to a caller whom somebody else has taken, or who
//! has come back after the controller died.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Call, Gone, heard};
use crate::sound::Sound;
use crate::switch::{Loops, PlayId};

/// What the caller hears while a key is awaited.
pub(super) const LISTENING: Sound = Sound::ours("silence_stream://-1");
/// How long to wait for the event of a hangup or a transfer after a prompt was broken off.
const HANGUP_LIMIT: Duration = Duration::from_millis(200);

/// Prompts that are to be heard.
#[derive(Debug, Default)]
pub(super) struct Prompts {
    playing: Option<(PlayId, Sound)>,
    waiting: VecDeque<Sound>,
    /// A prompt cannot be played, or the caller is about to be gone. After this time it is the former.
    missing: Option<Instant>,
}

impl Prompts {
    /// These prompts, of which none is played yet.
    pub(super) fn of(sounds: impl IntoIterator<Item = Sound>) -> Self {
        Self { waiting: sounds.into_iter().collect(), ..Self::default() }
    }

    /// Whether nothing is to be played.
    pub(super) fn are_none(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the caller hears one.
    pub(super) const fn are_heard(&self) -> bool {
        self.playing.is_some()
    }

    /// Plays the next prompt. Returns whether there is one.
    pub(super) async fn play_next(&mut self, call: &mut Call) -> Result<bool, Gone> {
        self.playing = match self.waiting.pop_front() {
            Some(sound) => Some((call.play(&sound, Loops::Once).await?, sound)),
            None => None,
        };
        Ok(self.playing.is_some())
    }

    /// A sound has ended. Returns whether it is the prompt that was played, so that the next one is to be played now.
    pub(super) fn ended(&mut self, id: PlayId, ok: bool) -> bool {
        let is_it = self.playing.as_ref().is_some_and(|playing| playing.0 == id);
        if is_it && !ok {
            self.missing = Some(Instant::now() + HANGUP_LIMIT);
        }
        is_it && ok
    }

    /// When [`Prompts::replace_missing`] is to be called.
    pub(super) const fn missing_at(&self) -> Option<Instant> {
        self.missing
    }

    /// Makes what is heard instead of the prompt that was played the next one.
    pub(super) fn replace_missing(&mut self, call: &Call) {
        self.missing = None;
        let instead = self.playing.take().and_then(|(_, sound)| heard::instead(call, &sound));
        instead.into_iter().for_each(|instead| self.waiting.push_front(instead));
    }

    /// Stops the prompt, and what else is played, and forgets those that wait. Nothing changes if no prompt is played.
    /// Returns whether one was.
    pub(super) async fn stop(&mut self, call: &mut Call) -> Result<bool, Gone> {
        let was_heard = self.are_heard();
        if was_heard {
            call.stop().await?;
            *self = Self::default();
        }
        Ok(was_heard)
    }
}
