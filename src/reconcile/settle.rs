//! Settling calls and offers that are open in the database and not in flight here.

use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use super::Reconciler;
use crate::call;
use crate::call::TAKEN;
use crate::call::record::record;
use crate::call::talk::{Between, Talk};
use crate::cause::SWITCH_RESTARTED;
use crate::clock::UnixMs;
use crate::context::App;
use crate::dispatch::offer;
use crate::dispatch::queued_caller::Leaving;
use crate::dispatch::tools::Tools;
use crate::ids::{AgentName, ChannelId, CoreId, NodeName, OfferId};
use crate::missed::ending::{Ending, Stage};
use crate::missed::verdict::verdict;
use crate::queue::offer::Outcome;
use crate::store::callbacks::{CallbackEnd, CallbackResult};
use crate::store::recovery::{self, OpenCall, OpenOffer};
use crate::store::{self, Database, StoreError};
use crate::switch::dialplan_files::FALLBACK;
use crate::switch::{Cancel, FoundLeg, LegInTalk, LegRole, Node, QueryError};

/// How long an agent who picked up for nobody hears the tone.
const HEARS: Duration = Duration::from_secs(2);
/// The cause of an end that this run records for an earlier one.
const RESTARTED: &str = "CONTROLLER_RESTARTED";
/// The cause of a call whose caller did not come back to us.
const NOT_BACK: &str = "DID_NOT_COME_BACK";

/// Where the FreeSWITCH of a call is.
enum Location {
    /// It is this node, which can be asked.
    On(Node),
    /// It is gone, with this cause.
    Gone(&'static str),
    /// It cannot be asked now.
    Unknown,
}

/// How far an offer has come.
enum OfferState {
    /// The two talk, on this leg.
    Talks(FoundLeg),
    /// The agent picked up, and talks to nobody.
    Alone(FoundLeg),
    /// At most a phone rings.
    Rings,
    /// They talked, and it is over.
    Over,
}

impl Reconciler {
    fn location(&self, name: &NodeName, core: CoreId) -> Location {
        let Some(node) = self.app.nodes.named(name) else { return Location::Gone("NODE_REMOVED") };
        let known = *node.core().borrow();
        match known {
            Some(now) if now != core => Location::Gone(SWITCH_RESTARTED),
            Some(_) if *node.up().borrow() => Location::On(node.clone()),
            _ => Location::Unknown,
        }
    }

    /// Settles an offer. Returns whether FreeSWITCH could be asked.
    pub(super) async fn settle_offer(&mut self, offer: OpenOffer) -> Result<bool, StoreError> {
        let node = match self.location(&offer.node, offer.core) {
            Location::On(node) => node,
            Location::Unknown => return Ok(false),
            Location::Gone(cause) => {
                self.end_offer(&offer, cause).await?;
                return Ok(true);
            }
        };
        let Ok(offer_state) = self.offer_state(&node, &offer).await else { return Ok(false) };
        match offer_state {
            OfferState::Talks(leg) => self.watch_talk(node, offer, leg).await?,
            OfferState::Over => self.end_offer(&offer, RESTARTED).await?,
            OfferState::Alone(leg) => {
                let sound = self.app.settings.sounds.no_caller.clone();
                let (tools, guard) = (self.tools.clone(), self.app.in_flight.offer(offer.id));
                let dispatcher = self.app.dispatcher.clone();
                tokio::spawn(async move {
                    release(&node, leg, &sound).await;
                    let row = cancelled(&tools, offer.id).await;
                    drop(guard);
                    if let Some(row) = row {
                        dispatcher.agent(row).await;
                    }
                });
            }
            OfferState::Rings => {
                if node.kill_offer(offer.id, Cancel::OriginatorCancel).await.is_err() {
                    return Ok(false);
                }
                self.end_offer(&offer, RESTARTED).await?;
            }
        }
        Ok(true)
    }

    /// How far an offer has come, according to FreeSWITCH.
    async fn offer_state(&mut self, node: &Node, offer: &OpenOffer) -> Result<OfferState, QueryError> {
        let legs = match offer.leg {
            Some(channel) => node.leg(channel).await?.into_iter().collect(),
            None => self.legs(node).await?,
        };
        let Some(leg) =
            legs.into_iter().find(|leg| leg.offer == offer.id && leg.answered && leg.role == LegRole::Agent)
        else {
            return Ok(if offer.bridged_at.is_some() { OfferState::Over } else { OfferState::Rings });
        };
        if offer.bridged_at.is_some() || is_connected(node, offer.caller, leg.channel).await? {
            return Ok(OfferState::Talks(leg));
        }
        Ok(OfferState::Alone(leg))
    }

    /// How long an agent wraps up; zero if the rules do not have the agent any more.
    fn wrap_up(&self, agent: &AgentName) -> Duration {
        self.app.rules().agents.get(agent).map_or(Duration::ZERO, |agent| agent.wrap_up)
    }

    /// Records the talk if that is not done yet, and watches it to its end.
    async fn watch_talk(&mut self, node: Node, offer: OpenOffer, leg: FoundLeg) -> Result<(), StoreError> {
        let (id, call, at) = (offer.id, offer.call, offer.bridged_at.unwrap_or(self.app.clock.now()));
        Talk::found(&self.app, call, at).record(Between::CallerAndAgent(id)).await?;
        let wrap_up = self.wrap_up(&offer.agent);
        let guard = self.app.in_flight.offer(id);
        let talk = LegInTalk { leg: leg.leg, channel: leg.channel, call };
        let (tools, dispatcher) = (self.tools.clone(), self.app.dispatcher.clone());
        tracing::info!(agent = %offer.agent, offer = %id, "a talk goes on: watching it");
        tokio::spawn(async move {
            let leg = node.adopt(talk);
            offer::until_talk_ends(
                &tools,
                &dispatcher,
                offer::Won { offer: id, call, agent: offer.agent, wrap_up },
                leg,
            )
            .await;
            drop(guard);
        });
        Ok(())
    }

    /// Records the end of an offer that is over by now.
    async fn end_offer(&self, offer: &OpenOffer, cause: &str) -> Result<(), StoreError> {
        let (id, at, talked) = (offer.id, self.app.clock.now(), offer.bridged_at.is_some());
        let wrap_up = self.wrap_up(&offer.agent);
        let from = offer.bridged_at.map_or(self.unwatched_from, |at| at.max(self.unwatched_from));
        let cause = cause.to_owned();
        let row = self
            .app
            .store
            .record("end_left_offer", move |c| {
                recovery::offer_unwatched(c, id, from)?;
                if talked {
                    return store::offers::end_talk(c, id, at, wrap_up);
                }
                store::offers::end_unanswered(c, &unanswered(id, cause.clone(), at))
            })
            .await?;
        self.app.dispatcher.agent(row).await;
        Ok(())
    }

    /// Settles a call. Returns whether FreeSWITCH could be asked.
    pub(super) async fn settle_call(&mut self, call: OpenCall) -> Result<bool, StoreError> {
        // Settling an offer of this call may just have recorded that the caller talks.
        let id = call.id;
        let Some(call) = self.app.store.read("open_call", move |c| recovery::call(c, id)).await? else {
            return Ok(true);
        };
        let node = match self.location(&call.node, call.core) {
            Location::On(node) => node,
            Location::Unknown => {
                if self.app.in_flight.expected_until(&call).is_some() {
                    self.app.expect_back(call);
                }
                return Ok(false);
            }
            Location::Gone(cause) => return self.end_call(call, (Ending::Lost, cause)).await,
        };
        match node.exists(call.channel).await {
            Err(_) => Ok(false),
            Ok(false) => self.end_call(call, (Ending::Lost, RESTARTED)).await,
            Ok(true) if call.answered_at.is_some() => {
                self.watch_caller(node, call).await;
                Ok(true)
            }
            Ok(true) if call.case.is_some() => {
                // Nobody is there to talk to the customer: their phone stops ringing.
                if node.kill(call.channel, Cancel::OriginatorCancel).await.is_err() {
                    return Ok(false);
                }
                self.end_call(call, (Ending::Lost, RESTARTED)).await
            }
            Ok(true) => self.await_caller(&node, call).await,
        }
    }

    /// The caller waited and is still there: the dialplan brings them back, if it has them.
    async fn await_caller(&mut self, node: &Node, call: OpenCall) -> Result<bool, StoreError> {
        match self.app.in_flight.expected_until(&call) {
            Some(until) if until <= Instant::now() => {
                return self.end_call(call, (Ending::Lost, NOT_BACK)).await;
            }
            Some(_) => {}
            None => self.app.expect_back(call.clone()),
        }
        match holder_of(node, &call).await {
            Err(_) => Ok(false),
            Ok(CallerHolder::TheDialplan) => Ok(true),
            Ok(CallerHolder::Contact) => {
                let (id, at) = (call.id, self.app.clock.now());
                Talk::found(&self.app, id, at).record(Between::CallerAndContact).await?;
                tracing::info!(call.id = %id, "a talk with a contact outside the queues goes on: watching it");
                self.watch_caller(node.clone(), OpenCall { answered_at: Some(at), ..call }).await;
                Ok(true)
            }
            Ok(CallerHolder::SomebodyElse) => self.end_call(call, (Ending::Taken, TAKEN)).await,
            Ok(CallerHolder::Nobody) => {
                tracing::warn!(call.id = %call.id, "nobody has this caller: sent back to the dialplan");
                Ok(node.send_back(call.channel, &call.dialled).await.is_ok())
            }
        }
    }

    /// The caller talks: watches until the channel is gone, whoever the caller is passed on to.
    async fn watch_caller(&self, node: Node, call: OpenCall) {
        let Some(guard) = self.app.in_flight.give_up(&call) else { return };
        self.app.dispatcher.leave(call.id, Leaving::Answered).await;
        let app = self.app.clone();
        tokio::spawn(async move {
            let talk = Talk::found(&app, call.id, call.answered_at.unwrap_or(call.arrived_at));
            talk.until_channel_ends(&node, call.channel, RESTARTED).await;
            let at = app.clock.now();
            if let Some(case) = call.case {
                let end = CallbackEnd { case, call: call.id, how: CallbackResult::Lost, at };
                call::attempt::record(&app, &app.terms(), end).await;
                drop(guard);
                return;
            }
            let span = tracing::info_span!("call", call.id = %call.id);
            record(&app, call.queue.as_ref(), ended(&app, &call, (Ending::Lost, RESTARTED), at))
                .instrument(span)
                .await;
            drop(guard);
        });
    }

    /// Records the end of a call whose caller is not with us any more. Returns true.
    async fn end_call(&self, call: OpenCall, left: Left) -> Result<bool, StoreError> {
        // The caller may have come back at this moment.
        let Some(guard) = self.app.in_flight.give_up(&call) else { return Ok(true) };
        let at = self.app.clock.now();
        if let Some(case) = call.case {
            self.app.dispatcher.leave(call.id, Leaving::Gone).await;
            let end = CallbackEnd { case, call: call.id, how: CallbackResult::Lost, at };
            call::attempt::record(&self.app, &self.app.terms(), end).await;
            drop(guard);
            return Ok(true);
        }
        let ended = ended(&self.app, &call, left, at);
        let (_, cause) = left;
        let (id, ending, verdict) = (call.id, ended.ending, ended.verdict);
        let from = self.unwatched_from.max(call.answered_at.unwrap_or(call.arrived_at));
        let case = self
            .app
            .store
            .record("end_left_call", move |c| {
                recovery::call_unwatched(c, id, from)?;
                store::calls::end(c, &ended)
            })
            .await?;
        drop(guard);
        self.app.dispatcher.leave(id, Leaving::Gone).await;
        self.app.metrics.call_ended(call.queue.as_ref(), ending, verdict);
        let case = case.map(|case| case.to_string());
        tracing::warn!(call.id = %id, %ending, cause, case, "the end of this call was not watched");
        Ok(true)
    }
}

/// Who has the caller now.
enum CallerHolder {
    /// The dialplan, which brings the caller back.
    TheDialplan,
    /// The contact to whom the caller was forwarded; the earlier run died before that was recorded.
    Contact,
    /// Somebody who took the caller while no controller was there.
    SomebodyElse,
    /// Nobody: the earlier run died after `socket_resume=false` and before the bridge.
    Nobody,
}

async fn holder_of(node: &Node, call: &OpenCall) -> Result<CallerHolder, QueryError> {
    let Some(caller) = node.locate_caller(call.channel).await? else { return Ok(CallerHolder::TheDialplan) };
    let is_fallback = caller.dialled == FALLBACK;
    if caller.dialled != call.dialled && !is_fallback {
        return Ok(CallerHolder::SomebodyElse);
    }
    let Some(partner) = caller.partner else {
        return Ok(if caller.is_left_alone { CallerHolder::Nobody } else { CallerHolder::TheDialplan });
    };
    let leg = node.leg(partner).await?.filter(|leg| leg.call == call.id);
    Ok(match leg {
        Some(leg) if leg.answered && caller.is_left_alone => CallerHolder::Contact,
        None if !is_fallback && node.exists(partner).await? => CallerHolder::SomebodyElse,
        Some(_) | None => CallerHolder::TheDialplan,
    })
}

/// Whether a leg is connected with the caller for whom it was rung.
pub(super) async fn talks_to(
    node: &Node,
    leg: &FoundLeg,
    caller: Option<&ChannelId>,
) -> Result<bool, QueryError> {
    let Some(caller) = caller.filter(|_| leg.answered) else { return Ok(false) };
    Ok(node.partner(leg.channel).await? == Some(*caller))
}

/// Whether an earlier run had begun to connect the two, and both are still there.
async fn is_connected(node: &Node, caller: ChannelId, leg: ChannelId) -> Result<bool, QueryError> {
    let caller = node.locate_caller(caller).await?;
    Ok(caller.is_some_and(|caller| caller.is_left_alone && caller.partner == Some(leg)))
}

/// Ends a leg that rings for nobody. An agent who picked it up hears a tone first.
pub(super) async fn release(node: &Node, leg: FoundLeg, sound: &str) {
    let ended = async {
        if leg.answered {
            node.play_to(leg.channel, sound).await?;
            tokio::time::sleep(HEARS).await;
        }
        node.kill(leg.channel, Cancel::OriginatorCancel).await?;
        node.kill_offer(leg.offer, Cancel::OriginatorCancel).await
    };
    if let Err(error) = ended.await {
        tracing::warn!(channel = %leg.channel, %error, "a leg could not be ended: tried again at the next look");
    }
}

async fn cancelled(tools: &Tools, offer: OfferId) -> Option<store::agents::AgentRow> {
    let clock = tools.clock;
    let write = move |c: &mut Database| {
        store::offers::end_unanswered(c, &unanswered(offer, RESTARTED.to_owned(), clock.now()))
    };
    match tools.store.record("end_left_offer", write).await {
        Ok(row) => Some(row),
        Err(error) => {
            tracing::error!(%offer, %error, "the end of an offer is not recorded");
            None
        }
    }
}

fn unanswered(offer: OfferId, cause: String, at: UnixMs) -> store::offers::EndUnanswered {
    let outcome = Outcome::Cancelled;
    store::offers::EndUnanswered { offer, outcome, cause, at, ready_at: at, max_no_answer: 0 }
}

/// The ending and the cause of a call whose caller did not get through.
type Left = (Ending, &'static str);

fn ended(app: &App, call: &OpenCall, (left, cause): Left, at: UnixMs) -> store::calls::Ended {
    let (ending, stage) = match (call.answered_at, &call.agent) {
        (Some(_), Some(_)) => (Ending::Answered, Stage::Talking),
        (Some(_), None) => (Ending::Forwarded, Stage::Talking),
        (None, _) => (left, Stage::Waiting),
    };
    store::calls::Ended {
        call: call.id,
        ending,
        stage,
        cause: cause.to_owned(),
        answered_at: None,
        verdict: verdict(ending, stage, &call.party, call.open),
        settle: app.rules().policy(call.queue.as_ref()).grace,
        min_talk: app.settings.callback.min_talk,
        flood: app.settings.callback.flood,
        tell: app.settings.tells_talks(),
        at,
        now: at,
    }
}
