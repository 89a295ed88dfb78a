//! The caller is forwarded to a contact outside the queues: the duty person, a mobile.

use std::time::Duration;

use super::bridge;
use super::story::over;
use super::{Call, Ended, Gone, message};
use crate::cause::HangupCause;
use crate::dispatch::offer::hang_up;
use crate::ids::{ChannelId, OfferId};
use crate::missed::attempt::{NO_PROGRESS, is_unseen};
use crate::missed::ending::{Ending, Stage};
use crate::rules::Rules;
use crate::rules::contact::Contact;
use crate::store::{self, until_recorded};
use crate::switch::{Cancel, Leg, LegEvent, LegRequest, LegRole, Loops};

/// Rings the contact while the caller hears music; connects the two, or tells the caller that nobody is there.
pub(crate) async fn ring(call: &mut Call, rules: &Rules, contact: &Contact) -> Result<Ended, Gone> {
    call.stage = Stage::Forwarding;
    call.answer().await?;
    let music = rules.sound(None).unwrap_or(&call.app.settings.sounds.music).to_owned();
    call.play(&music, Loops::Forever).await?;
    let limit = call.app.settings.calls.forward_timeout;
    let request = LegRequest {
        leg: ChannelId::new(),
        contact: contact.clone(),
        call: call.id,
        offer: OfferId::new(),
        caller: Some(call.caller.channel()),
        ring_timeout: limit,
        caller_number: call.facts.number.clone(),
        caller_name: call.facts.name.clone(),
        confirm: None,
        follow_redirects: call.app.settings.calls.forward_follows_redirects,
        role: LegRole::Contact,
    };
    let cause = match call.node.ring(request) {
        Ok(leg) => match answered(call, leg, limit).await? {
            Ok((leg, channel)) => return talk(call, leg, channel).await,
            Err((cause, _)) => cause,
        },
        Err(error) => {
            tracing::error!(%contact, %error, "the contact cannot be rung");
            "NODE_DOWN".to_owned()
        }
    };
    tracing::warn!(%contact, %cause, "the contact did not take the call");
    nobody(call, &cause).await
}

/// Tells the caller that nobody is there, and ends the call. `cause` says why.
async fn nobody(call: &mut Call, cause: &str) -> Result<Ended, Gone> {
    let message = call.app.settings.sounds.fallback_message.clone();
    match message::say(call, &message).await {
        // The caller need not hear the message out.
        Ok(()) | Err(Gone::HungUp(_)) => {}
        Err(gone) => return Err(gone),
    }
    call.caller.hangup(HangupCause::NoAnswer).await;
    Ok(over(Ending::TimedOut, Stage::Forwarding, cause))
}

/// The leg on which somebody answered, or why nobody did, and whether a phone rang.
pub(crate) type Answered = Result<(Leg, ChannelId), (String, bool)>;

/// Waits for the contact to answer; else says why he did not.
pub(crate) async fn answered(call: &mut Call, mut leg: Leg, limit: Duration) -> Result<Answered, Gone> {
    let time_up = tokio::time::sleep(limit);
    tokio::pin!(time_up);
    loop {
        tokio::select! {
            biased;
            event = call.next() => if let Err(gone) = event {
                if gone == Gone::Drained {
                    // The process ends soon, and nobody else would see to it that the phone falls silent.
                    hang_up(vec![leg], Cancel::OriginatorCancel).await;
                } else {
                    leg.cancel(Cancel::OriginatorCancel);
                }
                return Err(gone);
            },
            event = leg.event() => match event {
                LegEvent::Answered { channel } => return Ok(Ok((leg, channel))),
                LegEvent::Ended { cause, rang, .. } => return Ok(Err((cause, rang))),
                LegEvent::Created | LegEvent::PickedUp => {}
            },
            () = &mut time_up => return Ok(Err(rang_out(leg).await)),
        }
    }
}

/// Ends a leg on which nobody answered in time. Why nobody did, and whether a phone is known to have rung: a trunk that
/// says nothing at all is not a customer who does not answer.
pub(crate) async fn rang_out(mut leg: Leg) -> (String, bool) {
    leg.cancel(Cancel::NoAnswer);
    loop {
        match leg.event().await {
            LegEvent::Ended { rang: true, .. } => return (Cancel::NoAnswer.as_str().to_owned(), true),
            LegEvent::Ended { cause, .. } if is_unseen(&cause) => return (cause, false),
            LegEvent::Ended { .. } => return (NO_PROGRESS.to_owned(), false),
            LegEvent::Created | LegEvent::PickedUp | LegEvent::Answered { .. } => {}
        }
    }
}

/// Connects the two and stays until the caller's channel ends.
async fn talk(call: &mut Call, leg: Leg, channel: ChannelId) -> Result<Ended, Gone> {
    if !bridge::join(call, channel).await? {
        leg.cancel(Cancel::OriginatorCancel);
        return nobody(call, "BRIDGE_FAILED").await;
    }
    leg.in_talk();
    call.stage = Stage::Talking;
    let at = call.app.clock.now();
    let (id, store) = (call.id, &call.app.store);
    let recorded =
        until_recorded("forwarded", || store.write("forwarded", move |c| store::calls::forwarded(c, id, at)));
    if let Err(error) = recorded.await {
        tracing::error!(%error, "the talk is not recorded yet; its end will be");
    }
    let cause = bridge::until_hangup(call).await;
    Ok(Ended { ending: Ending::Forwarded, stage: Stage::Talking, cause, answered_at: Some(at), agent: None })
}
