//! Checks whether FreeSWITCH has every sound file that rules and settings name.

use std::collections::BTreeMap;

use super::Finding;
use crate::config::Settings;
use crate::rules::Rules;
use crate::switch::{Probe, ProbeError};

/// FreeSWITCH has each sound once per sampling rate, in a folder of its own.
const RATES: [&str; 4] = ["8000", "16000", "32000", "48000"];

/// Returns a line for each missing sound, or one line if none is missing. Nothing if no file is named.
pub(super) async fn check(
    probe: &mut Probe,
    what: &str,
    settings: &Settings,
    rules: Option<&Rules>,
) -> Result<Vec<Finding>, ProbeError> {
    let wanted = files(settings, rules);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let prefix = probe.ask("global_getvar sound_prefix").await?;
    let mut missing = Vec::new();
    for (file, place) in &wanted {
        if !is_there(probe, file, prefix.trim()).await? {
            missing.push(Finding::wrong(
                format!("{what}: sound"),
                format!("{file} is missing; it is set by {place}"),
                format!("put the file into FreeSWITCH's folder {}, or change {place}", shown(prefix.trim())),
            ));
        }
    }
    if missing.is_empty() {
        missing.push(Finding::ok(format!("{what}: sounds"), format!("{} files are there", wanted.len())));
    }
    Ok(missing)
}

fn shown(prefix: &str) -> &str {
    if prefix.is_empty() { "the sounds" } else { prefix }
}

async fn is_there(probe: &mut Probe, file: &str, prefix: &str) -> Result<bool, ProbeError> {
    for path in places(file, prefix) {
        if probe.ask(&format!("file_exists {path}")).await?.trim() == "true" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where FreeSWITCH looks for a sound file: as named or below its prefix, there also in the folder of each rate.
fn places(file: &str, prefix: &str) -> Vec<String> {
    let path = if file.starts_with('/') { file.to_owned() } else { format!("{prefix}/{file}") };
    let rated =
        path.rsplit_once('/').map(|(folder, name)| RATES.map(|rate| format!("{folder}/{rate}/{name}")));
    std::iter::once(path.clone()).chain(rated.into_iter().flatten()).collect()
}

/// The sound files, each with the setting or rule that names it.
fn files(settings: &Settings, rules: Option<&Rules>) -> BTreeMap<String, String> {
    let (sounds, callback) = (&settings.sounds, &settings.callback);
    let ours = [
        (&sounds.music, "[sounds] music"),
        (&sounds.fallback_music, "[sounds] fallback_music"),
        (&sounds.fallback_message, "[sounds] fallback_message"),
        (&sounds.no_caller, "[sounds] no_caller"),
        (&sounds.done, "[sounds] done"),
        (&sounds.refused, "[sounds] refused"),
        (&settings.dialplan.pause_sound, "[dialplan] pause_sound"),
        (&callback.confirm_sound, "[callback] confirm_sound"),
        (&callback.ringback, "[callback] ringback"),
        (&callback.greeting, "[callback] greeting"),
        (&callback.apology, "[callback] apology"),
    ];
    let ours = ours.map(|(sound, place)| (sound, place.to_owned()));
    let prompts = rules.iter().flat_map(|rules| &rules.prompts);
    let prompts =
        prompts.filter_map(|(name, prompt)| Some((prompt.source.sound()?, format!("prompt {name}"))));
    let named = ours.into_iter().chain(prompts).filter(|(sound, _)| sound.is_file());
    named.map(|(sound, place)| (sound.to_string(), place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_looked_for_where_freeswitch_looks() {
        assert_eq!(
            places("ivr/hello.wav", "/sounds/en")[..2],
            ["/sounds/en/ivr/hello.wav", "/sounds/en/ivr/8000/hello.wav"]
        );
        assert_eq!(places("/srv/hello.wav", "/sounds/en")[0], "/srv/hello.wav");
    }

    #[test]
    fn the_defaults_need_no_file_and_every_file_that_is_named_is_looked_for() {
        let mut settings = Settings::default();
        assert_eq!(files(&settings, None), BTreeMap::new());
        settings.callback.confirm_sound = "ivr/accept.wav".parse().unwrap();
        settings.sounds.no_caller = "ivr/gone.wav".parse().unwrap();
        let prompt = crate::rules::Prompt { source: "/srv/closed.wav".parse().unwrap() };
        let prompts = [("closed".parse().unwrap(), prompt)].into();
        let rules = Rules { prompts, ..Rules::default() };
        let named = files(&settings, Some(&rules));
        let named: Vec<_> = named.iter().map(|(file, place)| (file.as_str(), place.as_str())).collect();
        assert_eq!(
            named,
            [
                ("/srv/closed.wav", "prompt closed"),
                ("ivr/accept.wav", "[callback] confirm_sound"),
                ("ivr/gone.wav", "[sounds] no_caller"),
            ]
        );
    }
}
