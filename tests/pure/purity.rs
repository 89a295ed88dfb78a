//! Promise 9: what decides is pure. No clock, no database, no task and no log in what says who is rung, where a call
//! goes and what is owed: the same history gives the same decision.

use std::path::{Path, PathBuf};

/// What decides: the rooms that the table of layers calls pure, with what they stand on, and single files of acting rooms.
const PURE: [&str; 16] = [
    "src/missed",
    "src/queue",
    "src/routing",
    "src/rules",
    "src/calendar",
    "src/phone",
    "src/audit.rs",
    "src/cause.rs",
    "src/event.rs",
    "src/notify/crm/read.rs",
    "src/web/requests/fields.rs",
    "src/web/requests/limits.rs",
    "src/web/requests/origin.rs",
    "src/web/requests/proof.rs",
    "src/switch/dial.rs",
    "src/sim/originate.rs",
];
/// Rooms that act, or know the process: nothing in a pure folder imports them.
const ACTING: [&str; 16] = [
    "app",
    "call",
    "callback",
    "cli",
    "config",
    "context",
    "demo",
    "dispatch",
    "metrics",
    "notify",
    "reconcile",
    "sim",
    "store",
    "switch",
    "telemetry",
    "web",
];
/// What nothing pure needs.
const IMPURE: [&str; 9] =
    ["async ", "tokio::", "diesel::", "tracing::", "Instant", "SystemTime", "Clock", "std::fs", "rand::"];

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = path.read_dir().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut all: Vec<PathBuf> = entries.flat_map(|entry| files(&entry.unwrap().path())).collect();
    all.sort();
    all
}

/// The lines of code before the tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let before_tests = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    before_tests.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn what_decides_knows_no_clock_no_database_no_task_and_no_log() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut read = 0;
    for path in PURE.iter().flat_map(|path| files(&root.join(path))) {
        if path.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in code(&text) {
            let found = IMPURE.iter().find(|word| line.contains(*word));
            assert!(found.is_none(), "{}:{}: {}", path.display(), number + 1, line.trim());
        }
        read += 1;
    }
    assert!(read >= 14, "only {read} files were read");
}

#[test]
fn what_decides_imports_nothing_that_acts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = PURE.iter().map(|path| root.join(path)).filter(|path| path.is_dir());
    let mut read = 0;
    for path in folders.flat_map(|folder| files(&folder)) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in code(&text) {
            let acting = ACTING.iter().find(|room| line.contains(&format!("crate::{room}::")));
            assert!(acting.is_none(), "{}:{}: {}", path.display(), number + 1, line.trim());
            read += usize::from(line.contains("crate::"));
        }
    }
    assert!(read >= 100, "only {read} imports were read");
}
