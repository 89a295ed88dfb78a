//! The story of one call, from its arrival to its end.

use std::sync::Arc;

use tracing::Instrument;

use super::ending::{Ending, Stage};
use super::facts::Facts;
use super::{Call, Desk, Ended, Gone, forward, message, record, wait};
use crate::ids::{CallId, QueueName};
use crate::routing::plan::{Plan, plan};
use crate::routing::rules::{Destination, Rules};
use crate::store::{self, StoreError};
use crate::switch::cause::HangupCause;
use crate::switch::{Incoming, Node};

/// How many queues a caller may be passed through before we say that nobody is there.
const HOPS: usize = 5;

/// The cause of a call that was handed back because we stop.
pub(super) const DRAINED: &str = "DRAINED";

/// Takes a caller in and stays with him until his call has ended and is recorded.
pub async fn run(desk: Arc<Desk>, incoming: Incoming) {
    let id = CallId::new();
    let span = tracing::info_span!("call", call.id = %id, channel = %incoming.facts.channel);
    tell(desk, incoming, id).instrument(span).await;
}

async fn tell(desk: Arc<Desk>, incoming: Incoming, id: CallId) {
    let facts = Facts::read(&incoming.facts, &desk.settings);
    let arrived_at = desk.clock.now();
    let rules = desk.rules();
    let plan = plan(&facts.dialled, &rules, arrived_at);
    tracing::info!(dialled = %facts.dialled, why = %plan.why, "a caller is here");
    let Some(node) = desk.nodes.of(incoming.facts.core) else {
        tracing::error!(core = %incoming.facts.core, "no node of the configuration is this FreeSWITCH: handed back");
        return incoming.caller.hand_back("unknown_node").await;
    };
    if let Err(error) = arrive(&desk, &incoming, &node, id, &facts, &plan).await {
        tracing::error!(%error, "the arrival cannot be recorded: handed back");
        return incoming.caller.hand_back("not_recorded").await;
    }
    desk.metrics.calls_now.inc();
    let mut call =
        Call { desk, id, caller: incoming.caller, node, facts, arrived_at, stage: Stage::Arriving };
    let ended = match carry_out(&mut call, &rules, &plan).await {
        Ok(ended) => ended,
        Err(gone) => unwound(&call, gone),
    };
    record::ending(&call, &plan, &ended).await;
    call.desk.metrics.calls_now.dec();
    if ended.cause == DRAINED {
        call.caller.hand_back("drained").await;
    }
}

/// Commits the arrival, with the plan and its reasons.
async fn arrive(
    desk: &Desk,
    incoming: &Incoming,
    node: &Node,
    id: CallId,
    facts: &Facts,
    plan: &Plan,
) -> Result<(), StoreError> {
    let rules = desk.rules();
    let at = desk.clock.now();
    let queue = match &plan.to {
        Some(Destination::Queue(queue)) => Some(queue.clone()),
        _ => None,
    };
    let arrival = store::calls::Arrival {
        id,
        node: node.name().clone(),
        channel: incoming.facts.channel,
        core: incoming.facts.core,
        party: facts.party.clone(),
        caller_number: facts.number.clone(),
        caller_name: facts.name.clone(),
        dialled: facts.dialled.clone(),
        route: plan.route.clone(),
        open: plan.open,
        why: plan.why.clone(),
        business_day: rules.business_day(queue.as_ref(), desk.settings.zone, at),
        service_level: queue
            .as_ref()
            .and_then(|name| rules.queues.get(name))
            .map(|queue| queue.service_level),
        queue,
        at,
    };
    desk.store.write("arrive", move |c| store::calls::arrive(c, &arrival)).await
}

/// Does what the plan says, and what each step leads to.
async fn carry_out(call: &mut Call, rules: &Rules, plan: &Plan) -> Result<Ended, Gone> {
    let mut to = plan.to.clone();
    let mut ending = Ending::Refused;
    for hop in 0..HOPS {
        match to {
            None if ending == Ending::TimedOut => return nobody_there(call).await,
            None => return refuse(call).await,
            Some(Destination::Message(prompt)) => return message::play(call, rules, &prompt, ending).await,
            Some(Destination::Forward(contact)) => return forward::ring(call, rules, &contact).await,
            Some(Destination::Queue(name)) => match in_queue(call, rules, &name, hop).await? {
                wait::Left::Talked(ended) => return Ok(ended),
                wait::Left::TimedOut => {
                    ending = Ending::TimedOut;
                    to = rules.queues.get(&name).map(|queue| queue.overflow.clone());
                }
            },
        }
    }
    tracing::warn!(hops = HOPS, "the overflows of the queues lead in a circle");
    call.caller.hangup(HangupCause::NoAnswer).await;
    Ok(over(Ending::TimedOut, Stage::Waiting, "OVERFLOW_CIRCLE"))
}

async fn in_queue(call: &mut Call, rules: &Rules, name: &QueueName, hop: usize) -> Result<wait::Left, Gone> {
    match rules.queues.get(name) {
        Some(queue) => wait::in_queue(call, rules, name, queue, hop).await,
        None => Ok(wait::Left::TimedOut),
    }
}

/// Nobody took the caller in time, and the rules do not say what then.
async fn nobody_there(call: &Call) -> Result<Ended, Gone> {
    call.caller.hangup(HangupCause::NoAnswer).await;
    Ok(over(Ending::TimedOut, Stage::Waiting, "NO_OVERFLOW"))
}

/// No route wants the call.
async fn refuse(call: &Call) -> Result<Ended, Gone> {
    call.caller.hangup(HangupCause::UnallocatedNumber).await;
    Ok(over(Ending::Refused, Stage::Arriving, "NO_ROUTE"))
}

/// The end of a story that its caller, his socket or we broke off.
fn unwound(call: &Call, gone: Gone) -> Ended {
    match gone {
        Gone::HungUp(cause) => Ended { cause, ..over(Ending::Abandoned, call.stage, "") },
        Gone::Lost => over(Ending::Lost, call.stage, "SOCKET_LOST"),
        Gone::Drained => over(Ending::Lost, call.stage, DRAINED),
    }
}

/// An end without a talk.
pub(super) fn over(ending: Ending, stage: Stage, cause: &str) -> Ended {
    Ended { ending, stage, cause: cause.to_owned(), answered_at: None, agent: None }
}
