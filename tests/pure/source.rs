//! The sources, as tests of the source read them: from the folder tree, so that no file is forgotten.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file below `src`.
pub struct Source {
    /// From `src` on.
    pub path: PathBuf,
    pub text: String,
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below `src`, in order, without those that hold only tests.
pub fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&src(), &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(Source { path: path.strip_prefix(src()).unwrap().to_owned(), text });
        }
    }
}

impl Source {
    /// The lines of code with their numbers, without comments and the tests at the end.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let before_tests = self.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = before_tests.lines().enumerate().map(|(at, line)| (at + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The same as one text.
    pub fn code(&self) -> String {
        self.lines().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
    }

    /// The module: its folders and its name. The crate's root has none.
    pub fn module(&self) -> Vec<String> {
        let mut parts: Vec<String> =
            self.path.with_extension("").iter().map(|part| part.to_string_lossy().into()).collect();
        if parts.last().is_some_and(|name| matches!(name.as_str(), "mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    }

    /// The room: a top-level module. The crate's root is in none.
    pub fn room(&self) -> Option<String> {
        self.module().into_iter().next()
    }
}

/// A layer of the table in `src/lib.rs`.
pub struct Layer {
    pub rooms: BTreeSet<String>,
    /// What the table says of them.
    pub answers: String,
}

/// The layers as `src/lib.rs` shows them, from the top: each row of its first table names the rooms of one layer.
pub fn layers() -> Vec<Layer> {
    let text = std::fs::read_to_string(src().join("lib.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "));
    let layer = |(rooms, answers): (&str, &str)| {
        let links = rooms.split('[').skip(1).filter_map(|part| part.split(']').next());
        Layer { rooms: links.map(name).collect(), answers: answers.to_owned() }
    };
    let layers: Vec<_> = rows.map(layer).filter(|layer| !layer.rooms.is_empty()).collect();
    assert!(layers.len() > 8, "the table of layers in src/lib.rs was not found");
    layers
}

/// A link's text without what rustdoc needs: `` `mod@vocabulary` `` is `vocabulary`.
fn name(link: &str) -> String {
    link.trim_matches('`').trim_start_matches("mod@").to_owned()
}
