//! The sounds of what callers hear: their texts, their files, how they are made, and what FreeSWITCH plays.
//!
//! A prompt has an id, and in each language a text and a file: `FOLDER/ru/number-2.wav`. The texts and the default
//! sounds are part of the program.

pub mod audio;
mod folder;
mod inspect;
mod shipped;
mod synthesiser;
mod texts;

pub use folder::Prompts;
pub use inspect::{Problem, inspect};
pub use shipped::{NOTICE, shipped};
pub use synthesiser::{Synthesiser, SynthesiserError};
pub use texts::{Text, texts};

use crate::language::Language;

/// Where the file of a prompt is, below the folder of prompts.
#[must_use]
pub fn place(language: Language, id: &str) -> String {
    format!("{language}/{id}.wav")
}
