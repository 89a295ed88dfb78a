//! How long a caller hears nothing at all, although the call is up. A sound of silence counts as a sound: something plays
//! it, and it ends when something else begins.

use super::channel::{Channel, What};
use super::core::Core;
use super::ids::Key;

impl Core {
    /// Looks whether the caller hears anything now. Called at every change of a channel.
    pub fn hear(&mut self, key: Key) {
        let now = self.now;
        let Some(channel) = self.channels.get_mut(&key) else { return };
        let silent = channel.is_answered() && !channel.is_down() && !hears(channel);
        let Some(caller) = channel.caller() else { return };
        match caller.silent_since {
            None if silent => caller.silent_since = Some(now),
            Some(since) if !silent => {
                caller.story.longest_silence = caller.story.longest_silence.max(now - since);
                caller.silent_since = None;
            }
            _ => {}
        }
    }
}

/// Whether the channel hears another one, or a sound.
fn hears(channel: &Channel) -> bool {
    let sounds = |what: &What| {
        matches!(what, What::Play | What::Record { .. } | What::Digits { .. } | What::Bridge { .. })
    };
    channel.bridge.is_some() || channel.running.iter().any(|run| sounds(&run.what))
}
