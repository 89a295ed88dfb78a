//! The keys that people press.
//!
//! A channel keeps pressed keys until something reads them: an application that collects digits, a sound that is played,
//! a bridge, or a parked session. Each reads one key a frame, and FreeSWITCH reports a key when it is read
//! (switch_channel.c, `switch_channel_dequeue_dtmf`; seen on a real one).

use super::channel::{Channel, From, Running, What};
use super::core::Core;
use super::ids::Key;
use super::kind::Kind;

/// The source of a key of a phone, and of a key that an application was given.
const RTP: &str = "RTP";
const APP: &str = "APP";

/// What reads a key.
enum Reader {
    /// An application that collects digits.
    Digits,
    /// A sound. The field: whether the sound is repeated.
    Sound { again: bool },
    /// A recording.
    Recording,
    /// Nothing that a key changes.
    Nothing,
}

impl Core {
    /// A person pressed a key.
    pub fn press(&mut self, key: Key, digit: char) {
        if let Some(channel) = self.channel_mut(key).filter(|channel| !channel.is_down()) {
            channel.keys.push_back(digit);
            self.run_session(key);
        }
    }

    /// Gives a pressed key to whatever reads it. Returns whether there was one.
    pub fn take_key(&mut self, key: Key) -> bool {
        let Some(channel) = self.channel_mut(key) else { return false };
        let Some(reader) = reader(channel) else { return false };
        let Some(digit) = channel.keys.pop_front() else { return false };
        match reader {
            Reader::Digits => self.collect_key(key, digit),
            Reader::Nothing => self.report_key(key, digit, RTP),
            Reader::Recording => {
                self.report_key(key, digit, RTP);
                if self.ends_sounds(key, digit) {
                    if let Some(channel) = self.channel_mut(key) {
                        channel.variables.set("playback_terminator_used", &digit.to_string());
                    }
                    self.finish(key, None, true);
                }
            }
            Reader::Sound { again } => {
                self.report_key(key, digit, RTP);
                if self.ends_sounds(key, digit) {
                    self.finish(key, Some("FILE PLAYED"), !again);
                }
            }
        }
        true
    }

    /// Whether a key ends a sound or a recording.
    fn ends_sounds(&self, key: Key, digit: char) -> bool {
        let set = self.channel(key).and_then(|channel| channel.variables.get("playback_terminators"));
        let ends = set.unwrap_or("*");
        ends != "none" && (ends == "any" || ends.contains(digit))
    }

    fn collect_key(&mut self, key: Key, digit: char) {
        let Some(channel) = self.channel_mut(key) else { return };
        let Some(Running { what: What::Digits { most, ends, variable, got }, .. }) =
            channel.running.last_mut()
        else {
            return;
        };
        let full = digit == *ends || {
            got.push(digit);
            got.len() >= *most
        };
        if full {
            let (name, value) = (variable.clone(), got.clone());
            channel.variables.set(&name, &value);
        }
        self.report_key(key, digit, APP);
        if full {
            self.finish(key, None, true);
        }
    }

    fn report_key(&mut self, key: Key, digit: char, source: &str) {
        let text = digit.to_string();
        let headers = [("DTMF-Digit", &*text), ("DTMF-Duration", "2000"), ("DTMF-Source", source)];
        self.emit_with(key, Kind::DTMF, &[], &headers);
    }
}

fn reader(channel: &Channel) -> Option<Reader> {
    match channel.running.last() {
        None => channel.is_talking().then_some(Reader::Nothing),
        Some(run) => match &run.what {
            What::Digits { .. } => Some(Reader::Digits),
            What::Record { .. } => Some(Reader::Recording),
            What::Play => {
                Some(Reader::Sound { again: matches!(run.from, From::Message { loops: None, .. }) })
            }
            What::Park | What::Bridge { .. } | What::Socket { parked: true, .. } => Some(Reader::Nothing),
            What::Sleep | What::Socket { parked: false, .. } => None,
        },
    }
}
