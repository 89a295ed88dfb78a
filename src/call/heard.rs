//! What the caller of a call hears under the name of a prompt.

use super::Call;
use crate::ids::PromptName;
use crate::rules::{Rules, Source};
use crate::sound::Sound;
use crate::spoken::Hours;

/// Returns the sound of a prompt for this caller: in their language, and with the hours of their route as they are now.
/// None if there is nothing to say. A prompt that was removed is `[sounds] fallback_message`.
pub(crate) fn sound(call: &Call, rules: &Rules, name: &PromptName) -> Option<Sound> {
    let sounds = &call.app.settings.sounds;
    match rules.prompts.get(name).map(|prompt| &prompt.source) {
        Some(Source::Sound(sound)) => Some(sound.clone()),
        Some(Source::Said(said)) => {
            let language = call.flow.language.unwrap_or(sounds.language);
            let hours = || {
                let schedule = call.flow.schedule.as_ref().and_then(|name| rules.schedules.get(name));
                schedule.map_or_else(Hours::default, |it| Hours::of(it, call.app.clock.now()))
            };
            call.app.prompts.sound(language, &said.phrase(language, hours))
        }
        None => Some(sounds.fallback_message.clone()),
    }
}

/// Returns what the caller hears instead of a sound that FreeSWITCH cannot play: `[sounds] fallback_message`. None if it is
/// that one.
pub(crate) fn instead(call: &Call, sound: &Sound) -> Option<Sound> {
    let instead = &call.app.settings.sounds.fallback_message;
    if instead == sound {
        tracing::error!(
            %sound,
            "[sounds] fallback_message cannot be played: name a tone, which needs no file"
        );
        return None;
    }
    tracing::warn!(
        %sound,
        %instead,
        "FreeSWITCH cannot play this prompt, so the caller hears another: put the file where FreeSWITCH finds it, or name \
         another in the rules"
    );
    Some(instead.clone())
}
