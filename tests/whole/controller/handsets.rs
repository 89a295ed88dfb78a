//! What agents dial at their own phones.

use std::time::Duration;

use diesel::RunQueryDsl as _;
use diesel::sql_types::{BigInt, Nullable, Text};
use dozvon::missed::attempt::Disposition;
use dozvon::queue::agent::{Activity, Step};
use dozvon::sim::{Behaviour, CallerHandle, CallerScript, EndedBy, Happening, Pickup};
use dozvon::store::Store;
use dozvon::store::dnc::{self, Add, Reason};

use super::callbacks::{
    CUSTOMER, NUMBER, agrees, case, completed, later, made, miss, says, set, set_with, stands,
};
use super::stage::{ANNA, LIMIT, Stage, answers, story, until};
use super::surroundings::hold;

/// What the database may take here.
const SLOW: Duration = Duration::from_millis(200);

async fn dials(stage: &Stage, what: &str) -> CallerHandle {
    stage.sim.call(CallerScript::at_phone_of("anna", what)).await
}

/// The result of a number dialled at an agent's phone: the sounds that were heard, and FreeSWITCH's cause.
async fn heard(stage: &Stage, user: &str, what: &str) -> (Vec<String>, String) {
    let told = story(stage.sim.call(CallerScript::at_phone_of(user, what)).await).await;
    let sounds = told.happenings.into_iter().filter_map(|(_, happening)| match happening {
        Happening::Message(sound) => Some(sound),
        _ => None,
    });
    (sounds.collect(), told.cause)
}

/// FreeSWITCH's cause of the end of a call that Anna dialled.
async fn comes_to(stage: &Stage, what: &str) -> String {
    story(dials(stage, what).await).await.cause
}

/// How many dials the policy for outgoing contact has judged so.
pub async fn dials_said(stage: &Stage, said: &str) -> u64 {
    stage.metric("dozvon_outgoing_contacts_total", &format!("medium=\"dial\",result=\"{said}\"")).await
}

async fn originated(stage: &Stage) -> u64 {
    stage.originates().await
}

/// Which guards refused whose dial, for a case or for nobody's.
pub async fn refused(stage: &Stage) -> Vec<(String, String, Option<i64>)> {
    let sql = "SELECT guard, \"by\" AS who, case_id FROM refusals ORDER BY id";
    let read = stage.store.read("refusals", move |c| Ok(diesel::sql_query(sql).load::<Refusal>(c)?));
    read.await.unwrap().into_iter().map(|row| (row.guard, row.who, row.case_id)).collect()
}

/// How many calls have come in, by the reports.
async fn came_in(stage: &Stage) -> i64 {
    let sql = "SELECT sum(calls) AS n FROM v_calls_daily";
    let read = stage.store.read("report", move |c| Ok(diesel::sql_query(sql).get_result::<Counted>(c)?.n));
    read.await.unwrap()
}

#[derive(diesel::QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(diesel::QueryableByName)]
struct Refusal {
    #[diesel(sql_type = Text)]
    guard: String,
    #[diesel(sql_type = Text)]
    who: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    case_id: Option<i64>,
}

/// Story 4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_dialled_by_hand_is_counted_and_guarded_like_any() {
    let stage = set().await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    for (minutes, count) in [(0, 1), (31, 2), (91, 3)] {
        later(&stage, minutes);
        stands(&stage, "due").await;
        assert_eq!(comes_to(&stage, "84951234567").await, "NO_ANSWER");
        completed(&stage, count).await;
        // Too soon, no matter who asks.
        assert_eq!(comes_to(&stage, NUMBER).await, "CALL_REJECTED");
        assert_eq!(originated(&stage).await, count as u64);
    }
    stands(&stage, "handed_over").await;
    assert_eq!(came_in(&stage).await, 1, "the caller, and nobody whom we called");
    later(&stage, 200);
    assert_eq!(comes_to(&stage, NUMBER).await, "CALL_REJECTED", "the day's cap");
    let attempts = made(&stage).await;
    assert_eq!(attempts.len(), 3);
    assert_eq!(
        (dials_said(&stage, "allowed").await, dials_said(&stage, "recipient").await),
        (3, 4),
        "each is counted"
    );
    // The gap each time, the day's cap in the end.
    let by_anna = |guard: &str| (guard.to_owned(), "anna".to_owned(), Some(1));
    assert_eq!(refused(&stage).await, ["gap", "gap", "day_cap", "day_cap"].map(by_anna));
    for (place, row) in attempts.iter().enumerate() {
        assert_eq!(
            (row.way.as_str(), row.agent.as_ref().map(|name| name.as_str())),
            ("handset", Some("anna")),
            "{row:?}"
        );
        assert_eq!(
            (row.ordinal, row.disposition.map(|word| word.as_str())),
            (Some(place as i32 + 1), Some("busy")),
            "{row:?}"
        );
    }
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_records_the_result_of_a_talk_by_keys() {
    let stage = set().await;
    stage.phone(CUSTOMER, answers().hanging_up_after(Duration::from_millis(20))).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    assert_eq!(comes_to(&stage, "*71").await, "NORMAL_CLEARING", "no result is awaited: the agent hears so");
    let talk = story(dials(&stage, NUMBER).await).await;
    assert_eq!(talk.talked_to().len(), 1, "{talk:?}");
    until("the result is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    assert_eq!(case(&stage).await.stage.as_str(), "attempting");
    assert_eq!(comes_to(&stage, NUMBER).await, "CALL_REJECTED", "not before the result is recorded");
    assert_eq!(comes_to(&stage, "*74").await, "NORMAL_CLEARING");
    assert_eq!(made(&stage).await[0].disposition.map(|word| word.as_str()), Some("voicemail"));
    stands(&stage, "waiting").await;
    later(&stage, 31);
    stands(&stage, "due").await;
    story(dials(&stage, NUMBER).await).await;
    until("the result is awaited", async || {
        made(&stage).await.get(1).is_some_and(|row| row.state.as_str() == "wrapping_up")
    })
    .await;
    assert_eq!(comes_to(&stage, "*71").await, "NORMAL_CLEARING");
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_is_not_recorded_is_not_waited_for() {
    let stage = set().await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let anna = dials(&stage, NUMBER).await;
    until("they talk", async || {
        made(&stage).await.first().is_some_and(|row| row.state.as_str() == "talking")
    })
    .await;
    later(&stage, 2);
    anna.hang_up().await;
    let talk = story(anna).await;
    assert_eq!(talk.ended_by, EndedBy::Caller);
    until("the result is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    later(&stage, 9);
    assert_eq!(case(&stage).await.stage.as_str(), "attempting");
    later(&stage, 2);
    completed(&stage, 1).await;
    assert_eq!(
        made(&stage).await[0].disposition.map(|word| word.as_str()),
        Some("reached"),
        "two minutes are a talk"
    );
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
}

/// Whether what was dialled went on in the administrator's own dialplan as if we were not there: not answered, nothing
/// played, no row.
async fn goes_on(stage: &Stage, user: &str, what: &str) {
    let (calls, refusals, dials) = traces(stage).await;
    let told = story(stage.sim.call(CallerScript::at_phone_of(user, what)).await).await;
    let seen: Vec<_> = told
        .happenings
        .iter()
        .map(|(_, happening)| happening)
        .filter(|happening| !matches!(happening, Happening::Connected(_)))
        .collect();
    assert_eq!(seen, [&Happening::PassedOn], "{user} dials {what}");
    assert_eq!(told.cause, "NO_ROUTE_DESTINATION", "{user} dials {what}");
    assert_eq!(traces(stage).await, (calls, refusals, dials), "{user} dials {what}");
}

/// What a dial would leave behind: rows of calls, refusals, and legs to customers.
async fn traces(stage: &Stage) -> (usize, usize, u64) {
    (stage.calls().await.len(), refused(stage).await.len(), originated(stage).await)
}

async fn do_not_call(stage: &Stage) {
    let at = stage.now();
    let add = move |c: &mut _| {
        let number = NUMBER.parse().unwrap();
        let (reason, by) = (Reason::DoNotCall, "boss");
        dnc::add(c, &Add { number: &number, reason, by, note: None, at, until: None })
    };
    stage.store.write("dnc", add).await.unwrap();
}

/// dozvon handles only numbers with an open case that an agent dials.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_ours_goes_on_in_the_administrators_own_dialplan() {
    let stage = set().await;
    stage.phone(CUSTOMER, answers()).await;
    // No case; toll-free, local, abroad, unknown, emergency, internal; a number that wants no calls.
    for what in [NUMBER, "88005553535", "1234567", "810491512345678", "112233", "112", "1001", "#123"] {
        goes_on(&stage, "anna", what).await;
    }
    do_not_call(&stage).await;
    goes_on(&stage, "anna", NUMBER).await;
    let own = async || stage.metric("dozvon_handed_back_total", "\"not_recorded\"").await;
    assert_eq!(own().await, 0, "nothing failed");
}

/// dozvon does not handle what a phone dials that belongs to no agent, neither a number with an open case nor a code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dialled_at_nobodys_phone_goes_on_in_the_administrators_own_dialplan() {
    let stage = set().await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    for what in [NUMBER, "*74"] {
        goes_on(&stage, "door", what).await;
    }
    assert_eq!((made(&stage).await, case(&stage).await.stage.as_str()), (Vec::new(), "due"));
}

/// While the database does not answer in time, agents can dial as usual.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_slow_every_dial_goes_on_in_the_administrators_own_dialplan() {
    let mut stage = set().await;
    stage.settings.callback.manual_dial_lookup_timeout = SLOW;
    stage.settings.store.busy_timeout = LIMIT;
    stage.restart().await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let other = Store::open(&stage.settings.database, stage.settings.store.clone()).await.unwrap();
    let release = hold(&other).await;
    for _ in 0..2 {
        let dialled = story(dials(&stage, NUMBER).await).await;
        assert!(dialled.has(|happening| *happening == Happening::PassedOn), "{dialled:?}");
    }
    assert_eq!(originated(&stage).await, 0);
    assert_eq!(stage.metric("dozvon_handed_back_total", "\"not_recorded\"").await, 2);
    release.send(()).unwrap();
    // The first dial was recorded after all: Anna has dialled the customer, and that counts.
    completed(&stage, 1).await;
    let attempt = made(&stage).await.remove(0);
    assert_eq!(
        (attempt.counted, attempt.disposition.map(|word| word.as_str())),
        (true, Some("cancelled")),
        "{attempt:?}"
    );
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// The controller dies while the customer's phone rings: the attempt counts, and the administrator's dialplan must not dial
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_ours_does_not_go_on_when_we_die() {
    let mut stage = set().await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let anna = dials(&stage, NUMBER).await;
    until("the customer's phone rings", async || originated(&stage).await == 1).await;
    stage.kill().await;
    let told = story(anna).await;
    assert!(!told.has(|happening| *happening == Happening::PassedOn), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_hangs_up_before_the_customer_answers_has_made_an_attempt() {
    let stage = set().await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let anna = dials(&stage, NUMBER).await;
    until("the customer's phone rings", async || stage.sim.counts().await.legs_up == 1).await;
    assert_eq!(made(&stage).await[0].state.as_str(), "dialling");
    anna.hang_up().await;
    completed(&stage, 1).await;
    let attempt = made(&stage).await.remove(0);
    assert_eq!(
        (attempt.counted, attempt.disposition.map(|word| word.as_str())),
        (true, Some("cancelled")),
        "{attempt:?}"
    );
    until("it falls silent", async || stage.sim.counts().await.legs_up == 0).await;
    stands(&stage, "waiting").await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_trunk_nobody_is_dialled_and_the_customer_has_no_attempt_less() {
    let stage = set_with(|settings| settings.callback.trunks.clear()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    assert_eq!(comes_to(&stage, NUMBER).await, "NORMAL_CIRCUIT_CONGESTION");
    assert_eq!((made(&stage).await, case(&stage).await.stage.as_str()), (Vec::new(), "due"));
    // A number without a case needs no trunk of ours.
    goes_on(&stage, "anna", "+74951234569").await;
}

/// Only the agent that talked records the result, and hears whether it is on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_by_hand_goes_on_while_we_are_away_and_its_word_is_the_agents_alone() {
    let mut stage = set().await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let anna = dials(&stage, NUMBER).await;
    until("they talk", async || {
        made(&stage).await.first().is_some_and(|row| row.state.as_str() == "talking")
    })
    .await;
    until("it is on record", async || stage.calls().await.iter().any(|call| call.answered_at.is_some()))
        .await;
    stage.restart().await;
    until("watched again", async || stage.is_watching().await).await;
    let counts = stage.sim.counts().await;
    let looks = counts.of("api show");
    until("it was looked at again", async || stage.sim.counts().await.of("api show") >= looks + 3).await;
    assert_eq!((counts.of("api uuid_kill"), stage.sim.counts().await.legs_up), (0, 1), "they are left alone");
    anna.hang_up().await;
    until("the result is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    let (done, refused) = (stage.settings.sounds.done.to_string(), stage.settings.sounds.refused.to_string());
    let clears = || "NORMAL_CLEARING".to_owned();
    assert_eq!(heard(&stage, "boris", "*74").await, (vec![refused.clone()], clears()));
    assert_eq!(made(&stage).await[0].disposition, None);
    assert_eq!(heard(&stage, "anna", "*74").await, (vec![done], clears()));
    assert_eq!(heard(&stage, "anna", "*74").await, (vec![refused], clears()), "once");
    assert_eq!(made(&stage).await[0].disposition.map(|word| word.as_str()), Some("voicemail"));
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// A talk this short does not count as one. The record names the agent, not the phone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_of_a_talk_by_hand_of_which_nobody_says_anything_is_told_by_its_length() {
    let stage = set().await;
    stage.phone(CUSTOMER, answers().hanging_up_after(Duration::from_millis(20))).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    story(stage.sim.call(CallerScript::at_phone_of("1003", NUMBER)).await).await;
    until("a word is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    let attempt = made(&stage).await.remove(0);
    let by = (attempt.way.as_str(), attempt.agent.as_ref().map(|name| name.as_str()), attempt.by.as_str());
    assert_eq!(by, ("handset", Some("vera"), "vera"));
    later(&stage, 11);
    completed(&stage, 1).await;
    assert_eq!(made(&stage).await[0].disposition.map(|word| word.as_str()), Some("no_answer"));
    stands(&stage, "waiting").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_while_a_customer_is_dialled_by_hand_leaves_an_attempt() {
    let mut stage = set().await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let anna = dials(&stage, NUMBER).await;
    until("the customer's phone rings", async || stage.sim.counts().await.legs_up == 1).await;
    stage.restart().await;
    completed(&stage, 1).await;
    let attempt = made(&stage).await.remove(0);
    // A runtime that is shut down may still record that the agent's line was lost; a process that dies may not.
    let known = matches!(attempt.disposition.map(|word| word.as_str()), Some("orphaned" | "cancelled"));
    assert!(attempt.counted && known, "{attempt:?}");
    assert!(says(&stage, Disposition::Reached).await.is_err());
    anna.hang_up().await;
    stage.quiet().await;
}

/// A recorded disposition frees an agent whom we rang for a callback, no matter how it was recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_by_keys_returns_the_agent_of_a_callback_to_their_queue() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, answers().hanging_up_after(Duration::from_millis(50))).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    until("the result is awaited", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "wrapping_up")
    })
    .await;
    until("anna wraps up", async || stage.agent("anna").await.activity == Activity::WrappingUp).await;
    assert_eq!(comes_to(&stage, "*71").await, "NORMAL_CLEARING");
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
}

/// Somebody else calls from a number that is in a talk: they wait like anybody, and hear music.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_from_a_number_in_a_callback_waits_like_any_other() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    until("they talk", async || made(&stage).await.iter().any(|row| row.state.as_str() == "talking")).await;
    let second = stage.sim.call(CallerScript::new(NUMBER, "7001")).await;
    let music = stage.settings.sounds.music.as_str();
    until("the caller waits", async || stage.waiting().await == 1).await;
    until("the caller hears music", async || stage.ask("api show channels").await.contains(music)).await;
    second.hang_up().await;
    assert!(story(second).await.heard_music());
}

/// The agent is asked for the result, but callers do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_result_of_a_manual_call_does_not_keep_an_agent_from_work() {
    let stage = set().await;
    stage.phone(CUSTOMER, answers().hanging_up_after(Duration::from_millis(20))).await;
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    story(dials(&stage, NUMBER).await).await;
    until("the result is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    stage.step("anna", Step::LogIn).await;
    for caller in 1..=2 {
        assert_eq!(story(stage.caller(caller).await).await.talked_to(), [ANNA]);
        until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    }
    assert_eq!(made(&stage).await[0].disposition, None);
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}
