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

/// A caller who waits, and how to reach his story.
#[derive(Debug, Clone)]
pub struct QueuedCaller {
    /// The call.
    pub call: CallId,
    /// The queue that he waits in.
    pub queue: QueueName,
    /// Since when: his place.
    pub joined_at: UnixMs,
    /// Whether a phone has rung for him there.
    pub first_ring: Arc<FirstRing>,
    /// The FreeSWITCH that holds his channel: agents are rung from there.
    pub node: Node,
    /// The caller's channel, if they are on the line: for colleagues who pick a ringing phone up for its owner.
    pub channel: Option<ChannelId>,
    /// His number, for the agent's display.
    pub number: String,
    /// His name, for the agent's display.
    pub name: String,
    /// Where an agent who answered is announced.
    pub answered: mpsc::Sender<AgentAnswered>,
    /// For whom picking up is not enough: what asks the agent to press 1.
    pub confirm: Option<Confirm>,
    /// How long an agent who accepted is offered nothing when nothing came of it: zero unless it is a callback.
    pub rest: Duration,
    /// Whether callers are served before it, and may have its agent until the agent has accepted: a callback.
    pub yields: bool,
    /// Who is rung for him before all others, if he is available and serves the queue.
    pub preferred: Option<PreferredAgent>,
}

/// The first time that a phone rings for a caller.
#[derive(Debug)]
pub struct FirstRing {
    joined: Instant,
    heard: AtomicBool,
}

impl FirstRing {
    /// He has just joined a queue.
    #[must_use]
    pub fn awaited() -> Arc<Self> {
        Arc::new(Self { joined: Instant::now(), heard: AtomicBool::new(false) })
    }

    /// A phone rings: how long after he joined, if it is the first one.
    pub(super) fn heard(&self) -> Option<Duration> {
        (!self.heard.swap(true, Ordering::Relaxed)).then(|| self.joined.elapsed())
    }
}

/// Why a caller leaves the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// An agent has him: the other phones lost the race.
    Answered,
    /// He hung up, waited too long or was handed back.
    Gone,
}
