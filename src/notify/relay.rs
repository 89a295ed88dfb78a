//! Takes due deliveries out of the outbox and gives them to the channels.
//!
//! In: the outbox, the channels of the settings. Out: rows with the result of each delivery, and metrics. A tick makes
//! deliveries from new events, leases those that are due, and starts a task for each. If the process dies, leases expire,
//! and the delivery is made again with the same id. **Invariant:** no destination waits for another one; at most
//! `concurrency` tries per destination run at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::patience;
use super::strangers::Destinations;
use super::{Channel, Receipt, Trouble};
use crate::clock::{Clock, UnixMs};
use crate::config::notify::{Pattern, Settings};
use crate::event::{Delivery, EventKind};
use crate::ids::DestinationName;
use crate::metrics::{Metrics, SkippedRow};
use crate::missed::outgoing::{ContactVerdict, Medium, Spent};
use crate::skipped::Skipped;
use crate::store::outbox::{self, Ask, Kept, Lease, Look, Met, Settled, Target};
use crate::store::{Store, StoreError};
use crate::vital::Beat;

/// How often waiting deliveries are counted. Counting a million rows takes a while.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// A destination with its channel.
#[derive(Debug, Clone)]
pub struct Outlet {
    /// Its name.
    pub name: DestinationName,
    /// The events that it receives.
    pub events: Vec<Pattern>,
    /// How long a try may take.
    pub timeout: Duration,
    /// The channel.
    pub channel: Arc<dyn Channel>,
}

/// What the relay works with.
#[derive(Debug, Clone)]
pub struct RelayContext {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The rows.
    pub store: Store,
    /// Tells the time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The time zone of messages to people.
    pub zone: chrono_tz::Tz,
    /// This controller's name in the rows.
    pub controller: String,
    /// Checks addresses that strangers gave.
    pub destinations: Destinations,
}

/// Delivers what is in the outbox.
#[derive(Debug)]
pub struct Relay {
    context: RelayContext,
    outlets: Arc<BTreeMap<DestinationName, Outlet>>,
    rooms: BTreeMap<DestinationName, Arc<Semaphore>>,
    wake: Arc<Notify>,
    /// Aggregates with an event that could not be turned into deliveries; their later events wait for it.
    skipped: Mutex<Skipped<String>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Relay {
    /// Makes a relay for these destinations. Tries run in `tasks`, until `stop`.
    #[must_use]
    pub fn new(
        context: RelayContext,
        outlets: Vec<Outlet>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let room =
            |outlet: &Outlet| (outlet.name.clone(), Arc::new(Semaphore::new(context.settings.concurrency)));
        Self {
            rooms: outlets.iter().map(room).collect(),
            outlets: Arc::new(outlets.into_iter().map(|outlet| (outlet.name.clone(), outlet)).collect()),
            wake: Arc::default(),
            skipped: Mutex::default(),
            context,
            tasks,
            stop,
        }
    }

    /// Wakes [`Self::run`] when a new event was stored.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Runs until the process stops.
    pub async fn run(self, beat: Beat) {
        let mut counted: Option<UnixMs> = None;
        while !self.stop.is_cancelled() {
            beat.works();
            let now = self.context.clock.now();
            if counted.is_none_or(|at| now.since(at) >= COUNT_EVERY || now < at) {
                counted = Some(now);
                self.count(now).await;
            }
            let next = self.tick().await.unwrap_or_else(|error| {
                tracing::error!(%error, "the outbox cannot be read or written; trying again");
                None
            });
            beat.rests();
            let pause =
                next.map_or(self.context.settings.poll_interval, |next| next.since(self.context.clock.now()));
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause.min(self.context.settings.poll_interval)) => {}
            }
        }
    }

    /// Does all that is due, once. Returns when the next delivery is due for which there is room.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tick(&self) -> Result<Option<UnixMs>, StoreError> {
        let mut look = self.look().await?;
        if look.unspread {
            while self.spread().await? == usize::try_from(self.context.settings.batch).unwrap_or(usize::MAX) {
            }
            look = self.look().await?;
        }
        let now = self.context.clock.now();
        let mut next: Option<UnixMs> = None;
        for (name, at) in look.next {
            let free = self.rooms.get(&name).map_or(0, |room| room.available_permits());
            if free == 0 {
                continue; // A try that ends wakes the relay.
            }
            if at <= now.0 {
                let leased = self.lease(&name, free, now).await?;
                if leased == free {
                    continue;
                }
            } else {
                next = Some(next.map_or(UnixMs(at), |earlier| earlier.min(UnixMs(at))));
            }
        }
        Ok(next)
    }

    async fn look(&self) -> Result<Look, StoreError> {
        let names: Vec<DestinationName> = self.outlets.keys().cloned().collect();
        self.context.store.read("outbox_look", move |c| outbox::look(c, &names)).await
    }

    /// Makes deliveries from some new events: from many at once, or from each alone if that fails. Returns how many
    /// events there were.
    async fn spread(&self) -> Result<usize, StoreError> {
        match self.spread_some(self.context.settings.batch).await {
            Err(error) if !error.is_passing() => self.spread_singly().await,
            spread => spread,
        }
    }

    async fn spread_some(&self, limit: i64) -> Result<usize, StoreError> {
        let (outlets, now, skipped) = (Arc::clone(&self.outlets), self.context.clock.now(), self.skipped());
        let targets = move |event: &Kept| targets(&outlets, event);
        let write = move |c: &mut _| outbox::spread(c, now, limit, &skipped, targets);
        self.context.store.write("outbox_spread", write).await
    }

    async fn spread_singly(&self) -> Result<usize, StoreError> {
        for made in 0..usize::try_from(self.context.settings.batch).unwrap_or(usize::MAX) {
            let skipped = self.skipped();
            let next =
                self.context.store.read("outbox_unspread", move |c| outbox::unspread(c, &skipped)).await?;
            let Some(aggregate) = next else { return Ok(made) };
            match self.spread_some(1).await {
                Ok(_) => lock(&self.skipped).worked(&aggregate),
                Err(error) => self.skip(aggregate, &error),
            }
        }
        Ok(usize::try_from(self.context.settings.batch).unwrap_or(usize::MAX))
    }

    /// Postpones the events of one aggregate; nothing else waits for them.
    fn skip(&self, aggregate: String, error: &StoreError) {
        let pause = lock(&self.skipped).failed(aggregate.clone(), Instant::now());
        self.context.metrics.row_skipped(SkippedRow::Event);
        tracing::error!(aggregate, %error, ?pause, "no deliveries can be made from an event; trying again later");
    }

    fn skipped(&self) -> Vec<String> {
        lock(&self.skipped).now(Instant::now())
    }

    /// Leases due deliveries and starts a task for each. Returns how many there were.
    async fn lease(&self, name: &DestinationName, free: usize, now: UnixMs) -> Result<usize, StoreError> {
        let (Some(outlet), Some(room)) = (self.outlets.get(name), self.rooms.get(name)) else { return Ok(0) };
        let wanted = Lease {
            destination: name.clone(),
            by: self.context.controller.clone(),
            now,
            until: now + self.context.settings.lease,
            limit: i64::try_from(free).unwrap_or(i64::MAX),
        };
        let leased = self.context.store.write("outbox_lease", move |c| outbox::lease(c, &wanted)).await?;
        let count = leased.len();
        for delivery in leased {
            // Only this task takes permits, so as many are left as were free.
            let Ok(permit) = Arc::clone(room).try_acquire_owned() else { break };
            let task = Try {
                context: self.context.clone(),
                outlet: outlet.clone(),
                wake: Arc::clone(&self.wake),
                stop: self.stop.clone(),
                _permit: Permit { permit: Some(permit), wake: Arc::clone(&self.wake) },
            };
            self.tasks.spawn(task.run(delivery));
        }
        Ok(count)
    }

    /// Updates the metrics of waiting deliveries.
    async fn count(&self, now: UnixMs) {
        match self.context.store.read("outbox_backlog", outbox::backlog).await {
            Ok((waiting, oldest)) => {
                let metrics = &self.context.metrics;
                metrics.outbox_waiting.set(waiting);
                metrics.outbox_oldest.set(oldest.map_or(0.0, |at| now.since(at).as_secs_f64()));
            }
            Err(error) => {
                tracing::error!(%error, "waiting deliveries cannot be counted; the metric keeps its last value")
            }
        }
    }
}

fn lock(skipped: &Mutex<Skipped<String>>) -> MutexGuard<'_, Skipped<String>> {
    skipped.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the destinations of an event. A destination never receives the event that it was closed, even when it is
/// enabled again.
fn targets(outlets: &BTreeMap<DestinationName, Outlet>, event: &Kept) -> Vec<Target> {
    let closed = event.kind == EventKind::DestinationClosed.as_str();
    let itself = |outlet: &Outlet| closed && event.data["name"] == outlet.name.as_str();
    let wants = |outlet: &&Outlet| {
        !itself(outlet) && outlet.events.iter().any(|pattern| pattern.matches(&event.kind))
    };
    let mut targets = Vec::new();
    for outlet in outlets.values().filter(wants) {
        let target = |recipient| Target { destination: outlet.name.clone(), recipient };
        let recipients = outlet.channel.recipients(&event.kind, &event.data);
        if recipients.is_empty() {
            targets.push(target(Err(
                "the event has no recipient with an address for this destination".to_owned()
            )));
        }
        targets.extend(recipients.into_iter().map(|recipient| target(Ok(recipient))));
    }
    targets
}

/// The right to make a try; dropping it wakes the relay.
#[derive(Debug)]
struct Permit {
    permit: Option<OwnedSemaphorePermit>,
    wake: Arc<Notify>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.wake.notify_one();
    }
}

/// How a try ended.
#[derive(Debug)]
enum Ended {
    /// The try was made, or is not to be made.
    Tried(Result<Receipt, Trouble>),
    /// A limit was reached: until when, and which.
    Postponed(UnixMs, String),
}

/// One try.
struct Try {
    context: RelayContext,
    outlet: Outlet,
    wake: Arc<Notify>,
    stop: CancellationToken,
    _permit: Permit,
}

impl Try {
    async fn run(self, delivery: Delivery) {
        let ended = tokio::select! {
            biased;
            ended = self.deliver(&delivery) => ended,
            () = self.stopped() => None,
        };
        let now = self.context.clock.now();
        let (settled, result) = match ended {
            Some(Ended::Tried(Ok(Receipt::Done(said)))) => (Settled::Done(said), "done"),
            Some(Ended::Tried(Ok(Receipt::Skipped(why)))) => (Settled::Skipped(why), "skipped"),
            Some(Ended::Tried(Err(trouble))) => self.after(&trouble, &delivery, now),
            Some(Ended::Postponed(until, why)) => (Settled::Postponed(until, why), "postponed"),
            None => (Settled::Released, "released"),
        };
        self.context.metrics.deliveries.with_label_values(&[self.outlet.name.as_str(), result]).inc();
        self.log_result(&settled, &delivery);
        let id = delivery.id;
        let recorded =
            self.context.store.record("outbox_settle", move |c| outbox::settle(c, id, &settled, now));
        if let Err(error) = recorded.await {
            tracing::error!(delivery = id, %error, "the result of a delivery could not be recorded; it will be delivered again");
        }
        self.wake.notify_one();
    }

    /// Tries to deliver within the time limit; none if the process stops meanwhile.
    async fn deliver(&self, delivery: &Delivery) -> Option<Ended> {
        if let Some(medium) = self.outlet.channel.to_stranger(delivery) {
            match self.permit(medium, delivery).await {
                Ok(None) => {}
                Ok(Some(ended)) => return Some(ended),
                Err(trouble) => return Some(Ended::Tried(Err(trouble))),
            }
        }
        let limit = self.outlet.timeout;
        let tried = tokio::time::timeout(limit, self.outlet.channel.deliver(delivery)).await;
        let late = |_| Err(Trouble::passing(format!("no answer within {limit:?}")));
        Some(Ended::Tried(tried.unwrap_or_else(late)))
    }

    /// Checks the limits for messages to strangers. A message that may be sent is counted; for any other, returns how the
    /// try ends.
    async fn permit(&self, medium: Medium, delivery: &Delivery) -> Result<Option<Ended>, Trouble> {
        let skipped = |why: String| Ok(Some(Ended::Tried(Ok(Receipt::Skipped(why)))));
        let said = |said: ContactVerdict| self.context.metrics.contact_decided(medium, said);
        if let Err(why) = self.context.destinations.check(medium, delivery) {
            said(ContactVerdict::Destination);
            return skipped(why);
        }
        let limits = self.context.settings.callers.limits(medium);
        let ask = Ask {
            delivery: delivery.id,
            recipient: delivery.recipient.clone(),
            medium,
            limits,
            now: self.context.clock.now(),
        };
        let permitted = self.context.store.write("outbox_permit", move |c| outbox::permit(c, &ask)).await;
        match permitted.map_err(Trouble::passing)? {
            Ok(()) => {
                said(ContactVerdict::Allowed);
                Ok(None)
            }
            Err(Met { spent, free_at }) => {
                said(spent.into());
                match spent {
                    Spent::Recipient { .. } => skipped(spent.to_string()),
                    Spent::Hour { .. } => Ok(Some(Ended::Postponed(free_at, spent.to_string()))),
                }
            }
        }
    }

    /// Waits until the process stops, and then as long as tries under way may still take.
    async fn stopped(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(self.context.settings.shutdown_timeout).await;
    }

    fn after(&self, trouble: &Trouble, delivery: &Delivery, now: UnixMs) -> (Settled, &'static str) {
        let chance = rand::random_range(-1.0..=1.0);
        let settings = &self.context.settings;
        let settled = patience::after(trouble, settings, delivery.attempt, delivery.at, now, chance);
        let result = match settled {
            Settled::Dead(_) => "dead",
            Settled::Closed(_) => "closed",
            _ => "failed",
        };
        (settled, result)
    }

    /// Logs how a delivery ended. The answer may name a person, so it is kept in the row and not in the log.
    fn log_result(&self, settled: &Settled, delivery: &Delivery) {
        let (destination, delivery, kind) = (&self.outlet.name, delivery.id, &delivery.kind);
        match settled {
            Settled::Dead(_) => {
                tracing::error!(%destination, delivery, kind, "delivery given up; `dozvon outbox list --state dead` shows why; to retry it: dozvon outbox retry {delivery}");
            }
            Settled::Closed(_) => {
                tracing::error!(%destination, delivery, kind, "the destination asked for no more events and is disabled; to send again: dozvon outbox enable {destination}");
            }
            Settled::Again(next, _) => {
                tracing::warn!(%destination, delivery, kind, %next, "not delivered; trying again; `dozvon outbox list` shows why");
            }
            Settled::Postponed(until, _) => {
                tracing::info!(%destination, delivery, kind, %until, "a limit of [notify.callers] is reached: the delivery is put off; `dozvon outbox list` says which limit");
            }
            Settled::Done(_) => tracing::debug!(%destination, delivery, kind, "delivered"),
            Settled::Skipped(_) => {
                tracing::debug!(%destination, delivery, kind, "skipped; `dozvon outbox list` says why")
            }
            Settled::Released => tracing::debug!(%destination, delivery, kind, "released: the process stops"),
        }
    }
}
