//! Sounds that FreeSWITCH plays.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The most sounds of a chain that FreeSWITCH plays (`argv` in `file_string_context` of mod_dptools).
const CHAIN: usize = 128;

crate::stored! { Text:
    /// A sound for FreeSWITCH: a file below its sounds folder, or a stream. It holds nothing that FreeSWITCH would
    /// expand or run.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub struct Sound(Cow<'static, str>);
}

impl Sound {
    /// Makes a default. A test checks that every default is valid.
    pub(crate) const fn ours(source: &'static str) -> Self {
        Self(Cow::Borrowed(source))
    }

    /// One sound that plays up to 128 others one after the other. None if there is none. See
    /// docs/architecture/freeswitch.md, "Sounds".
    #[must_use]
    pub fn chain(sounds: Vec<Self>) -> Option<Self> {
        match sounds.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            all => {
                let parts: Vec<&str> = all.iter().take(CHAIN).map(Self::as_str).collect();
                Some(Self(Cow::Owned(format!("file_string://{}", parts.join("!")))))
            }
        }
    }

    /// The text for FreeSWITCH.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the sound is a file, and not a stream.
    #[must_use]
    pub fn is_file(&self) -> bool {
        !self.0.contains("://")
    }
}

impl std::fmt::Display for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Sound {
    type Error = InvalidSound;
    fn try_from(text: String) -> Result<Self, InvalidSound> {
        text.parse()
    }
}

impl From<Sound> for String {
    fn from(sound: Sound) -> Self {
        sound.0.into_owned()
    }
}

/// The folder of prompts, at the same place for dozvon and every FreeSWITCH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PromptFolder(Sound);

impl PromptFolder {
    /// Makes a default. A test checks that every default is valid.
    pub(crate) const fn ours(path: &'static str) -> Self {
        Self(Sound::ours(path))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// A file in it, whose name holds only what a sound may hold.
    pub(crate) fn file(&self, place: &str) -> Sound {
        Sound(Cow::Owned(format!("{}/{place}", self.as_str().trim_end_matches('/'))))
    }
}

impl TryFrom<String> for PromptFolder {
    type Error = InvalidSound;
    fn try_from(text: String) -> Result<Self, InvalidSound> {
        text.parse()
    }
}

impl From<PromptFolder> for String {
    fn from(folder: PromptFolder) -> Self {
        folder.0.into()
    }
}

impl std::str::FromStr for PromptFolder {
    type Err = InvalidSound;
    fn from_str(text: &str) -> Result<Self, InvalidSound> {
        let sound: Sound = text.parse()?;
        if sound.as_str().starts_with('/') {
            return Ok(Self(sound));
        }
        Err(InvalidSound { given: text.to_owned(), problem: "the folder of prompts must be named from / on" })
    }
}

/// A text that is not a sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a sound: {problem}; write the path of a file below FreeSWITCH's sounds, \
     or tone_stream://…, local_stream://NAME, silence_stream://MS"
)]
pub struct InvalidSound {
    /// The text that was given, cut to 120 characters.
    pub given: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl std::str::FromStr for Sound {
    type Err = InvalidSound;
    fn from_str(text: &str) -> Result<Self, InvalidSound> {
        let bad = |problem| Err(InvalidSound { given: text.chars().take(120).collect(), problem });
        let tone = text.strip_prefix("tone_stream://");
        let stream = text.strip_prefix("local_stream://").or_else(|| text.strip_prefix("silence_stream://"));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        let good = match (tone, stream) {
            (Some(tone), _) => tone.chars().all(|c| c.is_ascii_alphanumeric() || "%(),;=.:-+*L".contains(c)),
            (_, Some(name)) => name.chars().all(|c| fits(c) || c == ','),
            _ => text.chars().all(fits),
        };
        match () {
            () if text.is_empty() => bad("it is empty"),
            () if text.len() > 256 => bad("it is longer than 256 characters"),
            () if !good => bad("it holds a character that FreeSWITCH would read as something else"),
            () if text.split('/').any(|part| part == "..") => bad("it leads out of its folder by '..'"),
            () => Ok(Self(Cow::Owned(text.to_owned()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_plays_no_more_than_freeswitch_does() {
        let sounds = |count: usize| (0..count).map(|at| format!("/p/{at}.wav").parse().unwrap()).collect();
        assert_eq!(Sound::chain(sounds(0)), None);
        assert_eq!(Sound::chain(sounds(1)).unwrap().as_str(), "/p/0.wav");
        assert_eq!(Sound::chain(sounds(3)).unwrap().as_str(), "file_string:///p/0.wav!/p/1.wav!/p/2.wav");
        assert!(Sound::chain(sounds(200)).unwrap().as_str().ends_with("!/p/127.wav"));
    }

    #[test]
    fn the_folder_of_prompts_is_the_same_for_whoever_reads_it() {
        let folder: PromptFolder = "/var/lib/dozvon/prompts/".parse().unwrap();
        assert_eq!(folder.file("ru/and.wav").as_str(), "/var/lib/dozvon/prompts/ru/and.wav");
        for bad in ["prompts", "", "tone_stream://%(1,1,1)", "/a/../b", "/a b"] {
            assert!(bad.parse::<PromptFolder>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sound_can_hold_nothing_that_would_be_run() {
        for good in [
            "ivr/closed.wav",
            "tone_stream://%(200,800,440);loops=-1",
            "local_stream://moh",
            "silence_stream://2000",
        ] {
            assert_eq!(good.parse::<Sound>().unwrap().as_str(), good);
        }
        let long = "x".repeat(300);
        for bad in [
            "",
            long.as_str(),
            "${expr(1+1)}",
            "shell_stream:///bin/sh",
            "http://x/y.wav",
            "say:hello",
            "../../etc/passwd",
            "{a=b}x.wav",
            "%[a=b]x",
            "a!b",
            "'x'",
            "a'${x}.wav",
            "${system(id)}",
            "shell_stream://id",
            "a b",
            "../secret",
            "x/../../y",
            "{x=1}a",
            "http://a",
            "a\nb",
        ] {
            assert!(bad.parse::<Sound>().is_err(), "{bad:?}");
        }
    }
}
