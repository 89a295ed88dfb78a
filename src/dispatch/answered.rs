//! What an agent's offer tells the caller's story when the agent has answered, and what the story replies.

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixMs;
use crate::ids::{AgentName, ChannelId, OfferId};

/// How many agents may stand at the door of one who waits; more of them wait for their turn to be told no.
pub(crate) const ANSWER_BACKLOG: usize = 16;

/// An agent has answered: does the caller take him?
#[derive(Debug)]
pub struct AgentAnswered {
    /// The offer.
    pub offer: OfferId,
    /// Who answered.
    pub agent: AgentName,
    /// His leg, answered.
    pub leg: ChannelId,
    /// When he answered.
    pub answered_at: UnixMs,
    /// Cancelled when he hangs up before he has an answer.
    pub left: CancellationToken,
    /// The caller's answer; dropped when he is gone.
    pub reply: oneshot::Sender<Reply>,
}

impl AgentAnswered {
    /// Tells the agent's offer what the caller does.
    pub fn answer(self, reply: Reply) {
        // The offer may be over: then its leg is gone and nobody needs the answer.
        let _ = self.reply.send(reply);
    }
}

/// What the caller's story says to an agent who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The two talk.
    Bridged,
    /// Somebody else was first.
    Lost,
    /// The bridge did not come about.
    Failed,
    /// The customer for whom he was rung was not reached.
    Unreached,
}
