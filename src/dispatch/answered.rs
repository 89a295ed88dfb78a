//! What an agent's offer tells the caller's story when the agent has answered, and what the story replies.

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixMs;
use crate::ids::{AgentName, ChannelId, OfferId};

/// How many agents who answered may wait for one story's reply.
pub(crate) const ANSWER_BACKLOG: usize = 16;

/// An agent has answered, and waits for the story's reply.
#[derive(Debug)]
pub struct AgentAnswered {
    /// The offer.
    pub offer: OfferId,
    /// Who answered.
    pub agent: AgentName,
    /// The channel of the agent's leg.
    pub channel: ChannelId,
    /// When the agent answered.
    pub answered_at: UnixMs,
    /// Cancelled when the agent hangs up before the reply.
    pub left: CancellationToken,
    /// For the reply; dropped when the caller is gone.
    pub reply: oneshot::Sender<BridgeResult>,
}

impl AgentAnswered {
    /// Replies to the agent's offer.
    pub fn answer(self, reply: BridgeResult) {
        // The offer may be over: then nobody needs the reply.
        let _ = self.reply.send(reply);
    }
}

/// What the caller's story replies to an agent who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BridgeResult {
    /// The two talk.
    Bridged,
    /// Somebody else was first.
    Lost,
    /// The two could not be connected.
    Failed,
    /// The customer whom the agent was to talk to was not reached.
    Unreached,
}
