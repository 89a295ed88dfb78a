//! Promise 9: what decides is pure. No clock, no database, no task and no log in what says who is rung, where a call
//! goes and what is owed: the same history gives the same decision.

use std::path::{Path, PathBuf};

/// What decides: files, and folders with all that is in them.
const PURE: [&str; 17] = [
    "src/calendar",
    "src/rules/mod.rs",
    "src/rules/contact.rs",
    "src/rules/limits.rs",
    "src/rules/policy.rs",
    "src/routing",
    "src/missed",
    "src/queue",
    "src/notify/crm/read.rs",
    "src/phone",
    "src/audit.rs",
    "src/web/requests/fields.rs",
    "src/web/requests/limits.rs",
    "src/web/requests/origin.rs",
    "src/web/requests/proof.rs",
    "src/switch/dial.rs",
    "src/sim/originate.rs",
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
