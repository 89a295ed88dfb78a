//! The one task that owns the board: it hears who waits and who is free, and has phones rung. Here is the way to it;
//! `floor` is the task.
//!
//! In: messages from calls (join, leave), from offers (refused, over), from the database (agents, rules).
//! Out: one [`ring`](crate::queue::ring) task for each proposal of the board.
//! **Invariant:** it never waits for a database, a socket or a call; whatever waits is a task of its own.
//! **Invariant:** what it believes of an agent is what the database said last (by version), never a guess.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, UnixMs};
use crate::dispatch::in_flight::Held;
use crate::dispatch::offer::Knock;
use crate::dispatch::task::Floor;
use crate::ids::{AgentName, CallId, ChannelId, NodeName, OfferId, QueueName};
use crate::metrics::Metrics;
use crate::queue::first::First;
use crate::queue::offer::Outcome;
use crate::rules::Rules;
use crate::store::Store;
use crate::store::agents::AgentRow;
use crate::switch::{Confirm, DirectoryUser, Node};
use crate::vital::Beat;

/// How many messages may wait for the dispatcher; a sender waits while it is full.
const INBOX: usize = 8_192;

/// A caller who waits, and how to reach his story.
#[derive(Debug, Clone)]
pub struct Waiter {
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
    pub knock: mpsc::Sender<Knock>,
    /// For whom picking up is not enough: what asks the agent to press 1.
    pub confirm: Option<Confirm>,
    /// How long an agent who accepted is offered nothing when nothing came of it: zero unless it is a callback.
    pub rest: Duration,
    /// Whether callers are served before it, and may have its agent until the agent has accepted: a callback.
    pub yields: bool,
    /// Who is rung for him before all others, if he is available and serves the queue.
    pub first: Option<First>,
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

/// What is said to the dispatcher.
#[derive(Debug)]
pub(super) enum Message {
    Join(Box<Waiter>, oneshot::Sender<Result<(), NoSuchQueue>>),
    Leave(CallId, Leaving, oneshot::Sender<bool>),
    Won(CallId, OfferId),
    Refused { call: CallId, offer: OfferId, agent: AgentName },
    Over { call: CallId, offer: OfferId, outcome: Outcome, of_link: bool, agent: Box<AgentRow> },
    Agent(Box<AgentRow>),
    Elsewhere(NodeName, Option<String>, Vec<(DirectoryUser, bool)>),
    Node(NodeName, bool),
    Counted(NodeName, bool),
    Gather(BTreeSet<CallId>, Instant),
    Reload(Arc<Rules>, Vec<AgentRow>),
}

/// The queue that a caller was to join is not there (any more).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no queue {0}")]
pub struct NoSuchQueue(pub QueueName);

/// The way to the dispatcher; cheap to clone.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    pub(super) inbox: mpsc::Sender<Message>,
    pub(super) beat: Beat,
}

/// What the dispatcher and its offers work with.
#[derive(Debug, Clone)]
pub struct Tools {
    /// What time it is.
    pub clock: Clock,
    /// Where claims are made.
    pub store: Store,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// This process, as it signs its offers.
    pub controller: String,
    /// Who looks after which offer.
    pub held: Held,
}

impl Dispatcher {
    /// Starts the task. It ends when the last handle is gone; offers run in `tasks`.
    #[must_use]
    pub fn start(tools: Tools, tasks: &TaskTracker, rules: Arc<Rules>, agents: Vec<AgentRow>) -> Self {
        let (inbox, messages) = mpsc::channel(INBOX);
        let beat = Beat::new("dispatcher");
        let (show, shown) = watch::channel(BTreeSet::new());
        tasks.spawn(super::elsewhere::record(tools.clone(), shown));
        let mut floor = Floor::new(tools, inbox.downgrade(), beat.clone(), tasks.clone(), show);
        floor.reload(&rules, agents);
        tasks.spawn(floor.run(messages));
        Self { inbox, beat }
    }

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
    pub async fn join(&self, waiter: Waiter) -> Result<(), NoSuchQueue> {
        let queue = waiter.queue.clone();
        let (reply, answer) = oneshot::channel();
        self.send(Message::Join(Box::new(waiter), reply)).await;
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
