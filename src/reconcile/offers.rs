//! Reconciles offers that are open in the database and not in flight here.

use std::time::Duration;

use super::Reconciler;
use super::legs::release;
use super::location::{Location, RESTARTED};
use crate::call::talk::{Between, Talk};
use crate::clock::UnixMs;
use crate::dispatch::context::DispatchContext;
use crate::dispatch::offer;
use crate::ids::{AgentName, ChannelId, OfferId};
use crate::queue::offer::Outcome;
use crate::store::recovery::{self, OpenOffer};
use crate::store::{self, Database, StoreError};
use crate::switch::{Cancel, FoundLeg, LegInTalk, LegRole, Node, QueryError};

/// How far an offer has come.
enum OfferState {
    /// The agent and the caller talk, on this leg.
    Talks(FoundLeg),
    /// The agent picked up, and talks to nobody.
    Alone(FoundLeg),
    /// No agent has answered: at most a phone rings.
    Rings,
    /// The agent and the caller talked, and the talk is over.
    Over,
}

impl Reconciler {
    /// Reconciles an offer. Returns whether FreeSWITCH could be asked.
    pub(super) async fn reconcile_offer(&mut self, offer: OpenOffer) -> Result<bool, StoreError> {
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
                let (context, guard) = (self.context.clone(), self.app.in_flight.offer(offer.id));
                let dispatcher = self.app.dispatcher.clone();
                tokio::spawn(async move {
                    release(&node, leg, &sound).await;
                    let row = cancelled(&context, offer.id).await;
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

    /// Returns how long an agent wraps up: zero if the rules do not have the agent any more.
    fn wrap_up(&self, agent: &AgentName) -> Duration {
        self.app.rules().agents.get(agent).map_or(Duration::ZERO, |agent| agent.wrap_up)
    }

    /// Records the talk if it is not recorded yet, and watches it to its end.
    async fn watch_talk(&mut self, node: Node, offer: OpenOffer, leg: FoundLeg) -> Result<(), StoreError> {
        let (id, call, at) = (offer.id, offer.call, offer.bridged_at.unwrap_or(self.app.clock.now()));
        Talk::found(&self.app, call, at).record(Between::CallerAndAgent(id)).await?;
        let wrap_up = self.wrap_up(&offer.agent);
        let guard = self.app.in_flight.offer(id);
        let talk = LegInTalk { leg: leg.leg, channel: leg.channel, call, may_be_over: true };
        let (context, dispatcher) = (self.context.clone(), self.app.dispatcher.clone());
        tracing::info!(agent = %offer.agent, offer = %id, "a talk goes on: watching it");
        tokio::spawn(async move {
            let leg = node.adopt(talk);
            offer::until_talk_ends(
                &context,
                &dispatcher,
                offer::AnsweredOffer { offer: id, call, agent: offer.agent, wrap_up },
                leg,
            )
            .await;
            drop(guard);
        });
        Ok(())
    }

    /// Records the end of an offer that is over.
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
}

/// Whether an earlier run had connected the caller with this leg, and both are still there.
async fn is_connected(node: &Node, caller: ChannelId, leg: ChannelId) -> Result<bool, QueryError> {
    let caller = node.locate_caller(caller).await?;
    Ok(caller.is_some_and(|caller| caller.is_left_alone && caller.partner == Some(leg)))
}

async fn cancelled(context: &DispatchContext, offer: OfferId) -> Option<store::agents::AgentRow> {
    let clock = context.clock;
    let write = move |c: &mut Database| {
        store::offers::end_unanswered(c, &unanswered(offer, RESTARTED.to_owned(), clock.now()))
    };
    match context.store.record("end_left_offer", write).await {
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
