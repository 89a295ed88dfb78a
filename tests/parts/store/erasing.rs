//! Where a person may still be found after an erasure: in events whose case and call are gone, in any text column, in
//! the raw files, and by anybody who may read these files.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::config::retention::Settings;
use dozvon::ids::CallId;
use dozvon::missed::asked::Asked;
use dozvon::missed::case::Closed;
use dozvon::phone::{E164, Home, Party};
use dozvon::store::messages::{self, Begun};
use dozvon::store::outbox::{self, Kept, Settled, Target};
use dozvon::store::retention;
use dozvon::store::retention::Deleted;
use dozvon::store::{StoreError, calls, case_closing, dnc, erase, requests};

use crate::store::audit::everything;
use crate::support::company::{
    NOON, NUMBER, abandoned, arrival, arrive, at, home, open_for_business, queue, request,
};
use crate::support::database::{Db, for_each_database, on_sqlite};

const DAY: Duration = Duration::from_hours(24);

fn number() -> E164 {
    NUMBER.parse().unwrap()
}

fn everybody(_: &Kept) -> Vec<Target> {
    let to = |destination: &str, recipient: &str| Target {
        destination: destination.parse().unwrap(),
        recipient: Ok(recipient.to_owned()),
    };
    vec![to("sms", NUMBER), to("mail", "ivan@example.com")]
}

/// A caller who was missed, asked by a form, was told of, and whose case is closed.
async fn known(db: &Db) {
    db.write(|c| {
        open_for_business(c)?;
        let call = arrive(c, "sales", at(0))?;
        let asked = Asked { queue: queue("sales"), number: Some(number()) };
        calls::ask_callback(c, call, &asked, at(500))?;
        left_message(c, call, at(500))?;
        let case = calls::end(c, &abandoned(call, at(1000)))?.unwrap();
        requests::receive(c, &request())?;
        case_closing::close(c, case, Closed::Other, "anna", Some("his name is Ivan"), at(15_000))?;
        outbox::spread(c, at(16_000), 10, &[], everybody).map(drop)
    })
    .await;
}

/// The person has left a message, which lies in this file.
const FILE: &str = "/var/lib/dozvon/messages/a.wav";

fn left_message(c: &mut dozvon::store::Database, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    let voicemail = "box".parse().unwrap();
    let begun = Begun { call, voicemail, path: FILE.to_owned(), language: None, at };
    let id = messages::begin(c, &begun)?;
    messages::keep(c, id, Some(4000), None, at)
}

fn to_delete(c: &mut dozvon::store::Database) -> Result<Vec<String>, StoreError> {
    let files = messages::files_to_delete(c, UnixMs(i64::MAX), 10)?;
    Ok(files.into_iter().map(|file| file.path).collect())
}

#[test]
fn the_files_of_messages_go_with_the_person_and_with_the_call() {
    for_each_database(async |db| {
        known(db).await;
        assert_eq!(db.write(to_delete).await, [""; 0]);
        let act = db.write(|c| erase::person(c, &number(), &home(), "olga", at(20_000))).await;
        let rows = act.tables.iter().find(|erased| erased.table == "messages").unwrap().rows;
        assert_eq!((rows, db.write(to_delete).await), (1, vec![FILE.to_owned()]), "{act:?}");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM messages WHERE path IS NOT NULL"), 0);
        db.write(|c| messages::not_deleted(c, FILE, "read-only", at(30_000))).await;
        let tried = db.write(|c| messages::files_to_delete(c, at(30_000), 10)).await;
        assert_eq!(tried, [], "it was tried just now");
        let later = db.write(|c| messages::files_to_delete(c, at(30_001), 10)).await;
        assert_eq!(later[0].last_error.as_deref(), Some("read-only"));
        db.write(|c| messages::deleted(c, FILE)).await;
        assert_eq!(db.write(to_delete).await, [""; 0]);
    });
    for_each_database(async |db| {
        known(db).await;
        forgotten_but_for_events(db).await;
        assert_eq!(db.write(to_delete).await, [FILE], "the call was too old");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM messages"), 0);
    });
}

/// Retention has taken everything but the events.
async fn forgotten_but_for_events(db: &Db) {
    let ever = Duration::ZERO;
    let kept =
        Settings { outbox: ever, audit: ever, calls: DAY, cases: DAY, requests: DAY, ..Settings::default() };
    for _ in 0..3 {
        let kept = kept.clone();
        db.write(move |c| retention::delete_batch(c, NOON + 10 * DAY, &kept)).await;
    }
    assert_eq!(db.raw().number("SELECT count(*) AS v FROM cases"), 0);
    assert_eq!(db.raw().number("SELECT count(*) AS v FROM calls"), 0);
    assert!(everything(db, "9001234567") > 0 && everything(db, "Ivan") > 0);
}

#[test]
fn events_of_a_person_are_found_when_their_case_and_call_are_gone() {
    for_each_database(async |db| {
        known(db).await;
        forgotten_but_for_events(db).await;
        let act = db.write(|c| erase::person(c, &number(), &home(), "olga", NOON + 10 * DAY)).await;
        let rows = |table: &str| act.tables.iter().find(|erased| erased.table == table).unwrap().rows;
        assert!(rows("outbox") >= 3, "{act:?}");
        assert!(act.kept.is_empty(), "{act:?}");
        for words in ["9001234567", "Ivan", "ivan", "wife"] {
            assert_eq!(everything(db, words), 0, "{words}");
        }
    });
}

/// As the version before kept them, which knew no number of an event.
#[test]
fn events_that_only_say_the_number_are_found_and_those_of_a_longer_one_are_not() {
    for_each_database(async |db| {
        known(db).await;
        forgotten_but_for_events(db).await;
        let mut raw = db.raw();
        raw.run("UPDATE outbox SET number = NULL").unwrap();
        raw.run(
            "INSERT INTO outbox (seq, id, aggregate, kind, payload, created_at) \
             VALUES (900, 'x', 'case:900', 'case.opened', '{\"note\":\"+790012345678\"}', 1)",
        )
        .unwrap();
        db.write(|c| erase::person(c, &number(), &home(), "olga", NOON + 10 * DAY)).await;
        assert_eq!(everything(db, "Ivan"), 0);
        assert_eq!(
            raw.texts("SELECT payload AS v FROM outbox WHERE seq = 900"),
            ["{\"note\":\"+790012345678\"}"]
        );
    });
}

/// A destination that was removed from the settings, or answered 410, gets no delivery any more.
#[test]
fn what_waits_for_a_destination_that_is_gone_does_not_keep_a_person_for_ever() {
    for_each_database(async |db| {
        known(db).await;
        let lease = outbox::Lease {
            destination: "sms".parse().unwrap(),
            by: "x".to_owned(),
            now: at(17_000),
            until: at(60_000),
            limit: 1,
        };
        db.write(move |c| {
            let first = outbox::lease(c, &lease)?.remove(0).id;
            outbox::settle(c, first, &Settled::Closed("410 Gone".to_owned()), at(18_000))
        })
        .await;
        let waiting = "SELECT count(*) AS v FROM deliveries WHERE done_at IS NULL";
        assert!(db.raw().number(waiting) > 0);
        let ever = Duration::ZERO;
        let kept = Settings {
            outbox: DAY,
            audit: ever,
            calls: ever,
            cases: ever,
            requests: ever,
            ..Settings::default()
        };
        let delete = async |days: u32| {
            let kept = kept.clone();
            db.write(move |c| retention::delete_batch(c, NOON + days * DAY, &kept)).await
        };
        assert_eq!(delete(1).await, Deleted::default(), "it is young");
        assert_eq!(delete(3).await, Deleted::default(), "it is given up first");
        assert_eq!(db.raw().number(waiting), 0);
        assert!(delete(5).await.outbox > 0);
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM outbox WHERE payload LIKE '%9001234567%'"), 0);
    });
}

/// Tables that hold no persons but those who work here, or only refer to rows that do.
const NOBODYS: [&str; 42] = [
    "__diesel_schema_migrations",
    "prompts",
    "schedules",
    "schedule_hours",
    "schedule_exceptions",
    "schedule_overrides",
    "duties",
    "duty_swaps",
    "agents",
    "agent_contacts",
    "agent_changes",
    "agent_steps",
    "queues",
    "tiers",
    "menus",
    "menu_prompts",
    "menu_options",
    "menu_visits",
    "survey_answers",
    "voicemails",
    "files_to_delete",
    "routes",
    "policies",
    "policy_versions",
    "controllers",
    "case_steps",
    "case_misses",
    "escalations",
    "waits",
    "resumed_places",
    "offers",
    "audit",
    "audit_head",
    "audit_cuts",
    "audit_key",
    "audit_gaps",
    "clock_witness",
    "talks_elsewhere",
    "erasures",
    "attempts_to_erase",
    "retention_cuts",
    "crm_tokens",
];

/// Columns of the others that hold words of ours, names of things and of those who work here, or the number itself, by
/// which rows are found.
const OURS: [&str; 58] = [
    "calls.id",
    "calls.node",
    "calls.channel",
    "calls.core",
    "calls.party",
    "calls.number",
    "calls.dialled",
    "calls.route",
    "calls.why",
    "calls.queue",
    "calls.business_day",
    "calls.offer",
    "calls.agent",
    "calls.ending",
    "calls.stage",
    "calls.cause",
    "calls.direction",
    "calls.language",
    "asked_callbacks.call",
    "asked_callbacks.queue",
    "asked_callbacks.number",
    "messages.call",
    "messages.voicemail",
    "messages.path",
    "messages.language",
    "messages.heard_by",
    "cases.number",
    "cases.state",
    "cases.reason",
    "cases.queue",
    "cases.place_queue",
    "cases.business_day",
    "cases.close_reason",
    "cases.closed_by",
    "cases.stage",
    "cases.assignee",
    "cases.claimed_by",
    "cases.not_before_source",
    "cases.not_before_by",
    "cases.abroad_allowed_by",
    "requests.number",
    "requests.language",
    "requests.source",
    "requests.queue",
    "requests.consent_text",
    "requests.sms_consent_text",
    "refusals.number",
    "refusals.guard",
    "refusals.by",
    "refusals.policy",
    "do_not_call.number",
    "do_not_call.reason",
    "do_not_call.by",
    "outbox.number",
    "outbox.id",
    "outbox.aggregate",
    "outbox.kind",
    "closed_destinations.name",
];

/// The same of tables with many of them.
fn is_ours(table: &str, column: &str) -> bool {
    let personal = match table {
        "attempts" => &["note"][..],
        "deliveries" => &["recipient", "recipient_key", "last_status", "last_error"],
        _ => return OURS.contains(&format!("{table}.{column}").as_str()),
    };
    !personal.contains(&column)
}

#[test]
fn nothing_of_an_erased_person_is_left_in_any_text_column_nor_in_the_raw_files() {
    on_sqlite(&async |db| {
        known(db).await;
        db.write(|c| {
            let (number, note) = (&number(), Some("Ivan is angry"));
            let reason = dnc::Reason::DoNotCall;
            dnc::add(c, &dnc::Add { number, reason, by: "anna", note, at: at(0), until: None })
        })
        .await;
        let planted = plant(db);
        assert!(planted.len() >= 14, "{planted:?}");
        assert!(in_files(db, "MARKER-") > 0);
        let act = db.write(|c| erase::person(c, &number(), &home(), "olga", at(20_000))).await;
        assert_eq!(act.kept, ["do_not_call"], "the act says what stays");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM asked_callbacks WHERE number IS NOT NULL"), 0);
        let left: Vec<&String> =
            planted.iter().filter(|column| everything(db, &format!("MARKER-{column}-")) > 0).collect();
        assert!(left.is_empty(), "a row still says: {left:?}");
        db.store.scrub().await.unwrap();
        let left: Vec<&String> =
            planted.iter().filter(|column| in_files(db, &format!("MARKER-{column}-")) > 0).collect();
        assert!(left.is_empty(), "a file still holds: {left:?}");
        for words in ["Ivan", "ivan@", "my wife is ill"] {
            assert_eq!(in_files(db, words), 0, "{words}");
        }
    });
}

/// A call whose number no version could read, or only this one, as the rows of it say.
fn unread(c: &mut dozvon::store::Database, raw: &str, ms: u64) -> Result<(), StoreError> {
    let mut call = arrival(None, at(ms));
    call.party = Party::Invalid;
    call.caller_number = raw.to_owned();
    call.caller_name = format!("Ivan of {raw}");
    calls::arrive(c, &call)?;
    calls::end(c, &abandoned(call.id, at(ms + 500))).map(drop)
}

#[test]
fn calls_whose_number_was_not_read_are_erased_by_what_it_means() {
    let germany = Home { region: "DE".parse().unwrap(), area_code: None };
    let theirs: [(&str, Home, &[&str]); 2] = [
        (NUMBER, home(), &["+79001234567;npdi", "+7 900 123-45-67", "8 10 7 900 1234567", "8(900)1234567"]),
        ("+4915123456789", germany, &["015123456789", "0151 23456789", "tel:+4915123456789"]),
    ];
    let others = ["+79001234568;npdi", "015123456780", "no number", "7001"];
    for (number, home, raws) in theirs {
        for_each_database(async |db| {
            db.write(move |c| {
                for (n, raw) in (0..).zip(raws.iter().chain(&others)) {
                    unread(c, raw, n * 1000)?;
                }
                Ok(())
            })
            .await;
            let act = db
                .write(move |c| erase::person(c, &number.parse().unwrap(), &home, "olga", at(90_000)))
                .await;
            let of_calls = act.tables.iter().find(|erased| erased.table == "calls").unwrap();
            assert_eq!(of_calls.rows, raws.len(), "{act:?}");
            let left = db
                .raw()
                .texts("SELECT caller_number AS v FROM calls WHERE caller_name <> '' ORDER BY arrived_at");
            assert_eq!(left, others);
            for raw in raws {
                assert_eq!((everything(db, raw), everything(db, &format!("Ivan of {raw}"))), (0, 0), "{raw}");
            }
            if db.is_sqlite() {
                db.store.scrub().await.unwrap();
                raws.iter().for_each(|raw| assert_eq!(in_files(db, raw), 0, "{raw}"));
            }
        });
    }
}

/// Puts a text of its own into every text column that could hold something of the person. Which columns it were.
fn plant(db: &Db) -> Vec<String> {
    let mut raw = db.raw();
    for trigger in raw.texts("SELECT name AS v FROM sqlite_master WHERE type = 'trigger'") {
        raw.run(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    raw.run("PRAGMA secure_delete = ON; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
        .unwrap();
    raw.run(
        "INSERT INTO refusals (id, at, case_id, number, guard, why, \"by\", policy, policy_version) \
         VALUES (1, 1, 1, '+79001234567', 'do_not_call', 'x', 'anna', 'service', 1); \
         INSERT INTO attempts (case_id, number, business_day, counted, at, \"by\", result, state, way, cap) \
         VALUES (1, '+79001234567', '2026-11-23', 0, 1, 'anna', 'technical_failure', 'completed', 'manual', 3)",
    )
    .unwrap();
    let columns = raw.texts(
        "SELECT m.name || ' ' || c.name AS v FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND c.type = 'TEXT' ORDER BY 1",
    );
    let mut planted = Vec::new();
    for name in columns {
        let (table, column) = name.split_once(' ').unwrap();
        if NOBODYS.contains(&table) || is_ours(table, column) {
            continue;
        }
        let there = raw.number(&format!("SELECT count(*) AS v FROM {table}"));
        // Whoever adds a table or a column: is it cleared by an erasure? Then add a row above, else say why not.
        assert!(
            there > 0 || table == "closed_destinations",
            "there is no row of {table} to plant something in"
        );
        let text = format!("MARKER-{table}.{column}-");
        let value = if column == "payload" { format!("{{\"x\":\"{text}\"}}") } else { text };
        if there > 0 {
            raw.run(&format!("UPDATE {table} SET \"{column}\" = '{value}'")).unwrap();
            planted.push(format!("{table}.{column}"));
        }
    }
    planted
}

/// How often words stand in the bytes of the database's files.
fn in_files(db: &Db, words: &str) -> usize {
    let folder = db.file().parent().unwrap().to_owned();
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(words.len()).filter(|part| *part == words.as_bytes()).count()).sum()
}

#[test]
fn nobody_but_the_owner_reads_the_files() {
    on_sqlite(&async |db| {
        known(db).await;
        let _lock = db.store.take_lock().await.unwrap();
        let folder = db.file().parent().unwrap().to_owned();
        db.store.backup(&folder.join("copy.db")).await.unwrap();
        let mut seen = Vec::new();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            seen.push(format!("{} {mode:o}", file.file_name().into_string().unwrap()));
        }
        seen.sort();
        let all = ["copy.db", "dozvon.db", "dozvon.db-shm", "dozvon.db-wal", "dozvon.db.lock"];
        assert_eq!(seen, all.map(|name| format!("{name} 600")));
        assert_eq!(dozvon::store::private::too_wide(&db.file()), None);
        std::fs::set_permissions(db.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(dozvon::store::private::too_wide(&db.file()), Some(0o644));
    });
}

#[test]
fn an_erasure_that_somebody_reads_beside_is_told_and_can_be_repeated() {
    on_sqlite(&async |db| {
        known(db).await;
        let mut raw = db.raw();
        raw.run("BEGIN").unwrap();
        assert!(raw.number("SELECT count(*) AS v FROM calls") > 0);
        db.write(|c| erase::person(c, &number(), &home(), "olga", at(20_000))).await;
        let quick = dozvon::config::store::Settings {
            busy_timeout: Duration::from_millis(100),
            ..Default::default()
        };
        let store = dozvon::store::Store::open(&db.url, quick).await.unwrap();
        let busy = store.scrub().await.unwrap_err();
        assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
        raw.run("COMMIT").unwrap();
        store.scrub().await.unwrap();
        assert_eq!(in_files(db, "Ivan"), 0);
    });
}
