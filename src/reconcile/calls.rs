//! Reconciles calls that are open in the database and not in flight here.

use tokio::time::Instant;
use tracing::Instrument as _;

use super::Reconciler;
use super::location::{Location, RESTARTED};
use crate::call;
use crate::call::TAKEN;
use crate::call::record::record;
use crate::call::talk::{Between, Talk};
use crate::call::voicemail;
use crate::clock::UnixMs;
use crate::context::App;
use crate::dispatch::queued_caller::Leaving;
use crate::missed::asked;
use crate::missed::ending::{Ending, Stage};
use crate::missed::verdict::verdict;
use crate::store::callbacks::{CallbackEnd, CallbackResult};
use crate::store::recovery::{self, OpenCall};
use crate::store::{self, StoreError};
use crate::switch::dialplan_files::FALLBACK;
use crate::switch::{Cancel, Node, QueryError};

/// The cause of a call whose caller did not come back to us.
const NOT_BACK: &str = "DID_NOT_COME_BACK";

impl Reconciler {
    /// Reconciles a call. Returns whether FreeSWITCH could be asked.
    pub(super) async fn reconcile_call(&mut self, call: OpenCall) -> Result<bool, StoreError> {
        // Reconciling an offer of this call may just have recorded that the caller talks.
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

    /// The caller waited and is still there. If the dialplan has the caller, it brings them back.
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
                tracing::warn!(call.id = %call.id, "FreeSWITCH runs no application for this caller: the caller is sent back to the dialplan");
                Ok(node.send_back(call.channel, &call.dialled).await.is_ok())
            }
        }
    }

    /// The caller talks. Watches the channel until it is gone, even if the caller is passed on to somebody else.
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
                call::attempt::record(&app, &app.callback_rules(), end).await;
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
            call::attempt::record(&self.app, &self.app.callback_rules(), end).await;
            drop(guard);
            return Ok(true);
        }
        let message = voicemail::complete(&self.app, call.id).await;
        let left = if message.is_some() { (Ending::LeftMessage, left.1) } else { left };
        let rules = self.app.rules();
        let voicemail = message.and_then(|name| rules.voicemails.get(&name));
        let calls_back = voicemail.and_then(|voicemail| voicemail.queue.clone());
        let ended = store::calls::Ended { calls_back, ..ended(&self.app, &call, left, at) };
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
        tracing::warn!(call.id = %id, %ending, cause, case, "recorded the end of a call that an earlier run left open");
        Ok(true)
    }
}

/// Who or what has the caller now.
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

/// The ending and the cause of a call whose caller did not get through.
type Left = (Ending, &'static str);

fn ended(app: &App, call: &OpenCall, (left, cause): Left, at: UnixMs) -> store::calls::Ended {
    let (ending, stage) = match (call.answered_at, &call.agent) {
        (Some(_), Some(_)) => (Ending::Answered, Stage::Talking),
        (Some(_), None) => (Ending::Forwarded, Stage::Talking),
        (None, _) if call.asked.is_some() => (left, Stage::Message),
        (None, _) if left == Ending::LeftMessage => (left, Stage::Voicemail),
        (None, _) => (left, Stage::Waiting),
    };
    let (ending, party) = asked::outcome(call.asked.as_ref(), ending, &call.party);
    store::calls::Ended {
        call: call.id,
        ending,
        stage,
        cause: cause.to_owned(),
        answered_at: None,
        verdict: verdict(ending, stage, &party, call.open),
        grace: asked::grace(call.asked.as_ref(), app.rules().policy(call.queue.as_ref()).grace),
        asked: call.asked.clone(),
        min_talk: app.settings.callback.min_talk,
        flood: app.settings.callback.flood,
        tell: app.settings.tells_talks(),
        menus: Vec::new(),
        left_message: left == Ending::LeftMessage,
        calls_back: None,
        at,
        now: at,
    }
}
