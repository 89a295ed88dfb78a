//! The caller hears a message, and the call ends. We owe him a call back.

use std::time::Duration;

use super::{Call, Ended, Gone, over, until};
use crate::cause::HangupCause;
use crate::ids::PromptName;
use crate::missed::ending::{Ending, Stage};
use crate::rules::Rules;
use crate::switch::{CallerEvent, Loops, PlayId};

/// How soon after a sound that was broken off the news follows of what broke it.
const NEWS_FOLLOWS: Duration = Duration::from_millis(500);

/// Plays `prompt` once and hangs up. `ending` says what brought him here.
pub(crate) async fn play(
    call: &mut Call,
    rules: &Rules,
    prompt: &PromptName,
    ending: Ending,
) -> Result<Ended, Gone> {
    call.stage = Stage::Message;
    call.answer().await?;
    let sound = rules.sound(Some(prompt)).unwrap_or(&call.app.settings.sounds.fallback_message).to_owned();
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

/// Plays a sound once, or `[sounds] fallback_message` if FreeSWITCH cannot play it.
pub(crate) async fn say(call: &mut Call, sound: &str) -> Result<(), Gone> {
    if is_heard(call, sound).await? {
        return Ok(());
    }
    let instead = call.app.settings.sounds.fallback_message.clone();
    if instead != sound {
        tracing::warn!(
            sound,
            instead,
            "the message cannot be played, so the caller hears another: put the file there, or name another in the rules"
        );
        if is_heard(call, &instead).await? {
            return Ok(());
        }
    }
    tracing::error!(
        sound = instead,
        "[sounds] fallback_message cannot be played: name a tone, which needs no file"
    );
    Ok(())
}

/// Plays a sound once. Whether the caller heard it out; not if FreeSWITCH cannot play it.
async fn is_heard(call: &mut Call, sound: &str) -> Result<bool, Gone> {
    let playing = call.play(sound, Loops::Once).await?;
    heard_out(call, playing).await
}

/// Waits for the end of a sound. Whether it was heard out.
pub(crate) async fn heard_out(call: &mut Call, playing: PlayId) -> Result<bool, Gone> {
    let mut broken_off = None;
    loop {
        let event = tokio::select! {
            biased;
            event = call.next() => event?,
            () = until(broken_off) => return Ok(false),
        };
        if let CallerEvent::Played { id, ok } = event
            && id == playing
        {
            if ok {
                return Ok(true);
            }
            // Whoever hangs up or is taken by somebody else ends the sound first: the news of it follows at once.
            broken_off = Some(tokio::time::Instant::now() + NEWS_FOLLOWS);
        }
    }
}
