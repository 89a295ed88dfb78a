//! The views: the same numbers on both databases, and every column described.

use std::collections::BTreeSet;
use std::time::Duration;

use dozvon::ids::{CallId, ChannelId};
use dozvon::missed::case::Reason;
use dozvon::missed::ending::{Ending, Stage};
use dozvon::missed::verdict::{Verdict, Why};
use dozvon::queue::offer::Outcome;
use dozvon::store::calls::{self, Ended};
use dozvon::store::offers::{self, EndUnanswered};
use dozvon::store::reports::{self, CallsDaily, CaseLine, Days, Gauges, OffersByAgent};
use dozvon::store::surveys::{self, Answer};
use dozvon::store::{Database, StoreError, case_closing, waits};

use crate::support::company::{TODAY, abandoned, arrival, arrive, at, open_for_business, queue, ring, talk};
use crate::support::database::for_each_database;

fn today() -> Days {
    Days { from: TODAY.parse().unwrap(), to: TODAY.parse().unwrap() }
}

/// Six calls to sales: answered in 5 s and in 30 s (the second after a miss of anna), abandoned after 4 s and 60 s,
/// one that overflows to support and is answered there; and one refused.
fn a_day(c: &mut Database) -> Result<(), StoreError> {
    open_for_business(c)?;
    served(c, "sales", "anna", 0, 5000)?;
    let late = arrive(c, "sales", at(100_000))?;
    let missed = ring(c, late, "anna", at(100_000))?;
    offers::end_unanswered(
        c,
        &EndUnanswered {
            offer: missed,
            outcome: Outcome::NoAnswer,
            cause: "NO_ANSWER".to_owned(),
            at: at(120_000),
            ready_at: at(125_000),
            max_no_answer: 3,
        },
    )?;
    end_with(c, late, "boris", 130_000)?;
    for (from, ms) in [(200_000, 4000), (300_000, 60_000)] {
        let call = arrive(c, "sales", at(from))?;
        calls::end(c, &abandoned(call, at(from + ms)))?;
    }
    let moved = arrive(c, "sales", at(400_000))?;
    waits::join(c, moved, &queue("support"), at(700_000))?;
    end_with(c, moved, "vera", 710_000)?;
    let refused = arrival(None, at(800_000));
    calls::arrive(c, &refused)?;
    let ended = Ended {
        ending: Ending::Refused,
        stage: Stage::Message,
        verdict: Verdict::Case(Reason::ClosedHours),
        ..abandoned(refused.id, at(810_000))
    };
    calls::end(c, &ended)?;
    let waits_still = arrive(c, "sales", at(900_000))?;
    ring(c, waits_still, "boris", at(900_000))?;
    Ok(())
}

fn served(c: &mut Database, queue: &str, agent: &str, from: u64, wait: u64) -> Result<(), StoreError> {
    let call = arrive(c, queue, at(from))?;
    end_with(c, call, agent, from + wait)
}

/// The agent answers after 3 s of ringing and they talk for 10 s.
fn end_with(c: &mut Database, call: CallId, agent: &str, bridged: u64) -> Result<(), StoreError> {
    let offer = ring(c, call, agent, at(bridged - 3000))?;
    talk(c, call, offer, at(bridged))?;
    offers::end_talk(c, offer, at(bridged + 10_000), Duration::ZERO)?;
    let ended = Ended {
        ending: Ending::Answered,
        stage: Stage::Talking,
        verdict: Verdict::Nothing(Why::GotThrough),
        ..abandoned(call, at(bridged + 10_000))
    };
    calls::end(c, &ended).map(drop)
}

fn line(row: &CallsDaily) -> String {
    format!(
        "{} {}: {} calls, {} offered, {}+{} answered, {}+{} abandoned, {} timed out; max {:?} avg {:?}",
        row.queue,
        row.ending,
        row.calls,
        row.offered,
        row.answered_in_time,
        row.answered - row.answered_in_time,
        row.abandoned_in_time,
        row.abandoned - row.abandoned_in_time,
        row.timed_out,
        row.wait_max_ms,
        row.wait_avg_ms,
    )
}

/// The caller of the talk that began at `bridged` gives one mark to each question, and one of them again.
fn marks(c: &mut Database, call: CallId, given: &[i32]) -> Result<(), StoreError> {
    for (ordinal, mark) in (1..).zip(given) {
        let question = if ordinal == 1 { "helpful" } else { "quick" }.parse().unwrap();
        let answer = Answer { call, ordinal, question, mark: *mark, at: at(999_000) };
        surveys::answer(c, &answer)?;
        surveys::answer(c, &Answer { mark: 1, ..answer })?;
    }
    Ok(())
}

#[test]
fn answers_are_counted_for_each_queue_agent_and_question() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            for (agent, begins, given) in
                [("anna", 0, &[5, 4][..]), ("anna", 100_000, &[2]), ("boris", 200_000, &[3])]
            {
                let call = arrive(c, "sales", at(begins))?;
                end_with(c, call, agent, begins + 5000)?;
                marks(c, call, given)?;
                let kept: Vec<_> = surveys::of_call(c, call)?.iter().map(|it| it.mark).collect();
                assert_eq!(kept, given, "each question is answered once");
            }
            let unanswered = arrive(c, "sales", at(300_000))?;
            let (row, other) = (arrival(None, at(400_000)), ChannelId::new());
            calls::arrive(c, &row)?;
            assert_eq!(surveys::talked(c, row.id, row.channel)?, None, "this caller has not talked");
            assert_eq!(surveys::talked(c, unanswered, other)?, None, "this is another channel");
            Ok(())
        })
        .await;
        let rows = db.store.read("report", |c| reports::survey_answers(c, today())).await.unwrap();
        let shown: Vec<_> = rows
            .iter()
            .map(|row| {
                let marks = [row.answers_1, row.answers_2, row.answers_3, row.answers_4, row.answers_5];
                (row.agent.as_str(), row.question.as_str(), row.answers, row.answer_avg, marks)
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("anna", "helpful", 2, 3.5, [0, 1, 0, 0, 1]),
                ("anna", "quick", 1, 4.0, [0, 0, 0, 1, 0]),
                ("boris", "helpful", 1, 3.0, [0, 0, 1, 0, 0]),
            ]
        );
        assert!(rows.iter().all(|row| row.queue == "sales" && row.business_day.to_string() == TODAY));
    });
}

/// Whom we call, and whom agents call, are no callers: neither their waits nor their endings are in the report, and
/// they do not stand among those who wait.
#[test]
fn calls_that_we_or_agents_make_are_in_no_report_of_callers() {
    for_each_database(async |db| {
        db.write(a_day).await;
        let report = async || {
            let rows = db.store.read("report", |c| reports::calls_daily(c, today())).await.unwrap();
            rows.iter().map(line).collect::<Vec<_>>()
        };
        let waiting = async || db.store.read("waiting", waits::waiting).await.unwrap().len();
        let (before, waited) = (report().await, waiting().await);
        let ours = db
            .write(|c| {
                let served = arrive(c, "sales", at(1_000_000))?;
                end_with(c, served, "anna", 1_005_000)?;
                let gone = arrive(c, "sales", at(1_100_000))?;
                calls::end(c, &abandoned(gone, at(1_160_000)))?;
                Ok([served, gone, arrive(c, "sales", at(1_200_000))?])
            })
            .await;
        assert_ne!(
            (report().await, waiting().await),
            (before.clone(), waited),
            "they count while they are callers"
        );
        for direction in ["callback", "manual"] {
            for call in ours {
                db.raw()
                    .run(&format!("UPDATE calls SET direction = '{direction}' WHERE id = '{call}'"))
                    .unwrap();
            }
            assert_eq!((report().await, waiting().await), (before.clone(), waited), "{direction}");
        }
    });
}

#[test]
fn calls_are_counted_by_day_queue_and_ending_with_the_service_level() {
    for_each_database(async |db| {
        db.write(a_day).await;
        let rows = db.store.read("report", |c| reports::calls_daily(c, today())).await.unwrap();
        assert_eq!(
            rows.iter().map(line).collect::<Vec<_>>(),
            [
                "- refused: 1 calls, 0 offered, 0+0 answered, 0+0 abandoned, 0 timed out; max None avg None",
                "sales abandoned: 2 calls, 2 offered, 0+0 answered, 1+1 abandoned, 0 timed out; max Some(60000) avg Some(32000)",
                "sales answered: 2 calls, 3 offered, 1+1 answered, 0+0 abandoned, 1 timed out; max Some(300000) avg Some(111667)",
                "support answered: 1 calls, 1 offered, 1+0 answered, 0+0 abandoned, 0 timed out; max Some(10000) avg Some(10000)",
            ]
        );
        // Sales: five stays, one answered of two in time, one abandoned in time.
        for row in rows.iter().filter(|row| row.queue == "sales") {
            assert_eq!(row.service_level_negative_abandon_pct, Some(20.0));
            assert_eq!(row.service_level_only_handled_pct, Some(50.0));
            assert_eq!(row.service_level_positive_abandon_pct, Some(40.0));
            assert_eq!(row.service_level_without_abandon_pct, Some(25.0));
            assert_eq!(row.abandoned_pct, Some(40.0));
            assert_eq!(row.business_day.to_string(), TODAY);
        }
        assert_eq!(rows[0].service_level_negative_abandon_pct, None, "nothing was offered");
        assert_eq!(rows[3].service_level_negative_abandon_pct, Some(100.0));
        assert_eq!((rows[2].talk_avg_ms, rows[1].talk_avg_ms), (Some(10_000), None));
        assert_eq!((rows[2].earliest.as_str(), rows[2].earliest_at), ("2026-11-23T09:00:00Z", at(0).0));
        let tomorrow = Days { from: "2026-11-24".parse().unwrap(), to: "2026-11-30".parse().unwrap() };
        assert!(
            db.store.read("report", move |c| reports::calls_daily(c, tomorrow)).await.unwrap().is_empty()
        );
        let waits = db.store.read("report", |c| reports::waits_answered(c, today())).await.unwrap();
        assert_eq!(waits, [5000, 30_000, 310_000]);
    });
}

#[test]
fn offers_are_counted_by_agent_and_outcome() {
    for_each_database(async |db| {
        db.write(a_day).await;
        let rows = db.store.read("report", |c| reports::offers_by_agent(c, today())).await.unwrap();
        let line = |row: &OffersByAgent| {
            format!(
                "{} {}: {} rang {:?} talked {:?}, answered {:?}",
                row.agent, row.outcome, row.offers, row.ring_ms, row.talk_ms, row.answered_pct
            )
        };
        assert_eq!(
            rows.iter().map(line).collect::<Vec<_>>(),
            [
                "anna answered: 1 rang Some(3000) talked Some(10000), answered Some(50.0)",
                "anna no_answer: 1 rang Some(20000) talked None, answered Some(50.0)",
                "boris answered: 1 rang Some(3000) talked Some(10000), answered Some(100.0)",
                "vera answered: 1 rang Some(3000) talked Some(10000), answered Some(100.0)",
            ]
        );
    });
}

#[test]
fn cases_are_shown_with_state_reason_and_age() {
    for_each_database(async |db| {
        db.write(a_day).await;
        let first: Vec<CaseLine> = db.store.read("report", |c| reports::cases(c, today())).await.unwrap();
        assert_eq!(first.len(), 2, "between the second miss and the third the caller got through");
        let (paid, case) = (&first[0], &first[1]);
        assert_eq!((paid.state.as_str(), paid.misses, paid.stage.as_deref()), ("closed", 2, None));
        assert_eq!(paid.close_reason.as_deref(), Some("caller_reached_us"));
        assert_eq!((case.state.as_str(), case.reason.as_str(), case.misses), ("open", "closed_hours", 1));
        assert_eq!(case.stage.as_deref(), Some("settling"));
        assert_eq!((case.opened.as_str(), case.queue.as_str()), ("2026-11-23T09:13:30Z", "-"));
        let id = dozvon::ids::CaseId(case.id);
        let close = move |c: &mut Database| {
            let reason = dozvon::missed::case::Closed::AgentReached;
            case_closing::close(c, id, reason, "anna", None, at(810_000 + 59 * 60_000))
        };
        db.write(close).await;
        let closed = db.store.read("report", |c| reports::cases(c, today())).await.unwrap();
        assert_eq!((closed[1].age.as_str(), closed[1].age_min), ("under_1h", 59));
        assert_eq!(closed[1].close_reason.as_deref(), Some("agent_reached"));
    });
}

#[test]
fn gauges_count_open_cases_and_agents() {
    for_each_database(async |db| {
        db.write(a_day).await;
        let gauges: Gauges = db.store.read("gauges", reports::gauges).await.unwrap();
        assert_eq!(gauges.cases_open, 1);
        let mut agents = gauges.agents;
        agents.sort();
        let word = str::to_owned;
        assert_eq!(agents, [(word("available"), word("idle"), 2), (word("available"), word("ringing"), 1)]);
    });
}

/// The fields of a row, as they are written.
fn fields<T: serde::Serialize>(row: &T) -> BTreeSet<String> {
    let row = serde_json::to_value(row).unwrap();
    row.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_column_is_read_and_described() {
    let readme = include_str!("../../../docs/reference/views.md");
    for_each_database(async |db| {
        db.write(a_day).await;
        db.write(|c| {
            let call = arrive(c, "sales", at(950_000))?;
            end_with(c, call, "vera", 960_000)?;
            marks(c, call, &[5])
        })
        .await;
        let (calls, offers, cases, surveys) = db
            .store
            .read("report", |c| {
                Ok((
                    reports::calls_daily(c, today())?,
                    reports::offers_by_agent(c, today())?,
                    reports::cases(c, today())?,
                    reports::survey_answers(c, today())?,
                ))
            })
            .await
            .unwrap();
        let read = [
            ("v_survey_answers", fields(&surveys[0])),
            ("v_calls_daily", fields(&calls[0])),
            ("v_offers_by_agent", fields(&offers[0])),
            ("v_cases", fields(&cases[0])),
        ];
        let read = read.map(|(view, read)| (view, Some(read)));
        for (view, read) in read.into_iter().chain([("v_messages", None)]) {
            let columns = if db.is_sqlite() {
                format!("SELECT name AS v FROM pragma_table_info('{view}')")
            } else {
                format!(
                    "SELECT column_name::text AS v FROM information_schema.columns WHERE table_name = '{view}'"
                )
            };
            let held: BTreeSet<String> = db.raw().texts(&columns).into_iter().collect();
            assert!(read.is_none_or(|read| held == read), "{view}: {held:?}");
            let chapter = readme.split("\n## ").find(|chapter| chapter.starts_with(view)).unwrap();
            for column in &held {
                assert!(
                    chapter.contains(&format!("| `{column}` | ")),
                    "{view}.{column} is not in docs/reference/views.md"
                );
            }
            if !db.is_sqlite() {
                let described = format!(
                    "SELECT count(*) AS v FROM pg_description d JOIN pg_class c ON c.oid = d.objoid \
                     WHERE c.relname = '{view}' AND d.objsubid > 0"
                );
                assert_eq!(
                    db.raw().number(&described),
                    i64::try_from(held.len()).unwrap(),
                    "{view}: comments"
                );
            }
        }
    });
}
