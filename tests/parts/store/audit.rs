//! The audit chain, the erasure of a person, and the deletion of old rows, on both databases.

use std::time::Duration;

use dozvon::audit::{Action, Entry, Fault, Key, Link, details};
use dozvon::clock::UnixMs;
use dozvon::config::retention::Settings;
use dozvon::ids::CaseId;
use dozvon::missed::attempt::Disposition;
use dozvon::missed::case::Closed;
use dozvon::phone::E164;
use dozvon::store::attempts::{self, ReportedAttempt};
use dozvon::store::audit::{self, Wanted};
use dozvon::store::outbox::{self, Settled};
use dozvon::store::requests;
use dozvon::store::retention;
use dozvon::store::{Database, Store, StoreError, calls, case_closing, cases, dnc, erase};

use crate::support::company::{
    NOON, NUMBER, TODAY, abandoned, arrival, arrive, at, home, open_for_business, request,
};
use crate::support::database::{Db, Raw, for_each_database, on_sqlite};

fn entry(n: u64) -> Entry<'static> {
    Entry {
        at: at(n),
        by: "test",
        action: Action::Dial,
        number: Some(NUMBER),
        subject: Some(format!("case:{n}")),
        details: details([("n", n.into()), ("a", true.into())]),
    }
}

async fn grow(db: &Db, count: u64) {
    db.write(move |c| (0..count).try_for_each(|n| audit::append(c, &entry(n)))).await;
}

async fn verify(db: &Db) -> audit::Proof {
    db.store.read("verify", |c| audit::verify(c, None, None)).await.unwrap()
}

async fn fault(db: &Db) -> Option<(i64, Fault)> {
    verify(db).await.broken.map(|broken| (broken.id, broken.fault))
}

fn number() -> E164 {
    NUMBER.parse().unwrap()
}

/// As one who owns the database can: without its guards.
fn unguarded(db: &Db) -> Raw {
    let mut raw = db.raw();
    if db.is_sqlite() {
        for trigger in
            raw.texts("SELECT name AS v FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'")
        {
            raw.run(&format!("DROP TRIGGER {trigger}")).unwrap();
        }
    } else {
        for table in ["audit", "audit_head", "audit_cuts", "audit_key"] {
            raw.run(&format!("ALTER TABLE {table} DISABLE TRIGGER USER")).unwrap();
        }
    }
    raw
}

#[test]
fn entries_follow_each_other_without_a_gap_and_what_failed_leaves_none() {
    for_each_database(async |db| {
        grow(db, 3).await;
        let refused = db
            .refused(|c| {
                audit::append(c, &entry(3))?;
                Err::<(), _>(StoreError::Refused("no".to_owned()))
            })
            .await;
        assert!(matches!(refused, StoreError::Refused(_)));
        // Several in one group, one of them undone.
        let good = |n| db.store.write("good", move |c| audit::append(c, &entry(n)));
        let bad = db.store.write("bad", |c| {
            audit::append(c, &entry(9))?;
            Err::<(), _>(StoreError::Refused("no".to_owned()))
        });
        let (a, b, c) = tokio::join!(good(4), bad, good(5));
        assert!(a.is_ok() && b.is_err() && c.is_ok());
        let proof = verify(db).await;
        assert_eq!((proof.rows, proof.broken), (5, None));
        let subjects = db.raw().texts("SELECT subject AS v FROM audit ORDER BY id");
        assert_eq!(subjects, ["case:0", "case:1", "case:2", "case:4", "case:5"]);
        assert_eq!(db.raw().texts("SELECT details AS v FROM audit WHERE id = 1"), [r#"{"a":true,"n":0}"#]);
    });
}

#[test]
fn no_number_stands_in_clear_and_entries_are_found_by_it() {
    for_each_database(async |db| {
        grow(db, 2).await;
        db.write(|c| audit::append(c, &Entry { number: Some("+4930123456"), ..entry(2) })).await;
        for text in ["by", "subject", "details", "number_key"] {
            let clear = format!("SELECT count(*) AS v FROM audit WHERE \"{text}\" LIKE '%9001234567%'");
            assert_eq!(db.raw().number(&clear), 0, "{text}");
        }
        let found = |number: &str, named: Option<Key>| {
            let number = number.parse().unwrap();
            db.store.read("list", move |c| {
                let number = audit::key_of(c, named.as_ref(), &number)?;
                Ok(audit::list(c, &Wanted { number, limit: 10, ..Wanted::default() })?.len())
            })
        };
        assert_eq!(found(NUMBER, None).await.unwrap(), 2);
        assert_eq!(found("+4930123456", None).await.unwrap(), 1);
        assert!(found(NUMBER, Some(Key::of_bytes([1; 32]))).await.is_err(), "another key is told");
        let clear = Entry { details: details([("to", NUMBER.into())]), ..entry(3) };
        let refused = db.refused(move |c| audit::append(c, &clear)).await;
        assert!(refused.to_string().contains("details of this dial entry"), "{refused}");
        assert_eq!(verify(db).await.rows, 3);
    });
}

/// Agents and the users of FreeSWITCH may be named for their numbers; nothing fails because of that.
#[test]
fn a_user_named_like_a_number_stands_in_the_audit_as_its_hash() {
    let long = "x".repeat(65).leak();
    for_each_database(async |db| {
        for by in ["4951234567", NUMBER, "anna", "", long] {
            db.write(move |c| audit::append(c, &Entry { by, ..entry(1) })).await;
        }
        let found = |name: &'static str| {
            db.store.read("list", move |c| {
                let by = audit::name_of(c, None, name)?;
                let rows = audit::list(c, &Wanted { by, limit: 10, ..Wanted::default() })?;
                Ok(rows.iter().map(|row| row.id).collect::<Vec<_>>())
            })
        };
        assert_eq!(found("4951234567").await.unwrap(), [1]);
        assert_eq!(found(NUMBER).await.unwrap(), [2]);
        assert_eq!(found("anna").await.unwrap(), [3]);
        assert_eq!(everything(db, "4951234567"), 0);
        assert_eq!(everything(db, "9001234567"), 0);
        assert_eq!(verify(db).await.broken, None);
    });
}

#[test]
fn another_key_is_refused_and_a_named_one_does_not_stand_in_the_database() {
    for_each_database(async |db| {
        let open = async |key: Option<Key>| {
            let settings = dozvon::config::store::Settings {
                audit_key: key,
                ..dozvon::config::store::Settings::default()
            };
            Store::open(&db.url, settings).await.unwrap()
        };
        let append = |c: &mut Database| audit::append(c, &entry(1));
        let (one, other) = (Key::of_bytes([1; 32]), Key::of_bytes([2; 32]));
        open(Some(one.clone())).await.write("first", append).await.unwrap();
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM audit_key WHERE secret IS NULL"), 1);
        open(Some(one.clone())).await.write("same", append).await.unwrap();
        let changed = open(Some(other)).await.write("other", append).await.unwrap_err();
        assert!(changed.to_string().contains("put the old one back"), "{changed}");
        let gone = open(None).await.write("none", append).await.unwrap_err();
        assert!(gone.to_string().contains("[audit] key is missing"), "{gone}");
        let proof = db.store.read("verify", move |c| audit::verify(c, Some(&one), None)).await.unwrap();
        assert_eq!((proof.rows, proof.broken), (2, None));
    });
}

/// Without the right key an act gets no entry in the audit, but it still takes place.
#[test]
fn an_audit_that_refuses_costs_no_ending_no_case_and_no_request() {
    for_each_database(async |db| {
        let open = async |key: [u8; 32]| {
            let audit_key = Some(Key::of_bytes(key));
            let settings =
                dozvon::config::store::Settings { audit_key, ..dozvon::config::store::Settings::default() };
            Store::open(&db.url, settings).await.unwrap()
        };
        open([1; 32]).await.write("first", |c| audit::append(c, &entry(1))).await.unwrap();
        let store = open([2; 32]).await;
        let key = Some(Key::of_bytes([2; 32]));
        let told = store.read("key", move |c| audit::check_key(c, key.as_ref())).await.unwrap_err();
        assert!(told.to_string().contains("[audit] key is not the one"), "{told}");

        let ended = store.write("end", |c| {
            open_for_business(c)?;
            let call = arrive(c, "sales", at(0))?;
            calls::end(c, &abandoned(call, at(20_000)))
        });
        let case = ended.await.unwrap().expect("a case is owed");
        let asked = store.write("request", |c| requests::receive(c, &request())).await;
        assert!(asked.is_ok(), "{asked:?}");
        let mut raw = db.raw();
        assert_eq!(raw.number("SELECT count(*) AS v FROM calls WHERE ended_at IS NOT NULL"), 1);
        let gaps = raw.texts("SELECT action || ' ' || subject AS v FROM audit_gaps ORDER BY id");
        assert!(gaps.contains(&format!("case_opened case:{case}")), "{gaps:?}");
        assert!(gaps.iter().any(|gap| gap.starts_with("request request:")), "{gaps:?}");
        assert_eq!(store.read("gaps", audit::gaps).await.unwrap(), i64::try_from(gaps.len()).unwrap());
        assert_eq!(raw.number("SELECT count(*) AS v FROM audit"), 1);
    });
}

/// Story 25: the database refuses every change, and a change that was made all the same is found.
#[test]
fn rows_are_only_added_whoever_writes() {
    for_each_database(async |db| {
        grow(db, 3).await;
        let mut raw = db.raw();
        raw.refused("UPDATE audit SET \"by\" = 'x' WHERE id = 2", "append-only");
        raw.refused("DELETE FROM audit WHERE id = 3", "append-only");
        raw.refused("DELETE FROM audit", "append-only");
        let copy = "SELECT id, at, \"by\", action, number_key, subject, details, prev_hash, hash, keyed FROM audit WHERE id = 2";
        raw.refused(&format!("INSERT INTO audit {copy}"), "append-only");
        let fork = copy.replace("SELECT id", "SELECT id + 2");
        raw.refused(&format!("INSERT INTO audit {fork}"), "append-only");
        raw.refused("UPDATE audit_head SET id = 2", "audit_head");
        raw.refused("DELETE FROM audit_head", "audit_head");
        raw.refused("INSERT INTO audit_cuts VALUES (3, 'x', 0)", "must name a row");
        raw.refused(
            "UPDATE audit_key SET fingerprint = hash FROM audit WHERE id = 1",
            "the audit key cannot be changed",
        );
        raw.refused("DELETE FROM audit_key", "the audit key cannot be changed");
        if db.is_sqlite() {
            raw.refused(&format!("INSERT OR REPLACE INTO audit {copy}"), "append-only");
            raw.refused("INSERT OR REPLACE INTO audit_head VALUES (1, 3, 'x')", "audit_head");
        } else {
            for table in ["audit", "audit_head", "audit_cuts", "audit_key"] {
                raw.refused(&format!("TRUNCATE {table} CASCADE"), "refused");
            }
        }
        assert_eq!((verify(db).await.rows, fault(db).await), (3, None));
    });
}

#[test]
fn a_change_past_the_guards_is_found() {
    let tampered: [(&str, &[&str], bool, (i64, Fault)); 9] = [
        ("a word", &["UPDATE audit SET \"by\" = 'x' WHERE id = 2"], false, (2, Fault::Changed)),
        ("a word and its hash", &["UPDATE audit SET \"by\" = 'x' WHERE id = 2"], true, (3, Fault::Misplaced)),
        (
            "the last and its hash",
            &["UPDATE audit SET \"by\" = 'x' WHERE id = 5"],
            true,
            (5, Fault::Truncated),
        ),
        ("a row out", &["DELETE FROM audit WHERE id = 2"], false, (2, Fault::Missing)),
        ("the first row out", &["DELETE FROM audit WHERE id = 1"], false, (1, Fault::Missing)),
        ("the last row out", &["DELETE FROM audit WHERE id = 5"], false, (5, Fault::Truncated)),
        ("all out", &["DELETE FROM audit"], false, (1, Fault::Truncated)),
        (
            "two in another order",
            &[
                "UPDATE audit SET id = 99 WHERE id = 2",
                "UPDATE audit SET id = 2 WHERE id = 3",
                "UPDATE audit SET id = 3 WHERE id = 99",
            ],
            false,
            (2, Fault::Changed),
        ),
        (
            "the beginning out, with a cut",
            &[
                "INSERT INTO audit_cuts SELECT id, hash, at FROM audit WHERE id = 2",
                "DELETE FROM audit WHERE id <= 2",
            ],
            false,
            (2, Fault::Beheaded),
        ),
    ];
    for (what, statements, forged, found) in tampered {
        for_each_database(async |db| {
            grow(db, 5).await;
            let mut raw = unguarded(db);
            statements.iter().for_each(|sql| raw.run(sql).unwrap());
            if forged {
                // The forger also gives the changed row the hash that fits it.
                let id = if what.contains("last") { 5 } else { 2 };
                let row = db.store.read("page", move |c| audit::page(c, id - 1, 1)).await.unwrap().remove(0);
                let hash = row.right_hash(Some(&key(db).seal())).unwrap();
                raw.run(&format!("UPDATE audit SET hash = '{hash}' WHERE id = {id}")).unwrap();
            }
            assert_eq!(fault(db).await, Some(found), "{what}");
        });
    }
}

/// The key that the database keeps.
fn key(db: &Db) -> Key {
    db.raw().texts("SELECT secret AS v FROM audit_key").remove(0).parse().unwrap()
}

/// An attacker who may write the database and does not have the key, which is in the settings.
#[test]
fn without_the_key_the_chain_cannot_be_rewritten() {
    for_each_database(async |db| {
        let named = Key::of_bytes([1; 32]);
        let settings =
            dozvon::config::store::Settings { audit_key: Some(named.clone()), ..Default::default() };
        let store = Store::open(&db.url, settings).await.unwrap();
        store.write("append", |c| (0..5).try_for_each(|n| audit::append(c, &entry(n)))).await.unwrap();
        let check = async || {
            let named = named.clone();
            store.read("verify", move |c| audit::verify(c, Some(&named), None)).await.unwrap()
        };
        assert_eq!((check().await.broken, check().await.keyed_from), (None, Some(1)));
        // The third and all that follow are written anew, each with the hash that it had before there was a seal.
        let mut raw = unguarded(db);
        raw.run("UPDATE audit SET \"by\" = 'nobody' WHERE id = 3").unwrap();
        let rows = store.read("page", |c| audit::page(c, 2, 10)).await.unwrap();
        let forge = |raw: &mut Raw, keyed: bool| {
            let mut before = rows[0].prev_hash.clone();
            for row in &rows {
                let plain = dozvon::audit::Row { prev_hash: before.clone(), keyed: false, ..row.clone() };
                let hash = plain.right_hash(None).unwrap();
                let keyed = if db.is_sqlite() { u8::from(keyed).to_string() } else { keyed.to_string() };
                let (id, set) = (row.id, format!("prev_hash = '{before}', hash = '{hash}', keyed = {keyed}"));
                raw.run(&format!("UPDATE audit SET {set} WHERE id = {id}")).unwrap();
                before = hash;
            }
            raw.run(&format!("UPDATE audit_head SET hash = '{before}'")).unwrap();
        };
        forge(&mut raw, true);
        assert_eq!(check().await.broken.map(|found| (found.id, found.fault)), Some((3, Fault::Changed)));
        forge(&mut raw, false);
        assert_eq!(check().await.broken.map(|found| (found.id, found.fault)), Some((3, Fault::Unsealed)));
    });
}

/// An attacker who may write the database removes the seal of every row, and gives each row the matching plain hash.
fn unsealed(db: &Db, rows: &[dozvon::audit::Row]) -> Raw {
    let mut raw = unguarded(db);
    let mut before = rows[0].prev_hash.clone();
    let off = if db.is_sqlite() { "0" } else { "FALSE" };
    for row in rows {
        let by = "nobody".to_owned();
        let plain = dozvon::audit::Row { by, prev_hash: before, keyed: false, ..row.clone() };
        let hash = plain.right_hash(None).unwrap();
        let set =
            format!("\"by\" = 'nobody', prev_hash = '{}', hash = '{hash}', keyed = {off}", plain.prev_hash);
        raw.run(&format!("UPDATE audit SET {set} WHERE id = {}", row.id)).unwrap();
        before = hash;
    }
    raw.run(&format!("UPDATE audit_head SET hash = '{before}'")).unwrap();
    raw
}

/// The seal cannot be taken off all rows at once either: where it begins stands under the key, too.
#[test]
fn without_the_key_the_seal_cannot_be_removed_or_moved() {
    for_each_database(async |db| {
        let named = Key::of_bytes([1; 32]);
        let settings =
            dozvon::config::store::Settings { audit_key: Some(named.clone()), ..Default::default() };
        let store = Store::open(&db.url, settings).await.unwrap();
        store.write("append", |c| (0..5).try_for_each(|n| audit::append(c, &entry(n)))).await.unwrap();
        let found = async || {
            let named = named.clone();
            let proof = store.read("verify", move |c| audit::verify(c, Some(&named), None)).await.unwrap();
            proof.broken.map(|found| found.fault)
        };
        let told = async || {
            let named = named.clone();
            store
                .read("mark", move |c| audit::check_mark(c, Some(&named)))
                .await
                .err()
                .map(|told| told.to_string())
        };
        assert_eq!((found().await, told().await), (None, None));
        let rows = store.read("page", |c| audit::page(c, 0, 10)).await.unwrap();
        let mut raw = unsealed(db, &rows);
        assert_eq!(found().await, Some(Fault::Unsealed));
        raw.run("UPDATE audit_key SET sealed_from = 6").unwrap();
        assert_eq!(found().await, Some(Fault::Unmarked), "the mark is moved");
        assert!(told().await.is_some_and(|told| told.contains("seal")), "check says so, too");
        raw.run("UPDATE audit_key SET sealed_from = NULL, sealed_from_mac = NULL").unwrap();
        assert_eq!(found().await, Some(Fault::Unmarked), "the mark is out");
        raw.run("DELETE FROM audit_key").unwrap();
        assert_eq!(found().await, Some(Fault::Unmarked), "the fingerprint is out");
    });
}

#[test]
fn the_mark_of_the_seal_stays_and_a_database_of_before_gets_it_at_the_first_start() {
    for_each_database(async |db| {
        grow(db, 3).await;
        db.raw().refused("UPDATE audit_key SET sealed_from = 2", "begins cannot be changed");
        db.raw().refused("UPDATE audit_key SET sealed_from = NULL", "begins cannot be changed");
        let mut raw = unguarded(db);
        raw.run("UPDATE audit_key SET sealed_from = NULL, sealed_from_mac = NULL").unwrap();
        assert_eq!(fault(db).await, Some((1, Fault::Unmarked)));
        let mark = || db.store.write("mark", audit::mark);
        assert_eq!(mark().await.unwrap(), Some(1), "from the first row on that has a seal");
        assert_eq!(mark().await.unwrap(), None, "once");
        assert_eq!(fault(db).await, None);
    });
}

/// As the version before wrote it.
#[test]
fn a_chain_that_began_before_the_seal_goes_on_and_says_since_when_it_is_sealed() {
    for_each_database(async |db| {
        let mut raw = db.raw();
        let old = Key::of_bytes([1; 32]);
        let values = format!("1, '{}', '{}', 0", old.fingerprint(), old.secret());
        raw.run(&format!("INSERT INTO audit_key (one, fingerprint, secret, made_at) VALUES ({values})"))
            .unwrap();
        let mut before = dozvon::audit::GENESIS.to_owned();
        for id in 1..=3 {
            let mut row = dozvon::audit::Row {
                id,
                at: 1,
                by: "anna".to_owned(),
                action: "dial".to_owned(),
                number_key: None,
                subject: None,
                details: "{}".to_owned(),
                prev_hash: before.clone(),
                hash: String::new(),
                keyed: false,
            };
            row.hash = row.right_hash(None).unwrap();
            raw.run(&format!(
                "INSERT INTO audit (id, at, \"by\", action, details, prev_hash, hash) \
                 VALUES ({id}, 1, 'anna', 'dial', '{{}}', '{before}', '{}')",
                row.hash
            ))
            .unwrap();
            before = row.hash;
        }
        assert_eq!(fault(db).await, Some((1, Fault::Unmarked)));
        assert_eq!(db.store.write("mark", audit::mark).await.unwrap(), Some(4), "the first start");
        let proof = verify(db).await;
        assert_eq!((proof.rows, proof.keyed_from, proof.broken), (3, None, None));
        grow(db, 2).await;
        let proof = verify(db).await;
        assert_eq!((proof.rows, proof.keyed_from, proof.broken), (5, Some(4), None));
    });
}

#[test]
fn a_head_that_is_kept_elsewhere_shows_that_the_end_was_written_anew() {
    for_each_database(async |db| {
        grow(db, 4).await;
        let kept = db.store.read("head", audit::head).await.unwrap();
        grow(db, 2).await;
        let check = |known: Link| db.store.read("verify", move |c| audit::verify(c, None, Some(&known)));
        assert_eq!(check(kept.clone()).await.unwrap().broken, None);
        // The last three are taken out, head and all, and others written in their place.
        let mut raw = unguarded(db);
        raw.run("DELETE FROM audit WHERE id > 3; UPDATE audit_head SET id = 3, hash = (SELECT hash FROM audit WHERE id = 3)").unwrap();
        assert_eq!(fault(db).await, None, "by itself it looks whole");
        let found = check(kept.clone()).await.unwrap().broken.unwrap();
        assert_eq!(found.fault, Fault::Truncated);
        drop(raw);
        if !db.is_sqlite() {
            db.raw().run("ALTER TABLE audit ENABLE TRIGGER USER").unwrap();
            db.write(|c| audit::append(c, &entry(77))).await;
            let found = check(kept).await.unwrap().broken.unwrap();
            assert_eq!((found.id, found.fault), (4, Fault::Changed));
        }
    });
}

/// A case of a missed call at noon.
fn missed(c: &mut Database, ms: u64) -> Result<CaseId, StoreError> {
    let call = arrive(c, "sales", at(ms))?;
    Ok(calls::end(c, &abandoned(call, at(ms + 1000)))?.unwrap())
}

fn attempt(c: &mut Database, case: CaseId, ms: u64) -> Result<(), StoreError> {
    let (result, note) = (Disposition::NoAnswer, Some("his wife said"));
    let made = ReportedAttempt {
        case,
        business_day: TODAY.parse().unwrap(),
        cap: 3,
        counted: true,
        disposition: result,
        by: "anna",
        note,
        at: at(ms),
    };
    attempts::record(c, &made).map(drop)
}

/// How often words stand anywhere in the database: every column of every table is looked at, but for the list of those
/// who want no calls, which has to know their numbers.
pub fn everything(db: &Db, words: &str) -> i64 {
    let sql = if db.is_sqlite() {
        "SELECT m.name || ' ' || c.name AS v FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
    } else {
        "SELECT table_name || ' ' || column_name AS v FROM information_schema.columns \
         JOIN information_schema.tables USING (table_schema, table_name) \
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    };
    let mut raw = db.raw();
    let columns = raw.texts(sql);
    assert!(columns.len() > 100, "{columns:?}");
    let mut found = 0;
    for column in columns {
        let (table, column) = column.split_once(' ').unwrap();
        if (table, column) != ("do_not_call", "number") {
            let sql = format!(
                "SELECT count(*) AS v FROM {table} WHERE CAST(\"{column}\" AS TEXT) LIKE '%{words}%'"
            );
            found += raw.number(&sql);
        }
    }
    found
}

/// Story 26.
#[test]
fn an_erased_person_is_nowhere_and_the_chain_is_whole() {
    for_each_database(async |db| {
        let case = db
            .write(|c| {
                open_for_business(c)?;
                let case = missed(c, 0)?;
                attempt(c, case, 5_000)?;
                case_closing::close(c, case, Closed::Other, "anna", Some("his name is Ivan"), at(6_000))?;
                let again = missed(c, 10_000)?;
                attempt(c, again, 12_000)?;
                // The caller has also called with a hidden number, and it came all the same.
                let mut hidden = arrival(None, at(13_000));
                hidden.party = dozvon::phone::Party::Withheld;
                hidden.caller_number = "89001234567".to_owned();
                calls::arrive(c, &hidden)?;
                calls::end(c, &abandoned(hidden.id, at(13_500)))?;
                assert!(!requests::receive(c, &request())?.replayed);
                assert!(requests::receive(c, &request())?.replayed);
                Ok(again)
            })
            .await;
        let act = db.write(|c| erase::person(c, &number(), &home(), "olga", at(20_000))).await;
        let rows = |table: &str| act.tables.iter().find(|erased| erased.table == table).unwrap().rows;
        assert_eq!((rows("calls"), rows("cases"), act.cases_closed, act.attempts_later), (3, 2, 1, 2));
        assert_eq!(rows("requests"), 1);
        let hashes = "SELECT count(*) AS v FROM requests WHERE key_hash IS NOT NULL OR body_hash IS NOT NULL";
        assert_eq!(db.raw().number(hashes), 0);
        let closed = db.write(move |c| cases::get(c, case)).await;
        assert_eq!(closed.close_reason.map(|word| word.as_str()), Some("erased"));
        assert_eq!(closed.number.as_str(), act.pseudonym);
        for words in ["Ivan", "ivan", "wife", "Brien", "203.0.113"] {
            assert_eq!(everything(db, words), 0, "{words}");
        }
        // Two attempts of today keep the number, and the day's cap with it.
        assert_eq!(everything(db, "9001234567"), 2);
        let (now, settings) =
            (at(0) + erase::KEEP_ATTEMPTS + Duration::from_millis(20_000), Settings::default());
        let took = db.write(move |c| retention::delete_batch(c, now, &settings)).await;
        assert_eq!(took.erased, 2);
        assert_eq!(everything(db, "9001234567"), 0);
        let proof = verify(db).await;
        // Two cases opened and closed, the act, and the two attempts that followed it.
        assert_eq!((proof.rows, proof.broken), (7, None));
        let found = db.write(|c| {
            let number = audit::key_of(c, None, &number())?;
            audit::list(c, &Wanted { number, action: Some(Action::Erasure), limit: 5, ..Wanted::default() })
        });
        assert_eq!(found.await[0].subject, Some(format!("erasure:{}", act.erasure)));
        // What is left leads to one and the same nobody.
        let kept = db.raw().texts("SELECT DISTINCT number AS v FROM attempts UNION SELECT number FROM cases");
        assert_eq!(kept, std::slice::from_ref(&act.pseudonym));
        assert!(matches!(
            dozvon::phone::Party::read(
                &act.pseudonym,
                false,
                &dozvon::config::phone::Phone::default().home(),
                5
            ),
            dozvon::phone::Party::Invalid
        ));
    });
}

/// Where an event goes: a program, the caller and two people, whatever it says.
fn everybody(_: &outbox::Kept) -> Vec<outbox::Target> {
    let to = |destination: &str, recipient: &str| outbox::Target {
        destination: destination.parse().unwrap(),
        recipient: Ok(recipient.to_owned()),
    };
    vec![to("site", ""), to("sms", NUMBER), to("mail", "ivan@example.com"), to("mail", "boss@example.com")]
}

#[test]
fn what_was_told_of_an_erased_person_is_gone_and_what_was_not_is_told_to_nobody() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            missed(c, 0)?;
            outbox::spread(c, at(2_000), 10, &[], everybody).map(drop)
        })
        .await;
        let lease = |name: &str| outbox::Lease {
            destination: name.parse().unwrap(),
            by: "x".to_owned(),
            now: at(2_000),
            until: at(60_000),
            limit: 9,
        };
        let (sms, mail, site) = (lease("sms"), lease("mail"), lease("site"));
        let dead = db
            .write(move |c| {
                let sent = outbox::lease(c, &sms)?.remove(0).id;
                outbox::settle(c, sent, &Settled::Done(format!("accepted for {NUMBER}")), at(2_100))?;
                let letters = outbox::lease(c, &mail)?;
                let dead = letters.iter().find(|letter| letter.recipient.starts_with("ivan")).unwrap().id;
                outbox::settle(c, dead, &Settled::Dead("550 <ivan@example.com>".to_owned()), at(2_100))?;
                // Under way to a program, and not told yet.
                assert_eq!(outbox::lease(c, &site)?.len(), 1);
                requests::receive(c, &request())?;
                Ok(dead)
            })
            .await;
        let act = db.write(|c| erase::person(c, &number(), &home(), "olga", at(20_000))).await;
        let rows = |table: &str| act.tables.iter().find(|erased| erased.table == table).unwrap().rows;
        assert_eq!((rows("deliveries"), rows("outbox")), (4, 4), "opened, again, request, closed");
        db.write(|c| outbox::spread(c, at(21_000), 10, &[], everybody).map(drop)).await;
        for words in ["9001234567", "ivan", "Ivan"] {
            assert_eq!(everything(db, words), 0, "{words}");
        }
        let list = db.write(|c| outbox::list(c, None, None, 100)).await;
        assert_eq!(list.len(), 4 + 3 * 3, "each destination once of what was not told: {list:#?}");
        for row in &list {
            let why = (row.state == "skipped").then_some("the person was erased");
            assert_eq!((row.last_error.as_deref(), &row.last_status), (why, &None), "{row:?}");
            assert!(row.done_at.is_some() && row.next_at.is_none(), "{row:?}");
        }
        assert_eq!(list.iter().filter(|row| row.state == "done").count(), 1, "what arrived, arrived");
        // A caller that was on the way comes back, and changes nothing.
        let refused = db.refused(move |c| outbox::replay(c, dead, at(22_000))).await;
        assert!(refused.to_string().contains("skipped"), "{refused}");
        let under_way = list.iter().find(|row| row.destination == "site" && row.attempt_no == 1).unwrap().id;
        let late = Settled::Again(at(30_000), format!("no answer for {NUMBER}"));
        db.write(move |c| outbox::settle(c, under_way, &late, at(22_000))).await;
        assert_eq!(everything(db, "9001234567"), 0);
        let all =
            db.write(|c| outbox::look(c, &["site", "sms", "mail"].map(|name| name.parse().unwrap()))).await;
        assert_eq!(all, outbox::Look::default());
    });
}

#[test]
fn a_person_that_wants_no_calls_is_not_called_after_their_erasure_either() {
    for_each_database(async |db| {
        let said = |c: &mut Database| {
            let number = number();
            dnc::add(
                c,
                &dnc::Add {
                    number: &number,
                    reason: dnc::Reason::DoNotCall,
                    by: "anna",
                    note: Some("Ivan is angry"),
                    at: at(0),
                    until: None,
                },
            )?;
            erase::person(c, &number, &home(), "olga", at(1_000))?;
            dnc::suppressed(c, &number, at(2_000))
        };
        assert_eq!(db.write(said).await.map(|word| word.as_str()), Some("do_not_call"));
        assert_eq!(everything(db, "Ivan"), 0);
    });
}

#[test]
fn a_person_erased_today_gets_no_fourth_attempt_today() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            let case = missed(c, 0)?;
            attempt(c, case, 2_000)?;
            attempt(c, case, 3_000)?;
            erase::person(c, &number(), &home(), "olga", at(4_000)).map(drop)
        })
        .await;
        let case = db.write(|c| missed(c, 5_000)).await;
        db.write(move |c| attempt(c, case, 7_000)).await;
        let refused = db.refused(move |c| attempt(c, case, 8_000)).await;
        assert!(matches!(refused, StoreError::Cap { .. }), "{refused}");
        // Erased once more, and still.
        db.write(|c| erase::person(c, &number(), &home(), "olga", at(9_000))).await;
        let case = db.write(|c| missed(c, 10_000)).await;
        let refused = db.refused(move |c| attempt(c, case, 12_000)).await;
        assert!(matches!(refused, StoreError::Cap { .. }), "{refused}");
        let settings = Settings::default();
        let now = at(7_000) + erase::KEEP_ATTEMPTS;
        assert_eq!(db.write(move |c| retention::delete_batch(c, now, &settings)).await.erased, 3);
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts WHERE number LIKE '+79%'"), 0);
        assert_eq!(verify(db).await.broken, None);
    });
}

#[test]
fn a_caller_on_the_line_is_erased_later_and_a_stranger_leaves_an_act() {
    for_each_database(async |db| {
        let call = db
            .write(|c| {
                open_for_business(c)?;
                arrive(c, "sales", at(0))
            })
            .await;
        let refused = db.refused(|c| erase::person(c, &number(), &home(), "olga", at(10))).await;
        assert!(refused.to_string().contains("is in a call now"), "{refused}");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM erasures"), 0);
        db.write(move |c| calls::end(c, &abandoned(call, at(20)))).await;
        db.write(|c| erase::person(c, &number(), &home(), "olga", at(30))).await;
        let act =
            db.write(|c| erase::person(c, &"+4930123456".parse().unwrap(), &home(), "olga", at(40))).await;
        assert!(act.tables.iter().all(|erased| erased.rows == 0));
    });
}

#[test]
fn a_number_gives_way_to_the_pseudonym_of_an_act_only() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            let case = missed(c, 0)?;
            attempt(c, case, 2_000)
        })
        .await;
        let mut raw = db.raw();
        raw.refused("UPDATE cases SET number = '+999000000000001'", "the number of a case cannot be changed");
        raw.refused(
            "UPDATE attempts SET number = '+999000000000001', note = NULL",
            "a completed attempt cannot be changed",
        );
        raw.refused("UPDATE attempts SET note = NULL", "a completed attempt cannot be changed");
        raw.refused("UPDATE attempts SET result = 'busy'", "a completed attempt cannot be changed");
        raw.refused("DELETE FROM attempts", "append-only");
        raw.refused("DELETE FROM case_misses", "append-only");
    });
}

/// Old and young calls and cases, and an audit of both.
async fn history(db: &Db) {
    const DAY: u64 = 86_400_000;
    db.write(|c| {
        open_for_business(c)?;
        for day in 0..5_u64 {
            let ms = day * DAY;
            let mut call = arrival(None, at(ms));
            call.party = dozvon::phone::Party::Withheld;
            calls::arrive(c, &call)?;
            calls::end(c, &abandoned(call.id, at(ms + 500)))?;
            let case = missed(c, ms)?;
            if day == 0 {
                attempt(c, case, ms + 2_000)?;
            }
            case_closing::close(c, case, Closed::Other, "anna", Some("done"), at(ms + 3_000))?;
            audit::append(c, &Entry { at: at(ms), ..entry(day) })?;
        }
        missed(c, 0).map(drop)
    })
    .await;
}

#[test]
fn old_rows_go_in_small_bites_and_the_chain_can_still_be_proved() {
    for_each_database(async |db| {
        history(db).await;
        let day = Duration::from_hours(24);
        let settings = Settings { calls: day, cases: day, audit: 2 * day, batch: 2, ..Settings::default() };
        // Three days and a little: cases and calls of the days 0, 1 and 2 are too old, the audit's of 0 and 1.
        let now = NOON + 3 * day + Duration::from_secs(10);
        let mut taken = (0, 0, 0);
        let mut batches = 0;
        loop {
            let ours = settings.clone();
            let took = db.write(move |c| retention::delete_batch(c, now, &ours)).await;
            assert!(took.cases <= 2 && took.calls <= 2 && took.audit <= 2);
            taken = (taken.0 + took.cases, taken.1 + took.calls, taken.2 + took.audit);
            batches += 1;
            if !took.more {
                break;
            }
        }
        // The open case stays, and the call that it tells of.
        assert_eq!((taken, batches), ((3, 6, 6), 4));
        let mut raw = db.raw();
        assert_eq!(raw.number("SELECT count(*) AS v FROM cases WHERE state = 'open'"), 1);
        assert_eq!(raw.number("SELECT count(*) AS v FROM cases"), 3);
        assert_eq!(raw.number("SELECT count(*) AS v FROM calls"), 5);
        assert_eq!(raw.number("SELECT count(*) AS v FROM attempts"), 0);
        let proof = verify(db).await;
        assert_eq!((proof.from.id, proof.broken), (6, None));
        let again = db.write(move |c| retention::delete_batch(c, now, &settings)).await;
        assert!(again.is_empty(), "{again:?}");
        // What stands before the cut is younger than nothing: an old head cannot be checked any more, and says so.
        let old = Link { id: 1, hash: dozvon::audit::GENESIS.to_owned() };
        let said = db.store.read("verify", move |c| audit::verify(c, None, Some(&old))).await.unwrap_err();
        assert!(said.to_string().contains("cut off by retention"), "{said}");
        let cut = proof.from.clone();
        let at_cut = db.store.read("verify", move |c| audit::verify(c, None, Some(&cut))).await.unwrap();
        assert_eq!(at_cut.broken, None);
        unguarded(db).run("DELETE FROM audit WHERE id = 7").unwrap();
        assert_eq!(fault(db).await, Some((7, Fault::Missing)));
    });
}

#[test]
fn what_is_kept_for_ever_stays() {
    on_sqlite(&async |db| {
        history(db).await;
        let ever = Duration::ZERO;
        let settings = Settings { calls: ever, cases: ever, audit: ever, ..Settings::default() };
        let took = db.write(move |c| retention::delete_batch(c, UnixMs(i64::MAX / 2), &settings)).await;
        assert!(took.is_empty() || (took.cases, took.calls, took.audit) == (0, 0, 0), "{took:?}");
    });
}
