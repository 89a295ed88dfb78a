//! The words of the database: a word that the source compares with a column is a word of that column, and the messages
//! of guards are plain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dozvon::store::{StoreError, agents, callbacks, recovery};

use super::calling_back::{App, MOSCOW, min};
use crate::support::database::{Db, Raw, for_each_database, on_sqlite};

/// The words that a CHECK lists for each column, of all tables that have a column of this name.
fn listed(db: &Db) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sql in db.raw().texts("SELECT sql AS v FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL") {
        for (before, list) in sql.match_indices(" IN (").map(|(at, _)| (&sql[..at], &sql[at + 5..])) {
            let column = last_name(before);
            let list = list.split(')').next().unwrap_or_default();
            let words = list.split(',').filter_map(|word| word.trim().strip_prefix('\'')?.strip_suffix('\''));
            found.entry(column.to_owned()).or_default().extend(words.map(str::to_owned));
        }
    }
    found.retain(|_, words| !words.is_empty());
    found
}

/// The name with which a text ends.
fn last_name(text: &str) -> &str {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let text = text.trim_end().trim_end_matches('"');
    text.rsplit(|c| !name(c)).next().unwrap_or_default()
}

/// The words that a statement compares with columns: the column and the word.
fn compared(sql: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for operator in [" = '", " <> '", " != '", " IS '", " IS NOT '"] {
        for (at, _) in sql.match_indices(operator) {
            let word = sql[at + operator.len()..].split('\'').next().unwrap_or_default();
            found.push((last_name(&sql[..at]), word));
        }
    }
    for operator in [" IN ('", " NOT IN ('"] {
        for (at, _) in sql.match_indices(operator) {
            let column = last_name(sql[..at].trim_end_matches(" NOT"));
            let list = sql[at + operator.len() - 1..].split(')').next().unwrap_or_default();
            found.extend(list.split(',').map(|word| (column, word.trim().trim_matches('\''))));
        }
    }
    found
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|end| end == ending) {
            found.push(path);
        }
    }
}

/// The places where a word is compared with a column whose CHECK does not list it.
fn stale(text: &str, listed: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let known = |(column, word): &(&str, &str)| {
        word.contains('{') || listed.get(*column).is_none_or(|words| words.contains(*word))
    };
    let stale = compared(text).into_iter().filter(|pair| !known(pair));
    stale.map(|(column, word)| format!("{column} is never '{word}'")).collect()
}

#[test]
fn every_word_in_sql_is_one_that_its_column_can_hold() {
    on_sqlite(&async |db: &Db| {
        let listed = listed(db);
        for (column, word) in [("direction", "inbound"), ("state", "waiting"), ("stage", "settling")] {
            assert!(listed[column].contains(word), "{column}: {:?}", listed[column]);
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut read = Vec::new();
        files(&root.join("src"), "rs", &mut read);
        files(&root.join("docs"), "md", &mut read);
        let (mut compares, mut wrong) = (0, Vec::new());
        for path in read {
            let text = std::fs::read_to_string(&path).unwrap();
            compares += compared(&text).iter().filter(|(column, _)| listed.contains_key(*column)).count();
            wrong.extend(stale(&text, &listed).into_iter().map(|what| format!("{}: {what}", path.display())));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(compares >= 5, "only {compares} words were read");
        assert_eq!(stale("WHERE direction <> 'in' AND state IN ('open', 'x')", &listed).len(), 2);
    });
}

/// The literals with which code of the store decides: a column compared with a text, or a text that is a word of a CHECK.
fn deciding(code: &str, listed: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let literal = |rest: &str| rest.split('"').next().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for operator in [".eq(\"", ".ne(\"", ".eq_any([\"", ".ne_all([\""] {
        for (at, _) in code.match_indices(operator) {
            let column = last_name(&code[..at]);
            if listed.contains_key(column) {
                found.push(format!("{column}{operator}{}", literal(&code[at + operator.len()..])));
            }
        }
    }
    let words: BTreeSet<&String> = listed.values().flatten().collect();
    for operator in ["== \"", "!= \""] {
        for (at, _) in code.match_indices(operator) {
            let word = literal(&code[at + operator.len()..]);
            found.extend(words.contains(&word).then(|| format!("{operator}{word}")));
        }
    }
    for (at, _) in code.match_indices(".as_str() {") {
        let arms = code[at..].split("\n    }\n").next().unwrap_or_default();
        let arms =
            arms.match_indices("\" =>").map(|(end, _)| arms[..end].rsplit('"').next().unwrap_or_default());
        found
            .extend(arms.filter(|word| words.contains(&(*word).to_owned())).map(|word| format!("{word} =>")));
    }
    found
}

#[test]
fn no_literal_decides_in_the_store() {
    on_sqlite(&async |db: &Db| {
        let listed = listed(db);
        let mut read = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), "rs", &mut read);
        assert!(read.len() > 30, "only {} files were read", read.len());
        let mut wrong = Vec::new();
        for path in read {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            wrong.extend(
                deciding(code, &listed).into_iter().map(|what| format!("{}: {what}", path.display())),
            );
        }
        assert!(wrong.is_empty(), "use the word of the enum: {}", wrong.join("\n"));
        let bad = "cases::stage.eq(\"due\") if state == \"waiting\" match x.as_str() { \"dead\" => 1 }";
        assert_eq!(deciding(bad, &listed).len(), 3);
        assert!(deciding("agents::changed_by.eq(\"system\")", &listed).is_empty());
    });
}

/// Lets a table hold words that a newer program may write.
fn allow_new_words(raw: &mut Raw, table: &str) {
    let allow = match raw {
        Raw::Sqlite(_) => "PRAGMA ignore_check_constraints = ON".to_owned(),
        Raw::Postgres(_) => format!(
            "DO $$ DECLARE name TEXT; BEGIN FOR name IN SELECT conname FROM pg_constraint \
             WHERE conrelid = '{table}'::regclass AND contype = 'c' \
             LOOP EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name); END LOOP; END $$"
        ),
    };
    raw.run(&allow).unwrap();
}

#[test]
fn a_row_with_a_word_of_a_newer_program_is_left_out_and_the_others_are_not() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let call = app.rings_in(MOSCOW, min(0)).await;
        app.rings_in("+74957654321", min(1)).await;
        let (calls, agents) = (
            db.write(recovery::open).await.calls.len(),
            db.write(agents::all).await.into_iter().map(|row| row.name.to_string()).collect::<Vec<_>>(),
        );
        assert!(agents.len() > 1 && agents.contains(&"boris".to_owned()), "{agents:?}");
        let mut raw = db.raw();
        for table in ["agents", "agent_steps", "agent_changes", "calls"] {
            allow_new_words(&mut raw, table);
        }
        raw.run(
            "INSERT INTO agent_steps (from_status, from_activity, to_status, to_activity) \
             VALUES ('available', 'idle', 'remote', 'idle')",
        )
        .unwrap();
        raw.run("UPDATE agents SET status = 'remote' WHERE name = 'boris'").unwrap();
        raw.run(&format!("UPDATE calls SET party = 'satellite' WHERE id = '{call}'")).unwrap();
        let left: Vec<_> = db.write(agents::all).await.into_iter().map(|row| row.name.to_string()).collect();
        assert_eq!(left, agents.iter().filter(|name| *name != "boris").cloned().collect::<Vec<_>>());
        let error = db.refused(|c| agents::get(c, &"boris".parse().unwrap())).await;
        assert!(matches!(&error, StoreError::Unreadable { value, .. } if value == "remote"), "{error}");
        assert_eq!((calls, db.write(recovery::open).await.calls.len()), (2, 1));
    });
}

/// The tick asks for identities, and moves each case on in a transaction of its own.
#[test]
fn a_case_in_a_stage_of_a_newer_program_holds_up_no_other() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let bad = app.due(MOSCOW, "sales", min(0)).await;
        let good = app.due("+79161112233", "sales", min(0)).await;
        let mut raw = db.raw();
        for table in ["cases", "case_steps"] {
            allow_new_words(&mut raw, table);
        }
        raw.run("INSERT INTO case_steps (from_stage, to_stage) VALUES ('due', 'dreaming')").unwrap();
        raw.run(&format!("UPDATE cases SET stage = 'dreaming' WHERE id = {bad}")).unwrap();
        raw.run(&format!("UPDATE cases SET next_at = {}", min(1).0)).unwrap();
        let due = db.write(|c| callbacks::due(c, min(2), 10, &[])).await;
        assert_eq!(due.len(), 2);
        let (one, other) = (app.callback_rules.clone(), app.callback_rules.clone());
        let error = db.refused(move |c| callbacks::advance(c, bad, &one, min(2))).await;
        assert!(matches!(&error, StoreError::Unreadable { value, .. } if value == "dreaming"), "{error}");
        db.write(move |c| callbacks::advance(c, good, &other, min(2))).await;
        assert!(db.write(move |c| callbacks::due(c, min(2), 10, &[bad])).await.is_empty());
    });
}

/// The sentences of the guards, but for "TABLE is append-only".
const SAID: [&str; 28] = [
    "a closed case has no next step",
    "a cut must name a row of audit",
    "a new agent must have a new name and be idle",
    "a new attempt must be reserved, or reported as completed",
    "a queue uses this policy",
    "agent_steps has no such change of an agent's status and activity",
    "an attempt cannot go back, and a completed attempt cannot be changed",
    "an attempt must have the number of its case",
    "an attempt must name an existing version of a policy, and have its limit",
    "an attempt needs an open case",
    "an event cannot be changed",
    "audit is append-only: a new row must follow the last row",
    "audit_head must name the last row of audit",
    "callers wait in the queue; remove the queue when no caller waits",
    "case_steps has no such change of a case's stage",
    "the agent is in a call; remove the agent when the call has ended",
    "the agent must first record the disposition of the last callback",
    "the audit key cannot be changed: under another key, entries could not be found again",
    "the business day already has this attempt",
    "the call has ended already",
    "the last attempt has no disposition yet",
    "the number must not be called",
    "the number of a case cannot be changed, and a closed case cannot be opened again",
    "the policies service, sales and debt cannot be removed",
    "the policy of a queue must exist",
    "the row where the seal of the audit begins cannot be changed",
    "the version of a policy only grows",
    "too soon after the last attempt",
];

/// The sentences by which the triggers of a database refuse a change.
fn said(db: &Db) -> BTreeSet<String> {
    let sources = if db.is_sqlite() {
        "SELECT sql AS v FROM sqlite_schema WHERE type = 'trigger'"
    } else {
        "SELECT prosrc AS v FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc LIKE '%refused: %'"
    };
    let mut said = BTreeSet::new();
    for source in db.raw().texts(sources) {
        let source = source.replace("''", "\u{2019}");
        let texts = source.split("'refused: ").skip(1).filter_map(|rest| rest.split('\'').next());
        said.extend(
            texts.map(|text| text.replace('\u{2019}', "'")).filter(|text| !text.ends_with(" is append-only")),
        );
    }
    said
}

/// The list is read as a person reads it: subject, verb, and what to do.
#[test]
fn the_guards_of_both_databases_say_the_same_plain_sentences() {
    for_each_database(async |db| {
        let listed: BTreeSet<String> = SAID.into_iter().map(str::to_owned).collect();
        let said = said(db);
        if db.is_sqlite() {
            assert_eq!(said, listed);
        } else {
            let own = BTreeSet::from(["a new agent must be idle".to_owned()]);
            assert!(said.difference(&listed).all(|text| own.contains(text)), "{said:#?}");
            assert!(said.len() >= 20, "{said:#?}");
        }
    });
}

/// What the next contraction renames is written down where the person looks who writes that step.
#[test]
fn every_old_name_of_a_column_is_listed_with_its_new_one() {
    let schema = include_str!("../../../src/store/schema.rs");
    let readme = include_str!("../../../migrations/README.md");
    let renamed: Vec<(&str, &str, &str)> = schema
        .match_indices("#[sql_name = \"")
        .map(|(at, attribute)| {
            let (old, rest) = schema[at + attribute.len()..].split_once("\"]").unwrap();
            let new = rest.split("->").next().unwrap().trim();
            let table =
                schema[..at].rsplit("diesel::table! {").next().unwrap().split('(').next().unwrap().trim();
            (table, old, new)
        })
        .collect();
    assert!(renamed.len() > 10, "{renamed:?}");
    for (table, old, new) in &renamed {
        assert!(readme.contains(&format!("| `{table}.{old}` | `{new}` |")), "{table}.{old} -> {new}");
    }
    assert_eq!(readme.matches("` | `").count(), renamed.len(), "the list names what is not renamed");
}
