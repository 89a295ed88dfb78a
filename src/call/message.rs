//! The caller hears a message. If nothing follows, the call ends and counts as missed.

use std::time::Duration;

use super::flow::Next;
use super::{Call, Gone, heard, over};
use crate::cause::HangupCause;
use crate::ids::PromptName;
use crate::missed::ending::{Ending, Stage};
use crate::rules::{Rules, Then};
use crate::sound::Sound;
use crate::switch::{CallerEvent, Loops, PlayId};
use crate::ticks::until;

/// How long to wait for the event of a hangup or a transfer after a sound was broken off.
const HANGUP_LIMIT: Duration = Duration::from_millis(500);

/// Plays `prompt` once, then goes on with what follows, or hangs up.
pub(crate) async fn play(
    call: &mut Call,
    rules: &Rules,
    prompt: &PromptName,
    then: Then,
) -> Result<Next, Gone> {
    let ending = call.flow.ending;
    call.stage = Stage::Message;
    call.answer().await?;
    let sound = heard::sound(call, rules, prompt);
    let played = play_if_any(call, sound).await;
    match played {
        Ok(()) => {}
        // A caller whom nobody answered may hang up during the message: they still timed out.
        Err(Gone::HungUp(cause)) if ending == Ending::TimedOut => {
            return Ok(Next::Ended(over(ending, Stage::Message, &cause)));
        }
        Err(gone) => return Err(gone),
    }
    if let Some(then) = then {
        return Ok(Next::To(*then));
    }
    call.caller.hangup(HangupCause::NormalClearing).await;
    Ok(Next::Ended(over(ending, Stage::Message, "NORMAL_CLEARING")))
}

/// Does the same as [`play_message`], if there is something to play.
pub(crate) async fn play_if_any(call: &mut Call, sound: Option<Sound>) -> Result<(), Gone> {
    match sound {
        Some(sound) => play_message(call, &sound).await,
        None => Ok(()),
    }
}

/// Plays a sound once, or `[sounds] fallback_message` if FreeSWITCH cannot play it.
pub(crate) async fn play_message(call: &mut Call, sound: &Sound) -> Result<(), Gone> {
    let mut sound = Some(sound.clone());
    while let Some(it) = sound {
        if is_heard(call, &it).await? {
            return Ok(());
        }
        sound = heard::instead(call, &it);
    }
    Ok(())
}

/// Plays a sound once. Returns whether the caller heard all of it, which is not so if FreeSWITCH cannot play it.
async fn is_heard(call: &mut Call, sound: &Sound) -> Result<bool, Gone> {
    let playing = call.play(sound, Loops::Once).await?;
    heard_out(call, playing).await
}

/// Waits for the end of a sound. Returns whether all of it was heard.
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
            // A hangup or a transfer ends the sound, and the event for it follows at once.
            broken_off = Some(tokio::time::Instant::now() + HANGUP_LIMIT);
        }
    }
}
