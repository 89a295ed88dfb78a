//! What is refused before the first query, and with which error.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Text;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::store::{Database, Store, StoreError};

use crate::support::command::Workdir;
use crate::support::database::{Raw, for_each_database, on_postgres, on_sqlite, runtime, untouched};

async fn open(url: &DatabaseUrl) -> Result<Store, StoreError> {
    Store::open(url, Settings::default()).await
}

fn sqlite(path: impl Into<std::path::PathBuf>) -> DatabaseUrl {
    DatabaseUrl::Sqlite(path.into())
}

#[test]
fn a_new_database_gets_the_schema_once() {
    untouched(|url| {
        runtime().block_on(async {
            let store = open(&url).await.unwrap();
            let pending = store.check_version().await.unwrap_err();
            assert!(matches!(pending, StoreError::Older { pending } if pending == migrations()), "{pending}");
            assert!(pending.to_string().contains("run `dozvon migrate`"), "{pending}");
            assert_eq!(store.migrate().await.unwrap().len(), migrations());
            store.check_version().await.unwrap();
            assert_eq!(store.migrate().await.unwrap(), [""; 0]);
        });
    });
}

#[test]
fn two_that_migrate_at_once_do_it_once() {
    untouched(|url| {
        runtime().block_on(async {
            let (one, two) = (open(&url).await.unwrap(), open(&url).await.unwrap());
            let (first, second) = tokio::join!(one.migrate(), two.migrate());
            assert_eq!(first.unwrap().len() + second.unwrap().len(), migrations());
        });
    });
}

/// How many migrations there are.
fn migrations() -> usize {
    std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite")).unwrap().count()
}

/// Every version of the schema from the second on is readable and writable for the program before it: every column
/// stays with its type, and a new one may be left out. Triggers and checks may ask more of rows than before.
#[test]
fn every_migration_only_adds() {
    untouched(|url| {
        let database = if matches!(url, DatabaseUrl::Sqlite(_)) { "sqlite" } else { "postgres" };
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        let mut steps: Vec<_> = std::fs::read_dir(folder).unwrap().map(|step| step.unwrap().path()).collect();
        steps.sort();
        let mut raw = Raw::open(&url);
        let mut before: Option<BTreeMap<String, Column>> = None;
        for step in steps {
            let sql = std::fs::read_to_string(step.join("up.sql")).unwrap();
            raw.run(&sql).unwrap_or_else(|error| panic!("{}: {error}", step.display()));
            let now = columns(&mut raw, database);
            for (name, column) in before.iter().flatten() {
                let kept = now.get(name).unwrap_or_else(|| panic!("{} takes {name} away", step.display()));
                assert_eq!(kept.kind, column.kind, "{} changes {name}", step.display());
                assert!(kept.optional || !column.optional, "{} demands {name}", step.display());
            }
            for (name, column) in &now {
                let table = name.split_once('.').unwrap().0;
                let there = |known: &BTreeMap<String, Column>| {
                    !known.contains_key(name)
                        && known.keys().any(|name| name.split_once('.').unwrap().0 == table)
                };
                let added = before.as_ref().is_some_and(there);
                assert!(!added || column.optional, "{} demands {name}", step.display());
            }
            before = Some(now);
        }
    });
}

/// Calls of before have the words of today, and a call of which nothing is said is a caller's.
#[test]
fn the_initiator_of_an_old_call_is_shown_in_todays_words() {
    untouched(|url| {
        let database = if matches!(url, DatabaseUrl::Sqlite(_)) { "sqlite" } else { "postgres" };
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        let mut steps: Vec<_> = std::fs::read_dir(folder).unwrap().map(|step| step.unwrap().path()).collect();
        steps.sort();
        let mut raw = Raw::open(&url);
        let call = |nth: u8, (column, value): (&str, &str)| {
            let id = uuid::Uuid::from_u128(u128::from(nth));
            let open = if database == "sqlite" { "1" } else { "true" };
            format!(
                "INSERT INTO calls (id, node, channel, core, caller_number, caller_name, party, dialled, open, why, \
                 business_day, arrived_at{column}) VALUES ('{id}', 'fs', '{id}', '{id}', '', '', 'withheld', '7001', \
                 {open}, '', '2026-11-23', 1{value})"
            )
        };
        let directed = |word: &'static str| (", direction", format!(", '{word}'"));
        let mut direction_came = false;
        for step in steps {
            if step.to_string_lossy().contains("direction") {
                direction_came = true;
                raw.run(&call(1, ("", ""))).unwrap();
                for (nth, word) in [(2, "callback"), (3, "handset")] {
                    let (column, value) = directed(word);
                    raw.run(&call(nth, (column, &value))).unwrap();
                }
            }
            raw.run(&std::fs::read_to_string(step.join("up.sql")).unwrap()).unwrap();
        }
        assert!(direction_came);
        raw.run(&call(4, ("", ""))).unwrap();
        let words = raw.texts("SELECT direction AS v FROM calls ORDER BY id");
        assert_eq!(words, ["inbound", "callback", "manual", "inbound"]);
        let (column, value) = directed("in");
        assert!(raw.run(&call(5, (column, &value))).is_err(), "an unknown word");
    });
}

/// What a writer must know of a column.
struct Column {
    kind: String,
    /// Whether it may be left out.
    optional: bool,
}

/// The columns of every table and view, as `table.column`.
fn columns(raw: &mut Raw, database: &str) -> BTreeMap<String, Column> {
    let sql = if database == "sqlite" {
        "SELECT m.name || '.' || c.name || ' ' || (m.type = 'view' OR c.\"notnull\" = 0 OR c.pk > 0 \
         OR c.dflt_value IS NOT NULL) || ' ' || c.type AS v \
         FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type IN ('table', 'view')"
    } else {
        "SELECT c.table_name || '.' || c.column_name || ' ' || (t.table_type = 'VIEW' OR c.is_nullable = 'YES' \
         OR c.column_default IS NOT NULL OR c.is_identity = 'YES')::int || ' ' || c.data_type AS v \
         FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name) \
         WHERE c.table_schema = 'public'"
    };
    let parse = |line: &String| {
        let mut words = line.splitn(3, ' ');
        let (name, optional, kind) = (words.next()?, words.next()?, words.next()?);
        Some((name.to_owned(), Column { kind: kind.to_owned(), optional: optional == "1" }))
    };
    raw.texts(sql).iter().map(|line| parse(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    v: String,
}

/// What the connection that writes says.
async fn asked(store: &Store, sql: &'static str) -> String {
    let ask = move |c: &mut Database| Ok(diesel::sql_query(sql).get_result::<Said>(c)?.v);
    store.write("test", ask).await.unwrap()
}

#[test]
fn what_is_committed_is_on_the_disk() {
    on_sqlite(&async |db| {
        let pragmas = "SELECT 'synchronous ' || synchronous || ', ' || journal_mode || ', foreign keys ' \
                       || foreign_keys AS v FROM pragma_synchronous, pragma_journal_mode, pragma_foreign_keys";
        assert_eq!(asked(&db.store, pragmas).await, "synchronous 2, wal, foreign keys 1");
    });
    on_postgres(&async |db| {
        // As if somebody had turned it off for the server, the database or the user.
        let careless = format!("{}&options=-c%20synchronous_commit%3Doff", String::from(db.url.clone()));
        let setting = "SELECT current_setting('synchronous_commit') AS v";
        assert_eq!(Raw::open(&careless.parse().unwrap()).texts(setting), ["off"]);
        assert_eq!(asked(&open(&careless.parse().unwrap()).await.unwrap(), setting).await, "on");
    });
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    for_each_database(async |db| {
        let insert = |version: &str| {
            let row = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
            db.raw().run(&row).unwrap();
        };
        // One version ahead is readable, by the rules of migrations/README.md.
        insert("20981231000000");
        assert!(db.store.migrate().await.unwrap().is_empty());
        db.store.check_version().await.unwrap();
        insert("20990101000000");
        for refused in [db.store.migrate().await.unwrap_err(), db.store.check_version().await.unwrap_err()] {
            let said = refused.to_string();
            assert!(said.contains("made by a newer dozvon (it has migration 20990101000000"), "{said}");
            assert!(said.contains("install that version again"), "{said}");
        }
    });
}

/// As after a restore by another user: the tables are there, and only their owner may create any.
#[test]
fn a_user_who_may_only_read_is_served_by_the_commands_that_read() {
    on_postgres(&async |db| {
        let grants =
            "CREATE ROLE only_reads LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO only_reads";
        db.raw().run(grants).unwrap();
        let url = db.url.to_string().replace("user=dozvon", "user=only_reads");
        let place = Workdir::new();
        for command in ["agent list", "case list", "report calls", "audit list"] {
            place.ok(&format!("{command} --database {url}"));
        }
        let store = open(&url.parse().unwrap()).await.unwrap();
        assert!(store.migrate().await.unwrap().is_empty(), "what is up to date stays untouched");
        let said = place.complains(1, &format!("dnc add +79001234567 --database {url}"));
        assert!(said.contains("permission denied"), "{said}");
    });
}

#[test]
fn a_file_that_is_none_of_ours_is_left_alone() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes.txt");
        std::fs::write(
            &text,
            "this is no database, and long enough to have a header of its own: ".repeat(20),
        )
        .unwrap();
        let refused = open(&sqlite(&text)).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotADatabase { .. }), "{refused}");

        let foreign = folder.path().join("core.db");
        Raw::open(&sqlite(&foreign)).run("CREATE TABLE channels (uuid TEXT)").unwrap();
        let store = open(&sqlite(&foreign)).await.unwrap();
        for refused in [store.migrate().await.unwrap_err(), store.check_version().await.unwrap_err()] {
            assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
        }
        let tables = "SELECT name AS v FROM sqlite_master WHERE type = 'table'";
        assert_eq!(Raw::open(&sqlite(&foreign)).texts(tables), ["channels"]);
    });
}

#[test]
fn a_file_that_cannot_be_written_is_refused_with_a_remedy() {
    on_sqlite(&async |db| {
        let below = |path: &str| db.file().parent().unwrap().join(path);
        let read_only = format!("file:{}?mode=ro", db.file().display());
        for path in [below("no/such/folder/x.db"), db.file().join("x.db"), read_only.into()] {
            let refused = open(&sqlite(&path)).await.unwrap_err();
            assert!(matches!(refused, StoreError::Unwritable { .. }), "{path:?}: {refused}");
            assert!(refused.to_string().contains("give this user the right to write"), "{refused}");
        }
    });
}

#[test]
fn a_second_controller_is_refused_and_told_who_is_there() {
    on_sqlite(&async |db| {
        let lock = db.store.take_lock().await.unwrap();
        let link = db.file().with_file_name("link.db");
        std::os::unix::fs::symlink(db.file(), &link).unwrap();
        for other in [db.other().await, open(&sqlite(link)).await.unwrap()] {
            let said = other.take_lock().await.unwrap_err().to_string();
            assert!(said.contains(&format!("another controller (process {})", std::process::id())), "{said}");
            assert!(said.contains("dozvon.db") || said.contains("link.db"), "{said}");
            // The command line works all the same.
            other.write("test", |_| Ok(())).await.unwrap();
        }
        drop(lock);
        drop(db.other().await.take_lock().await.unwrap());
    });
}

/// The sessions that hold an advisory lock of this database, which is the controller's.
const HOLDERS: &str = "SELECT pid::bigint AS v FROM pg_locks WHERE locktype = 'advisory' AND granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[test]
fn a_second_controller_of_a_server_is_refused_and_told_who_is_there() {
    on_postgres(&async |db| {
        let lock = db.store.take_lock().await.unwrap();
        let holder = db.raw().number(HOLDERS);
        let other = db.other().await;
        let refused = other.take_lock().await.unwrap_err();
        assert!(matches!(refused, StoreError::Locked { .. }) && !refused.is_passing(), "{refused}");
        let said = refused.to_string();
        let (process, session) = (std::process::id(), format!("session {holder} of the server"));
        assert!(said.contains("another controller (dozvon, "), "{said}");
        assert!(said.contains(&format!(" process {process} on ")), "{said}");
        assert!(said.contains(&session) && said.contains("stop that one first"), "{said}");
        assert!(said.contains(&format!("SELECT pg_terminate_backend({holder})")), "{said}");
        // The command line works all the same, and another database of the server is free.
        other.write("test", |_| Ok(())).await.unwrap();
        let here = db.raw().texts("SELECT current_database()::text AS v").remove(0);
        db.raw().run(&format!("CREATE DATABASE elsewhere_{here}")).unwrap();
        let elsewhere = String::from(db.url.clone()).replacen(&here, &format!("elsewhere_{here}"), 1);
        drop(open(&elsewhere.parse().unwrap()).await.unwrap().take_lock().await.unwrap());
        drop(lock);
        drop(other.take_lock().await.unwrap());
    });
}

#[test]
fn the_lock_of_a_controller_that_the_server_has_lost_is_free() {
    on_postgres(&async |db| {
        let lost = db.store.take_lock().await.unwrap();
        let mut raw = db.raw();
        let holder = raw.number(HOLDERS);
        raw.run(&format!("SELECT pg_terminate_backend({holder})")).unwrap();
        while !raw.numbers(HOLDERS).is_empty() {
            tokio::task::yield_now().await;
        }
        let next = db.other().await.take_lock().await.unwrap();
        // What the first one gives back is not the next one's.
        drop(lost);
        assert!(db.other().await.take_lock().await.is_err());
        drop(next);
    });
}

#[test]
fn a_controller_takes_a_lost_lock_again_unless_another_one_has_it() {
    on_postgres(&async |db| {
        let lock = db.store.take_lock().await.unwrap();
        let mut raw = db.raw();
        let mut lose = || {
            let holder = raw.number(HOLDERS);
            raw.run(&format!("SELECT pg_terminate_backend({holder})")).unwrap();
            while !raw.numbers(HOLDERS).is_empty() {}
        };
        assert!(db.store.keep_lock(&lock).await.unwrap());
        lose();
        assert!(db.store.keep_lock(&lock).await.unwrap(), "it is there again");
        assert!(matches!(db.other().await.take_lock().await, Err(StoreError::Locked { .. })));
        lose();
        let mut other = db.raw();
        other.run(&format!("SELECT pg_advisory_lock({})", 0x0064_6f7a_766f_6e01_i64)).unwrap();
        assert!(matches!(db.store.keep_lock(&lock).await, Err(StoreError::Locked { .. })));
    });
    on_sqlite(&async |db| {
        let lock = db.store.take_lock().await.unwrap();
        assert!(db.store.keep_lock(&lock).await.unwrap());
    });
}

/// A checkpoint that waits for readers holds the right to write meanwhile.
#[test]
fn what_was_deleted_is_scrubbed_without_a_wait_for_whoever_reads() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path().join("dozvon.db"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Whoever waits for the reader waits for an hour.
        let settings = Settings { busy_timeout: Duration::from_secs(3_600), ..Settings::default() };
        let store = Store::open(&url, settings).await.unwrap();
        store.migrate().await.unwrap();
        let mut reader = Raw::open(&url);
        reader.run("BEGIN; SELECT count(*) FROM calls;").unwrap();
        let write = async |name: &'static str| {
            let at = dozvon::clock::UnixMs(1);
            store.write("write", move |c| dozvon::store::recovery::begin_watch(c, name, at)).await.unwrap();
        };
        write("one").await;
        tokio::time::pause();
        let scrubbed = store.scrub().await;
        tokio::time::resume();
        assert!(matches!(scrubbed, Err(StoreError::Busy { .. })), "{scrubbed:?}");
        write("two").await;
        reader.run("COMMIT").unwrap();
        store.scrub().await.unwrap();
    });
}

#[test]
fn a_server_that_is_not_there_is_named_without_its_password() {
    runtime().block_on(async {
        let url: DatabaseUrl = "postgres://u:secret@127.0.0.1:1/x".parse().unwrap();
        let refused = open(&url).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unreachable { .. }) && refused.is_passing(), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("postgres://u:***@127.0.0.1:1/x") && !said.contains("secret"), "{said}");
    });
}

#[test]
fn a_database_that_somebody_else_locks_is_reported_as_busy() {
    on_sqlite(&async |db| {
        let settings = Settings { busy_timeout: Duration::from_millis(50), ..Settings::default() };
        let store = Store::open(&db.url, settings.clone()).await.unwrap();
        let mut raw = db.raw();
        raw.run("BEGIN IMMEDIATE").unwrap();
        let refused = store.write("test", |_| Ok(())).await.unwrap_err();
        assert!(matches!(refused, StoreError::Busy { .. }) && refused.is_passing(), "{refused}");
        let refused = Store::open(&db.url, settings).await.unwrap_err();
        assert!(matches!(refused, StoreError::Busy { .. }), "{refused}");
        raw.run("ROLLBACK").unwrap();
        store.write("test", |_| Ok(())).await.unwrap();
    });
}

#[test]
fn a_writer_waits_for_another_process() {
    on_sqlite(&async |db| {
        let mut raw = db.raw();
        raw.run("BEGIN IMMEDIATE").unwrap();
        let store = db.store.clone();
        let waiting = tokio::spawn(async move { store.write("test", |_| Ok(())).await });
        // It has begun when the queue is empty again, and cannot go on.
        tokio::task::yield_now().await;
        tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await.unwrap_err();
        assert!(!waiting.is_finished());
        raw.run("ROLLBACK").unwrap();
        waiting.await.unwrap().unwrap();
    });
}
