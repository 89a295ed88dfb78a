//! `record`: what a caller says, as a file (switch_ivr_play_say.c, `switch_ivr_record_file_event`; seen on a real one).
//!
//! The recording ends by a key, by silence, by its limit in whole seconds, by a break or by a hangup; `record_ms` counts
//! silence too. **Invariant:** a file that cannot be made, and a reset or a transfer meanwhile, hang the caller up.

use std::time::Duration;

use super::channel::{Running, What};
use super::core::Core;
use super::ids::Key;
use super::story::Happening;

/// Bytes of a second of sound: 8 kHz, 16 bits, mono.
const BYTES_A_SECOND: u32 = 16_000;

impl Core {
    /// `record PATH [LIMIT [THRESHOLD [SECONDS OF SILENCE]]]`.
    pub fn record(&mut self, key: Key, data: &str) {
        let words: Vec<&str> = data.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        let path = words.first().copied().unwrap_or_default();
        if std::fs::write(path, header(0)).is_err() {
            return self.hangup(key, "DESTINATION_OUT_OF_ORDER");
        }
        let speaks = self.channel_mut(key).and_then(|channel| {
            let speech = &mut channel.caller()?.script.speech;
            (!speech.is_empty()).then(|| speech.remove(0))
        });
        // A limit of 0 is none; FreeSWITCH ends at the first whole second after the limit.
        let limit = Some(number(1)).filter(|limit| *limit > 0).map(|limit| Duration::from_secs(limit + 1));
        let pause = Duration::from_secs(if number(3) == 0 { 3 } else { number(3) });
        let quiet = speaks.filter(|_| number(2) > 0).map(|speaks| speaks + pause);
        let by_silence = quiet.is_some_and(|quiet| limit.is_none_or(|limit| quiet < limit));
        if let Some(channel) = self.channel_mut(key) {
            channel.variables.set("playback_terminator_used", "");
            channel.variables.set("silence_hits_exhausted", "false");
            if let Some(run) = channel.running.last_mut() {
                run.what = What::Record { by_silence };
            }
        }
        // The caller hears comfort noise.
        self.hear(key);
        if let Some(span) = if by_silence { quiet } else { limit } {
            self.ends_after(key, span);
        }
    }

    /// The recording ends: its file is complete, and the variables tell of it. `by_itself`: nobody has ended it.
    pub fn recorded(&mut self, key: Key, run: &Running, by_itself: bool) {
        let What::Record { by_silence } = run.what else { return };
        let lasted = self.now - run.began;
        let path = run.data.split(' ').next().unwrap_or_default();
        let bytes = u32::try_from(lasted.as_millis() / 20 * 320).unwrap_or(u32::MAX);
        let mut file = header(bytes);
        file.resize(file.len() + usize::try_from(bytes).unwrap_or_default(), 0);
        // Whoever deletes the folder meanwhile gets no file.
        let _ = std::fs::write(path, file);
        if let Some(channel) = self.channel_mut(key) {
            channel.variables.set("record_ms", &lasted.as_millis().to_string());
            if by_silence && by_itself {
                channel.variables.set("silence_hits_exhausted", "true");
            }
        }
        self.note(key, Happening::Recorded(path.to_owned()));
    }
}

/// The head of a WAV file.
fn header(bytes: u32) -> Vec<u8> {
    let mut head = Vec::with_capacity(44);
    head.extend(b"RIFF");
    head.extend((bytes.saturating_add(36)).to_le_bytes());
    head.extend(b"WAVEfmt ");
    head.extend(16_u32.to_le_bytes());
    head.extend([1, 0, 1, 0]);
    head.extend(8000_u32.to_le_bytes());
    head.extend(BYTES_A_SECOND.to_le_bytes());
    head.extend([2, 0, 16, 0]);
    head.extend(b"data");
    head.extend(bytes.to_le_bytes());
    head
}
