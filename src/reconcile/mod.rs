//! Comparing the database with FreeSWITCH: at the start, whenever a link comes up, and every few seconds.
//!
//! In: open calls and offers, what is in flight in this process, the channels of FreeSWITCH. Out: every call and offer
//! is in flight or has ended; every leg of ours has a task or is ended; every agent's activity matches an offer.
//!
//! | what is found | what is done |
//! |---|---|
//! | a caller who waited and is still there | expected: the dialplan brings them back, and they keep their position |
//! | such a caller, whom the dialplan does not have | sent to the beginning of the dialplan |
//! | such a caller, whom somebody else took | the call has ended as taken |
//! | a talk | watched to its end |
//! | a call or an offer whose channel is gone | ended, with the earliest time when that can have been |
//! | a phone that rings although the caller is gone | stops ringing |
//! | an agent who picked up although the caller is gone | hears a tone, and is released |
//! | an agent who rings or talks without an offer | idle |
//! | an agent whose rest begins in the future: the clock was set back | ready |
//!
//! **Invariants:** idempotent, and can die at any line. What the first pass finds was left by an earlier run. A later
//! mismatch should never happen: it is repaired once two passes in a row have seen it, and counted.

mod calls;
mod legs;
mod location;
mod offers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixMs;
use crate::context::App;
use crate::dispatch::context::DispatchContext;
use crate::ids::{AgentName, CallId, ChannelId, NodeName, OfferId};
use crate::metrics::Repair;
use crate::store::recovery::OpenCall;
use crate::store::{Database, StoreError, recovery};
use crate::switch::{FoundLeg, Node, QueryError};
use crate::vital::Beat;

/// The first pause after a pass in which FreeSWITCH could not be asked.
const SOON: Duration = Duration::from_millis(500);

/// Returns the pause before the next pass. `unfinished` counts the passes in a row that could not ask FreeSWITCH about
/// everything. After the first one the pause is short, then it doubles up to the usual interval.
fn pause(usual: Duration, unfinished: u32) -> Duration {
    match unfinished.checked_sub(1) {
        None => usual,
        Some(again) => SOON.saturating_mul(2_u32.saturating_pow(again)).min(usual),
    }
}

/// Something on which the database and this process may disagree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Mismatch {
    Call(CallId),
    Offer(OfferId),
    Agent(AgentName),
    Rest(AgentName),
    Leg(ChannelId),
}

impl Mismatch {
    /// The label of the metric.
    const fn kind(&self) -> Repair {
        match self {
            Self::Call(_) => Repair::CallWithoutStory,
            Self::Offer(_) => Repair::OfferWithoutRing,
            Self::Agent(_) => Repair::AgentWithoutOffer,
            Self::Rest(_) => Repair::AgentRestsTooLong,
            Self::Leg(_) => Repair::LegWithoutOffer,
        }
    }
}

/// The open offers and calls, to which legs may belong.
struct Ours {
    offers: BTreeSet<OfferId>,
    /// The callers' channels by their calls.
    callers: BTreeMap<CallId, ChannelId>,
}

/// Compares the database with FreeSWITCH.
pub struct Reconciler {
    app: Arc<App>,
    context: DispatchContext,
    /// The mismatches that an earlier run left. They are repaired, but not counted as faults of this run.
    left: BTreeSet<Mismatch>,
    /// The mismatches of the last pass.
    mismatches: BTreeSet<Mismatch>,
    /// Outbound channels of each node that are not our legs.
    foreign: BTreeMap<NodeName, BTreeSet<ChannelId>>,
    /// The legs of ours that this pass found on each node.
    found: BTreeMap<NodeName, Vec<FoundLeg>>,
    /// When the previous controller last recorded that it was alive.
    unwatched_from: UnixMs,
    /// Whether this is the first pass.
    first: bool,
}

impl Reconciler {
    /// Reads what an earlier run left. From now on, callers who come back are recognised.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(app: Arc<App>, context: DispatchContext) -> Result<Self, StoreError> {
        let (name, at) = (context.controller.clone(), app.clock.now());
        let seen = app.store.write("begin_watch", move |c| recovery::begin_watch(c, &name, at)).await?;
        let open = app.store.read("open", recovery::open).await?;
        let mut left: BTreeSet<Mismatch> = open.calls.iter().map(|call| Mismatch::Call(call.id)).collect();
        left.extend(open.offers.iter().map(|offer| Mismatch::Offer(offer.id)));
        left.extend(open.stuck.iter().cloned().map(Mismatch::Agent));
        if !left.is_empty() {
            let (calls, offers) = (open.calls.len(), open.offers.len());
            tracing::warn!(
                calls,
                offers,
                "an earlier run left these calls and offers open: comparing them with FreeSWITCH"
            );
        }
        let is_waiting = |call: &OpenCall| call.answered_at.is_none() && call.case.is_none();
        let waited: Vec<_> = open.calls.into_iter().filter(is_waiting).collect();
        let until = Instant::now() + app.settings.calls.recovery_wait;
        app.dispatcher.expect_back(waited.iter().map(|call| call.id).collect(), until).await;
        waited.into_iter().for_each(|call| app.expect_back(call));
        Ok(Self {
            unwatched_from: seen.unwrap_or(at),
            app,
            context,
            left,
            mismatches: BTreeSet::new(),
            foreign: BTreeMap::new(),
            found: BTreeMap::new(),
            first: true,
        })
    }

    /// Makes a pass at once, when a link comes up, and at every interval, until told to stop.
    pub async fn run(mut self, beat: Beat, stop: CancellationToken) {
        let mut unfinished = 0_u32;
        loop {
            let is_reconciled = match beat.during(self.look()).await {
                Ok(is_reconciled) => is_reconciled,
                Err(error) => {
                    tracing::error!(%error, "the database cannot be compared with FreeSWITCH: tried again soon");
                    false
                }
            };
            unfinished = if is_reconciled { 0 } else { unfinished.saturating_add(1) };
            let pause = pause(self.app.settings.calls.reconcile_interval, unfinished);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // A node that could not be asked may be reachable now.
                () = self.app.nodes.changed() => unfinished = 0,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Makes one pass. Returns whether FreeSWITCH could be asked about everything.
    async fn look(&mut self) -> Result<bool, StoreError> {
        let open = self.app.store.read("open", recovery::open).await?;
        let mut seen = BTreeSet::new();
        let mut is_reconciled = true;
        self.found.clear();
        let ours = Ours {
            offers: open.offers.iter().map(|offer| offer.id).collect(),
            callers: open.calls.iter().map(|call| (call.id, call.channel)).collect(),
        };
        for offer in open.offers {
            let mismatch = Mismatch::Offer(offer.id);
            if !self.app.in_flight.has_offer(offer.id) && self.is_sure(&mismatch, &mut seen) {
                is_reconciled &= self.reconcile_offer(offer).await?;
            }
        }
        for call in open.calls {
            let mismatch = Mismatch::Call(call.id);
            let held = self.app.in_flight.has_call(call.id);
            if !held
                && (self.app.in_flight.expected_until(&call).is_some() || self.is_sure(&mismatch, &mut seen))
            {
                is_reconciled &= self.reconcile_call(call).await?;
            }
        }
        for agent in open.stuck {
            if self.is_sure(&Mismatch::Agent(agent.clone()), &mut seen) {
                tracing::warn!(%agent, "the agent rings or talks without an offer: set to idle");
                let at = self.app.clock.now();
                self.change(agent, "free_agent", move |c, agent| recovery::free(c, agent, at).map(drop))
                    .await?;
            }
        }
        let at = self.app.clock.now();
        for agent in self.app.store.read("rests_ahead", move |c| recovery::rests_ahead(c, at)).await? {
            if self.is_sure(&Mismatch::Rest(agent.clone()), &mut seen) {
                self.change(agent, "end_rest", move |c, agent| recovery::end_rest(c, agent, at)).await?;
            }
        }
        is_reconciled &= self.end_strays(&ours, &mut seen).await;
        self.mismatches = seen;
        self.first = false;
        let (name, at) = (self.context.controller.clone(), self.app.clock.now());
        self.app.store.write("watch", move |c| recovery::watch(c, &name, at)).await?;
        Ok(is_reconciled)
    }

    /// Whether the mismatch is certain: an earlier run left it, or two passes in a row have seen it.
    fn is_sure(&self, mismatch: &Mismatch, seen: &mut BTreeSet<Mismatch>) -> bool {
        seen.insert(mismatch.clone());
        if self.first || self.left.contains(mismatch) {
            return true;
        }
        let sure = self.mismatches.contains(mismatch);
        if sure {
            let kind = mismatch.kind().as_str();
            self.app.metrics.repairs.with_label_values(&[kind]).inc();
            tracing::error!(?mismatch, kind, "the database and this process disagree: repaired");
        }
        sure
    }

    /// Changes an agent's row, and sends it to the dispatcher.
    async fn change(
        &self,
        agent: AgentName,
        name: &'static str,
        write: impl FnOnce(&mut Database, &AgentName) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let changed = self.app.store.write(name, move |c| {
            write(c, &agent)?;
            crate::store::agents::get(c, &agent)
        });
        self.app.dispatcher.agent(changed.await?).await;
        Ok(())
    }

    /// Returns the legs of ours on a node that have no task in this process.
    async fn legs(&mut self, node: &Node) -> Result<Vec<FoundLeg>, QueryError> {
        if let Some(found) = self.found.get(node.name()) {
            return Ok(found.clone());
        }
        let foreign = self.foreign.entry(node.name().clone()).or_default();
        let found = node.legs(foreign).await?;
        self.found.insert(node.name().clone(), found.clone());
        Ok(found)
    }

    /// Ends legs of ours that belong to no open call or offer. Returns whether every node could be
    /// asked.
    async fn end_strays(&mut self, ours: &Ours, seen: &mut BTreeSet<Mismatch>) -> bool {
        let mut asked = true;
        for node in self.app.nodes.all().to_vec() {
            let Ok(legs) = self.legs(&node).await else {
                asked = false;
                continue;
            };
            for leg in legs {
                if ours.offers.contains(&leg.offer) || self.app.in_flight.has_offer(leg.offer) {
                    continue;
                }
                // The leg of a called customer is the channel of its call, and is reconciled with the call.
                if ours.callers.get(&leg.call) == Some(&leg.channel) {
                    continue;
                }
                // A forwarded caller talks on a leg without an offer.
                let Ok(talks) = legs::talks_to(&node, &leg, ours.callers.get(&leg.call)).await else {
                    asked = false;
                    continue;
                };
                if talks || !self.is_sure(&Mismatch::Leg(leg.channel), seen) {
                    continue;
                }
                tracing::warn!(channel = %leg.channel, offer = %leg.offer, "a leg belongs to no open offer or call: ended");
                let (node, sound) = (node.clone(), self.app.settings.sounds.no_caller.clone());
                tokio::spawn(async move { legs::release(&node, leg, &sound).await });
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_passes_that_could_not_ask_the_pause_grows_to_the_usual_interval() {
        let pauses = |usual_ms: u64| {
            let usual = Duration::from_millis(usual_ms);
            [0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|looks| pause(usual, looks).as_millis())
        };
        assert_eq!(pauses(5_000), [5_000, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
        assert_eq!(pauses(100), [100; 8]);
    }
}
