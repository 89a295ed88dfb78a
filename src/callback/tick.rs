//! The tick: moves on the cases that are due, and leases those that may be called back now.
//!
//! In: the database, the rules, the available agents, the trunks. Out: one [`story`] for each leased case.
//! **Invariant:** idempotent, and can die at any line, since every decision is made in the database.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::story;
use crate::clock::UnixMs;
use crate::context::App;
use crate::dispatch::trunks::{CallSlot, RateLimit};
use crate::ids::{AttemptId, CaseId, CoreId, QueueName};
use crate::metrics::SkippedRow;
use crate::missed::outgoing::ContactVerdict;
use crate::missed::regulation::{Guard, Refusal};
use crate::queue::agent::Status;
use crate::rules::Rules;
use crate::skipped::Skipped;
use crate::store::callbacks::{self, CallbackRules, LeaseRequest, Leased, LeasedCase};
use crate::store::{StoreError, agents};
use crate::switch::Node;
use crate::ticks::Ticks;
use crate::vital::Beat;

/// What the tick works with.
pub struct Tick {
    app: Arc<App>,
    tasks: TaskTracker,
    /// The number of passes so far.
    passes: usize,
    /// The rules of the last pass.
    rules: Option<Arc<Rules>>,
    /// Cases that cannot be moved on, or leased.
    cases: Skipped<CaseId>,
    /// Attempts that cannot be closed.
    attempts: Skipped<AttemptId>,
    /// Lets no more callbacks begin in a second than customers may be dialled, so that no agent waits long for the
    /// dial.
    begun: RateLimit,
    /// No case is leased before this: the limit of dials per hour is reached.
    hour_full_until: UnixMs,
}

impl Tick {
    /// Callbacks run in `tasks`.
    #[must_use]
    pub fn new(app: Arc<App>, tasks: TaskTracker) -> Self {
        let begun = RateLimit::of(app.settings.callback.max_dials_per_second);
        let (cases, attempts) = (Skipped::default(), Skipped::default());
        Self { app, tasks, passes: 0, rules: None, cases, attempts, begun, hour_full_until: UnixMs(0) }
    }

    /// Makes a pass at every interval until told to stop.
    pub async fn run(mut self, beat: Beat, stop: CancellationToken) {
        let mut ticks = Ticks::new(self.app.settings.callback.poll_interval, stop);
        while ticks.next().await.is_some() {
            if let Err(error) = beat.during(self.look()).await {
                tracing::error!(%error, "due cases cannot be read: tried again at the next pass");
            }
        }
    }

    /// One pass: moves cases on, then leases those that are due. A step that fails does not stop the others.
    ///
    /// # Errors
    /// The first, when the database fails.
    pub async fn look(&mut self) -> Result<(), StoreError> {
        let callback_rules = self.app.callback_rules();
        let rehomed = self.rehome(&callback_rules).await;
        let advanced = self.advance(&callback_rules).await;
        let decided = self.decide_dispositions(&callback_rules).await;
        let none = self.app.settings.callback.trunks.is_empty();
        let called = if none { Ok(()) } else { self.call_back(&callback_rules).await };
        rehomed.and(advanced).and(decided).and(called)
    }

    /// Moves a case to another queue when the new rules do not have its own.
    async fn rehome(&mut self, callback_rules: &CallbackRules) -> Result<(), StoreError> {
        if self.rules.as_ref().is_some_and(|known| Arc::ptr_eq(known, &callback_rules.rules)) {
            return Ok(());
        }
        let (new, at) = (callback_rules.clone(), self.app.clock.now());
        self.app.store.write("rehome", move |c| callbacks::rehome(c, &new, at)).await?;
        self.rules = Some(Arc::clone(&callback_rules.rules));
        Ok(())
    }

    async fn advance(&mut self, callback_rules: &CallbackRules) -> Result<(), StoreError> {
        let (at, limit) = (self.app.clock.now(), i64::from(self.app.settings.callback.batch));
        let skipped = self.cases.now(Instant::now());
        let due = self.app.store.read("due_cases", move |c| callbacks::due(c, at, limit, &skipped)).await?;
        for case in due {
            let callback_rules = callback_rules.clone();
            let moved = self
                .app
                .store
                .write("advance", move |c| callbacks::advance(c, case, &callback_rules, at))
                .await;
            match moved {
                Ok(()) => self.cases.worked(&case),
                Err(error) => self.skip_case(case, &error, "moved on"),
            }
        }
        Ok(())
    }

    /// Closes attempts that wait too long for a disposition and whose case is closed.
    async fn decide_dispositions(&mut self, callback_rules: &CallbackRules) -> Result<(), StoreError> {
        let (at, limit) = (self.app.clock.now(), i64::from(self.app.settings.callback.batch));
        let before = at - callback_rules.disposition_timeout;
        let skipped = self.attempts.now(Instant::now());
        let read = move |c: &mut _| callbacks::missing_dispositions(c, before, limit, &skipped);
        let missing = self.app.store.read("missing_dispositions", read).await?;
        for attempt in missing {
            let callback_rules = callback_rules.clone();
            let closed = self
                .app
                .store
                .write("decide_disposition", move |c| {
                    callbacks::decide_disposition(c, attempt, &callback_rules, at)
                })
                .await;
            match closed {
                Ok(()) => self.attempts.worked(&attempt),
                Err(error) => self.skip_attempt(attempt, &error),
            }
        }
        Ok(())
    }

    /// Leaves a failing case out for a while, so that no other case waits for it.
    fn skip_case(&mut self, case: CaseId, error: &StoreError, done: &str) {
        let pause = self.cases.failed(case, Instant::now());
        self.app.metrics.row_skipped(SkippedRow::Case);
        tracing::error!(case.id = %case, %error, ?pause, "the case cannot be {done}: skipped for a while");
    }

    fn skip_attempt(&mut self, attempt: AttemptId, error: &StoreError) {
        let pause = self.attempts.failed(attempt, Instant::now());
        self.app.metrics.row_skipped(SkippedRow::Attempt);
        tracing::error!(%attempt, %error, ?pause, "the attempt cannot be closed: skipped for a while");
    }

    async fn call_back(&mut self, callback_rules: &CallbackRules) -> Result<(), StoreError> {
        let Some((node, core)) = self.node() else { return Ok(()) };
        let agents = self.app.store.read("agents", agents::all).await?;
        let there = |name: &_| agents.iter().any(|row| row.name == *name && row.status == Status::Available);
        self.keep_places(callback_rules, &node, core).await?;
        let live = self.app.callbacks.by_queue();
        // The queues take turns at being first, since there may not be room for all.
        self.passes = self.passes.wrapping_add(1);
        let queues = &callback_rules.rules.queues;
        let first = self.passes % queues.len().max(1);
        for (name, queue) in queues.iter().skip(first).chain(queues.iter().take(first)) {
            let available = queue.tiers.keys().filter(|agent| there(agent)).count();
            let share = self.app.settings.callback.share_of(available);
            let wanted = share.saturating_sub(live.get(name).copied().unwrap_or_default());
            let slots = self.slots(wanted);
            let ready = self.ready(name, slots.len()).await.inspect_err(|error| {
                tracing::error!(queue = %name, %error, "the due cases of this queue cannot be read: tried again at the next pass");
            });
            let leased = self.lease(callback_rules, name, ready.unwrap_or_default(), &node, core).await;
            for (work, slot) in leased.into_iter().zip(slots) {
                self.begun.count(Instant::now());
                self.begin(callback_rules, work, node.clone(), Some(slot));
            }
        }
        Ok(())
    }

    /// Puts every customer who keeps a place on the board, whether or not there are agents and trunks for them now: their
    /// turn comes like that of the callers who wait.
    async fn keep_places(
        &mut self,
        callback_rules: &CallbackRules,
        node: &Node,
        core: CoreId,
    ) -> Result<(), StoreError> {
        let (limit, skipped) = (i64::from(self.app.settings.callback.batch), self.cases.now(Instant::now()));
        let read = move |c: &mut _| callbacks::kept_places(c, limit, &skipped);
        for (queue, case) in self.app.store.read("kept_places", read).await? {
            for work in self.lease(callback_rules, &queue, vec![case], node, core).await {
                self.begin(callback_rules, work, node.clone(), None);
            }
        }
        Ok(())
    }

    /// Returns the due cases of a queue, `limit` at most.
    async fn ready(&mut self, queue: &QueueName, limit: usize) -> Result<Vec<CaseId>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (queue, skipped) = (queue.clone(), self.cases.now(Instant::now()));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.app.store.read("ready_cases", move |c| callbacks::ready(c, &queue, limit, &skipped)).await
    }

    /// Returns a FreeSWITCH whose links are up, and which run of it that is.
    fn node(&self) -> Option<(Node, CoreId)> {
        self.app.nodes.all().iter().find_map(|node| {
            let core = *node.core().borrow();
            core.filter(|_| *node.up().borrow()).map(|core| (node.clone(), core))
        })
    }

    /// Reserves `wanted` slots, or as many as are free.
    fn slots(&mut self, wanted: usize) -> Vec<CallSlot> {
        let wanted = wanted.min(self.begun.room(Instant::now()));
        std::iter::from_fn(|| self.app.trunks.reserve()).take(wanted).collect()
    }

    async fn lease(
        &mut self,
        callback_rules: &CallbackRules,
        queue: &QueueName,
        cases: Vec<CaseId>,
        node: &Node,
        core: CoreId,
    ) -> Vec<LeasedCase> {
        let at = self.app.clock.now();
        let wanted = LeaseRequest { queue: queue.clone(), node: node.name().clone(), core, at };
        let mut leased = Vec::new();
        for case in cases {
            if at < self.hour_full_until {
                break;
            }
            let (callback_rules, wanted) = (callback_rules.clone(), wanted.clone());
            let lease = move |c: &mut _| callbacks::lease(c, case, &callback_rules, &wanted);
            match self.app.store.write("lease", lease).await {
                Ok(Leased::Refused(refusal)) => {
                    self.count_refusal(&refusal);
                }
                Ok(done) => leased.extend(done.work()),
                Err(error) => self.skip_case(case, &error, "leased"),
            }
        }
        leased
    }

    /// Counts a refusal. If the limit of dials per hour is reached, no case is leased for a while.
    fn count_refusal(&mut self, refusal: &Refusal) {
        self.app.metrics.dial_decided(ContactVerdict::by_guard(refusal.guard));
        if let Some(until) = refusal.until.filter(|_| refusal.guard == Guard::HourCap) {
            tracing::warn!(why = refusal.why, %until, "the limit of dials per hour is reached: no customer is called back until then");
            self.hour_full_until = until;
        }
    }

    fn begin(&self, callback_rules: &CallbackRules, work: LeasedCase, node: Node, slot: Option<CallSlot>) {
        let Some(guard) = self.app.callbacks.enter(&work.number, &work.queue) else {
            // The callback of an earlier lease is about to end.
            tracing::warn!(case.id = %work.case, "a callback to this number has not ended yet");
            let (app, callback_rules) = (Arc::clone(&self.app), callback_rules.clone());
            self.tasks.spawn(async move { story::withdraw(&app, &callback_rules, &work).await });
            return;
        };
        self.tasks.spawn(story::run(Arc::clone(&self.app), callback_rules.clone(), work, node, slot, guard));
    }
}
