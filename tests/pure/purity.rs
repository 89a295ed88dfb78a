//! Promise 9: the decisions are pure. The code that decides who is rung, where a call goes and what we owe a caller has
//! no clock, no database, no task and no log: the same history gives the same decision.
//!
//! Pure are the rooms that the table in `src/lib.rs` calls pure decisions, every room below them except the tools, and
//! each other file whose first lines say so: "Pure.", "(pure)" or ": pure."

use super::source::{Layer, Source, layers, sources};

/// The rooms below the decisions that act or hold time.
const TOOLS: [&str; 9] =
    ["clock", "column", "egress", "inbox", "secret", "skipped", "telemetry", "ticks", "vital"];

/// What nothing pure needs.
const IMPURE: [&str; 9] =
    ["async ", "tokio::", "diesel::", "tracing::", "Instant", "SystemTime", "Clock", "std::fs", "rand::"];

/// The rooms that act, above those that decide; and the rooms that decide, with those that they are made of.
fn rooms() -> (Vec<String>, Vec<String>) {
    let mut layers = layers();
    let decides = |layer: &Layer| layer.answers.contains("**pure decisions:**");
    let first = layers.iter().position(decides).expect("src/lib.rs names no pure decisions");
    let below = layers.split_off(first).into_iter().flat_map(|layer| layer.rooms);
    let pure = below.filter(|room| !TOOLS.contains(&room.as_str())).collect();
    (layers.into_iter().flat_map(|layer| layer.rooms).collect(), pure)
}

fn says_that_it_is_pure(source: &Source) -> bool {
    let head = source.text.lines().take_while(|line| line.starts_with("//! "));
    head.take(3).any(|line| ["Pure.", "(pure)", ": pure."].iter().any(|mark| line.contains(mark)))
}

#[test]
fn what_decides_knows_no_clock_no_database_no_task_and_no_log() {
    let (_, rooms) = rooms();
    let mut read = 0;
    let mut wrong = Vec::new();
    for source in sources() {
        let decides = source.room().is_some_and(|room| rooms.contains(&room));
        if !decides && !says_that_it_is_pure(&source) {
            continue;
        }
        for (number, line) in source.lines() {
            if IMPURE.iter().any(|word| line.contains(word)) {
                wrong.push(format!("src/{}:{number}: {}", source.path.display(), line.trim()));
            }
        }
        read += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read >= 60, "only {read} files were read");
}

#[test]
fn what_decides_imports_nothing_that_acts() {
    let (acting, pure) = rooms();
    let mut read = 0;
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.room().is_some_and(|room| pure.contains(&room)) {
            continue;
        }
        for (number, line) in source.lines() {
            if acting.iter().any(|room| line.contains(&format!("crate::{room}::"))) {
                wrong.push(format!("src/{}:{number}: {}", source.path.display(), line.trim()));
            }
            read += usize::from(line.contains("crate::"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read >= 100, "only {read} imports were read");
}
