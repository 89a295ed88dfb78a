//! The story of one call, from its arrival to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use super::facts::Facts;
use super::flow::{Flow, Next};
use super::{
    Call, Ended, Gone, LINK_LIMIT, TAKEN, callback, duty, extension, forward, hang_up, menu, message, over,
    record, survey, voicemail, wait,
};
use crate::calendar::working_time::WorkingTime;
use crate::call::manual_dial;
use crate::cause::HangupCause;
use crate::clock::UnixMs;
use crate::context::App;
use crate::ids::{CallId, QueueName};
use crate::metrics::HandedBack;
use crate::missed::ending::{Ending, Stage};
use crate::phone::Party;
use crate::routing::plan::{Arrival, Plan, asks_for_case, plan};
use crate::rules::{Destination, Rules};
use crate::store::recovery::{self, OpenCall};
use crate::store::{self, StoreError, places};
use crate::switch::{Caller, ChannelFacts, Incoming, Node};

/// The cause of a call that went through more verbs than allowed.
const TOO_MANY_HOPS: &str = "TOO_MANY_HOPS";

/// Takes a caller in. Returns when the call has ended and is recorded.
pub async fn run(app: Arc<App>, incoming: Incoming) {
    if let Some(user) = incoming.facts.handset.clone() {
        return manual_dial::run(app, incoming, user).await;
    }
    if let Some(call) = incoming.facts.after_talk() {
        return survey::run(app, incoming, call).await;
    }
    let earlier = app.in_flight.come_back(incoming.facts.core, incoming.facts.channel);
    let id = earlier.as_ref().map_or_else(CallId::new, |(call, _)| call.id);
    let (earlier, guard) = match earlier {
        Some((call, guard)) => (Some(call), guard),
        None => (None, app.in_flight.call(id)),
    };
    let span = tracing::info_span!("call", call.id = %id, channel = %incoming.facts.channel);
    take_call(app, incoming, id, earlier).instrument(span).await;
    drop(guard);
}

async fn take_call(app: Arc<App>, incoming: Incoming, id: CallId, earlier: Option<OpenCall>) {
    let facts = Facts::read(&incoming.facts, &app.settings);
    let here_since = Instant::now();
    let arrived_at = earlier.as_ref().map_or(app.clock.now(), |call| call.arrived_at);
    let rules = app.rules();
    let open_case = has_open_case(&app, &facts, &rules).await;
    let caller_numbers = facts.numbers();
    let to_route = Arrival { dialled: &facts.dialled, caller: &caller_numbers, open_case };
    let plan = plan(to_route, &rules, arrived_at);
    let mut place_at = earlier.as_ref().and_then(|call| call.place_at);
    let Some(node) = app.nodes.found(incoming.facts.core, LINK_LIMIT).await else {
        tracing::error!(core = %incoming.facts.core, "the call comes from a FreeSWITCH that no node of [switch] is linked to: add it, or check its link");
        earlier.into_iter().for_each(|call| app.expect_back(call));
        return hand_back(&app, incoming.caller, HandedBack::UnknownNode).await;
    };
    let caller = match &earlier {
        Some(call) => {
            tell_of_return(call);
            incoming.caller
        }
        None => {
            let arrival = arrival(&app, &incoming.facts, &node, id, &facts, &plan, arrived_at);
            if is_overloaded(&app, &node, incoming.since) {
                hand_back(&app, incoming.caller, HandedBack::Overloaded).await;
                return record::turned_away(&app, arrival).await;
            }
            tracing::info!(dialled = %facts.dialled, why = %plan.why, "a caller has arrived");
            match take_in(&app, incoming.caller, arrival).await {
                Some((caller, resumed)) => {
                    place_at = resumed;
                    caller
                }
                None => return,
            }
        }
    };
    app.metrics.calls_now.inc();
    let mut call = Call {
        place_at: place_at.unwrap_or(arrived_at),
        is_back: earlier.is_some(),
        queue: place_kept_in(earlier.as_ref()).cloned(),
        stage: Stage::Arriving,
        flow: begin(&plan, &rules, earlier.as_ref()),
        app,
        id,
        caller,
        node,
        facts,
        arrived_at,
        here_since,
    };
    let end = carry_out(&mut call, &rules, &plan, earlier.as_ref()).await;
    call.app.metrics.calls_now.dec();
    finish(call, &plan, end).await;
}

fn tell_of_return(earlier: &OpenCall) {
    tracing::info!(
        queue = earlier.queue.as_ref().map(tracing::field::display),
        waits_since = earlier.joined_at.as_ref().map(tracing::field::display),
        "a caller has come back"
    );
}

/// The flow of a call at its beginning. A caller who came back has chosen their language already, and may have asked for a
/// callback.
fn begin(plan: &Plan, rules: &Rules, earlier: Option<&OpenCall>) -> Flow {
    let schedule = plan.route.as_ref().and_then(|name| rules.route(name)?.schedule.clone());
    let flow = Flow::begin(earlier.and_then(|earlier| earlier.language), schedule);
    Flow { asked: earlier.and_then(|earlier| earlier.asked.clone()), ..flow }
}

/// The queue in which a caller who came back keeps their place, because they have asked for a callback.
fn place_kept_in(earlier: Option<&OpenCall>) -> Option<&QueueName> {
    earlier.filter(|call| call.asked.is_some())?.queue.as_ref()
}

/// Whether the caller has an open case, if a route of the number asks for that.
async fn has_open_case(app: &App, facts: &Facts, rules: &Rules) -> bool {
    let Party::Number(number) = &facts.party else { return false };
    if !asks_for_case(&facts.dialled, rules) {
        return false;
    }
    let number = number.clone();
    match app.store.read("open_case", move |c| store::cases::open_of(c, &number)).await {
        Ok(case) => case.is_some(),
        Err(error) => {
            tracing::error!(%error, "it cannot be read if the caller has an open case, so routes with `open_case` are skipped");
            false
        }
    }
}

/// Whether a new caller cannot be served, since there are too many calls, or the node and the controller are too far
/// behind. The caller connected at `since`.
fn is_overloaded(app: &App, node: &Node, since: Instant) -> bool {
    let limits = &app.settings.calls;
    let load = node.load();
    load.waited(since);
    if app.in_flight.calls() > limits.max_calls {
        tracing::error!(max_calls = limits.max_calls, "more calls at once than [calls] max_calls");
        return true;
    }
    if load.admits(limits.max_lag) {
        return false;
    }
    // A flood of calls must not become a flood of lines.
    let reason = HandedBack::Overloaded.as_str();
    let turned_away = app.metrics.handed_back.with_label_values(&[reason]).get() + 1;
    if turned_away.is_power_of_two() {
        tracing::warn!(
            lag = ?load.lag(), max_lag = ?limits.max_lag, turned_away,
            "FreeSWITCH or the controller is overloaded: callers are turned away, so that the others are served in time"
        );
    }
    true
}

/// Records how the call ended, or leaves the call to the next visit or the next controller.
async fn finish(call: Call, plan: &Plan, end: Result<Ended, Gone>) {
    match end {
        Ok(ended) => record::ending(&call, plan, &ended).await,
        Err(Gone::HungUp(cause)) => {
            let ended = Ended { cause, ..over(call.flow.when_hung_up(), call.stage, "") };
            record::ending(&call, plan, &ended).await;
        }
        Err(Gone::Taken) => {
            let ended = over(Ending::Taken, call.stage, TAKEN);
            record::ending(&call, plan, &ended).await;
        }
        Err(Gone::Lost) => {
            tracing::warn!(stage = %call.stage, "the socket of this caller broke: the dialplan should bring them back");
            still_open(&call).await.into_iter().for_each(|open| call.app.expect_back(open));
        }
        Err(Gone::Drained) => {
            tracing::info!(stage = %call.stage, "the next controller goes on with this call");
            hand_back(&call.app, call.caller, HandedBack::Drained).await;
        }
    }
}

/// Gives the caller back to the dialplan, with the reason in `dozvon_state`.
async fn hand_back(app: &App, caller: Caller, reason: HandedBack) {
    let reason = reason.as_str();
    tracing::info!(reason, "the caller is handed back to the dialplan");
    app.metrics.handed_back.with_label_values(&[reason]).inc();
    caller.hand_back(reason).await;
}

/// Commits the arrival. Returns the caller and, if they take over the place of an earlier call, since when they stand in
/// their queue. If the database does not commit it in time, the caller is handed back, and the result is None.
/// While the database stalls, that happens at once. If the arrival is committed later, the call is recorded as lost.
async fn take_in(
    app: &App,
    caller: Caller,
    arrival: store::calls::Arrival,
) -> Option<(Caller, Option<UnixMs>)> {
    let limit = app.settings.calls.arrival_timeout;
    let patience = if app.store.stalls(limit) { Duration::ZERO } else { limit };
    let row = arrival.clone();
    let within = app.settings.callback.resume_place;
    let recording = app.store.write("arrive", move |c| {
        store::calls::arrive(c, &row)?;
        let standing = row.party.number().zip(row.queue.as_ref());
        standing.map_or(Ok(None), |standing| places::resume(c, row.id, standing, within, row.at))
    });
    tokio::pin!(recording);
    match tokio::time::timeout(patience, &mut recording).await {
        Ok(Ok(resumed)) => return Some((caller, resumed)),
        Ok(Err(error)) => {
            tracing::error!(%error, "the arrival cannot be recorded");
            hand_back(app, caller, HandedBack::NotRecorded).await;
        }
        Err(_) => {
            let error = StoreError::Slow { limit };
            tracing::error!(%error, "the arrival is not recorded in time");
            hand_back(app, caller, HandedBack::NotRecorded).await;
            match recording.await {
                Ok(_) => record::too_late(app, &arrival).await,
                Err(error) => tracing::error!(%error, "the arrival cannot be recorded"),
            }
        }
    }
    None
}

/// Reads the call's row, which is needed when the caller comes back.
async fn still_open(call: &Call) -> Option<OpenCall> {
    let id = call.id;
    match call.app.store.read("open_call", move |c| recovery::call(c, id)).await {
        Ok(open) => open,
        Err(error) => {
            tracing::error!(%error, "the call's row cannot be read: the reconciler will find it");
            None
        }
    }
}

/// Returns the row of an arrival, with the plan and its reasons.
fn arrival(
    app: &App,
    channel: &ChannelFacts,
    node: &Node,
    id: CallId,
    facts: &Facts,
    plan: &Plan,
    at: UnixMs,
) -> store::calls::Arrival {
    let rules = app.rules();
    let queue = plan.queue().cloned();
    store::calls::Arrival {
        id,
        node: node.name().clone(),
        channel: channel.channel,
        core: channel.core,
        party: facts.party.clone(),
        caller_number: facts.number.clone(),
        caller_name: facts.name.clone(),
        dialled: facts.dialled.clone(),
        came_by: channel.came_by.clone(),
        route: plan.route.clone(),
        open: plan.open,
        why: plan.why.clone(),
        business_day: WorkingTime::new(rules.schedule(queue.as_ref()), app.settings.zone).business_day(at),
        service_level: queue
            .as_ref()
            .and_then(|name| rules.queues.get(name))
            .map(|queue| queue.service_level),
        queue,
        at,
    }
}

/// Carries out the plan, verb by verb. A caller who came back continues in their queue, or where they asked for a callback.
async fn carry_out(
    call: &mut Call,
    rules: &Rules,
    plan: &Plan,
    earlier: Option<&OpenCall>,
) -> Result<Ended, Gone> {
    if call.is_back {
        voicemail::remember(call, rules).await;
    }
    let mut on_record = Some(call.arrived_at);
    let mut next = plan.to.clone().map(Next::To);
    if let Some(queue) = earlier.and_then(|earlier| earlier.queue.as_ref()) {
        on_record = earlier.and_then(|earlier| earlier.joined_at);
        next = match rules.queues.get(queue) {
            // The caller had reached the queue's max_wait.
            Some(queue) if on_record.is_none() => Some(wait::overflow(call, queue)),
            _ => Some(Next::To(Destination::Queue(queue.clone()))),
        };
    }
    if let Some(asked) = &call.flow.asked {
        next = Some(Next::To(Destination::Callback(asked.queue.clone(), None)));
    }
    let Some(mut next) = next else { return refuse(call).await };
    for _ in 0..call.app.settings.calls.max_hops {
        match next {
            Next::Ended(ended) => return Ok(ended),
            Next::To(to) => next = go(call, rules, to, &mut on_record).await?,
        }
    }
    if let Next::Ended(ended) = next {
        return Ok(ended);
    }
    tracing::warn!(
        max_hops = call.app.settings.calls.max_hops,
        "the caller went through too many queues, menus and messages, and is hung up: see [calls] max_hops"
    );
    call.caller.hangup(HangupCause::NoAnswer).await;
    Ok(over(Ending::TimedOut, call.stage, TOO_MANY_HOPS))
}

/// Carries out one verb. Only menus read keys, so keys for another verb are dropped.
async fn go(
    call: &mut Call,
    rules: &Rules,
    to: Destination,
    on_record: &mut Option<UnixMs>,
) -> Result<Next, Gone> {
    if !matches!(to, Destination::Menu(_)) {
        call.flow.keys.clear();
    }
    match to {
        Destination::Queue(name) => in_queue(call, rules, &name, on_record.take()).await,
        Destination::Menu(name) => menu::ask(call, rules, &name).await,
        Destination::Message(prompt, then) => message::play(call, rules, &prompt, then).await,
        Destination::Callback(queue, then) => callback::ask(call, rules, &queue, then).await,
        Destination::Voicemail(name, then) => voicemail::take(call, rules, &name, then).await,
        Destination::Duty(name, then) => duty::ring(call, rules, &name, then).await,
        Destination::Forward(contact, then) => forward::ring(call, &contact, then).await,
        Destination::Extension(extension) => extension::go_on(call, &extension).await.map(Next::Ended),
        Destination::HangUp(cause) => Ok(Next::Ended(hang_up::end(call, cause).await)),
    }
}

async fn in_queue(
    call: &mut Call,
    rules: &Rules,
    name: &QueueName,
    on_record: Option<UnixMs>,
) -> Result<Next, Gone> {
    call.queue = Some(name.clone());
    match rules.queues.get(name) {
        Some(queue) => wait::in_queue(call, rules, name, queue, on_record).await,
        None => nobody_there(call).await.map(Next::Ended),
    }
}

/// The queue does not exist any more.
async fn nobody_there(call: &Call) -> Result<Ended, Gone> {
    call.caller.hangup(HangupCause::NoAnswer).await;
    Ok(over(Ending::TimedOut, Stage::Waiting, "NO_OVERFLOW"))
}

/// No route matches the call.
async fn refuse(call: &Call) -> Result<Ended, Gone> {
    call.caller.hangup(HangupCause::UnallocatedNumber).await;
    Ok(over(Ending::Refused, Stage::Arriving, "NO_ROUTE"))
}
