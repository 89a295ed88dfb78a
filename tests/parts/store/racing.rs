//! Several processes at once. The children are this test program itself; the environment tells each which part to play.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dozvon::audit::{Action, Entry, details};
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::ids::CaseId;
use dozvon::missed::attempt::Disposition;
use dozvon::store::attempts::{self, ReportedAttempt};
use dozvon::store::{Store, StoreError, audit, calls};

use crate::support::company::{NUMBER, TODAY, abandoned, arrive, at, open_for_business};
use crate::support::database::{Db, Raw, for_each_database, runtime};

/// Plays a part in a process of its own: `part` is the name of the test that is the part.
fn child(db: &Db, part: &str, case: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("store::racing::{part}"), "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("DOZVON_TEST_DATABASE", String::from(db.url.clone()))
        .env("DOZVON_TEST_CASE", case.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn told() -> (DatabaseUrl, CaseId) {
    let told =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name}: only run by another test"));
    (told("DOZVON_TEST_DATABASE").parse().unwrap(), CaseId(told("DOZVON_TEST_CASE").parse().unwrap()))
}

/// Says a line to the test, past everything that the test harness prints.
fn say(words: &str) {
    writeln!(std::io::stdout(), "\nsay {words}").unwrap();
    std::io::stdout().flush().unwrap();
}

fn hear(child: &mut BufReader<std::process::ChildStdout>) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(child.read_line(&mut line).unwrap() > 0, "the child said nothing");
        if let Some(words) = line.trim().strip_prefix("say ") {
            return words.to_owned();
        }
    }
}

/// Both are ready, both are told to go.
fn race(mut children: [Child; 2]) -> Vec<String> {
    let mut said: Vec<_> =
        children.iter_mut().map(|child| BufReader::new(child.stdout.take().unwrap())).collect();
    for one in &mut said {
        assert_eq!(hear(one), "ready");
    }
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let results = said.iter_mut().map(hear).collect();
    for (mut child, mut rest) in children.into_iter().zip(said) {
        std::io::copy(&mut rest, &mut std::io::sink()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    results
}

fn ready_and_go() {
    say("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line, "go\n");
}

async fn owed(db: &Db) -> i64 {
    db.write(|c| {
        open_for_business(c)?;
        let call = arrive(c, "sales", at(0))?;
        Ok(calls::end(c, &abandoned(call, at(1000)))?.unwrap().0)
    })
    .await
}

#[test]
fn two_processes_cannot_make_a_fourth_attempt() {
    for_each_database(async |db| {
        let case = owed(db).await;
        let results = race([child(db, "part_attempts", case), child(db, "part_attempts", case)]);
        let done: i64 = results.iter().map(|word| word.parse::<i64>().unwrap()).sum();
        assert_eq!(done, 3, "of four each: {results:?}");
        let ordinals = "SELECT ordinal AS v FROM attempts ORDER BY ordinal";
        let ordinals = if db.is_sqlite() {
            ordinals.to_owned()
        } else {
            ordinals.replace("ordinal AS", "ordinal::bigint AS")
        };
        assert_eq!(db.raw().numbers(&ordinals), [1, 2, 3]);
    });
}

#[test]
#[ignore = "a part, played in a process of its own"]
fn part_attempts() {
    let (url, case) = told();
    runtime().block_on(async {
        let store = Store::open(&url, Settings::default()).await.unwrap();
        ready_and_go();
        let mut done = 0;
        for n in 0..4 {
            let attempt = move |c: &mut _| {
                let made = ReportedAttempt {
                    case,
                    cap: 3,
                    business_day: TODAY.parse().unwrap(),
                    counted: true,
                    disposition: Disposition::NoAnswer,
                    by: "test",
                    note: None,
                    at: at(2000 + n),
                };
                attempts::record(c, &made)
            };
            match store.write("attempt", attempt).await {
                Ok(_) => done += 1,
                Err(StoreError::Cap { number, .. }) => assert_eq!(number, NUMBER),
                Err(other) => panic!("{other}"),
            }
        }
        say(&done.to_string());
    });
}

#[test]
fn two_processes_cannot_make_a_fourth_attempt_by_sql_either() {
    for_each_database(async |db| {
        let case = owed(db).await;
        let results = race([child(db, "part_sql", case), child(db, "part_sql", case)]);
        let done: i64 = results.iter().map(|word| word.parse::<i64>().unwrap()).sum();
        assert_eq!(done, 3, "{results:?}");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts"), 3);
    });
}

#[test]
#[ignore = "a part, played in a process of its own"]
fn part_sql() {
    let (url, case) = told();
    let mut raw = Raw::open(&url);
    ready_and_go();
    let mut done = 0;
    for _ in 0..20 {
        for ordinal in 1..=4 {
            let sql = format!(
                "INSERT INTO attempts (case_id, number, business_day, ordinal, counted, at, \"by\", result) \
                 VALUES ({case}, '{NUMBER}', '{TODAY}', {ordinal}, true, {}, 'sql', 'no_answer')",
                at(2000).0
            );
            done += u32::from(raw.run(&sql).is_ok());
        }
    }
    say(&done.to_string());
}

#[test]
fn misses_of_one_number_at_the_same_moment_are_one_case() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        let (one, two) = (db.store.clone(), db.other().await);
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(db.write(|c| arrive(c, "sales", at(0))).await);
        }
        let ends = ids.into_iter().enumerate().map(|(n, id)| {
            let store = if n % 2 == 0 { &one } else { &two };
            store.write("end", move |c| calls::end(c, &abandoned(id, at(1000))))
        });
        let cases = futures_util::future::try_join_all(ends).await.unwrap();
        assert!(cases.iter().all(|case| case == &cases[0] && case.is_some()), "{cases:?}");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM cases"), 1);
        assert_eq!(db.raw().number("SELECT sum(misses) AS v FROM cases"), 20);
    });
}

#[test]
fn what_was_said_to_be_written_survives_a_kill() {
    for_each_database(async |db| {
        let case = owed(db).await;
        let mut writer = child(db, "part_arrivals", case);
        let mut said = BufReader::new(writer.stdout.take().unwrap());
        let mut ids: Vec<String> = (0..20).map(|_| hear(&mut said)).collect();
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What it managed to say before it died counts, too.
        let rest = said.lines().map_while(Result::ok);
        ids.extend(
            rest.filter_map(|line| Some(line.strip_prefix("say ")?.to_owned())).filter(|id| id.len() == 36),
        );
        let mut raw = db.raw();
        for id in ids {
            assert_eq!(raw.number(&format!("SELECT count(*) AS v FROM calls WHERE id = '{id}'")), 1, "{id}");
        }
    });
}

#[test]
#[ignore = "a part, played in a process of its own"]
fn part_arrivals() {
    let (url, _) = told();
    runtime().block_on(async {
        let store = Store::open(&url, Settings::default()).await.unwrap();
        loop {
            let id = store.write("arrive", |c| arrive(c, "sales", at(0))).await.unwrap();
            say(&id.to_string());
        }
    });
}

#[test]
fn another_process_is_heard_and_may_not_be_a_second_controller() {
    for_each_database(async |db| {
        let _lock = db.store.take_lock().await.unwrap();
        let mut changes = db.store.changes();
        changes.mark_unchanged();
        let mut other = child(db, "part_second_controller", 0);
        let mut said = BufReader::new(other.stdout.take().unwrap());
        // Heard to the end: a child that nobody listens to fails when its harness has the last word.
        let said = tokio::task::spawn_blocking(move || {
            let words = hear(&mut said);
            std::io::copy(&mut said, &mut std::io::sink()).unwrap();
            words
        });
        tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.expect("not heard").unwrap();
        let said = said.await.unwrap();
        let us = format!("process {}", std::process::id());
        assert!(said.contains("in use by another controller (") && said.contains(&us), "{said}");
        assert!(other.wait().unwrap().success());
    });
}

#[test]
#[ignore = "a part, played in a process of its own"]
fn part_second_controller() {
    let (url, _) = told();
    runtime().block_on(async {
        let store = Store::open(&url, Settings::default()).await.unwrap();
        store.write("open", open_for_business).await.unwrap();
        say(&store.take_lock().await.unwrap_err().to_string());
    });
}

#[test]
fn two_processes_write_one_chain() {
    for_each_database(async |db| {
        let results = race([child(db, "part_audit", 0), child(db, "part_audit", 0)]);
        assert_eq!(results, ["50", "50"]);
        let proof = db.store.read("verify", |c| audit::verify(c, None, None)).await.unwrap();
        assert_eq!((proof.rows, proof.broken), (100, None));
        assert_eq!(db.raw().number("SELECT count(DISTINCT number_key) AS v FROM audit"), 1, "one key");
    });
}

#[test]
#[ignore = "a part, played in a process of its own"]
fn part_audit() {
    let (url, _) = told();
    runtime().block_on(async {
        let store = Store::open(&url, Settings::default()).await.unwrap();
        ready_and_go();
        let mut done = 0;
        for n in 0..50 {
            let append = move |c: &mut _| {
                let details = details([("n", n.into())]);
                let (number, action, subject) = (Some(NUMBER), Action::Dial, None);
                audit::append(c, &Entry { at: at(n), by: "test", action, number, subject, details })
            };
            store.write("audit", append).await.unwrap();
            done += 1;
        }
        say(&done.to_string());
    });
}
