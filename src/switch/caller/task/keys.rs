//! The keys that a caller presses.

use crate::switch::caller::{CallerEvent, DigitSource};
use crate::switch::event::Event;
use crate::switch::frames::SocketError;

use super::CallerTask;

/// FreeSWITCH's variable for the keys that end a sound; without it, `*` does (mod_dptools.c, on_dtmf).
pub(super) const TERMINATORS: &str = "playback_terminators";

impl CallerTask {
    pub(super) async fn listen(&mut self, keys_end_sounds: bool, in_band: bool) -> Result<(), SocketError> {
        let before = self.listens;
        if before != Some(keys_end_sounds) {
            self.set_variable(TERMINATORS, if keys_end_sounds { "any" } else { "none" }).await?;
            self.listens = Some(keys_end_sounds);
        }
        if in_band && before.is_none() {
            self.execute("start_dtmf").await?;
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
