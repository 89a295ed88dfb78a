//! Waiting in a queue: the caller hears music until an agent answers.

use std::time::Duration;

use tokio::time::Instant;

use super::flow::Next;
use super::winner::{self, Bridged};
use super::{Call, Ended, Gone};
use crate::clock::UnixMs;
use crate::dispatch::answered::{ANSWER_BACKLOG, AgentAnswered, BridgeResult};
use crate::dispatch::queued_caller::{FirstRing, Leaving, QueuedCaller};
use crate::ids::QueueName;
use crate::inbox::{self, Inbox};
use crate::missed::ending::{Ending, Stage};
use crate::phone::Party;
use crate::rules::{Queue, Rules};
use crate::sound::Sound;
use crate::store;
use crate::switch::{CallerEvent, Loops};
use crate::ticks::until;

/// The pause between endless music that ended by itself and the fallback music.
const MUSIC_PAUSE: Duration = Duration::from_secs(1);

/// Waits until an agent has answered, the queue's max_wait is over, or the caller is gone. `on_record` says since when
/// the caller waits there, if that is already recorded.
pub(crate) async fn in_queue(
    call: &mut Call,
    rules: &Rules,
    name: &QueueName,
    queue: &Queue,
    on_record: Option<UnixMs>,
) -> Result<Next, Gone> {
    let joined_at = match on_record {
        Some(joined_at) => joined_at,
        None => join(call, name).await,
    };
    let first_ring = FirstRing::awaited();
    call.stage = Stage::Waiting;
    call.answer().await?;
    if let Some(bridged) = agent_who_calls_back(call).await? {
        return talk(call, bridged).await.map(Next::Ended);
    }
    let music = rules.sound(queue.music.as_ref()).unwrap_or(&call.app.settings.sounds.music).clone();
    let (answered, answers) = inbox::channel(ANSWER_BACKLOG);
    let queued = QueuedCaller {
        call: call.id,
        queue: name.clone(),
        joined_at: call.arrived_at,
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
    let result = until_answered(call, queue, &music, joined_at, answers).await;
    leave_queue(call, name, joined_at, &result).await;
    match result? {
        Some(bridged) => talk(call, bridged).await.map(Next::Ended),
        None => {
            time_out(call).await;
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
async fn agent_who_calls_back(call: &mut Call) -> Result<Option<Bridged>, Gone> {
    let Party::Number(number) = &call.facts.party else { return Ok(None) };
    if !call.app.settings.callback.join_callers {
        return Ok(None);
    }
    let Some(answered) = call.app.callbacks.agent_for(number).await else { return Ok(None) };
    let (id, offer) = (call.id, answered.offer);
    match call.app.store.write("meet", move |c| store::offers::hand_to(c, offer, id)).await {
        Ok(true) => {
            let bridged = winner::connect(call, answered).await?;
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

/// Records that nobody took the caller in time.
async fn time_out(call: &Call) {
    let (id, at) = (call.id, call.app.clock.now());
    if let Err(error) = call.app.store.write("time_out", move |c| store::waits::time_out(c, id, at)).await {
        tracing::error!(%error, "it is not recorded that the caller reached the queue's max_wait");
    }
}

/// Records that the caller joined. Returns since when the caller waits here.
async fn join(call: &Call, name: &QueueName) -> UnixMs {
    let (id, queue, at) = (call.id, name.clone(), call.app.clock.now());
    let joined = call.app.store.write("join", move |c| store::waits::join(c, id, &queue, at)).await;
    if let Err(error) = joined {
        tracing::error!(%error, "the caller's move to the next queue is not recorded");
    }
    at
}

/// Plays music until an agent is connected. None when the queue's max_wait is over.
async fn until_answered(
    call: &mut Call,
    queue: &Queue,
    music: &Sound,
    joined_at: UnixMs,
    mut answers: Inbox<AgentAnswered>,
) -> Result<Option<Bridged>, Gone> {
    let deadline = queue.max_wait.map(|limit| call.app.clock.instant_of(joined_at + limit));
    let mut silent_until = None;
    call.play(music, Loops::Forever).await?;
    loop {
        tokio::select! {
            biased;
            event = call.next() => if let CallerEvent::Played { .. } = event? {
                silent_until = Some(Instant::now() + MUSIC_PAUSE);
            },
            answered = answers.recv() => {
                // The dispatcher has dropped the caller, because the queue was removed.
                let Some(answered) = answered else { return Ok(None) };
                if let Some(bridged) = winner::connect(call, answered).await? {
                    answers.close();
                    while let Some(late) = answers.recv().await {
                        late.answer(BridgeResult::Lost);
                    }
                    return Ok(Some(bridged));
                }
                call.play(music, Loops::Forever).await?;
            }
            // Endless music has ended: the file is missing, or something stopped it. The caller must not hear silence.
            () = until(silent_until) => {
                tracing::warn!(
                    %music,
                    "endless music ended: FreeSWITCH cannot play it, or it is too short. Put the file where FreeSWITCH \
                     finds it, or name another (`music` of the queue, or [sounds] music); fallback_music plays meanwhile"
                );
                silent_until = None;
                let fallback = call.app.settings.sounds.fallback_music.clone();
                call.play(&fallback, Loops::Forever).await?;
            }
            () = until(deadline) => return Ok(None),
        }
    }
}

/// Takes the caller off the board, and counts the wait.
async fn leave_queue(
    call: &mut Call,
    name: &QueueName,
    joined_at: UnixMs,
    result: &Result<Option<Bridged>, Gone>,
) {
    let answered = matches!(result, Ok(Some(_)));
    let why = if answered { Leaving::Answered } else { Leaving::Gone };
    let rang = call.app.dispatcher.leave(call.id, why).await;
    if answered {
        call.stage = Stage::Talking;
    } else if rang {
        call.stage = Stage::Ringing;
    }
    // The record of a talk may have waited for others.
    let until = match result {
        Ok(Some(bridged)) => bridged.talk.since(),
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
