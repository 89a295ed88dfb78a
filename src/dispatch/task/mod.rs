//! The one task that owns the board. It learns who waits and who is free, and has phones rung.
//!
//! In: messages from calls (join, leave), from offers (refused, over), from the database (agents, rules). Out: one
//! [`offer`](crate::dispatch::offer) task for each proposal of the board.
//! **Invariant:** the task never waits for a database, a socket or a call. Other tasks do that.
//! **Invariant:** what the task knows about an agent is the newest row that the database returned, by version.
//!
//! [`start`] starts the task. The other files have the methods of `DispatcherTask` that act on a message: `callers`,
//! `agents`, `offers`, and `elsewhere` for calls that dozvon does not control. `counting` knows when nobody may be rung
//! yet.

mod agents;
mod callers;
mod counting;
mod elsewhere;
mod offers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::counting::Counting;
use self::offers::{LiveOffer, offers_of};
use crate::clock::UnixMs;
use crate::dispatch::context::DispatchContext;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::message::Message;
use crate::dispatch::queued_caller::QueuedCaller;
use crate::ids::{AgentName, CallId, NodeName, OfferId, QueueName};
use crate::inbox::{self, Inbox};
use crate::queue::board::{Board, QueueSpec};
use crate::queue::elsewhere::Elsewhere;
use crate::queue::expected_wait::ServiceRate;
use crate::queue::preferred::PreferredCallers;
use crate::rules::Rules;
use crate::store::agents::AgentRow;
use crate::vital::Beat;

/// How many messages are taken before the board is asked for proposals.
const BATCH: usize = 256;

/// How many messages may wait for the dispatcher. While so many wait, a sender waits, too.
const INBOX: usize = 8_192;

/// Starts the task, which ends when the last handle is gone. Offers run in `tasks`.
#[must_use]
pub fn start(
    context: DispatchContext,
    tasks: &TaskTracker,
    rules: &Arc<Rules>,
    agents: Vec<AgentRow>,
) -> Dispatcher {
    let (inbox, messages) = inbox::channel(INBOX);
    let beat = Beat::new("dispatcher");
    let (show, shown) = watch::channel(BTreeSet::new());
    tasks.spawn(elsewhere::record(context.clone(), shown));
    let mut task = DispatcherTask::new(context, inbox.downgrade(), beat.clone(), tasks.clone(), show);
    task.reload(rules, agents);
    let callers_wait = Arc::clone(&task.callers_wait);
    tasks.spawn(task.run(messages));
    Dispatcher { inbox, beat, callers_wait }
}

/// Everything that the task knows.
struct DispatcherTask {
    context: DispatchContext,
    inbox: mpsc::WeakSender<Message>,
    beat: Beat,
    tasks: TaskTracker,
    rules: Arc<Rules>,
    board: Board,
    /// The callers on the board who are offered to one agent first.
    preferred: PreferredCallers,
    callers: BTreeMap<CallId, QueuedCaller>,
    /// How fast the callers of each queue are taken.
    rates: BTreeMap<QueueName, ServiceRate>,
    /// Whether there are callers for whom no phone rings, for the tasks that release agents.
    callers_wait: Arc<AtomicBool>,
    agents: BTreeMap<AgentName, AgentRow>,
    elsewhere: Elsewhere,
    /// How many offers in a row failed for each agent through no fault of the agent.
    failures: BTreeMap<AgentName, u32>,
    /// Who is in another call, for the task that records it.
    show_elsewhere: watch::Sender<BTreeSet<AgentName>>,
    offers: BTreeMap<(CallId, OfferId), LiveOffer>,
    wrap_ups: BTreeSet<(UnixMs, AgentName)>,
    /// Nodes whose link is down.
    down: BTreeSet<NodeName>,
    /// The nodes for which it is not known yet who is in other calls.
    counting: Counting,
    /// The callers of an earlier run who are expected back, and until when nobody is rung because of them.
    expected_back: (BTreeSet<CallId>, Instant),
}

impl DispatcherTask {
    fn new(
        context: DispatchContext,
        inbox: mpsc::WeakSender<Message>,
        beat: Beat,
        tasks: TaskTracker,
        show_elsewhere: watch::Sender<BTreeSet<AgentName>>,
    ) -> Self {
        Self {
            context,
            inbox,
            beat,
            tasks,
            rules: Arc::default(),
            board: Board::new(),
            preferred: PreferredCallers::default(),
            callers: BTreeMap::new(),
            rates: BTreeMap::new(),
            callers_wait: Arc::default(),
            agents: BTreeMap::new(),
            elsewhere: Elsewhere::default(),
            failures: BTreeMap::new(),
            show_elsewhere,
            offers: BTreeMap::new(),
            wrap_ups: BTreeSet::new(),
            down: BTreeSet::new(),
            counting: Counting::default(),
            expected_back: (BTreeSet::new(), Instant::now()),
        }
    }

    /// Returns a handle for tasks that report back. None when nobody uses the dispatcher any more.
    fn handle(&self) -> Option<Dispatcher> {
        let (beat, callers_wait) = (self.beat.clone(), Arc::clone(&self.callers_wait));
        self.inbox.upgrade().map(|inbox| Dispatcher { inbox, beat, callers_wait })
    }

    async fn run(mut self, mut messages: Inbox<Message>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let wake = self.next_wake();
            tokio::select! {
                biased;
                taken = messages.recv_many(&mut batch, BATCH) => if taken == 0 { return },
                () = tokio::time::sleep_until(wake) => {}
            }
            self.beat.works();
            let began = Instant::now();
            self.context.metrics.board_events.inc_by(batch.len() as u64);
            for message in batch.drain(..) {
                self.hear(message);
            }
            self.end_wrap_ups();
            self.release_preferred();
            self.propose();
            self.context.nodes.await_talk_ends(self.is_anybody_unserved());
            self.context.metrics.board_seconds.inc_by(began.elapsed().as_secs_f64());
            self.show();
            self.beat.rests();
        }
    }

    /// Returns when the task must wake up without a message.
    fn next_wake(&self) -> Instant {
        let wrap_up = self.wrap_ups.first().map(|(at, _)| self.context.clock.instant_of(*at));
        let counted = self.counting.waits_until();
        let board = match (self.expected_back.0.is_empty(), counted) {
            (true, None) => self.board.next_wake().map(|at| self.context.clock.instant_of(at)),
            (true, Some(_)) => None,
            (false, _) => Some(self.expected_back.1),
        };
        let first = self.preferred.next_wake().map(|at| self.context.clock.instant_of(at));
        let idle = Instant::now() + Duration::from_secs(3_600);
        [board, wrap_up, first, counted].into_iter().flatten().min().unwrap_or(idle)
    }

    fn hear(&mut self, message: Message) {
        match message {
            // The request is carried out even if its sender does not wait for the reply any more.
            Message::Join(queued, reply) => {
                let _ = reply.send(self.join(*queued));
            }
            Message::Leave(call, why, reply) => {
                let _ = reply.send(self.leave(call, why));
            }
            Message::Place(call, reply) => {
                let _ = reply.send(self.place(call));
            }
            Message::Connecting(call, offer) => self.connecting(call, offer),
            Message::WaitsAgain(call) => self.waits_again(call),
            Message::Refused { call, offer, agent } => self.refused(call, offer, &agent),
            Message::Over { call, offer, outcome, of_link, agent } => {
                if !of_link {
                    self.count_failure(&agent.name, outcome);
                }
                self.over(call, offer, outcome, *agent);
            }
            Message::Agent(row) => self.learn(*row),
            Message::Elsewhere(node, domain, users) => {
                self.hear_elsewhere(&node, domain.as_deref(), &users);
            }
            Message::Node(node, up) => self.node(&node, up),
            Message::Counted(node, known) => self.counting.counted(node, known),
            Message::ExpectBack(calls, until) => self.expected_back = (calls, until),
            Message::Reload(rules, agents) => self.reload(&rules, agents),
        }
    }

    fn reload(&mut self, rules: &Arc<Rules>, agents: Vec<AgentRow>) {
        for name in self.rules.queues.keys().filter(|name| !rules.queues.contains_key(*name)) {
            self.rates.remove(name);
            let first = self.preferred.remove_queue(&mut self.board, name);
            for call in self.board.remove_queue(name).into_iter().chain(first) {
                tracing::warn!(call.id = %call, queue = %name, "the queue was removed while this caller waited");
                // That closes the story's channel for answers, and the story goes on to the overflow.
                self.callers.remove(&call);
            }
        }
        for (name, queue) in &rules.queues {
            let spec = QueueSpec {
                strategy: queue.strategy,
                priority: queue.priority,
                call_waiting: queue.call_waiting,
                tiers: queue.tiers.clone(),
            };
            self.board.set_queue(name.clone(), spec);
        }
        let gone: Vec<_> =
            self.agents.keys().filter(|name| !rules.agents.contains_key(*name)).cloned().collect();
        for name in &gone {
            self.forget(name);
            self.failures.remove(name);
        }
        self.rules = Arc::clone(rules);
        let changes = self.elsewhere.reload(rules);
        self.follow_elsewhere(&changes);
        agents.into_iter().for_each(|row| self.learn(row));
    }

    /// Returns how many callers of a queue are off the board because their node is down.
    fn aside(&self, queue: &QueueName) -> usize {
        if self.down.is_empty() {
            return 0;
        }
        let is_aside =
            |queued: &&QueuedCaller| queued.queue == *queue && self.down.contains(queued.node.name());
        self.callers.values().filter(is_aside).count()
    }

    /// Sets the metric of how many callers wait, and whether a phone rings for each of them.
    fn show(&self) {
        let rings = |call: &CallId| self.offers.range(offers_of(*call)).next().is_some();
        self.callers_wait.store(!self.callers.keys().all(rings), Ordering::Relaxed);
        let metrics = &self.context.metrics;
        for name in self.rules.queues.keys() {
            let waiting = self.board.waiting(name) + self.preferred.waiting(name) + self.aside(name);
            let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
            metrics.waiting.with_label_values(&[name.as_str()]).set(waiting);
        }
    }
}
