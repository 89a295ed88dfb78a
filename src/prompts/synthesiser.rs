//! The program that speaks a text into a file.

use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use super::audio::{self, InvalidWav, Pause};
use super::texts::Text;
use crate::language::Language;

/// A command that reads a text from the file `{text}` and writes 16-bit WAV to `{file}`. It runs without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synthesiser {
    words: Vec<String>,
}

/// A prompt that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SynthesiserError {
    /// The command does not say where the text is, or where the sound goes.
    #[error("{0:?} has no place for the text and the sound: name {{text}} and {{file}} in it")]
    NoPlace(String),
    /// The program cannot be run, or the files cannot be written and read.
    #[error("{program}: {error}; {remedy}")]
    Io {
        /// The program.
        program: String,
        /// Why.
        error: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The program has failed.
    #[error("{program} has failed for {text:?}: {output}")]
    Failed {
        /// The program.
        program: String,
        /// The text.
        text: String,
        /// The end of what it wrote.
        output: String,
    },
    /// What it wrote is no sound.
    #[error("{program} wrote no sound for {text:?}: {error}")]
    NoSound {
        /// The program.
        program: String,
        /// The text.
        text: String,
        /// What is wrong with the file.
        error: InvalidWav,
    },
}

impl Synthesiser {
    /// The voice of the default sounds. Debian has both: `apt install festival festvox-ru flite`.
    #[must_use]
    pub fn of(language: Language) -> Self {
        let command = match language {
            Language::En => "flite -voice rms -f {text} -o {file}",
            Language::Ru => "text2wave -eval (voice_msu_ru_nsh_clunits) {text} -o {file}",
        };
        Self { words: command.split_whitespace().map(str::to_owned).collect() }
    }

    /// Makes the file of a prompt. A voice that is not the default one gets the text itself.
    ///
    /// # Errors
    /// The program cannot be run, fails, or writes no sound.
    pub fn make(&self, text: &Text, language: Language) -> Result<Vec<u8>, SynthesiserError> {
        let words = text.say.as_ref().filter(|_| *self == Self::of(language)).unwrap_or(&text.text);
        let folder = tempfile::tempdir().map_err(|error| self.io(error))?;
        let (source, target) = (folder.path().join("text.txt"), folder.path().join("sound.wav"));
        std::fs::write(&source, format!("{words}\n")).map_err(|error| self.io(error))?;
        self.run(&source, &target, words)?;
        let wav = match std::fs::read(&target) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(|error| self.io(error))?,
        };
        audio::prompt_of(&wav, Pause::after(&text.text)).map_err(|error| SynthesiserError::NoSound {
            program: self.program(),
            text: words.clone(),
            error,
        })
    }

    fn run(&self, source: &Path, target: &Path, text: &str) -> Result<(), SynthesiserError> {
        let fill = |word: &String| {
            word.replace("{text}", &source.to_string_lossy()).replace("{file}", &target.to_string_lossy())
        };
        let arguments = self.words.iter().skip(1).map(fill);
        let done = Command::new(self.program()).args(arguments).output().map_err(|error| self.io(error))?;
        if done.status.success() {
            return Ok(());
        }
        let output = String::from_utf8_lossy(&done.stderr);
        let last = output.trim().lines().last().unwrap_or("it wrote nothing").to_owned();
        Err(SynthesiserError::Failed { program: self.program(), text: text.to_owned(), output: last })
    }

    fn program(&self) -> String {
        self.words.first().cloned().unwrap_or_default()
    }

    fn io(&self, error: std::io::Error) -> SynthesiserError {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "install it, or name another program with --with",
            _ => "check its rights, and the room in the folder for temporary files",
        };
        SynthesiserError::Io { program: self.program(), error, remedy }
    }
}

impl FromStr for Synthesiser {
    type Err = SynthesiserError;
    fn from_str(command: &str) -> Result<Self, SynthesiserError> {
        if !(command.contains("{text}") && command.contains("{file}")) {
            return Err(SynthesiserError::NoPlace(command.to_owned()));
        }
        Ok(Self { words: command.split_whitespace().map(str::to_owned).collect() })
    }
}
