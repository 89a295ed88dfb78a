//! Callers who ask for a callback by a key: nothing is lost, and whoever has waited keeps their place in the queue.

use std::time::Duration;

use dozvon::config::Settings;
use dozvon::missed::asked::AskNumber;
use dozvon::missed::attempt::Disposition;
use dozvon::queue::agent::{Activity, Step};
use dozvon::rules::file;
use dozvon::sim::{Behaviour, CallerHandle, CallerScript, Pickup};
use dozvon::store::callbacks::{self, GivenDisposition};
use dozvon::store::calls::CallRow;
use dozvon::store::cases::{self, CaseRow};
use dozvon::store::{attempts, rules};

use super::callbacks::{agrees, set_with};
use super::stage::{ANNA, Stage, answers, story, until};

const RULES: &str = r#"
[[prompt]]
name = "bye"
source = "tone_stream://%(50,0,880)"

[[agent]]
name = "anna"
contacts = ["sofia/internal/anna@10.0.0.1"]
no_answer_delay = "0s"

[[policy]]
name = "quick"
profile = "service"
accept_timeout = "1s"

[[queue]]
name = "sales"
policy = "quick"
max_wait = "never"
overflow = { message = "bye" }
keys = [{ digits = "1", to = { callback = "sales" } }]
tiers = [{ agent = "anna" }]

[[menu]]
name = "closed"
prompts = ["bye"]
timeout = "300ms"
missed = false
failed = { message = "bye" }
options = [{ digits = "3", to = { callback = "sales", then = { message = "bye" } } }]

[[route]]
name = "main"
number = "7001"
open = { queue = "sales" }

[[route]]
name = "menu"
number = "7002"
open = { menu = "closed" }
"#;

async fn office(change: impl FnOnce(&mut Settings)) -> Stage {
    let mut stage = set_with(|settings| {
        settings.callback.number_timeout = Duration::from_secs(1);
        change(settings);
    })
    .await;
    let new =
        file::parse("rules.toml", RULES, stage.settings.zone).unwrap_or_else(|faults| panic!("{faults}"));
    stage.store.write("rules", move |c| rules::replace(c, &new).map(drop)).await.unwrap();
    stage.restart().await;
    stage
}

/// Fixed lines in Moscow, so that the hour at which the test runs does not matter.
fn number(n: usize) -> String {
    format!("+7495123456{n}")
}

async fn dials(stage: &Stage, from: &str, dialled: &str, keys: &[(u64, char)]) -> CallerHandle {
    let mut script = CallerScript::new(from, dialled);
    script.keys = keys.iter().map(|(ms, key)| (Duration::from_millis(*ms), *key)).collect();
    script.talk = Some(Duration::from_millis(30));
    stage.sim.call(script).await
}

async fn ended(stage: &Stage) -> Vec<(String, Option<String>)> {
    let rows = stage.calls().await;
    let inbound = rows.into_iter().filter(|row| row.direction.as_str() == "inbound");
    inbound.map(|row| (row.ending.unwrap().to_string(), row.cause)).collect()
}

async fn all_cases(stage: &Stage) -> Vec<CaseRow> {
    stage.store.read("cases", |c| cases::list(c, None, None, 100)).await.unwrap()
}

async fn only_case(stage: &Stage) -> CaseRow {
    let mut all = all_cases(stage).await;
    assert_eq!(all.len(), 1, "{all:#?}");
    all.pop().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_opens_a_case_that_is_due_at_once_and_the_call_goes_on() {
    let stage = office(|_| {}).await;
    let told = story(dials(&stage, &number(1), "7002", &[(100, '3')]).await).await;
    stage.quiet().await;
    assert!(told.longest_silence < Duration::from_secs(1), "{told:?}");
    assert_eq!(ended(&stage).await, [("asked_callback".to_owned(), Some("NORMAL_CLEARING".to_owned()))]);
    until("the case is due", async || only_case(&stage).await.stage.as_str() == "due").await;
    let case = only_case(&stage).await;
    assert_eq!((case.reason.as_str(), case.number.as_str()), ("asked_callback", number(1).as_str()));
    assert_eq!(case.queue.unwrap().as_str(), "sales", "though the caller was never there");
    assert_eq!(case.place_at, None, "so they have no place to keep");
}

/// The menu says that nobody is owed anything in it, and the prompt of the callback is longer than they stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hangs_up_after_the_key_has_asked() {
    let stage = office(|settings| {
        settings.sounds.missing_prompt = "tone_stream://%(5000,0,440)".parse().unwrap();
    })
    .await;
    let caller = dials(&stage, &number(1), "7002", &[(100, '3')]).await;
    until("the key is on record", async || {
        let asked = |c: &mut dozvon::store::Database| Ok(dozvon::store::recovery::open(c)?.calls);
        stage.store.read("open", asked).await.unwrap().iter().any(|call| call.asked.is_some())
    })
    .await;
    caller.hang_up().await;
    story(caller).await;
    stage.quiet().await;
    assert_eq!(ended(&stage).await[0].0, "asked_callback");
    assert_eq!(only_case(&stage).await.reason.as_str(), "asked_callback");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_a_number_enters_one_and_nothing_else_is_called() {
    let stage = office(|_| {}).await;
    let keys = |text: &str, from: u64| -> Vec<(u64, char)> {
        text.chars().enumerate().map(|(n, key)| (from + 60 * n as u64, key)).collect()
    };
    let told = story(dials(&stage, "anonymous", "7002", &keys("3999#84951234567#", 100)).await).await;
    stage.quiet().await;
    let case = only_case(&stage).await;
    assert_eq!((case.number.as_str(), case.reason.as_str()), ("+74951234567", "asked_callback"), "{told:?}");
    assert!(told.longest_silence < Duration::from_secs(1), "{told:?}");
    // Abroad, then nothing.
    story(dials(&stage, "anonymous", "7002", &keys("300493012345678#", 100)).await).await;
    stage.quiet().await;
    assert_eq!(ended(&stage).await[1].0, "asked_callback");
    assert_eq!(all_cases(&stage).await.len(), 1, "nobody can be called for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_may_confirm_the_number_that_they_show_or_enter_another() {
    let stage = office(|settings| settings.callback.ask_number = AskNumber::Always).await;
    let other: Vec<(u64, char)> =
        "384951234567#".chars().enumerate().map(|(n, key)| (100 + 60 * n as u64, key)).collect();
    for (from, keys) in [
        (number(1), vec![(100, '3'), (300, '1'), (360, '#')]),
        (number(2), vec![(100, '3')]),
        (number(3), other),
    ] {
        story(dials(&stage, &from, "7002", &keys).await).await;
        stage.quiet().await;
    }
    let mut numbers: Vec<String> =
        all_cases(&stage).await.into_iter().map(|case| case.number.to_string()).collect();
    numbers.sort();
    assert_eq!(numbers, [number(1), number(2), "+74951234567".to_owned()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_survives_the_controller() {
    let mut stage = office(|settings| {
        settings.sounds.missing_prompt = "tone_stream://%(3000,0,440)".parse().unwrap();
    })
    .await;
    let is_asked = async |stage: &Stage| {
        let asked = |c: &mut dozvon::store::Database| Ok(dozvon::store::recovery::open(c)?.calls);
        stage.store.read("open", asked).await.unwrap().iter().any(|call| call.asked.is_some())
    };
    // This caller is brought back by the dialplan.
    let caller = dials(&stage, &number(1), "7001", &[(200, '1')]).await;
    until("the key is on record", async || is_asked(&stage).await).await;
    stage.restart().await;
    story(caller).await;
    until("the call has ended", async || stage.calls().await[0].ended_at.is_some()).await;
    assert_eq!(ended(&stage).await[0].0, "asked_callback");
    // This one is gone before the next controller is there.
    let caller = dials(&stage, &number(2), "7002", &[(100, '3')]).await;
    until("the key is on record", async || is_asked(&stage).await).await;
    stage.kill().await;
    caller.hang_up().await;
    story(caller).await;
    stage.start().await;
    until("both are owed", async || all_cases(&stage).await.len() == 2).await;
    for case in all_cases(&stage).await {
        assert_eq!(case.reason.as_str(), "asked_callback");
        let kept = case.place_queue.as_ref().map(|queue| queue.as_str());
        assert_eq!(kept, (case.number.as_str() == number(1)).then_some("sales"), "one of them had waited");
    }
}

/// The numbers of those with whom the agent talked, in order.
async fn talked(stage: &Stage) -> Vec<String> {
    let mut rows: Vec<CallRow> =
        stage.calls().await.into_iter().filter(|row| row.answered_at.is_some()).collect();
    rows.sort_by_key(|row| row.answered_at);
    rows.iter().map(|row| row.number.as_ref().unwrap().to_string()).collect()
}

/// The agent records the result of each callback as soon as the talk is over.
async fn record_results(stage: &Stage) {
    if stage.agent("anna").await.activity != Activity::WrappingUp {
        return;
    }
    let (callback_rules, at) = (stage.callback_rules().await, stage.now());
    let record = move |c: &mut dozvon::store::Database| {
        for case in cases::list(c, None, None, 100)? {
            let is_over = |row: &attempts::AttemptRow| row.state.as_str() == "wrapping_up";
            if attempts::of_case(c, case.id)?.iter().any(is_over) {
                let disposition = Disposition::Reached;
                let (later, note, by) = (None, None, "anna");
                let said = GivenDisposition { case: case.id, disposition, later, note, by, at };
                callbacks::record_disposition(c, &callback_rules, &said)?;
            }
        }
        Ok(())
    };
    stage.store.write("record", record).await.unwrap();
    let row = stage.agent("anna").await;
    stage.tell_dispatcher(row).await;
}

/// `true`: asks for a callback by a key; `false`: waits. Returns those who wait.
async fn call_in_turn(stage: &Stage, asks: &[bool]) -> Vec<CallerHandle> {
    let mut waiting = Vec::new();
    for (n, asks) in asks.iter().enumerate() {
        let contact = format!("gateway/trunk/{}", number(n));
        stage.phone(&contact, answers().hanging_up_after(Duration::from_millis(30))).await;
        let keys: &[(u64, char)] = if *asks { &[(150, '1')] } else { &[] };
        let caller = dials(stage, &number(n), "7001", keys).await;
        if *asks {
            story(caller).await;
        } else {
            waiting.push(caller);
        }
        until("everybody stands in the queue", async || stage.waiting().await == n as u64 + 1).await;
    }
    waiting
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_asked_and_those_who_wait_are_served_in_the_order_of_their_calls() {
    for asks in [[true, false, true, false], [false, true, true, false]] {
        let stage = office(|_| {}).await;
        stage.phone(ANNA, agrees()).await;
        let waiting = call_in_turn(&stage, &asks).await;
        // Longer than one lease of a case.
        let leases =
            async || all_cases(&stage).await.into_iter().map(|case| case.next_at).collect::<Vec<_>>();
        let before = leases().await;
        until("the leases are renewed", async || {
            leases().await.iter().zip(&before).all(|(now, old)| now > old)
        })
        .await;
        assert_eq!(stage.waiting().await, 4, "and nobody lost their place meanwhile");
        stage.step("anna", Step::LogIn).await;
        until("all are served", async || {
            record_results(&stage).await;
            talked(&stage).await.len() == 4
        })
        .await;
        assert_eq!(talked(&stage).await, (0..4).map(number).collect::<Vec<_>>(), "{asks:?}");
        for caller in waiting {
            assert_eq!(story(caller).await.talked_to(), [ANNA]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_survives_the_controller_and_is_used_once() {
    let mut stage = office(|_| {}).await;
    stage.phone(ANNA, agrees()).await;
    let waiting = call_in_turn(&stage, &[true, false]).await;
    stage.phone(&format!("gateway/trunk/{}", number(0)), Behaviour::new(Pickup::Busy)).await;
    stage.restart().await;
    until("both stand in the queue again", async || stage.waiting().await == 2).await;
    let kept = only_case(&stage).await;
    assert_eq!(kept.place_at, Some(stage.calls().await[0].arrived_at));
    stage.step("anna", Step::LogIn).await;
    for caller in waiting {
        assert_eq!(story(caller).await.talked_to(), [ANNA]);
    }
    let case = only_case(&stage).await;
    let dialled = stage.store.read("attempts", move |c| attempts::of_case(c, case.id)).await.unwrap();
    let waited = stage.calls().await.into_iter().find(|row| row.answered_at.is_some()).unwrap();
    let talk = waited.answered_at.unwrap();
    assert!(dialled.len() == 1 && dialled[0].at <= talk, "{dialled:#?}");
    assert_eq!((case.place_at, case.stage.as_str()), (None, "waiting"), "an ordinary case from now on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_was_cut_off_gets_the_place_back_once() {
    let stage = office(|_| {}).await;
    stage.phone(ANNA, answers()).await;
    let first = dials(&stage, &number(0), "7001", &[]).await;
    until("one waits", async || stage.waiting().await == 1).await;
    let second = dials(&stage, &number(1), "7001", &[]).await;
    until("two wait", async || stage.waiting().await == 2).await;
    first.hang_up().await;
    story(first).await;
    until("one waits", async || stage.waiting().await == 1).await;
    // Somebody else from the same company, whose number is withheld, has no place to get back.
    let hidden = dials(&stage, "anonymous", "7001", &[]).await;
    until("two wait", async || stage.waiting().await == 2).await;
    let again = dials(&stage, &number(0), "7001", &[]).await;
    until("three wait", async || stage.waiting().await == 3).await;
    let twice = dials(&stage, &number(0), "7001", &[]).await;
    until("four wait", async || stage.waiting().await == 4).await;
    stage.step("anna", Step::LogIn).await;
    for caller in [again, second, hidden, twice] {
        assert_eq!(story(caller).await.talked_to(), [ANNA]);
    }
    stage.quiet().await;
    let rows = stage.calls().await;
    let mut served: Vec<usize> = (1..5).collect();
    served.sort_by_key(|n| rows[*n].answered_at);
    assert_eq!(served, [3, 1, 2, 4], "the place is taken over once: {rows:#?}");
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let taken = stage
        .store
        .read("taken", move |c| {
            ids.iter().map(|id| dozvon::store::places::taken_over(c, *id)).collect::<Result<Vec<_>, _>>()
        })
        .await
        .unwrap();
    assert_eq!(taken, [None, None, None, Some(rows[0].id), None]);
    let waited = rows[3].answered_at.unwrap().since_ms(rows[3].arrived_at);
    assert!((rows[3].wait_ms.unwrap() - waited).abs() < 5, "each call's own wait is counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_gone_when_the_time_is_over_or_the_setting_is_off() {
    for (within, pause) in [(Duration::from_secs(60), 2), (Duration::ZERO, 0)] {
        let stage = office(|settings| settings.callback.resume_place = within).await;
        stage.phone(ANNA, answers()).await;
        let first = dials(&stage, &number(0), "7001", &[]).await;
        until("one waits", async || stage.waiting().await == 1).await;
        let second = dials(&stage, &number(1), "7001", &[]).await;
        until("two wait", async || stage.waiting().await == 2).await;
        first.hang_up().await;
        story(first).await;
        until("one waits", async || stage.waiting().await == 1).await;
        super::callbacks::later(&stage, pause);
        let again = dials(&stage, &number(0), "7001", &[]).await;
        until("two wait", async || stage.waiting().await == 2).await;
        stage.step("anna", Step::LogIn).await;
        for caller in [second, again] {
            story(caller).await;
        }
        stage.quiet().await;
        let rows = stage.calls().await;
        assert!(rows[1].answered_at < rows[2].answered_at, "{within:?}: {rows:#?}");
    }
}
