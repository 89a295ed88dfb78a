//! What the CRM has answered, and which talks are written into it.

use std::time::Duration;

use dozvon::missed::ending::{Ending, Stage};
use dozvon::missed::verdict::{Verdict, Why};
use dozvon::store::calls::{self, Ended};
use dozvon::store::crm::{TokenRow, assign, keep_tokens, lacks_assignee, tokens};
use dozvon::store::{cases, outbox};

use crate::support::company::{NOON, abandoned, agent, arrive, at, open_for_business, ring, talk};
use crate::support::database::for_each_database;

fn pair(n: u32) -> TokenRow {
    TokenRow { access: format!("a{n}"), refresh: format!("r{n}"), root: "root".to_owned() }
}

#[test]
fn of_the_tokens_only_the_last_pair_is_kept() {
    for_each_database(async |db| {
        assert_eq!(db.store.read("test", tokens).await.unwrap(), None);
        for n in 1..=3 {
            db.write(move |c| keep_tokens(c, &pair(n), NOON)).await;
        }
        assert_eq!(db.store.read("test", tokens).await.unwrap(), Some(pair(3)));
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM crm_tokens"), 1);
        db.refused(|c| keep_tokens(c, &TokenRow { refresh: String::new(), ..pair(4) }, NOON)).await;
        assert!(!format!("{:?}", pair(5)).contains("a5"), "tokens are not shown");
    });
}

#[test]
fn an_assignee_is_named_once_while_the_case_is_open_and_must_be_one_of_ours() {
    for_each_database(async |db| {
        let miss = |db_at: u64| {
            move |c: &mut _| {
                let call = arrive(c, "sales", at(db_at))?;
                Ok(calls::end(c, &abandoned(call, at(db_at + 5000)))?.unwrap())
            }
        };
        db.write(open_for_business).await;
        let case = db.write(miss(1000)).await;
        assert!(!db.write(move |c| assign(c, case, &agent("nobody"))).await);
        assert!(db.store.read("test", move |c| lacks_assignee(c, case)).await.unwrap());
        assert!(db.write(move |c| assign(c, case, &agent("boris"))).await);
        assert!(!db.store.read("test", move |c| lacks_assignee(c, case)).await.unwrap());
        assert!(!db.write(move |c| assign(c, case, &agent("anna"))).await, "the owner is named already");
        let row = db.store.read("test", move |c| cases::get(c, case)).await.unwrap();
        assert_eq!(row.assignee.as_ref().map(|name| name.as_str()), Some("boris"));
    });
}

#[test]
fn a_talk_is_an_event_only_if_somebody_wants_to_be_told() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        for tell in [false, true] {
            let from = if tell { 100_000 } else { 1_000 };
            let call = db
                .write(move |c| {
                    let call = arrive(c, "sales", at(from))?;
                    let offer = ring(c, call, if tell { "anna" } else { "boris" }, at(from + 1_000))?;
                    talk(c, call, offer, at(from + 3_000))?;
                    let end = Ended {
                        call,
                        ending: Ending::Answered,
                        stage: Stage::Talking,
                        cause: "NORMAL_CLEARING".to_owned(),
                        answered_at: None,
                        asked: None,
                        verdict: Verdict::Nothing(Why::Internal),
                        grace: Duration::ZERO,
                        min_talk: Duration::from_secs(5),
                        flood: dozvon::missed::flood::Limits::default(),
                        tell,
                        menus: Vec::new(),
                        left_message: false,
                        calls_back: None,
                        at: at(from + 13_000),
                        now: at(from + 13_000),
                    };
                    calls::end(c, &end).map(|_| call)
                })
                .await;
            let kinds = db.raw().texts("SELECT kind AS v FROM outbox");
            assert_eq!(kinds, vec!["call.ended"; usize::from(tell)]);
            if tell {
                let said = db.raw().texts("SELECT payload AS v FROM outbox");
                let said: serde_json::Value = serde_json::from_str(&said[0]).unwrap();
                assert_eq!((&said["call"], &said["agent"]), (&call.to_string().into(), &"anna".into()));
                assert_eq!((&said["talk_ms"], &said["wait_ms"]), (&10_000.into(), &3_000.into()));
                assert_eq!(said["began_at"], at(from).0);
            }
        }
        assert!(db.store.read("test", outbox::backlog).await.is_ok());
    });
}
