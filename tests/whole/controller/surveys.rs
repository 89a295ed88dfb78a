//! Callers who are asked about their talk: what they answer, and what the questions must never change.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use dozvon::queue::agent::{Activity, Step};
use dozvon::rules::file;
use dozvon::sim::{Behaviour, CallerHandle, Happening};
use dozvon::store::{Database, rules};

use super::stage::{ANNA, Stage, answers, story, until};

const HELPFUL: &str = "tone_stream://%(9000,0,440)";
const QUICK: &str = "tone_stream://%(9000,0,550)";
const THANKS: &str = "tone_stream://%(100,0,660)";

/// A queue with a survey of two questions.
async fn stage() -> Stage {
    let mut stage = Stage::set().await;
    let text = format!(
        r#"
prompt = [
    {{ name = "helpful", source = "{HELPFUL}" }},
    {{ name = "quick", source = "{QUICK}" }},
    {{ name = "thanks", source = "{THANKS}" }},
]
agent = [{{ name = "anna", contacts = ["{ANNA}"] }}]

[[queue]]
name = "sales"
overflow = {{ message = "thanks" }}
survey = {{ questions = ["helpful", "quick"], thanks = "thanks" }}
tiers = [{{ agent = "anna" }}]

[[route]]
name = "main"
number = "7001"
open = {{ queue = "sales" }}
"#
    );
    let stated = file::parse("rules.toml", &text, stage.settings.zone).unwrap_or_else(|why| panic!("{why}"));
    stage.store.write("rules", move |c| rules::replace(c, &stated).map(drop)).await.unwrap();
    stage.restart().await;
    stage.step("anna", Step::LogIn).await;
    stage
}

#[derive(Debug, QueryableByName, PartialEq, Eq)]
struct Row {
    #[diesel(sql_type = Text)]
    question: String,
    #[diesel(sql_type = BigInt)]
    answer: i64,
}

/// The answers on record, in the order of the questions.
async fn answered(stage: &Stage) -> Vec<(String, i64)> {
    let read = |c: &mut Database| {
        Ok(diesel::sql_query("SELECT question, answer FROM survey_answers ORDER BY ordinal")
            .load::<Row>(c)?)
    };
    let rows = stage.store.read("test", read).await.unwrap();
    rows.into_iter().map(|row| (row.question, row.answer)).collect()
}

/// How many sounds have begun. Each question is one.
async fn sounds(stage: &Stage) -> u64 {
    stage.commands("sendmsg execute playback").await
}

/// Waits for the next sound after `before`.
async fn next_sound(stage: &Stage, before: u64) {
    until("the next sound begins", async || sounds(stage).await > before).await;
}

/// A caller who talks to anna, and how many sounds they had heard by then.
async fn talks(stage: &Stage, anna: Behaviour) -> (CallerHandle, u64) {
    stage.phone(ANNA, anna).await;
    let caller = stage.caller(1).await;
    until("they talk", async || stage.agent("anna").await.activity == Activity::Talking).await;
    (caller, sounds(stage).await)
}

/// The call was answered, ended once, and owes nothing; anna is free.
async fn is_answered(stage: &Stage) {
    stage.quiet().await;
    until("the call has ended", async || stage.calls().await.iter().all(|call| call.ended_at.is_some()))
        .await;
    let calls = stage.calls().await;
    let endings: Vec<_> = calls.iter().map(|call| call.ending.map(|ending| ending.as_str())).collect();
    assert_eq!((endings, stage.cases().await), (vec![Some("answered")], 0), "{calls:#?}");
    assert_eq!(stage.agent("anna").await.activity, Activity::Idle);
}

const TALK: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_answers_each_question_and_hears_thanks() {
    let stage = stage().await;
    let (caller, before) = talks(&stage, answers().hanging_up_after(TALK)).await;
    next_sound(&stage, before).await;
    caller.press('5').await;
    next_sound(&stage, before + 1).await;
    assert_eq!(stage.agent("anna").await.activity, Activity::Idle, "the agent is free during the survey");
    caller.press('2').await;
    let told = story(caller).await;
    assert_eq!(answered(&stage).await, [("helpful".to_owned(), 5), ("quick".to_owned(), 2)]);
    let messages: Vec<_> = told
        .happenings
        .iter()
        .filter_map(|(_, it)| match it {
            Happening::Message(source) => Some(source.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(messages, [HELPFUL, QUICK, THANKS], "{told:?}");
    assert!(told.has(|it| *it == Happening::HeardOut(THANKS.to_owned())), "{told:?}");
    assert!(!told.heard_fallback() && told.longest_silence < Duration::from_secs(1), "{told:?}");
    is_answered(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_no_answer_and_a_caller_who_hangs_up_loses_nothing() {
    let stage = stage().await;
    let (caller, before) = talks(&stage, answers().hanging_up_after(TALK)).await;
    next_sound(&stage, before).await;
    caller.press('7').await;
    next_sound(&stage, before + 1).await;
    caller.press('1').await;
    until("the answer is on record", async || answered(&stage).await.len() == 1).await;
    caller.hang_up().await;
    story(caller).await;
    assert_eq!(answered(&stage).await, [("helpful".to_owned(), 1)]);
    is_answered(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_ends_the_talk_is_not_asked() {
    let stage = stage().await;
    let (caller, before) = talks(&stage, answers()).await;
    caller.hang_up().await;
    story(caller).await;
    is_answered(&stage).await;
    assert_eq!((sounds(&stage).await, answered(&stage).await.len()), (before, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_that_outlives_the_controller_is_asked_about_too() {
    let mut stage = stage().await;
    let (caller, before) = talks(&stage, answers().hanging_up_after(Duration::from_secs(2))).await;
    stage.restart().await;
    next_sound(&stage, before).await;
    caller.press('4').await;
    until("the answer is on record", async || answered(&stage).await.len() == 1).await;
    caller.hang_up().await;
    story(caller).await;
    is_answered(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_dies_while_it_asks_ends_the_call() {
    let mut stage = stage().await;
    let (caller, before) = talks(&stage, answers().hanging_up_after(TALK)).await;
    next_sound(&stage, before).await;
    stage.kill().await;
    let told = story(caller).await;
    assert!(!told.heard_fallback(), "{told:?}");
    stage.start().await;
    is_answered(&stage).await;
    assert_eq!(answered(&stage).await, []);
}
