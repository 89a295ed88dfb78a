//! A room imports rooms below it only. The order stands in `src/lib.rs`, as a table that this test reads; each import of
//! the sources is held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The sources of a Rust crate below `path`, as paths and texts.
fn sources(path: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in path.read_dir().unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The lines of code, without comments and what stands only in tests.
fn code(path: &Path, text: &str) -> String {
    if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
        return String::new();
    }
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The room that a source belongs to: its top-level folder, or itself.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(src()).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a source imports by `crate::`, grouped imports included.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, rest) in code.match_indices("crate::").map(|(at, word)| (at, &code[at + word.len()..])) {
        let (group, after) = match rest.strip_prefix('{') {
            Some(group) => group.split_once('}').unwrap_or((group, "")),
            None => {
                rest.split_at(rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len()))
            }
        };
        // A macro stands in the root of the crate, wherever it is declared.
        if after.starts_with('!') {
            continue;
        }
        let names = group.split(',').map(|name| name.trim().split("::").next().unwrap_or_default());
        found.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    found
}

/// The layers as `src/lib.rs` shows them, from the top: each row of its first table names the rooms of one layer.
fn layers() -> Vec<BTreeSet<String>> {
    let text = std::fs::read_to_string(src().join("lib.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | "));
    let rooms = |row: &str| -> BTreeSet<String> {
        let cell = row.split(" | ").next().unwrap_or_default();
        cell.split('[').skip(1).filter_map(|part| part.split(']').next()).map(name).collect()
    };
    let layers: Vec<_> = rows.map(rooms).filter(|rooms| !rooms.is_empty()).collect();
    assert!(layers.len() > 8, "the table of layers in src/lib.rs was not found: {layers:?}");
    layers
}

/// A link's text without what rustdoc needs: `` `mod@vocabulary` `` is `vocabulary`.
fn name(link: &str) -> String {
    link.trim_matches('`').trim_start_matches("mod@").to_owned()
}

#[test]
fn a_room_imports_rooms_below_it_only() {
    let layers = layers();
    let rank: BTreeMap<&str, usize> = layers
        .iter()
        .rev()
        .enumerate()
        .flat_map(|(rank, rooms)| rooms.iter().map(move |room| (room.as_str(), rank)))
        .collect();
    let mut wrong = Vec::new();
    let mut read = 0;
    for (path, text) in sources(&src()) {
        let room = room(&path);
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(own) = rank.get(room.as_str()) else {
            wrong.push(format!("{}: {room} is in no layer of src/lib.rs", path.display()));
            continue;
        };
        for imported in imports(&code(&path, &text)) {
            match rank.get(imported.as_str()) {
                _ if imported == room => {}
                Some(below) if below < own => read += 1,
                Some(_) => wrong.push(format!(
                    "{}: {room} imports {imported}, which is not below it",
                    path.strip_prefix(src()).unwrap().display()
                )),
                None => wrong.push(format!("{}: {imported} is in no layer of src/lib.rs", path.display())),
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 500, "only {read} imports were seen");
}

#[test]
fn every_room_of_the_table_is_there() {
    for room in layers().into_iter().flatten() {
        let path = src().join(&room);
        assert!(
            path.is_dir() || path.with_extension("rs").is_file(),
            "src/lib.rs names {room}, which is not there"
        );
    }
}
