//! What the caller of a call hears under the name of a prompt.

use super::Call;
use crate::ids::PromptName;
use crate::language::Language;
use crate::rules::{Rules, Source};
use crate::sound::Sound;
use crate::spoken::{Hours, Phrase, Said};

/// Returns the sound of a prompt for this caller: in their language, and with the hours of their route as they are now.
/// None if there is nothing to say. A prompt that was removed is `[sounds] fallback_message`.
pub(crate) fn sound(call: &Call, rules: &Rules, name: &PromptName) -> Option<Sound> {
    let sounds = &call.app.settings.sounds;
    match rules.prompts.get(name).map(|prompt| &prompt.source) {
        Some(Source::Sound(sound)) => Some(sound.clone()),
        Some(Source::Said(it)) => said(call, &phrase(call, rules, *it)),
        None => Some(sounds.fallback_message.clone()),
    }
}

/// Returns the sounds of a phrase and of a prompt after it. If the prompt is said, too, they are one sound, so that nothing
/// is heard between them.
pub(crate) fn phrase_and(
    call: &Call,
    rules: &Rules,
    first: Phrase,
    name: Option<&PromptName>,
) -> impl Iterator<Item = Sound> + use<> {
    let source = name.and_then(|name| rules.prompts.get(name)).map(|prompt| &prompt.source);
    let (first, second) = match source {
        Some(Source::Said(it)) => (first.then(phrase(call, rules, *it)), None),
        _ => (first, name.and_then(|name| sound(call, rules, name))),
    };
    said(call, &first).into_iter().chain(second)
}

/// Returns the sound of a phrase in the caller's language. None if the phrase is empty.
pub(crate) fn said(call: &Call, phrase: &Phrase) -> Option<Sound> {
    call.app.prompts.sound(language(call), phrase)
}

/// The language of the call.
pub(crate) fn language(call: &Call) -> Language {
    call.flow.language.unwrap_or(call.app.settings.sounds.language)
}

fn phrase(call: &Call, rules: &Rules, said: Said) -> Phrase {
    said.phrase(language(call), || {
        let schedule = call.flow.schedule.as_ref().and_then(|name| rules.schedules.get(name));
        schedule.map_or_else(Hours::default, |it| Hours::of(it, call.app.clock.now()))
    })
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
