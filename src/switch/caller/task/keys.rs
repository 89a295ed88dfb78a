//! The keys that a caller presses.

use crate::switch::caller::{CallerEvent, DigitSource};
use crate::switch::event::Event;
use crate::switch::frames::SocketError;

use super::CallerTask;

/// FreeSWITCH's variable for the keys that end a sound; without it, `*` does (mod_dptools.c, on_dtmf).
pub(super) const TERMINATORS: &str = "playback_terminators";

impl CallerTask {
    pub(super) async fn listen(&mut self, keys_end_sounds: bool, in_band: bool) -> Result<(), SocketError> {
        self.end_sounds_by(if keys_end_sounds { "any" } else { "none" }).await?;
        if in_band && !self.in_band {
            self.execute("start_dtmf").await?;
            self.in_band = true;
        }
        Ok(())
    }

    /// Sets the keys that end sounds and recordings: keys, `any` or `none`.
    pub(super) async fn end_sounds_by(&mut self, keys: &str) -> Result<(), SocketError> {
        if self.end_keys.as_deref() != Some(keys) {
            self.set_variable(TERMINATORS, keys).await?;
            self.end_keys = Some(keys.to_owned());
        }
        Ok(())
    }

    pub(super) fn hear_digit(&mut self, event: &Event) {
        let digit = event.get("DTMF-Digit").and_then(|text| text.chars().next());
        let Some(digit) = digit.filter(|digit| matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D')) else {
            return;
        };
        let from = event.get("DTMF-Source").and_then(|source| source.parse().ok());
        self.push(CallerEvent::Digit { digit, from: from.unwrap_or(DigitSource::Unknown) });
    }
}
