//! Counts of the stand-in, for checks in tests.

use std::collections::BTreeMap;

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Channels that are up now: callers and legs.
    pub channels_up: usize,
    /// Legs that are up now.
    pub legs_up: usize,
    /// Legs up now that are connected with nobody and wait for nothing: a second bridge left them.
    pub zombies: usize,
    /// The most channels that were up at once.
    pub channels_peak: usize,
    /// Callers so far.
    pub callers: u64,
    /// Legs that were dialled so far.
    pub legs: u64,
    /// How often a phone was dialled while it rang or was in a talk.
    pub double_rings: u64,
    /// Dial strings with more than one destination.
    pub forked_dials: u64,
    /// Applications with `${` in their argument, which FreeSWITCH would have expanded.
    pub expansions: u64,
    /// Bridges that were built.
    pub bridges: u64,
    /// Talks that were cut because a controller's socket closed.
    pub talks_cut: u64,
    /// Commands by kind, such as `api uuid_bridge` or `sendmsg execute playback`.
    pub commands: BTreeMap<String, u64>,
    /// Event frames handed to connections.
    pub events_sent: u64,
    /// Of these, frames on links, not callers' sockets.
    pub link_events_sent: u64,
    /// Bytes handed to connections.
    pub bytes_sent: u64,
    /// Frames that did not fit a connection's queue.
    pub frames_lost: u64,
    /// Event-socket connections that are open now.
    pub connections: usize,
}

impl Counts {
    pub(super) fn command(&mut self, kind: &str) {
        match self.commands.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.commands.insert(kind.chars().take(64).collect(), 1)),
        }
    }

    /// The count of one kind of command.
    #[must_use]
    pub fn of(&self, kind: &str) -> u64 {
        self.commands.get(kind).copied().unwrap_or(0)
    }
}
