//! A handle that sends messages to the dispatcher's task.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::dispatch::message::{Message, NoSuchQueue};
use crate::dispatch::queued_caller::{Leaving, QueuedCaller};
use crate::ids::{AgentName, CallId, NodeName, OfferId};
use crate::queue::expected_wait::Place;
use crate::queue::offer::Outcome;
use crate::rules::Rules;
use crate::store::agents::AgentRow;
use crate::switch::DirectoryUser;
use crate::vital::Beat;

/// A handle of the dispatcher's task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    pub(super) inbox: mpsc::Sender<Message>,
    pub(super) beat: Beat,
    pub(super) callers_wait: Arc<AtomicBool>,
}

impl Dispatcher {
    /// Whether the task is working, and since when.
    #[must_use]
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// Whether a caller waits for whom no phone rings. Such a caller is offered to the next agent who is free.
    pub(super) fn callers_wait(&self) -> bool {
        self.callers_wait.load(Ordering::Relaxed)
    }

    /// Waits until the task is gone.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let inbox = self.inbox.clone();
        async move { inbox.closed().await }
    }

    /// Puts a caller on the board. Returns when the caller is there.
    ///
    /// # Errors
    /// `NoSuchQueue` if the rules do not have the queue.
    pub async fn join(&self, queued: QueuedCaller) -> Result<(), NoSuchQueue> {
        let queue = queued.queue.clone();
        let (reply, answer) = oneshot::channel();
        self.send(Message::Join(Box::new(queued), reply)).await;
        answer.await.unwrap_or(Err(NoSuchQueue(queue)))
    }

    /// Takes a caller out of the queue and cancels the phones that ring for them. Returns whether any did.
    pub async fn leave(&self, call: CallId, why: Leaving) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Leave(call, why, reply)).await;
        answer.await.unwrap_or(false)
    }

    /// Returns where the caller stands in their queue. None while they are off the board.
    pub async fn place(&self, call: CallId) -> Option<Place> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Place(call, reply)).await;
        answer.await.ok().flatten()
    }

    /// An agent is being connected with the caller: all other phones stop ringing at once, and no further phone rings.
    pub async fn connecting(&self, call: CallId, offer: OfferId) {
        self.send(Message::Connecting(call, offer)).await;
    }

    /// The agent could not be connected with the caller, who waits as before.
    pub async fn waits_again(&self, call: CallId) {
        self.send(Message::WaitsAgain(call)).await;
    }

    /// The database refused the claim behind an offer.
    pub(super) async fn refused(&self, call: CallId, offer: OfferId, agent: AgentName) {
        self.send(Message::Refused { call, offer, agent }).await;
    }

    /// An offer ended, and the agent's row is `agent` now. `of_link`: the offer ended because FreeSWITCH could not be
    /// reached.
    pub(super) async fn over(
        &self,
        call: CallId,
        offer: OfferId,
        (outcome, of_link): (Outcome, bool),
        agent: AgentRow,
    ) {
        self.send(Message::Over { call, offer, outcome, of_link, agent: Box::new(agent) }).await;
    }

    /// An agent's row has changed.
    pub async fn agent(&self, agent: AgentRow) {
        self.send(Message::Agent(Box::new(agent))).await;
    }

    /// Directory users of a node began or ended calls that dozvon does not control. `domain` is the one that the node
    /// adds to a contact without a domain, if it is known.
    pub async fn elsewhere(&self, node: NodeName, domain: Option<String>, users: Vec<(DirectoryUser, bool)>) {
        self.send(Message::Elsewhere(node, domain, users)).await;
    }

    /// The link to a node came up or went down. While it is down, nobody is rung for its callers; they keep their
    /// places.
    pub async fn node(&self, node: NodeName, up: bool) {
        self.send(Message::Node(node, up)).await;
    }

    /// FreeSWITCH has told which users of a node are in other calls, or that is not known any more. While it is not
    /// known, nobody is rung for the first seconds after the link came up.
    pub async fn counted(&self, node: NodeName, known: bool) {
        self.send(Message::Counted(node, known)).await;
    }

    /// These callers waited in an earlier run and are on their way back. Nobody is rung until they are here, have left,
    /// or `until` has passed, so that the caller who came first is served first.
    pub async fn expect_back(&self, calls: BTreeSet<CallId>, until: Instant) {
        self.send(Message::ExpectBack(calls, until)).await;
    }

    /// The rules or agents were changed from outside.
    pub async fn reload(&self, rules: Arc<Rules>, agents: Vec<AgentRow>) {
        self.send(Message::Reload(rules, agents)).await;
    }

    async fn send(&self, message: Message) {
        if self.inbox.send(message).await.is_err() {
            tracing::error!(
                "the dispatcher has ended: no more phones will ring until the controller is started again"
            );
        }
    }
}
