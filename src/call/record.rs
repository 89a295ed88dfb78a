//! The end of every call: its row, the verdict and, if we owe the caller something, the case, in one transaction.

use std::time::Duration;

use super::{Call, Ended};
use crate::clock::UnixMs;
use crate::context::App;
use crate::ids::QueueName;
use crate::missed::asked;
use crate::missed::ending::{Ending, Stage};
use crate::missed::verdict::verdict;
use crate::routing::plan::Plan;
use crate::store::{self, Awaited, Database};

/// The cause of a call whose arrival was recorded after its caller had been handed back.
const TOO_LATE: &str = "RECORDED_TOO_LATE";
/// The cause of a call whose caller was turned away.
const TURNED_AWAY: &str = "OVERLOADED";

/// Records how the call ended.
pub(crate) async fn ending(call: &Call, plan: &Plan, ended: &Ended) {
    let at = call.app.clock.now();
    let shortest = call.app.settings.callback.min_wait;
    let asked = call.flow.asked.clone();
    let (ending, party) = asked::outcome(asked.as_ref(), ended.ending, &call.facts.party);
    let verdict = verdict(ending, ended.stage, &party, plan.open)
        .unless_in_menu(ended.stage, call.flow.owed_in_menu || asked.is_some());
    let row = store::calls::Ended {
        call: call.id,
        ending,
        stage: ended.stage,
        cause: ended.cause.clone(),
        answered_at: ended.answered_at,
        verdict: verdict.unless_too_short(ending, lasted(call, at), shortest),
        grace: asked::grace(
            asked.as_ref(),
            call.app.rules().policy(call.queue.as_ref().or(call.flow.calls_back.as_ref())).grace,
        ),
        asked,
        min_talk: call.app.settings.callback.min_talk,
        flood: call.app.settings.callback.flood,
        tell: call.app.settings.tells_talks(),
        menus: call.flow.menus.clone(),
        left_message: call.flow.left_message,
        calls_back: call.flow.calls_back.clone(),
        at,
        now: at,
    };
    record(&call.app, call.queue.as_ref(), row).await;
}

/// Returns how long the caller stayed. For a caller who came back, only the system's clock can tell. If that clock was
/// set back since, the stay counts as endless.
fn lasted(call: &Call, at: UnixMs) -> Duration {
    let here = call.here_since.elapsed();
    match call.is_back {
        false => here,
        true if at < call.arrived_at => Duration::MAX,
        true => here.max(at.since(call.arrived_at)),
    }
}

/// Records as lost a call whose arrival was committed too late.
pub(crate) async fn too_late(app: &App, arrival: &store::calls::Arrival) {
    record(app, arrival.queue.as_ref(), lost(app, arrival, TOO_LATE)).await;
}

/// Records a call whose caller was turned away, so that they are called back.
pub(crate) async fn turned_away(app: &App, arrival: store::calls::Arrival) {
    let (row, queue) = (arrival.clone(), arrival.queue.clone());
    let write = move |c: &mut Database| store::calls::arrive(c, &row);
    let recorded = app.store.record_awaited("arrive", Awaited::ByNobody, write);
    if let Err(error) = recorded.await {
        tracing::error!(%error, "a caller who was turned away is not recorded");
        return;
    }
    record(app, queue.as_ref(), lost(app, &arrival, TURNED_AWAY)).await;
}

/// Returns the end of a call that was lost on its arrival.
fn lost(app: &App, arrival: &store::calls::Arrival, cause: &str) -> store::calls::Ended {
    let (ending, stage) = (Ending::Lost, Stage::Arriving);
    let at = app.clock.now();
    store::calls::Ended {
        call: arrival.id,
        ending,
        stage,
        cause: cause.to_owned(),
        answered_at: None,
        asked: None,
        verdict: verdict(ending, stage, &arrival.party, arrival.open),
        grace: app.rules().policy(arrival.queue.as_ref()).grace,
        min_talk: app.settings.callback.min_talk,
        flood: app.settings.callback.flood,
        tell: false,
        menus: Vec::new(),
        left_message: false,
        calls_back: None,
        at,
        now: at,
    }
}

/// Records the ending, and tries again until it is recorded. If the database refuses it for good, that is logged, and
/// the reconciler finds the open call.
pub(crate) async fn record(app: &App, queue: Option<&QueueName>, row: store::calls::Ended) {
    let (clock, ended) = (app.clock, row.clone());
    let write =
        move |c: &mut Database| store::calls::end(c, &store::calls::Ended { now: clock.now(), ..ended });
    let recorded = app.store.record_awaited("end", Awaited::ByNobody, write).await;
    app.metrics.call_ended(queue, row.ending, row.verdict);
    let (ending, stage, cause) = (row.ending, row.stage, row.cause);
    match recorded {
        Ok(Some(case)) => {
            tracing::info!(%ending, %stage, cause, case.id = %case, "missed: a case is open");
        }
        Ok(None) => tracing::info!(%ending, %stage, cause, "the call has ended"),
        Err(error) => {
            tracing::error!(%error, %ending, "the ending is not recorded: the reconciler ends the call later")
        }
    }
}
