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
    let playing = call.play(&sound, Loops::Once).await?;
    match heard_out(call, playing).await {
        Ok(true) => {}
        Ok(false) => tracing::error!(%prompt, sound, "the message could not be played: is the sound there?"),
        // Who has waited in vain owes us no patience with the message.
        Err(Gone::HungUp(cause)) if ending == Ending::TimedOut => {
            return Ok(over(ending, Stage::Message, &cause));
        }
        Err(gone) => return Err(gone),
    }
    call.caller.hangup(HangupCause::NormalClearing).await;
    Ok(over(ending, Stage::Message, "NORMAL_CLEARING"))
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
