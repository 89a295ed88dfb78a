//! The caller hears a message, and the call ends. We owe him a call back.

use std::time::Duration;

use super::ending::{Ending, Stage};
use super::story::over;
use super::wait::until;
use super::{Call, Ended, Gone};
use crate::ids::PromptName;
use crate::routing::rules::Rules;
use crate::switch::cause::HangupCause;
use crate::switch::{CallerEvent, Loops, PlayId};

/// How soon after a sound that was broken off the hangup that broke it follows.
const HANGUP_FOLLOWS: Duration = Duration::from_millis(500);

/// Plays `prompt` once and hangs up. `ending` says what brought him here.
pub(crate) async fn play(
    call: &mut Call,
    rules: &Rules,
    prompt: &PromptName,
    ending: Ending,
) -> Result<Ended, Gone> {
    call.stage = Stage::Message;
    call.answer().await?;
    let sound = rules.sound(Some(prompt)).unwrap_or(&call.desk.settings.sounds.fallback_message).to_owned();
    match say(call, &sound).await {
        Ok(()) => {}
        // Who has waited in vain owes us no patience with the message.
        Err(Gone::HungUp(cause)) if ending == Ending::TimedOut => {
            return Ok(over(ending, Stage::Message, &cause));
        }
        Err(gone) => return Err(gone),
    }
    call.caller.hangup(HangupCause::NormalClearing).await;
    Ok(over(ending, Stage::Message, "NORMAL_CLEARING"))
}

/// Plays a sound once, or [sounds] fallback_message if FreeSWITCH cannot play it.
pub(crate) async fn say(call: &mut Call, sound: &str) -> Result<(), Gone> {
    let playing = call.play(sound, Loops::Once).await?;
    if heard_out(call, playing).await? {
        return Ok(());
    }
    let instead = call.desk.settings.sounds.fallback_message.clone();
    if instead == sound {
        tracing::error!(
            sound,
            "[sounds] fallback_message cannot be played: name a tone, which needs no file"
        );
        return Ok(());
    }
    tracing::warn!(
        sound,
        instead,
        "the message cannot be played, so the caller hears another: put the file there, or name another in the rules"
    );
    let playing = call.play(&instead, Loops::Once).await?;
    if !heard_out(call, playing).await? {
        tracing::error!(
            sound = instead,
            "[sounds] fallback_message cannot be played: name a tone, which needs no file"
        );
    }
    Ok(())
}

/// Waits for the end of a sound. Whether it was heard out.
pub(crate) async fn heard_out(call: &mut Call, playing: PlayId) -> Result<bool, Gone> {
    let mut broken_off = None;
    let draining = call.desk.draining.clone();
    loop {
        let event = tokio::select! {
            biased;
            event = call.caller.event() => event,
            () = draining.cancelled() => return Err(Gone::Drained),
            () = until(broken_off) => return Ok(false),
        };
        match event {
            CallerEvent::HungUp { cause } => return Err(Gone::HungUp(cause)),
            CallerEvent::Lost => return Err(Gone::Lost),
            CallerEvent::Played { id, ok: true } if id == playing => return Ok(true),
            // A caller who hangs up ends the sound first: his hangup follows at once.
            CallerEvent::Played { id, ok: false } if id == playing => {
                broken_off = Some(tokio::time::Instant::now() + HANGUP_FOLLOWS);
            }
            CallerEvent::Played { .. } | CallerEvent::Bridged { .. } | CallerEvent::Unbridged => {}
        }
    }
}
