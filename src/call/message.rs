//! The caller hears a message, and the call ends. We owe him a call back.

use super::ending::{Ending, Stage};
use super::story::over;
use super::{Call, Ended, Gone};
use crate::ids::PromptName;
use crate::routing::rules::Rules;
use crate::switch::cause::HangupCause;
use crate::switch::{CallerEvent, Loops};

/// Plays `prompt` once and hangs up. `ending` says what brought him here.
pub(crate) async fn play(
    call: &mut Call,
    rules: &Rules,
    prompt: &PromptName,
    ending: Ending,
) -> Result<Ended, Gone> {
    call.stage = Stage::Message;
    call.caller.answer().await.map_err(|_| Gone::Lost)?;
    let sound = rules.sound(Some(prompt)).unwrap_or(&call.desk.settings.sounds.fallback_message).to_owned();
    let playing = call.caller.play(&sound, Loops::Once).await.map_err(|_| Gone::Lost)?;
    loop {
        match call.caller.event().await {
            CallerEvent::HungUp { cause } => return Err(Gone::HungUp(cause)),
            CallerEvent::Lost => return Err(Gone::Lost),
            CallerEvent::Played { id, ok } if id == playing => {
                if !ok {
                    tracing::error!(%prompt, sound, "the message could not be played");
                }
                break;
            }
            CallerEvent::Played { .. } | CallerEvent::Bridged { .. } | CallerEvent::Unbridged => {}
        }
    }
    call.caller.hangup(HangupCause::NormalClearing).await;
    Ok(over(ending, Stage::Message, "NORMAL_CLEARING"))
}
