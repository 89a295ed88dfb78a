//! Somebody who waits in a queue: a caller, or a callback.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock::UnixMs;
use crate::dispatch::answered::AgentAnswered;
use crate::ids::{CallId, ChannelId, QueueName};
use crate::queue::preferred::PreferredAgent;
use crate::switch::{Confirm, Node};

/// A caller or callback in a queue, and how to reach its story.
#[derive(Debug, Clone)]
pub struct QueuedCaller {
    /// The call.
    pub call: CallId,
    /// The queue.
    pub queue: QueueName,
    /// Since when the caller or callback waits, which decides the position.
    pub joined_at: UnixMs,
    /// Measures the time until a phone rings.
    pub first_ring: Arc<FirstRing>,
    /// The FreeSWITCH that has the caller's channel: agents are rung from there.
    pub node: Node,
    /// The caller's channel, for colleagues who pick up a ringing phone for its owner. None for a callback.
    pub channel: Option<ChannelId>,
    /// The number on the agent's display.
    pub number: String,
    /// The name on the agent's display.
    pub name: String,
    /// Where agents who answered are sent to.
    pub answered: mpsc::Sender<AgentAnswered>,
    /// How the agent is asked to press 1. None if picking up is enough.
    pub confirm: Option<Confirm>,
    /// How long the agent rests after accepting a callback whose customer was not reached; zero for a caller.
    pub rest: Duration,
    /// Whether this entry yields to callers: they are served first, and may take its agent until the agent has
    /// accepted. True for a callback.
    pub yields: bool,
    /// The agent who is rung before all others, if they are available and serve the queue.
    pub preferred: Option<PreferredAgent>,
}

/// How long it takes from joining a queue until the first phone rings.
#[derive(Debug)]
pub struct FirstRing {
    joined: Instant,
    heard: AtomicBool,
}

impl FirstRing {
    /// Starts the measurement.
    #[must_use]
    pub fn awaited() -> Arc<Self> {
        Arc::new(Self { joined: Instant::now(), heard: AtomicBool::new(false) })
    }

    /// The time since joining.
    pub(super) fn since_join(&self) -> Duration {
        self.joined.elapsed()
    }

    /// A phone rings. Returns the time since joining. None if another phone has rung before.
    pub(super) fn heard(&self) -> Option<Duration> {
        (!self.heard.swap(true, Ordering::Relaxed)).then(|| self.joined.elapsed())
    }
}

/// Why a caller leaves the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// An agent answered: the other phones lost the race.
    Answered,
    /// The caller hung up, waited too long or was handed back to the dialplan.
    Gone,
}
