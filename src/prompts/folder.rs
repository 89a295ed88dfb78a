//! The folder of prompts, and what FreeSWITCH is told to play.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::inspect::inspect;
use super::{place, texts};
use crate::language::Language;
use crate::sound::{PromptFolder, Sound};
use crate::spoken::{Phrase, PromptId};

/// The prompts as the folder has them at the start.
#[derive(Debug)]
pub struct Prompts {
    folder: PromptFolder,
    /// Heard instead of a prompt that cannot be played.
    tone: Sound,
    /// Each prompt by its place; if it cannot be played, with the reason.
    prompts: BTreeMap<String, Option<String>>,
    /// Those that were logged.
    logged: Mutex<BTreeSet<String>>,
}

impl Prompts {
    /// Reads the folder. `tone` is heard instead of a prompt that cannot be played.
    #[must_use]
    pub fn open(folder: PromptFolder, tone: Sound, longest: Duration) -> Self {
        let path = Path::new(folder.as_str());
        let read = |place: String| {
            let problem = inspect(&path.join(&place), longest).err();
            let reason = problem.map(|problem| format!("{problem}; {}", problem.remedy()));
            (place, reason)
        };
        let ids = |language: Language| {
            let texts = texts(language).unwrap_or_default();
            texts.into_iter().map(move |text| place(language, &text.id))
        };
        let prompts = Language::ALL.iter().flat_map(|&language| ids(language)).map(read).collect();
        Self { folder, tone, prompts, logged: Mutex::default() }
    }

    /// Returns the one sound that FreeSWITCH plays for a phrase. A prompt that cannot be played is a tone there, and is
    /// logged once. None if the phrase is empty.
    #[must_use]
    pub fn sound(&self, language: Language, phrase: &Phrase) -> Option<Sound> {
        let mut sounds: Vec<Sound> = phrase.ids().iter().map(|id| self.of_id(language, id)).collect();
        // One tone stands for several missing words.
        sounds.dedup_by(|one, other| one == other && *one == self.tone);
        Sound::chain(sounds)
    }

    /// Returns the sound of one prompt, or the tone.
    #[must_use]
    pub fn of_id(&self, language: Language, id: &PromptId) -> Sound {
        let place = place(language, id.as_str());
        let problem = match self.prompts.get(&place) {
            Some(None) => return self.folder.file(&place),
            Some(Some(problem)) => problem.as_str(),
            None => "the language has no such prompt",
        };
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.insert(place.clone()) {
            tracing::warn!(
                folder = self.folder.as_str(),
                prompt = place,
                "callers hear a tone instead of this prompt: {problem}; then restart dozvon"
            );
        }
        self.tone.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::shipped;
    use crate::spoken::{Sentence, position};

    fn prompts(folder: &Path) -> Prompts {
        let folder = folder.to_str().unwrap().parse().unwrap();
        Prompts::open(folder, "tone_stream://%(200,50,300)".parse().unwrap(), Duration::from_secs(60))
    }

    fn install(folder: &Path, language: Language) {
        std::fs::create_dir_all(folder.join(language.as_str())).unwrap();
        for text in texts(language).unwrap() {
            let sound = shipped(language, &text.id).unwrap();
            std::fs::write(folder.join(place(language, &text.id)), sound).unwrap();
        }
    }

    #[test]
    fn a_phrase_is_one_chain_and_a_missing_word_a_tone() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), Language::En);
        let at = folder.path().display();
        let phrase = position(Language::En, 21);
        let all = ["you-are", "number", "number-20", "number-1", "in-the-queue"];
        let whole = all.map(|id| format!("{at}/en/{id}.wav")).join("!");
        let heard = |prompts: &Prompts, language| prompts.sound(language, &phrase).unwrap().to_string();
        assert_eq!(heard(&prompts(folder.path()), Language::En), format!("file_string://{whole}"));
        std::fs::write(folder.path().join("en/number-20.wav"), "no sound").unwrap();
        std::fs::remove_file(folder.path().join("en/number-1.wav")).unwrap();
        let tone = "tone_stream://%(200,50,300)";
        let [first, second, .., last] = all.map(|id| format!("{at}/en/{id}.wav"));
        let prompts = prompts(folder.path());
        assert_eq!(heard(&prompts, Language::En), format!("file_string://{first}!{second}!{tone}!{last}"));
        assert_eq!(heard(&prompts, Language::Ru), tone, "there is no Russian prompt at all");
        let one = prompts.sound(Language::En, &Sentence::Goodbye.into()).unwrap();
        assert_eq!(one.to_string(), format!("{at}/en/goodbye.wav"));
        assert_eq!(prompts.sound(Language::En, &Phrase::default()), None);
    }
}
