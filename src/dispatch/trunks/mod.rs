//! Over which trunk a customer is dialled, and when.
//!
//! In: the trunks of `[callback]`, calls that begin and end, the time. Out: a [`CallSlot`] for each call to a customer.
//! When the customer may be dialled, the slot gives a [`TrunkCall`], which dials.
//! **Invariants:** no trunk has more calls than its `max_calls`, or dials more customers in any second than its
//! `max_dials_per_second`; the same limits of `[callback]` hold for all trunks together. Every slot gets a trunk in the
//! end. Of the trunks with room, the first in the file is used. A trunk that failed recently is used only if no other
//! has room.

mod fate;
mod rate_limit;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::rate_limit::SECOND;

use crate::clock::UnixMs;
use crate::config::callback::{Settings, Trunk};
use crate::event::Event;
use crate::ids::{CallId, ChannelId, LegId, OfferId};
use crate::missed::attempt::Claim;
use crate::phone::E164;
use crate::switch::{Leg, LegRequest, LegRole, Node};

pub use self::fate::DialFate;
pub(crate) use self::rate_limit::RateLimit;

/// The trunks, and what goes on over them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trunks {
    usage: Arc<Mutex<Usage>>,
    /// Somebody who waits for a slot is told of one that was given back.
    freed: Arc<Notify>,
}

#[derive(Debug)]
struct Usage {
    /// How many slots are taken.
    slots: usize,
    /// The largest number of slots: no more than all trunks carry together, so that every slot finds a trunk with room.
    most: usize,
    dials: RateLimit,
    trunks: Vec<TrunkUse>,
}

/// A trunk in use.
#[derive(Debug)]
struct TrunkUse {
    trunk: Arc<Trunk>,
    calls: usize,
    dials: RateLimit,
    /// Until when the trunk rests after its last failure.
    rested_at: Option<Instant>,
    /// How many dials have failed in a row.
    failures: u32,
    /// The numbers of these dials that do not exist according to the trunk, [`WRONG_NUMBERS`] at most.
    wrong: BTreeSet<E164>,
}

/// How many numbers that do not exist are remembered for a trunk. A further number counts at each dial.
const WRONG_NUMBERS: usize = 1_000;

/// Room for one call to a customer, until it is dropped.
#[derive(Debug)]
pub struct CallSlot(Trunks);

/// One customer's call over a trunk, until it is dropped.
#[derive(Debug)]
pub struct TrunkCall {
    trunks: Trunks,
    at: usize,
    trunk: Arc<Trunk>,
}

/// The trunks that have refused one call.
#[derive(Debug, Default)]
pub struct TriedTrunks(Vec<usize>);

/// A customer who is dialled.
#[derive(Debug, Clone, Copy)]
pub struct Customer<'a> {
    /// The channel that the customer's leg will have.
    pub channel: ChannelId,
    /// The customer's number.
    pub number: &'a E164,
    /// The call for which the customer is dialled.
    pub call: CallId,
    /// The offer for which the customer is dialled.
    pub offer: OfferId,
    /// How long the customer's phone rings.
    pub ring: Duration,
}

impl Trunks {
    /// Returns the trunks of the settings, without any calls.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let trunks = settings.trunks.iter().cloned().map(|mut trunk| {
            if trunk.caller_id.is_empty() {
                trunk.caller_id.clone_from(&settings.caller_id);
            }
            let dials = RateLimit::of(trunk.max_dials_per_second);
            TrunkUse {
                trunk: Arc::new(trunk),
                calls: 0,
                dials,
                rested_at: None,
                failures: 0,
                wrong: BTreeSet::new(),
            }
        });
        let trunks: Vec<TrunkUse> = trunks.collect();
        let carried =
            trunks.iter().fold(0, |sum: usize, trunk_use| sum.saturating_add(trunk_use.trunk.max_calls));
        let dials = RateLimit::of(settings.max_dials_per_second);
        let usage = Usage { slots: 0, most: carried.min(settings.max_calls), dials, trunks };
        Self { usage: Arc::new(Mutex::new(usage)), freed: Arc::default() }
    }

    /// Reserves room for one more call. None while there are as many calls as allowed.
    #[must_use]
    pub fn reserve(&self) -> Option<CallSlot> {
        let mut state = self.state();
        let has_room = state.slots < state.most;
        state.slots += usize::from(has_room);
        has_room.then(|| CallSlot(self.clone()))
    }

    /// Waits until there is room for one more call.
    pub async fn room(&self) -> CallSlot {
        loop {
            match self.reserve() {
                Some(slot) => return slot,
                None => self.freed.notified().await,
            }
        }
    }

    /// Returns how many customers are on each trunk.
    #[must_use]
    pub fn calls(&self) -> Vec<(Arc<Trunk>, usize)> {
        self.state().trunks.iter().map(|trunk_use| (Arc::clone(&trunk_use.trunk), trunk_use.calls)).collect()
    }

    fn state(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallSlot {
    /// Waits until the customer may be dialled: usually not at all, but some seconds while many customers are dialled
    /// at once. A slot allows one trunk call at a time.
    pub async fn next_trunk(&self) -> TrunkCall {
        loop {
            match self.try_trunk(Instant::now()) {
                Ok(trunk_use) => return trunk_use,
                Err(free_at) => tokio::time::sleep_until(free_at).await,
            }
        }
    }

    /// Waits until the customer may be dialled over a trunk that was not tried. If no such trunk has room, returns None
    /// at once.
    pub async fn next_untried(&self, tried: &TriedTrunks) -> Option<TrunkCall> {
        loop {
            match self.try_trunk_except(Instant::now(), tried)? {
                Ok(trunk_use) => return Some(trunk_use),
                Err(free_at) => tokio::time::sleep_until(free_at).await,
            }
        }
    }

    /// Returns a trunk call, which must dial at once.
    ///
    /// # Errors
    /// When to ask again, if as many customers were dialled in the last second as allowed.
    pub fn try_trunk(&self, now: Instant) -> Result<TrunkCall, Instant> {
        self.try_trunk_except(now, &TriedTrunks::default()).unwrap_or(Err(now + SECOND))
    }

    /// As [`CallSlot::try_trunk`], without the trunks that were tried. None if no other trunk has room.
    fn try_trunk_except(&self, now: Instant, tried: &TriedTrunks) -> Option<Result<TrunkCall, Instant>> {
        let mut state = self.0.state();
        let Usage { dials, trunks, .. } = &mut *state;
        let others = trunks.iter_mut().enumerate().filter(|(at, _)| !tried.0.contains(at));
        let with_room = others.filter(|(_, trunk_use)| trunk_use.calls < trunk_use.trunk.max_calls);
        let (at, trunk_use) = with_room
            .min_by_key(|(_, trunk_use)| (trunk_use.rests_until(now), trunk_use.dials.free_at(now)))?;
        let free_at = dials.free_at(now).max(trunk_use.dials.free_at(now));
        if free_at > now {
            return Some(Err(free_at));
        }
        dials.count(now);
        trunk_use.dials.count(now);
        trunk_use.calls += 1;
        Some(Ok(TrunkCall { trunks: self.0.clone(), at, trunk: Arc::clone(&trunk_use.trunk) }))
    }
}

impl TriedTrunks {
    /// Adds the trunk, and ends the call on it.
    pub fn add(&mut self, trunk_use: TrunkCall) {
        self.0.push(trunk_use.at);
    }
}

impl TrunkUse {
    /// Counts a failure, and returns how many there are in a row. None if this failure does not count: a number that
    /// does not exist counts once, however often it is dialled.
    fn count(&mut self, number: &E164, cause: &str) -> Option<u32> {
        if Claim::of(cause) == Some(Claim::NoSuchNumber) {
            if self.wrong.contains(number) {
                return None;
            }
            if self.wrong.len() < WRONG_NUMBERS {
                self.wrong.insert(number.clone());
            }
        }
        self.failures = self.failures.saturating_add(1);
        Some(self.failures)
    }

    /// Returns until when the trunk rests. None if it does not rest.
    fn rests_until(&self, now: Instant) -> Option<Instant> {
        self.rested_at.filter(|at| *at > now)
    }
}

impl TrunkCall {
    /// Returns the trunk.
    #[must_use]
    pub fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// Dials the customer. If that cannot be done, the reason is logged and there is no leg.
    #[must_use]
    pub fn ring(&self, node: &Node, customer: &Customer<'_>) -> Option<Leg> {
        let trunk = self.trunk.name();
        let contact = self.trunk.dial.contact(customer.number);
        let contact = contact
            .inspect_err(|error| tracing::error!(trunk, %error, "the customer is not dialled"))
            .ok()?;
        let request = LegRequest {
            leg: LegId::of(customer.channel),
            contact,
            call: customer.call,
            offer: customer.offer,
            caller: None,
            ring_timeout: customer.ring,
            caller_number: self.trunk.caller_id.clone(),
            caller_name: String::new(),
            confirm: None,
            follow_redirects: self.trunk.follow_redirects,
            role: LegRole::Customer,
        };
        let leg = node
            .ring(request)
            .inspect_err(|error| tracing::error!(trunk, %error, "the customer is not dialled"))
            .ok()?;
        tracing::info!(trunk, "the customer is dialled");
        Some(leg)
    }

    /// Records for the trunk how the call to a number ended. Returns the event for the supervisor if the trunk has now
    /// failed too often.
    #[must_use]
    pub fn ended(&self, number: &E164, fate: DialFate<'_>, at: UnixMs) -> Option<Event> {
        let cause = match fate {
            DialFate::Failed(cause) => cause,
            DialFate::Unknown => return None,
            DialFate::Carried => {
                self.update(|trunk_use| {
                    trunk_use.failures = 0;
                    trunk_use.wrong.clear();
                });
                return None;
            }
        };
        self.failed(Instant::now());
        let times = self.update(|trunk_use| trunk_use.count(number, cause)).flatten()?;
        let told = times == self.trunk.alarm_after;
        told.then(|| Event::of_trunk(self.trunk.name(), at, cause, times))
    }

    fn update<T>(&self, learn: impl FnOnce(&mut TrunkUse) -> T) -> Option<T> {
        self.trunks.state().trunks.get_mut(self.at).map(learn)
    }

    /// The trunk failed before the customer's phone rang: it rests.
    pub fn failed(&self, now: Instant) {
        let Trunk { failure_pause: rest, .. } = *self.trunk;
        tracing::warn!(
            trunk = self.trunk.name(),
            ?rest,
            "the trunk has failed: other trunks are preferred for a while"
        );
        if let Some(trunk_use) = self.trunks.state().trunks.get_mut(self.at) {
            trunk_use.rested_at = Some(now + rest);
        }
    }
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        self.0.state().slots -= 1;
        self.0.freed.notify_one();
    }
}

impl Drop for TrunkCall {
    fn drop(&mut self) {
        if let Some(trunk_use) = self.trunks.state().trunks.get_mut(self.at) {
            trunk_use.calls -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
