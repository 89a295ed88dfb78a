//! The way to the dispatcher's task: a handle that sends it messages.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::dispatch::message::{Message, NoSuchQueue};
use crate::dispatch::queued_caller::{Leaving, QueuedCaller};
use crate::ids::{AgentName, CallId, NodeName, OfferId};
use crate::queue::offer::Outcome;
use crate::rules::Rules;
use crate::store::agents::AgentRow;
use crate::switch::DirectoryUser;
use crate::vital::Beat;

/// The way to the dispatcher; cheap to clone.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    pub(super) inbox: mpsc::Sender<Message>,
    pub(super) beat: Beat,
}

impl Dispatcher {
    /// What the task is at.
    #[must_use]
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// Waits until the task is gone.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let inbox = self.inbox.clone();
        async move { inbox.closed().await }
    }

    /// Lets a caller wait. Returns when he has his place.
    ///
    /// # Errors
    /// [`NoSuchQueue`] when the queue is not there.
    pub async fn join(&self, queued: QueuedCaller) -> Result<(), NoSuchQueue> {
        let queue = queued.queue.clone();
        let (reply, answer) = oneshot::channel();
        self.send(Message::Join(Box::new(queued), reply)).await;
        answer.await.unwrap_or(Err(NoSuchQueue(queue)))
    }

    /// Takes a caller out of his queue and cancels what rings for him. Says whether anything rang.
    pub async fn leave(&self, call: CallId, why: Leaving) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Leave(call, why, reply)).await;
        answer.await.unwrap_or(false)
    }

    /// An agent has the caller: whoever else rings for him stops at once.
    pub async fn won(&self, call: CallId, offer: OfferId) {
        self.send(Message::Won(call, offer)).await;
    }

    /// The database refused the claim behind an offer.
    pub(super) async fn refused(&self, call: CallId, offer: OfferId, agent: AgentName) {
        self.send(Message::Refused { call, offer, agent }).await;
    }

    /// An offer ended and `agent` is what the database says of them since. `of_link`: it ended because FreeSWITCH could
    /// not be reached.
    pub(super) async fn over(
        &self,
        call: CallId,
        offer: OfferId,
        (outcome, of_link): (Outcome, bool),
        agent: AgentRow,
    ) {
        self.send(Message::Over { call, offer, outcome, of_link, agent: Box::new(agent) }).await;
    }

    /// The database says something newer of an agent.
    pub async fn agent(&self, agent: AgentRow) {
        self.send(Message::Agent(Box::new(agent))).await;
    }

    /// Users of a node's directory begin or end calls that are none of ours; `domain` is what the node adds to a contact
    /// without one, if that is known.
    pub async fn elsewhere(&self, node: NodeName, domain: Option<String>, users: Vec<(DirectoryUser, bool)>) {
        self.send(Message::Elsewhere(node, domain, users)).await;
    }

    /// The link to a node came up or went down. While it is down, nobody is rung for its callers; they keep their
    /// places.
    pub async fn node(&self, node: NodeName, up: bool) {
        self.send(Message::Node(node, up)).await;
    }

    /// It is known who is in calls on a node that are none of ours, or is so no more. While it is not, nobody is rung for
    /// some seconds after the link came up.
    pub async fn counted(&self, node: NodeName, known: bool) {
        self.send(Message::Counted(node, known)).await;
    }

    /// These waited before us and are on their way back: until they are here or have left, or until then, nobody is
    /// rung, so that who came first is served first.
    pub async fn gather(&self, calls: BTreeSet<CallId>, until: Instant) {
        self.send(Message::Gather(calls, until)).await;
    }

    /// The rules or agents were changed from outside.
    pub async fn reload(&self, rules: Arc<Rules>, agents: Vec<AgentRow>) {
        self.send(Message::Reload(rules, agents)).await;
    }

    async fn send(&self, message: Message) {
        if self.inbox.send(message).await.is_err() {
            tracing::error!("the dispatcher is gone: no more phones will ring");
        }
    }
}
