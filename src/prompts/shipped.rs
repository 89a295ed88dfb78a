//! The default sounds, which the program carries.

use include_dir::{Dir, include_dir};

use crate::language::Language;

static SOUNDS: Dir = include_dir!("$CARGO_MANIFEST_DIR/prompts/sounds");

/// Returns the default sound of a prompt.
#[must_use]
pub fn shipped(language: Language, id: &str) -> Option<&'static [u8]> {
    SOUNDS.get_file(super::place(language, id)).map(include_dir::File::contents)
}

/// The copyright of the voices that made the default sounds, which must go with them.
pub const NOTICE: &str = include_str!("../../prompts/sounds/NOTICE");
