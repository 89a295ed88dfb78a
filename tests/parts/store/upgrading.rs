//! What a migration makes of the rows of an earlier program.

use dozvon::config::store::Settings;
use dozvon::store::Store;

use crate::support::company::TODAY;
use crate::support::database::{Raw, runtime, untouched};

/// An open case with a miss, an attempt and the request that opened it, and a closed one; a request without any.
fn rows() -> String {
    let call = "00000000-0000-4000-8000-000000000001";
    let at = 1_795_424_400_000_i64;
    let case = |id: u32, number: &str, end: &str| {
        format!(
            "INSERT INTO cases (id, number, state, reason, queue, opened_at, last_miss_at, misses, business_day, \
             closed_at, close_reason, closed_by, note) \
             VALUES ({id}, '{number}', {end}, 'abandoned_waiting', 'sales', {at}, {at}, 1, '{TODAY}', "
        )
    };
    let request = |id: u32, number: &str, case: &str| {
        format!(
            "INSERT INTO requests (id, number, source, consent_text, consent_at, received_at, case_id) \
             VALUES ({id}, '{number}', 'site', 'yes', {at}, {at}, {case});"
        )
    };
    [
        format!(
            "INSERT INTO calls (id, node, channel, core, number, caller_number, caller_name, party, dialled, open, \
             why, business_day, arrived_at, ended_at, ending, stage) VALUES ('{call}', 'fs1', '{call}', '{call}', \
             '+79001234567', '+79001234567', '', 'number', '7001', true, 'test', '{TODAY}', {at}, {at}, \
             'abandoned', 'waiting');"
        ),
        case(7, "+79001234567", "'open'") + "NULL, NULL, NULL, NULL);",
        case(8, "+79007654321", "'closed'") + &format!("{at}, 'other', 'anna', 'done');"),
        format!(
            "INSERT INTO case_misses (call, case_id, at, reason, queue, wait_ms) \
             VALUES ('{call}', 7, {at}, 'abandoned_waiting', 'sales', 500);"
        ),
        format!(
            "INSERT INTO attempts (id, case_id, number, business_day, ordinal, counted, at, \"by\", result, note) \
             VALUES (3, 7, '+79001234567', '{TODAY}', 1, true, {at}, 'anna', 'busy', 'so');"
        ),
        request(1, "+79001234567", "7"),
        request(2, "+79007654321", "8"),
        request(3, "+79009999999", "NULL"),
    ]
    .concat()
}

/// Everything that those rows say.
const SAID: &str = "SELECT 'request ' || id || ' ' || coalesce(case_id, 0) AS v FROM requests \
    UNION ALL SELECT 'case ' || id || ' ' || number || ' ' || state || ' ' || reason || ' ' || queue || ' ' || opened_at \
        || ' ' || last_miss_at || ' ' || misses || ' ' || business_day || ' ' || coalesce(closed_at, 0) || ' ' \
        || coalesce(close_reason, '-') || ' ' || coalesce(closed_by, '-') || ' ' || coalesce(note, '-') FROM cases \
    UNION ALL SELECT 'miss ' || call || ' ' || case_id || ' ' || at || ' ' || reason || ' ' || queue || ' ' || wait_ms \
        FROM case_misses \
    UNION ALL SELECT 'attempt ' || id || ' ' || case_id || ' ' || number || ' ' || business_day || ' ' || ordinal || ' ' \
        || counted || ' ' || at || ' ' || \"by\" || ' ' || result || ' ' || note FROM attempts ORDER BY 1";

/// SQLite makes the tables of cases anew, and what refers to a case must not notice.
#[test]
fn the_step_to_calling_back_keeps_cases_and_what_refers_to_them() {
    untouched(|url| {
        let mut raw = Raw::open(&url);
        raw.migrate_to("20261126000012");
        raw.run(&rows()).unwrap();
        let before = raw.texts(SAID);
        assert_eq!(before.len(), 7);
        drop(raw);
        runtime().block_on(async {
            let store = Store::open(&url, Settings::default()).await.unwrap();
            assert_eq!(store.migrate().await.unwrap()[0], "20261126000013");
        });
        assert_eq!(Raw::open(&url).texts(SAID), before);
    });
}

/// A death between the last step and the rewriting of the file must not leave in it what was erased before.
#[test]
fn a_file_that_is_owed_a_rewriting_gets_it_the_next_time() {
    let owed = "SELECT user_version AS v FROM pragma_user_version";
    let folder = tempfile::tempdir().unwrap();
    let url = dozvon::config::database::DatabaseUrl::Sqlite(folder.path().join("dozvon.db"));
    runtime().block_on(async {
        let mut raw = Raw::open(&url);
        raw.migrate_to("20261130000022");
        let store = Store::open(&url, Settings::default()).await.unwrap();
        store.migrate().await.unwrap();
        assert_eq!(raw.number(owed), 0, "done");
        // As a death before the rewriting leaves it.
        raw.run("PRAGMA user_version = 1").unwrap();
        assert!(store.migrate().await.unwrap().is_empty());
        assert_eq!(raw.number(owed), 0, "made up for");
    });
}
