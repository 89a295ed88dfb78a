//! The dispatcher's task: what it knows, and what each message changes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::clock::UnixMs;
use crate::dispatch::counting::Counting;
use crate::dispatch::dispatcher::{Dispatcher, Leaving, Message, NoSuchQueue, Tools, Waiter};
use crate::dispatch::offer;
use crate::dispatch::offer::Offer;
use crate::ids::{AgentName, CallId, NodeName, OfferId, QueueName};
use crate::queue::agent::{Activity, Status, Step};
use crate::queue::board::{Board, Proposal, QueueSpec};
use crate::queue::elsewhere::Elsewhere;
use crate::queue::first::{Firsts, Place};
use crate::queue::offer::{Outcome, is_failure, is_refusal};
use crate::rules::Rules;
use crate::store::agents::AgentRow;
use crate::store::{self, until_recorded};
use crate::switch::Cancel;
use crate::vital::Beat;

/// How many messages are taken before the board is asked for proposals.
const BATCH: usize = 256;
/// How soon an agent is looked at again who owes what came of a callback.
const OWES_AGAIN: Duration = Duration::from_secs(1);

/// An offer whose claim is being made or whose phone rings.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) agent: AgentName,
    stop: Option<oneshot::Sender<Cancel>>,
}

/// Everything that the task knows.
pub(super) struct Floor {
    tools: Tools,
    inbox: mpsc::WeakSender<Message>,
    beat: Beat,
    tasks: TaskTracker,
    pub(super) rules: Arc<Rules>,
    pub(super) board: Board,
    /// Those on the board who wait for one agent first.
    firsts: Firsts,
    pub(super) callers: BTreeMap<CallId, Waiter>,
    agents: BTreeMap<AgentName, AgentRow>,
    pub(super) elsewhere: Elsewhere,
    /// How many offers in a row ended, for each agent, in failures that were not the agent's.
    failures: BTreeMap<AgentName, u32>,
    /// Who is in another call, for those who record it.
    pub(super) show_elsewhere: watch::Sender<BTreeSet<AgentName>>,
    pub(super) offers: BTreeMap<(CallId, OfferId), Live>,
    wrap_ups: BTreeSet<(UnixMs, AgentName)>,
    /// Nodes whose link is down.
    down: BTreeSet<NodeName>,
    /// Nodes on which it is not known yet who is in other calls.
    counting: Counting,
    /// Who is on his way back, and until when nobody is rung for want of them.
    gathering: (BTreeSet<CallId>, Instant),
}

impl Floor {
    pub(super) fn new(
        tools: Tools,
        inbox: mpsc::WeakSender<Message>,
        beat: Beat,
        tasks: TaskTracker,
        show_elsewhere: watch::Sender<BTreeSet<AgentName>>,
    ) -> Self {
        Self {
            tools,
            inbox,
            beat,
            tasks,
            rules: Arc::default(),
            board: Board::new(),
            firsts: Firsts::default(),
            callers: BTreeMap::new(),
            agents: BTreeMap::new(),
            elsewhere: Elsewhere::default(),
            failures: BTreeMap::new(),
            show_elsewhere,
            offers: BTreeMap::new(),
            wrap_ups: BTreeSet::new(),
            down: BTreeSet::new(),
            counting: Counting::default(),
            gathering: (BTreeSet::new(), Instant::now()),
        }
    }

    /// A handle for those who have something to tell; none when nobody needs the task any more.
    fn handle(&self) -> Option<Dispatcher> {
        let beat = self.beat.clone();
        self.inbox.upgrade().map(|inbox| Dispatcher { inbox, beat })
    }

    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
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
            self.tools.metrics.board_events.inc_by(batch.len() as u64);
            for message in batch.drain(..) {
                self.hear(message);
            }
            self.end_wrap_ups();
            self.open_firsts();
            self.propose();
            self.tools.metrics.board_seconds.inc_by(began.elapsed().as_secs_f64());
            self.show();
            self.beat.rests();
        }
    }

    /// When something is due that no message announces.
    fn next_wake(&self) -> Instant {
        let wrap_up = self.wrap_ups.first().map(|(at, _)| self.tools.clock.instant_of(*at));
        let counted = self.counting.waits_until();
        let board = match (self.gathering.0.is_empty(), counted) {
            (true, None) => self.board.next_wake().map(|at| self.tools.clock.instant_of(at)),
            (true, Some(_)) => None,
            (false, _) => Some(self.gathering.1),
        };
        let first = self.firsts.next_wake().map(|at| self.tools.clock.instant_of(at));
        let idle = Instant::now() + Duration::from_secs(3_600);
        [board, wrap_up, first, counted].into_iter().flatten().min().unwrap_or(idle)
    }

    fn hear(&mut self, message: Message) {
        match message {
            // Who asked may be gone: what he asked for is done all the same.
            Message::Join(waiter, reply) => {
                let _ = reply.send(self.join(*waiter));
            }
            Message::Leave(call, why, reply) => {
                let _ = reply.send(self.leave(call, why));
            }
            Message::Won(call, offer) => self.won(call, offer),
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
            Message::Gather(calls, until) => self.gathering = (calls, until),
            Message::Reload(rules, agents) => self.reload(&rules, agents),
        }
    }

    fn join(&mut self, waiter: Waiter) -> Result<(), NoSuchQueue> {
        if !self.rules.queues.contains_key(&waiter.queue) {
            return Err(NoSuchQueue(waiter.queue));
        }
        if !self.down.contains(waiter.node.name()) {
            self.seat(&waiter)?;
        }
        self.gathering.0.remove(&waiter.call);
        self.callers.insert(waiter.call, waiter);
        Ok(())
    }

    /// Gives a caller his place on the board.
    fn seat(&mut self, waiter: &Waiter) -> Result<(), NoSuchQueue> {
        let Waiter { call, queue: name, joined_at, .. } = waiter;
        let first = waiter.first.as_ref().filter(|first| {
            first.until > self.tools.clock.now() && is_there(&self.rules, &self.agents, name, &first.agent)
        });
        let place = first.zip(self.rules.queues.get(name)).and_then(|(first, queue)| {
            let (priority, tier) = (queue.priority, *queue.tiers.get(&first.agent)?);
            let call_waiting = queue.call_waiting;
            let (call, queue, joined_at) = (*call, name, *joined_at);
            let yields = waiter.yields;
            Some((first, Place { call, queue, joined_at, priority, tier, yields, call_waiting }))
        });
        let joined = match place {
            Some((first, place)) => self.firsts.join(&mut self.board, &place, first),
            None => self.board.join_as(*call, name, *joined_at, (0, waiter.yields)),
        };
        joined.map_err(|_| NoSuchQueue(name.clone()))
    }

    /// Lets anybody have those callers whom one agent was to be offered first, when that is over.
    fn open_firsts(&mut self) {
        let (rules, agents) = (&self.rules, &self.agents);
        let now = self.tools.clock.now();
        self.firsts.open(&mut self.board, now, |queue, agent| is_there(rules, agents, queue, agent));
    }

    /// Callers of a node that cannot ring anybody stand aside until it can.
    fn node(&mut self, node: &NodeName, up: bool) {
        self.counting.link(node, up, Instant::now());
        if up {
            self.down.remove(node)
        } else {
            self.down.insert(node.clone())
        };
        let of: Vec<Waiter> =
            self.callers.values().filter(|waiter| waiter.node.name() == node).cloned().collect();
        for waiter in of {
            if !up {
                self.unseat(waiter.call);
            } else if let Err(error) = self.seat(&waiter) {
                tracing::error!(call.id = %waiter.call, %error, "this caller cannot wait on");
            }
        }
    }

    /// Takes a caller off the board.
    fn unseat(&mut self, call: CallId) {
        self.board.leave(call);
        self.firsts.left(&mut self.board, call);
    }

    fn leave(&mut self, call: CallId, why: Leaving) -> bool {
        self.unseat(call);
        self.callers.remove(&call);
        self.gathering.0.remove(&call);
        let cancel = match why {
            Leaving::Answered => Cancel::LoseRace,
            Leaving::Gone => Cancel::OriginatorCancel,
        };
        let mut rang = false;
        for (_, live) in self.offers.range_mut(offers_of(call)) {
            rang = true;
            live.stop(cancel);
        }
        rang
    }

    fn won(&mut self, call: CallId, winner: OfferId) {
        for ((_, offer), live) in self.offers.range_mut(offers_of(call)) {
            if *offer != winner {
                live.stop(Cancel::LoseRace);
            }
        }
    }

    /// The database knew better: forget the agent until it says more of him, and let the board go on.
    fn refused(&mut self, call: CallId, offer: OfferId, agent: &AgentName) {
        self.offers.remove(&(call, offer));
        self.board.ended(call, agent, Outcome::Cancelled);
        self.forget(agent);
        self.tools.metrics.claims_refused.inc();
        self.refresh(agent.clone());
    }

    fn over(&mut self, call: CallId, offer: OfferId, outcome: Outcome, agent: AgentRow) {
        self.offers.remove(&(call, offer));
        self.board.ended(call, &agent.name, outcome);
        if is_refusal(outcome) {
            self.firsts.let_go(call, &agent.name);
        }
        self.learn(agent);
    }

    /// Counts failures in a row; what we took back ourselves says nothing.
    fn count_failure(&mut self, agent: &AgentName, outcome: Outcome) {
        match outcome {
            Outcome::Cancelled | Outcome::LostRace => {}
            _ if is_failure(outcome) => {
                let failures = self.failures.entry(agent.clone()).or_default();
                *failures = failures.saturating_add(1);
            }
            _ => drop(self.failures.remove(agent)),
        }
    }

    /// Takes over what the database says of an agent, unless something newer is known already.
    fn learn(&mut self, row: AgentRow) {
        let name = row.name.clone();
        let row = match self.agents.get(&name) {
            // Known already, and perhaps not acted upon while an offer held him.
            Some(known) if known.version > row.version => known.clone(),
            _ => row,
        };
        if let Some(known) = self.agents.get(&name) {
            self.wrap_ups.remove(&(known.ready_at, name.clone()));
            say_status(known, &row);
            if is_here_anew(known, &row) {
                self.failures.remove(&name);
            }
        }
        if row.activity == Activity::WrappingUp {
            self.wrap_ups.insert((row.ready_at, name.clone()));
        }
        if row.status == Status::Available && row.activity == Activity::Idle {
            self.board.ready(&name, row.idle_since_at, row.ready_at);
        } else {
            self.board.unready(&name);
        }
        if row.status != Status::Available && row.activity == Activity::Ringing {
            self.stop_ringing(&name);
        }
        self.agents.insert(name, row);
    }

    /// Nothing is known of this agent any more.
    fn forget(&mut self, agent: &AgentName) {
        self.board.unready(agent);
        if let Some(known) = self.agents.remove(agent) {
            self.wrap_ups.remove(&(known.ready_at, agent.clone()));
        }
    }

    /// An agent who left while his phone rang is not rung any longer.
    fn stop_ringing(&mut self, agent: &AgentName) {
        for live in self.offers.values_mut().filter(|live| live.agent == *agent) {
            live.stop(Cancel::OriginatorCancel);
        }
    }

    pub(super) fn reload(&mut self, rules: &Arc<Rules>, agents: Vec<AgentRow>) {
        for name in self.rules.queues.keys().filter(|name| !rules.queues.contains_key(*name)) {
            let first = self.firsts.remove_queue(&mut self.board, name);
            for call in self.board.remove_queue(name).into_iter().chain(first) {
                tracing::warn!(call.id = %call, queue = %name, "the queue was removed while this caller waited");
                // His story sees the door closed, and goes on to the overflow.
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

    /// Ends every wrap-up whose time has come; the database answers with the agent's new row.
    fn end_wrap_ups(&mut self) {
        let now = self.tools.clock.now();
        while let Some((at, agent)) = self.wrap_ups.first().cloned() {
            if at > now {
                return;
            }
            self.wrap_ups.remove(&(at, agent.clone()));
            self.step(agent, Step::EndWrapUp, "wrap-up is over");
        }
    }

    fn step(&self, agent: AgentName, step: Step, why: &'static str) {
        let Some(dispatcher) = self.handle() else { return };
        let tools = self.tools.clone();
        self.tasks.spawn(async move {
            let at = tools.clock.now();
            let name = agent.clone();
            let made = until_recorded("end_wrap_up", || {
                let name = name.clone();
                tools.store.write("end_wrap_up", move |c| {
                    store::agents::step(c, &store::agents::Make { agent: &name, step, at, by: "system", why })
                })
            });
            match made.await {
                Ok(row) => dispatcher.agent(row).await,
                Err(error) => {
                    // He owes what came of a callback, or somebody else was faster: looked at again in a moment.
                    tracing::debug!(%agent, %error, "the agent's wrap-up does not end yet");
                    tokio::time::sleep(OWES_AGAIN).await;
                    reread(&tools, dispatcher, agent).await;
                }
            }
        });
    }

    /// Asks the database what it knows of an agent.
    fn refresh(&self, agent: AgentName) {
        let Some(dispatcher) = self.handle() else { return };
        let tools = self.tools.clone();
        self.tasks.spawn(async move { reread(&tools, dispatcher, agent).await });
    }

    fn propose(&mut self) {
        if self.gathers() || self.counting.waits(Instant::now()) {
            return;
        }
        let now = self.tools.clock.now();
        while let Some(proposal) = self.board.propose(now) {
            self.offer(proposal);
        }
        while let Some((call, agent)) = self.board.take_back() {
            tracing::info!(call.id = %call, %agent, "a caller waits: the agent is not rung for a callback any more");
            let offers = self.offers.range_mut(offers_of(call)).map(|(_, live)| live);
            offers.filter(|live| live.agent == agent).for_each(|live| live.stop(Cancel::OriginatorCancel));
        }
    }

    /// Whether somebody who may have waited longest is still on his way back.
    fn gathers(&mut self) -> bool {
        let (calls, until) = &mut self.gathering;
        if *until <= Instant::now() {
            calls.clear();
        }
        !calls.is_empty()
    }

    fn offer(&mut self, proposal: Proposal) {
        let Proposal { call, agent, queue: _ } = proposal;
        let known = (self.callers.get(&call), self.agents.get(&agent), self.rules.agents.get(&agent));
        let ((Some(waiter), Some(row), Some(rules)), Some(dispatcher)) = (known, self.handle()) else {
            tracing::error!(call.id = %call, %agent, "the board proposed what is not there");
            self.board.ended(call, &agent, Outcome::Cancelled);
            self.board.unready(&agent);
            return;
        };
        let id = OfferId::new();
        let offer = Offer {
            id,
            agent: agent.clone(),
            version: row.version,
            rules: rules.clone(),
            waiter: waiter.clone(),
            failures: self.failures.get(&agent).copied().unwrap_or_default(),
            proposed: Instant::now(),
        };
        let span = tracing::info_span!("offer", call.id = %call, %agent, offer.id = %id);
        let (stop, stopped) = oneshot::channel();
        self.offers.insert((call, id), Live { agent, stop: Some(stop) });
        let ringing = offer::run(self.tools.clone(), dispatcher, offer, stopped);
        self.tasks.spawn(ringing.instrument(span));
    }

    /// How many callers of a queue are not on the board, because their node is down.
    fn aside(&self, queue: &QueueName) -> usize {
        if self.down.is_empty() {
            return 0;
        }
        let is_aside = |waiter: &&Waiter| waiter.queue == *queue && self.down.contains(waiter.node.name());
        self.callers.values().filter(is_aside).count()
    }

    /// Shows how many wait and what agents do.
    fn show(&self) {
        let metrics = &self.tools.metrics;
        for name in self.rules.queues.keys() {
            let waiting = self.board.waiting(name) + self.firsts.waiting(name) + self.aside(name);
            let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
            metrics.waiting.with_label_values(&[name.as_str()]).set(waiting);
        }
    }
}

impl Live {
    pub(super) fn stop(&mut self, cancel: Cancel) {
        if let Some(stop) = self.stop.take() {
            // The offer may be over by itself: then nobody listens, and nothing rings.
            let _ = stop.send(cancel);
        }
    }
}

/// Tells the dispatcher what the database knows of an agent.
async fn reread(tools: &Tools, dispatcher: Dispatcher, agent: AgentName) {
    let read = until_recorded("agent", || {
        let name = agent.clone();
        tools.store.read("agent", move |c| store::agents::get(c, &name))
    });
    match read.await {
        Ok(row) => dispatcher.agent(row).await,
        Err(error) => tracing::error!(%agent, %error, "the agent's state could not be read"),
    }
}

/// Logs that an agent logged in or out, went on break or is back.
fn say_status(before: &AgentRow, now: &AgentRow) {
    if (before.status, &before.break_reason) != (now.status, &now.break_reason) {
        let reason = now.break_reason.as_ref().map(tracing::field::display);
        tracing::info!(agent = %now.name, status = %now.status, reason, misses = now.misses, "the agent's status has changed");
    }
}

/// Whether an agent has logged in, is back from a break, or has had their pause ended: what failed before says nothing
/// of their phone any more.
fn is_here_anew(before: &AgentRow, now: &AgentRow) -> bool {
    let idle = |row: &AgentRow| row.activity == Activity::Idle;
    let pause_ended = idle(before) && idle(now) && now.ready_at < before.ready_at;
    now.status == Status::Available && (before.status != Status::Available || pause_ended)
}

/// Whether an agent serves a queue and is available, as far as is known.
fn is_there(
    rules: &Rules,
    agents: &BTreeMap<AgentName, AgentRow>,
    queue: &QueueName,
    agent: &AgentName,
) -> bool {
    let serves = rules.queues.get(queue).is_some_and(|queue| queue.tiers.contains_key(agent));
    serves && agents.get(agent).is_none_or(|row| row.status == Status::Available)
}

/// The keys of every offer of one call.
fn offers_of(call: CallId) -> std::ops::RangeInclusive<(CallId, OfferId)> {
    (call, OfferId(uuid::Uuid::nil()))..=(call, OfferId(uuid::Uuid::max()))
}
