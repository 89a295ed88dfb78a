//! The tick: moves on what is due, and leases what may be called back now.
//!
//! In: the database, the rules, who is there. Out: one [`story`] for each case that was leased.
//! **Invariant:** idempotent, and can die at any line: what it decides is decided in the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::story;
use crate::call::Desk;
use crate::ids::{CoreId, QueueName};
use crate::queue::agent::Status;
use crate::routing::rules::Rules;
use crate::store::callbacks::{self, Terms, Wanted, Work};
use crate::store::{StoreError, agents};
use crate::switch::Node;

/// What the tick works with.
pub struct Tick {
    desk: Arc<Desk>,
    tasks: TaskTracker,
    /// The rules of the last look.
    rules: Option<Arc<Rules>>,
    /// How many may be dialled from now on, and when that was reckoned.
    budget: (f64, Instant),
}

impl Tick {
    /// Callbacks run in `tasks`.
    #[must_use]
    pub fn new(desk: Arc<Desk>, tasks: TaskTracker) -> Self {
        Self { desk, tasks, rules: None, budget: (1.0, Instant::now()) }
    }

    /// Looks again and again until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut every = tokio::time::interval(self.desk.settings.callback.tick);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = every.tick() => {}
            }
            if let Err(error) = self.look().await {
                tracing::error!(%error, "what is due cannot be looked up: tried again");
            }
        }
    }

    /// One look: cases whose time has come move on, then those that are due are leased.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&mut self) -> Result<(), StoreError> {
        let terms = self.desk.terms();
        self.rehome(&terms).await?;
        self.advance(&terms).await?;
        if self.desk.settings.callback.dial.is_some() {
            self.call_back(&terms).await?;
        }
        Ok(())
    }

    /// Whatever is due in no queue of new rules finds another.
    async fn rehome(&mut self, terms: &Terms) -> Result<(), StoreError> {
        if self.rules.as_ref().is_some_and(|known| Arc::ptr_eq(known, &terms.rules)) {
            return Ok(());
        }
        let (new, at) = (terms.clone(), self.desk.clock.now());
        self.desk.store.write("rehome", move |c| callbacks::rehome(c, &new, at)).await?;
        self.rules = Some(Arc::clone(&terms.rules));
        Ok(())
    }

    async fn advance(&self, terms: &Terms) -> Result<(), StoreError> {
        let (at, limit) = (self.desk.clock.now(), i64::from(self.desk.settings.callback.batch));
        let due = self.desk.store.read("due_cases", move |c| callbacks::due(c, at, limit)).await?;
        for case in due {
            let terms = terms.clone();
            let moved =
                self.desk.store.write("advance", move |c| callbacks::advance(c, case, &terms, at)).await;
            if let Err(error) = moved {
                tracing::error!(case.id = %case, %error, "the case cannot be moved on: tried again");
            }
        }
        Ok(())
    }

    async fn call_back(&mut self, terms: &Terms) -> Result<(), StoreError> {
        let Some((node, core)) = self.node() else { return Ok(()) };
        let agents = self.desk.store.read("agents", agents::all).await?;
        let there = |name: &_| agents.iter().any(|row| row.name == *name && row.status == Status::Available);
        let live = self.desk.callbacks.by_queue();
        let mut free = self.desk.settings.callback.max_live.saturating_sub(self.desk.callbacks.len());
        let mut room = BTreeMap::new();
        for (name, queue) in &terms.rules.queues {
            let available = queue.tiers.keys().filter(|agent| there(agent)).count();
            let share = self.desk.settings.callback.share_of(available);
            let wanted = share.saturating_sub(live.get(name).copied().unwrap_or_default()).min(free);
            if wanted > 0 {
                free -= wanted;
                room.insert(name.clone(), wanted);
            }
        }
        for (queue, wanted) in room {
            let wanted = wanted.min(self.may_dial());
            for work in self.lease(terms, &queue, wanted, &node, core).await? {
                self.budget.0 -= 1.0;
                self.begin(terms, work, node.clone());
            }
        }
        Ok(())
    }

    /// A FreeSWITCH that can be used, and its run.
    fn node(&self) -> Option<(Node, CoreId)> {
        self.desk.nodes.all().iter().find_map(|node| {
            let core = *node.core().borrow();
            core.filter(|_| *node.up().borrow()).map(|core| (node.clone(), core))
        })
    }

    /// How many customers may be dialled now without going beyond the dials of a second.
    fn may_dial(&mut self) -> usize {
        let rate = f64::from(self.desk.settings.callback.dials_a_second.max(1));
        let now = Instant::now();
        let earned = now.duration_since(self.budget.1).as_secs_f64() * rate;
        self.budget = ((self.budget.0 + earned).min(rate.max(1.0)), now);
        self.budget.0.max(0.0) as usize
    }

    async fn lease(
        &self,
        terms: &Terms,
        queue: &QueueName,
        limit: usize,
        node: &Node,
        core: CoreId,
    ) -> Result<Vec<Work>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let wanted = Wanted {
            queue: queue.clone(),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            node: node.name().clone(),
            core,
            at: self.desk.clock.now(),
        };
        let terms = terms.clone();
        self.desk.store.write("lease", move |c| callbacks::lease(c, &terms, &wanted)).await
    }

    fn begin(&self, terms: &Terms, work: Work, node: Node) {
        let Some(place) = self.desk.callbacks.enter(&work.number, &work.queue) else {
            // Our own story of an earlier lease is about to end; this one runs out by itself.
            tracing::warn!(case.id = %work.case, "a callback to this number has not ended yet");
            let (desk, terms) = (Arc::clone(&self.desk), terms.clone());
            self.tasks.spawn(async move { story::withdraw(&desk, &terms, &work).await });
            return;
        };
        self.tasks.spawn(story::run(Arc::clone(&self.desk), terms.clone(), work, node, place));
    }
}
