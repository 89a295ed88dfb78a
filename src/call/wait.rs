//! Waiting in a queue until an agent answers, or the caller leaves it by a key.

use std::time::Duration;

use super::flow::Next;
use super::waiting::Waiting;
use super::winner::{self, Bridged};
use super::{Call, Ended, Gone, callback};
use crate::clock::UnixMs;
use crate::dispatch::answered::{ANSWER_BACKLOG, AgentAnswered, BridgeResult};
use crate::dispatch::queued_caller::{FirstRing, Leaving, QueuedCaller};
use crate::ids::QueueName;
use crate::inbox::{self, Inbox};
use crate::missed::ending::{Ending, Stage};
use crate::phone::Party;
use crate::rules::{Destination, Queue, Rules};
use crate::store;
use crate::store::waits::WaitOutcome;
use crate::ticks::until;

/// How a wait ended.
enum Waited {
    /// The caller talks to an agent.
    Answered(Bridged),
    /// The caller went elsewhere by a key.
    Left(Destination),
    /// The queue's max_wait is over, or the queue was removed.
    TimedOut,
}

/// Waits until an agent has answered, the queue's max_wait is over, or the caller leaves or is gone. `on_record` says since when
/// the caller waits there, if that is already recorded.
pub(crate) async fn in_queue(
    call: &mut Call,
    rules: &Rules,
    name: &QueueName,
    queue: &Queue,
    on_record: Option<UnixMs>,
) -> Result<Next, Gone> {
    let is_greeted = !call.is_back || on_record.is_none();
    let joined_at = match on_record {
        Some(joined_at) => joined_at,
        None => join(call, name).await,
    };
    let first_ring = FirstRing::awaited();
    call.stage = Stage::Waiting;
    if queue.early_media {
        call.pre_answer().await?;
    } else {
        call.answer().await?;
    }
    if let Some(bridged) = agent_who_calls_back(call, queue).await? {
        return talk(call, bridged).await.map(Next::Ended);
    }
    let (answered, answers) = inbox::channel(ANSWER_BACKLOG);
    let queued = QueuedCaller {
        call: call.id,
        queue: name.clone(),
        joined_at: call.place_at,
        first_ring,
        node: call.node.clone(),
        channel: Some(call.caller.channel()),
        number: call.facts.number.clone(),
        name: call.facts.name.clone(),
        answered,
        confirm: None,
        rest: Duration::ZERO,
        yields: false,
        preferred: None,
    };
    if let Err(error) = call.app.dispatcher.join(queued).await {
        tracing::error!(%error, "the caller cannot wait in this queue, and goes to its overflow");
        return Ok(overflow(call, queue));
    }
    let mut waiting = Waiting::new(call, rules, queue, joined_at);
    let result = match waiting.begin(call, rules, is_greeted).await {
        Ok(()) => until_over(call, rules, &mut waiting, (queue, joined_at), answers).await,
        Err(gone) => Err(gone),
    };
    leave_queue(call, name, joined_at, &result).await;
    match result? {
        Waited::Answered(bridged) => talk(call, bridged).await.map(Next::Ended),
        Waited::Left(to) => {
            if let Destination::Callback(queue, _) = &to {
                callback::asked(call, queue);
            }
            waiting.end(call).await?;
            left(call, WaitOutcome::Abandoned).await;
            call.flow.ending = Ending::Abandoned;
            Ok(Next::To(to))
        }
        Waited::TimedOut => {
            waiting.end(call).await?;
            left(call, WaitOutcome::TimedOut).await;
            Ok(overflow(call, queue))
        }
    }
}

/// Returns where a caller goes whom nobody took in time.
pub(crate) fn overflow(call: &mut Call, queue: &Queue) -> Next {
    call.flow.ending = Ending::TimedOut;
    Next::To(queue.overflow.clone())
}

/// Connects the caller with the agent who is about to call them back, if there is one.
async fn agent_who_calls_back(call: &mut Call, queue: &Queue) -> Result<Option<Bridged>, Gone> {
    let Party::Number(number) = &call.facts.party else { return Ok(None) };
    if !call.app.settings.callback.join_callers {
        return Ok(None);
    }
    let Some(answered) = call.app.callbacks.agent_for(number).await else { return Ok(None) };
    let (id, offer) = (call.id, answered.offer);
    match call.app.store.write("meet", move |c| store::offers::hand_to(c, offer, id)).await {
        Ok(true) => {
            let bridged = winner::connect(call, queue, answered).await?;
            if bridged.is_some() {
                call.stage = Stage::Talking;
            }
            Ok(bridged)
        }
        Ok(false) => {
            answered.answer(BridgeResult::Failed);
            Ok(None)
        }
        Err(error) => {
            tracing::error!(%error, "the caller cannot be given the agent who was calling them back: they wait like any other");
            answered.answer(BridgeResult::Failed);
            Ok(None)
        }
    }
}

/// Records that the caller left the queue without an agent.
async fn left(call: &Call, outcome: WaitOutcome) {
    let (id, at) = (call.id, call.app.clock.now());
    if let Err(error) = call.app.store.write("leave", move |c| store::waits::leave(c, id, at, outcome)).await
    {
        tracing::error!(%error, %outcome, "it is not recorded that the caller left the queue");
    }
}

/// Records that the caller joined. Returns since when the caller waits here.
async fn join(call: &mut Call, name: &QueueName) -> UnixMs {
    let (id, queue, at) = (call.id, name.clone(), call.app.clock.now());
    let (within, party) = (call.app.settings.callback.resume_place, call.facts.party.clone());
    let joined = call.app.store.write("join", move |c| {
        store::waits::join(c, id, &queue, at)?;
        party.number().map_or(Ok(None), |number| store::places::resume(c, id, (number, &queue), within, at))
    });
    match joined.await {
        Ok(resumed) => call.place_at = resumed.unwrap_or(call.place_at),
        Err(error) => tracing::error!(%error, "the caller's move to the next queue is not recorded"),
    }
    at
}

/// Waits until an agent is connected, the caller leaves by a key, or the queue's max_wait is over.
async fn until_over(
    call: &mut Call,
    rules: &Rules,
    waiting: &mut Waiting<'_>,
    (queue, joined_at): (&Queue, UnixMs),
    mut answers: Inbox<AgentAnswered>,
) -> Result<Waited, Gone> {
    let deadline = queue.max_wait.map(|limit| call.app.clock.instant_of(joined_at + limit));
    loop {
        let goes = tokio::select! {
            biased;
            event = call.next() => waiting.hear(call, event?).await?,
            answered = answers.recv() => {
                // The dispatcher has dropped the caller, because the queue was removed.
                let Some(answered) = answered else { return Ok(Waited::TimedOut) };
                if let Some(bridged) = winner::connect(call, queue, answered).await? {
                    answers.close();
                    while let Some(late) = answers.recv().await {
                        late.answer(BridgeResult::Lost);
                    }
                    return Ok(Waited::Answered(bridged));
                }
                waiting.begin_again(call).await?;
                None
            }
            () = until(deadline) => return Ok(Waited::TimedOut),
            () = until(waiting.next_wake()) => waiting.wake(call, rules).await?,
        };
        if let Some(to) = goes {
            tracing::info!(%to, "the caller leaves the queue by a key");
            return Ok(Waited::Left(to.clone()));
        }
    }
}

/// Takes the caller off the board, and counts the wait.
async fn leave_queue(call: &mut Call, name: &QueueName, joined_at: UnixMs, result: &Result<Waited, Gone>) {
    let answered = matches!(result, Ok(Waited::Answered(_)));
    let why = if answered { Leaving::Answered } else { Leaving::Gone };
    let rang = call.app.dispatcher.leave(call.id, why).await;
    if answered {
        call.stage = Stage::Talking;
    } else if rang {
        call.stage = Stage::Ringing;
    }
    // The record of a talk may have waited for others.
    let until = match result {
        Ok(Waited::Answered(bridged)) => bridged.talk.since(),
        _ => call.app.clock.now(),
    };
    let waited = until.since(joined_at).as_secs_f64();
    let outcome = if answered { "answered" } else { "left" };
    call.app.metrics.wait_seconds.with_label_values(&[name.as_str(), outcome]).observe(waited);
}

/// Waits for the end of the talk.
async fn talk(call: &mut Call, bridged: Bridged) -> Result<Ended, Gone> {
    let over = bridged.talk.until_caller_leaves(call).await;
    Ok(Ended {
        ending: Ending::Answered,
        stage: Stage::Talking,
        cause: over.cause,
        answered_at: Some(over.since),
        agent: Some(bridged.agent),
    })
}
