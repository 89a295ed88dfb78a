//! The message from an agent's offer to the caller's story that the agent has answered, and the story's reply.

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixMs;
use crate::ids::{AgentName, ChannelId, OfferId};

/// How many agents who have answered may wait for the reply of one story.
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

/// The reply of the caller's story to an agent who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BridgeResult {
    /// The agent and the caller talk.
    Bridged,
    /// Another agent was first.
    Lost,
    /// The agent and the caller could not be connected.
    Failed,
    /// The agent accepted a callback, and the customer was not reached.
    Unreached,
}
