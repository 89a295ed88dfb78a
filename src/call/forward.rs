//! Forwarding the caller to a contact outside the queues, such as the duty person or a mobile.

use std::time::Duration;

use super::attempt::why_unanswered;
use super::flow::Next;
use super::talk::{Between, Talk, TalkOver};
use super::{Call, Ended, Gone, message, over};
use crate::cause::HangupCause;
use crate::ids::{ChannelId, LegId, OfferId};
use crate::missed::ending::{Ending, Stage};
use crate::rules::Then;
use crate::rules::contact::Contact;
use crate::switch::{AfterTalk, Answer, Cancel, Confirm, Leg, LegRequest, LegRole, Loops, RingLimits};

/// Rings the contact while the caller hears music, and connects the two. If nobody answers, goes on with what follows, or
/// tells the caller that nobody is there.
pub(crate) async fn ring(call: &mut Call, contact: &Contact, then: Then) -> Result<Next, Gone> {
    begin(call).await?;
    let limit = call.app.settings.calls.forward_timeout;
    match dial(call, contact, limit, None).await? {
        Dialled::Talked(ended) => Ok(Next::Ended(ended)),
        Dialled::Nobody(cause) => nobody(call, &cause, then).await,
    }
}

/// Answers the caller, who hears music from now on.
pub(crate) async fn begin(call: &mut Call) -> Result<(), Gone> {
    call.stage = Stage::Forwarding;
    call.answer().await?;
    let music = call.app.settings.sounds.music.clone();
    call.play(&music, Loops::Forever).await.map(drop)
}

/// What came of ringing one contact.
pub(crate) enum Dialled {
    /// The caller talked with somebody, and the call has ended.
    Talked(Ended),
    /// Nobody took the call; the field is the cause.
    Nobody(String),
}

/// Rings one contact, who presses a key if `confirm` asks for it, and connects the two.
pub(crate) async fn dial(
    call: &mut Call,
    contact: &Contact,
    limit: Duration,
    confirm: Option<Confirm>,
) -> Result<Dialled, Gone> {
    let limits = RingLimits { ring: limit, confirm: confirm.as_ref().map(|confirm| confirm.within) };
    let request = LegRequest {
        leg: LegId::new(),
        contact: contact.clone(),
        call: call.id,
        offer: OfferId::new(),
        caller: Some(call.caller.channel()),
        ring_timeout: limit,
        caller_number: call.facts.number.clone(),
        caller_name: call.facts.name.clone(),
        confirm,
        follow_redirects: call.app.settings.calls.forward_follows_redirects,
        role: LegRole::Contact,
    };
    let cause = match call.node.ring(request) {
        Ok(leg) => match answered(call, leg, limits).await? {
            Answered::By(leg, channel) => match talk(call, leg, channel).await? {
                Some(ended) => return Ok(Dialled::Talked(ended)),
                None => "BRIDGE_FAILED".to_owned(),
            },
            Answered::No { cause, .. } => cause,
        },
        Err(error) => {
            tracing::error!(%contact, %error, "the contact cannot be rung");
            "NODE_DOWN".to_owned()
        }
    };
    tracing::warn!(%contact, %cause, "the contact did not take the call");
    Ok(Dialled::Nobody(cause))
}

/// Goes on with what follows, or tells the caller that nobody is there and ends the call. `cause` says why.
pub(crate) async fn nobody(call: &mut Call, cause: &str, then: Then) -> Result<Next, Gone> {
    call.flow.ending = Ending::TimedOut;
    if let Some(then) = then {
        return Ok(Next::To(*then));
    }
    let message = call.app.settings.sounds.fallback_message.clone();
    match message::play_message(call, &message).await {
        // The caller need not hear the message out.
        Ok(()) | Err(Gone::HungUp(_)) => {}
        Err(gone) => return Err(gone),
    }
    call.caller.hangup(HangupCause::NoAnswer).await;
    Ok(Next::Ended(over(Ending::TimedOut, Stage::Forwarding, cause)))
}

/// How a ringing leg ended, while the caller stayed on the line.
pub(crate) enum Answered {
    /// Somebody answered. The fields: the leg, and the channel to connect.
    By(Leg, ChannelId),
    /// Nobody answered. The fields: the cause, and whether a phone rang.
    No { cause: String, rang: bool },
}

/// Waits until the leg is answered or has ended. If the caller is gone before that, ends the leg.
pub(crate) async fn answered(
    call: &mut Call,
    leg: Leg,
    limits: impl Into<RingLimits>,
) -> Result<Answered, Gone> {
    match leg.until_answered(limits, std::future::ready(()), call.until_gone()).await {
        Answer::Answered(leg, channel) => Ok(Answered::By(leg, channel)),
        Answer::Ended(end) => {
            let (cause, rang) = why_unanswered(end);
            Ok(Answered::No { cause, rang })
        }
        Answer::Stopped(leg, gone) => {
            if gone == Gone::Drained {
                // The process ends soon, and nobody else would end this leg.
                leg.hang_up(Cancel::OriginatorCancel).await;
            } else {
                leg.cancel(Cancel::OriginatorCancel);
            }
            Err(gone)
        }
    }
}

/// Connects the caller with the contact, and waits until the caller's channel ends. None if the two cannot be connected.
async fn talk(call: &mut Call, leg: Leg, channel: ChannelId) -> Result<Option<Ended>, Gone> {
    let Some(talk) = Talk::with_caller(call, channel, AfterTalk::HangUp).await? else {
        leg.cancel(Cancel::OriginatorCancel);
        return Ok(None);
    };
    leg.in_talk();
    call.stage = Stage::Talking;
    // If this record fails, the end of the talk is still recorded.
    let _ = talk.record(Between::CallerAndContact).await;
    let TalkOver { since, cause } = talk.until_caller_leaves(call).await;
    Ok(Some(Ended {
        ending: Ending::Forwarded,
        stage: Stage::Talking,
        cause,
        answered_at: Some(since),
        agent: None,
    }))
}
