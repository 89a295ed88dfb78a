//! The calls and offers that this process is handling.
//!
//! In: a story, an offer or the watch over a talk begins. Out: a guard, which removes the entry when it is dropped. If
//! a call or offer is open in the database and not in flight here, an earlier run left it behind, and `reconcile` ends
//! it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::ids::{CallId, ChannelId, CoreId, OfferId};
use crate::store::recovery::OpenCall;

/// The calls and offers that this process is handling. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Notified when nothing is in flight any more.
    idle: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many guards each call has: a caller may come back before the story of their first visit is over.
    calls: BTreeMap<CallId, usize>,
    offers: BTreeMap<OfferId, usize>,
    /// Callers whose socket broke while they waited, and until when they may come back.
    awaited: BTreeMap<(CoreId, ChannelId), (OpenCall, Instant)>,
}

/// Keeps a call or an offer in flight until it is dropped.
#[derive(Debug)]
pub struct InFlightGuard {
    in_flight: InFlight,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Call(CallId),
    Offer(OfferId),
}

impl Inner {
    fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.offers.is_empty()
    }
}

impl InFlight {
    /// Adds a call.
    #[must_use]
    pub fn call(&self, call: CallId) -> InFlightGuard {
        self.with(|inner| *inner.calls.entry(call).or_default() += 1);
        InFlightGuard { in_flight: self.clone(), what: What::Call(call) }
    }

    /// Adds an offer.
    #[must_use]
    pub fn offer(&self, offer: OfferId) -> InFlightGuard {
        self.with(|inner| *inner.offers.entry(offer).or_default() += 1);
        InFlightGuard { in_flight: self.clone(), what: What::Offer(offer) }
    }

    /// Whether the call is in flight.
    #[must_use]
    pub fn has_call(&self, call: CallId) -> bool {
        self.with(|inner| inner.calls.contains_key(&call))
    }

    /// How many calls are in flight.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.with(|inner| inner.calls.len())
    }

    /// Whether the offer is in flight.
    #[must_use]
    pub fn has_offer(&self, offer: OfferId) -> bool {
        self.with(|inner| inner.offers.contains_key(&offer))
    }

    /// Expects the caller back on the same channel until `until`, since the dialplan tries again.
    pub fn expect_back(&self, call: OpenCall, until: Instant) {
        self.with(|inner| inner.awaited.insert((call.core, call.channel), (call, until)));
    }

    /// Returns until when the caller of this call may come back. None if the caller is not expected.
    #[must_use]
    pub fn expected_until(&self, call: &OpenCall) -> Option<Instant> {
        self.with(|inner| {
            let (known, until) = inner.awaited.get(&(call.core, call.channel))?;
            (known.id == call.id).then_some(*until)
        })
    }

    /// A caller has arrived. If the caller was expected back, returns the call and a guard for it.
    #[must_use]
    pub fn come_back(&self, core: CoreId, channel: ChannelId) -> Option<(OpenCall, InFlightGuard)> {
        let call = self.with(|inner| {
            let (call, _) = inner.awaited.remove(&(core, channel))?;
            *inner.calls.entry(call.id).or_default() += 1;
            Some(call)
        })?;
        let guard = InFlightGuard { in_flight: self.clone(), what: What::Call(call.id) };
        Some((call, guard))
    }

    /// Stops expecting the caller. Returns a guard for the call. None if the caller has come back at this moment.
    #[must_use]
    pub fn give_up(&self, call: &OpenCall) -> Option<InFlightGuard> {
        if self.expected_until(call).is_some() {
            return self.come_back(call.core, call.channel).map(|(_, guard)| guard);
        }
        (!self.has_call(call.id)).then(|| self.call(call.id))
    }

    /// Waits until nothing is in flight.
    pub async fn until_idle(&self) {
        loop {
            let idle = self.0.idle.notified();
            tokio::pin!(idle);
            // From now on no notification is missed.
            idle.as_mut().enable();
            if self.with(|inner| inner.is_idle()) {
                return;
            }
            idle.await;
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let idle = self.in_flight.with(|inner| {
            match self.what {
                What::Call(call) => let_go(&mut inner.calls, call),
                What::Offer(offer) => let_go(&mut inner.offers, offer),
            }
            inner.is_idle()
        });
        if idle {
            self.in_flight.0.idle.notify_waiters();
        }
    }
}

fn let_go<K: Ord + Copy>(holds: &mut BTreeMap<K, usize>, key: K) {
    if let Some(count) = holds.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            holds.remove(&key);
        }
    }
}
