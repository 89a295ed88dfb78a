//! Callbacks from the miss to the disposition, where a whole controller is needed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::config::callback::{Dial, Trunk};
use dozvon::ids::{CaseId, QueueName};
use dozvon::missed::attempt::Disposition;
use dozvon::missed::case::Closed;
use dozvon::queue::agent::{Activity, Step};
use dozvon::rules::Destination;
use dozvon::sim::{Behaviour, CallerScript, Pickup};
use dozvon::store::attempts::{self, AttemptRow};
use dozvon::store::callbacks::{self, GivenDisposition};
use dozvon::store::cases::{self, CaseRow};
use dozvon::store::{case_closing, rules};

use diesel::RunQueryDsl as _;

use super::handsets::dials_said;
use super::stage::{ANNA, BORIS, Stage, answers, name, story, until};
use crate::support::bitrix24::Bitrix24;

/// A fixed line in Moscow, so that the hour at which the test runs does not matter.
pub const NUMBER: &str = "+74951234567";
pub const CUSTOMER: &str = "gateway/trunk/+74951234567";
/// A Tuesday at noon in Moscow, after any day on which this runs.
const NOON: &str = "2031-11-25T12:00:00+03:00";
const MINUTE: i64 = 60_000;

/// A stage whose controller calls back, at noon.
pub async fn set() -> Stage {
    set_with(|_| {}).await
}

/// A trunk that dials through the gateway of that name.
pub fn trunk(gateway: &str) -> Trunk {
    let dial = Dial::try_from(format!("gateway/{gateway}/{{number}}")).unwrap();
    Trunk { name: gateway.to_owned(), ..Trunk::new(dial) }
}

pub async fn set_with(change: impl FnOnce(&mut dozvon::config::Settings)) -> Stage {
    let stage = Stage::with(|settings| {
        settings.callback.trunks = vec![trunk("trunk")];
        settings.callback.poll_interval = Duration::from_millis(20);
        change(settings);
    })
    .await;
    let noon: UnixMs = chrono::DateTime::parse_from_rfc3339(NOON).unwrap().to_utc().into();
    stage.wrong_by.store(noon.0 - dozvon::clock::Clock::system().now().0, Ordering::Relaxed);
    stage
}

pub fn later(stage: &Stage, minutes: i64) {
    stage.wrong_by.fetch_add(minutes * MINUTE, Ordering::Relaxed);
}

pub fn agrees() -> Behaviour {
    Behaviour { confirms: Some(Duration::from_millis(10)), ..answers() }
}

/// A caller gives up while nobody is there.
pub async fn miss(stage: &Stage) {
    let caller = stage.sim.call(CallerScript::new(NUMBER, "7001")).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    caller.hang_up().await;
    story(caller).await;
    until("the caller is gone", async || stage.waiting().await == 0 && stage.cases().await > 0).await;
}

#[derive(diesel::QueryableByName)]
struct Counted {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

pub async fn case(stage: &Stage) -> CaseRow {
    stage.store.read("case", |c| cases::get(c, CaseId(1))).await.unwrap()
}

pub async fn made(stage: &Stage) -> Vec<AttemptRow> {
    stage.store.read("attempts", |c| attempts::of_case(c, CaseId(1))).await.unwrap()
}

pub async fn stands(stage: &Stage, wanted: &str) {
    until(&format!("the case is {wanted}"), async || case(stage).await.stage.as_str() == wanted).await;
}

/// So many attempts have a result.
pub async fn completed(stage: &Stage, wanted: usize) {
    let all = async || made(stage).await.iter().filter(|row| row.disposition.is_some()).count() == wanted;
    until(&format!("{wanted} attempts are over"), all).await;
}

pub async fn says(stage: &Stage, result: Disposition) -> Result<(), String> {
    let (callback_rules, at) = (stage.callback_rules().await, stage.now());
    let said = move |c: &mut _| {
        let said = GivenDisposition {
            case: CaseId(1),
            disposition: result,
            later: None,
            note: None,
            by: "anna",
            at,
        };
        callbacks::record_disposition(c, &callback_rules, &said).map(drop)
    };
    stage.store.write("says", said).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_caller_is_called_and_the_agent_gets_no_more_work_before_recording_the_result() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, answers().hanging_up_after(Duration::from_millis(50))).await;
    stage.step("anna", Step::LogIn).await;
    stage.step("anna", Step::LogOut).await;
    miss(&stage).await;
    assert_eq!(case(&stage).await.stage.as_str(), "settling");
    later(&stage, 1);
    stands(&stage, "due").await;
    stage.step("anna", Step::LogIn).await;
    until("they have talked", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "wrapping_up")
    })
    .await;
    until("anna wraps up", async || stage.agent("anna").await.activity == Activity::WrappingUp).await;
    assert_eq!(dials_said(&stage, "allowed").await, 1, "the dial is counted like any outgoing contact");
    assert_eq!(case(&stage).await.stage.as_str(), "attempting");
    // Story 24.
    let at = stage.now();
    let ready = stage.store.write("ready", move |c| {
        let step = Step::EndWrapUp;
        dozvon::store::agents::step(
            c,
            &dozvon::store::agents::StepRequest { agent: &name("anna"), step, at, by: "anna", why: "test" },
        )
    });
    let refused = ready.await.unwrap_err().to_string();
    assert!(refused.contains("must first record the disposition of the last callback"), "{refused}");
    says(&stage, Disposition::Reached).await.unwrap();
    let row = case(&stage).await;
    assert_eq!(row.close_reason.map(|word| word.as_str()), Some("agent_reached"), "{row:?}");
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    let attempts = made(&stage).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        (attempts[0].ordinal, attempts[0].disposition.map(|word| word.as_str())),
        (Some(1), Some("reached"))
    );
    assert!(says(&stage, Disposition::Reached).await.unwrap_err().contains("no attempt of case 1 waits"));
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// Seen on a real FreeSWITCH: the talk was over before we had asked whether it had begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_that_is_over_at_once_is_a_talk_whose_result_the_agent_owes() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, answers().hanging_up_after(Duration::ZERO)).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    until("anna wraps up", async || stage.agent("anna").await.activity == Activity::WrappingUp).await;
    until("it is her word", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "wrapping_up")
    })
    .await;
    says(&stage, Disposition::NoAnswer).await.unwrap();
    stands(&stage, "waiting").await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_busy_attempts_lead_to_the_handover_and_there_is_no_fourth_that_day() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    for (minutes, count) in [(1, 1), (31, 2), (91, 3)] {
        later(&stage, minutes);
        completed(&stage, count).await;
        until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    }
    stands(&stage, "handed_over").await;
    later(&stage, 200);
    let results: Vec<_> = made(&stage).await.into_iter().map(|row| (row.ordinal, row.disposition)).collect();
    let busy = |place| (Some(place), Some(Disposition::Busy));
    assert_eq!(results, [busy(1), busy(2), busy(3)]);
    let told = "SELECT count(*) AS n FROM audit WHERE action = 'handover'";
    let handovers =
        stage.store.read("audit", move |c| Ok(diesel::sql_query(told).get_result::<Counted>(c)?.n));
    assert_eq!(handovers.await.unwrap(), 1, "once");
    // The next business day it is taken up again, and after six attempts in all it ends.
    later(&stage, 24 * 60);
    completed(&stage, 4).await;
    for (minutes, count) in [(31, 5), (91, 6)] {
        later(&stage, minutes);
        completed(&stage, count).await;
    }
    until("it ends", async || case(&stage).await.close_reason.is_some()).await;
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("unreachable"));
}

/// Story 6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_rings_in_during_their_callback_gets_its_agent() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("the customer is dialled", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "dialling")
    })
    .await;
    let caller = stage.sim.call(CallerScript::new(NUMBER, "7001")).await;
    until("they talk", async || stage.agent("anna").await.activity == Activity::Talking).await;
    stage.wrong_by.fetch_add(6_000, Ordering::Relaxed);
    caller.hang_up().await;
    assert_eq!(story(caller).await.talked_to(), [ANNA]);
    completed(&stage, 1).await;
    let attempt = made(&stage).await.remove(0);
    assert_eq!((attempt.counted, attempt.disposition.map(|word| word.as_str())), (true, Some("cancelled")));
    until("nothing is owed", async || case(&stage).await.close_reason.is_some()).await;
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("caller_reached_us"));
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// Anybody can show the number that we are calling back. Where the settings distrust that number, the agent gets only the
/// customer who answers the dial.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_join_callers_who_rings_in_meanwhile_waits_like_anybody() {
    let stage = set_with(|settings| settings.callback.join_callers = false).await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::answers(Duration::from_millis(500))).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("the customer is dialled", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "dialling")
    })
    .await;
    let caller = stage.sim.call(CallerScript::new(NUMBER, "7001")).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    until("whoever answers has the agent", async || made(&stage).await[0].state.as_str() == "talking").await;
    assert_eq!(stage.waiting().await, 1);
    caller.hang_up().await;
    assert!(story(caller).await.talked_to().is_empty());
}

/// Story 5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gets_through_between_two_attempts_is_not_called_any_more() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    completed(&stage, 1).await;
    stands(&stage, "waiting").await;
    let caller = stage.sim.call(CallerScript::new(NUMBER, "7001")).await;
    until("they talk", async || stage.agent("anna").await.activity == Activity::Talking).await;
    stage.wrong_by.fetch_add(6_000, Ordering::Relaxed);
    caller.hang_up().await;
    until("nothing is owed", async || case(&stage).await.close_reason.is_some()).await;
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("caller_reached_us"));
    later(&stage, 40);
    stage.quiet().await;
    assert_eq!(made(&stage).await.len(), 1);
}

/// Stories 13 and 14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_during_which_we_died_counts_and_the_phone_falls_silent() {
    let mut stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("the customer is dialled", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "dialling")
    })
    .await;
    let sounds = stage.settings.sounds.clone();
    let ringing = stage.settings.callback.ringback.clone();
    until("she hears it ring", async || stage.ask("api show channels").await.contains(ringing.as_str()))
        .await;
    stage.restart().await;
    // Seen on a real FreeSWITCH: this waited for the end of the ringing tone, which has none.
    let told = async || stage.ask("api show channels").await.contains(sounds.no_caller.as_str());
    until("she hears that nobody is there", told).await;
    completed(&stage, 1).await;
    let attempt = made(&stage).await.remove(0);
    assert_eq!(
        (attempt.counted, attempt.ordinal, attempt.disposition.map(|word| word.as_str())),
        (true, Some(1), Some("orphaned"))
    );
    stands(&stage, "waiting").await;
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    until("nothing rings", async || !stage.ask("api show channels").await.contains("outbound")).await;
}

/// Story 16.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_during_which_freeswitch_died_is_no_fault_of_the_agent() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("the customer's phone rings", async || stage.sim.counts().await.legs_up == 2).await;
    until("the customer is dialled", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "dialling")
    })
    .await;
    stage.sim.restart().await;
    completed(&stage, 1).await;
    let attempt = made(&stage).await.remove(0);
    assert_eq!(
        (attempt.ordinal, attempt.disposition.map(|word| word.as_str())),
        (Some(1), Some("no_answer"))
    );
    let call = stage.calls().await.into_iter().find(|row| Some(&row.id) == attempt.call.as_ref()).unwrap();
    assert_eq!(call.cause.as_deref(), Some("SWITCH_RESTARTED"));
    stands(&stage, "waiting").await;
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_goes_on_while_we_are_away_and_its_disposition_is_owed() {
    let mut stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("they talk", async || made(&stage).await.iter().any(|row| row.state.as_str() == "talking")).await;
    until("it is on record", async || stage.agent("anna").await.activity == Activity::Talking).await;
    stage.restart().await;
    until("watched again", async || stage.is_watching().await).await;
    assert_eq!(stage.agent("anna").await.activity, Activity::Talking);
    let attempt = made(&stage).await.remove(0);
    let leg = stage.calls().await.into_iter().find(|row| Some(&row.id) == attempt.call.as_ref()).unwrap();
    stage.ask(&format!("api uuid_kill {}", leg.channel)).await;
    until("the talk is over", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "wrapping_up")
    })
    .await;
    says(&stage, Disposition::Voicemail).await.unwrap();
    stands(&stage, "waiting").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_who_does_not_accept_costs_the_customer_no_attempt() {
    let stage = set().await;
    stage.phone(ANNA, Behaviour::new(Pickup::Rejects(Duration::from_millis(10)))).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("anna was asked", async || stage.originates().await >= 2).await;
    assert_eq!(made(&stage).await, []);
    stage.step("anna", Step::LogOut).await;
}

/// A person closes the case while the agent's phone rings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_is_closed_while_an_agent_is_asked_is_not_dialled_and_she_is_asked_once() {
    let stage = set().await;
    let slowly = Behaviour { confirms: agrees().confirms, ..Behaviour::answers(Duration::from_secs(1)) };
    stage.phone(ANNA, slowly).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("her phone rings", async || stage.agent("anna").await.activity == Activity::Ringing).await;
    let close =
        move |c: &mut _| case_closing::close(c, CaseId(1), Closed::Spam, "olga", None, UnixMs(0)).map(drop);
    stage.store.write("close", close).await.unwrap();
    let ended = async || stage.calls().await.iter().all(|row| row.ended_at.is_some());
    until("the callback is over", ended).await;
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    assert_eq!(stage.originates().await, 1);
    assert_eq!(made(&stage).await, []);
    assert_eq!(stage.repairs().await, 0);
}

/// Nobody is to be told any more that the case is overdue: the new rules alone move it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_of_a_removed_queue_is_called_by_the_callback_queue() {
    let stage = set_with(|settings| settings.callback.queue = Some("all".parse().unwrap())).await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    later(&stage, 60);
    until("everybody has been told", async || case(&stage).await.next_at.is_none()).await;
    let removed = stage.store.write("remove", |c| {
        let mut rules = rules::load(c)?;
        let all = Destination::Queue("all".parse().unwrap());
        rules.queues.retain(|name, _| name.as_str() != "sales");
        rules.queues.values_mut().for_each(|queue| queue.overflow = all.clone());
        for route in &mut rules.routes {
            (route.open, route.closed) = (all.clone(), all.clone());
        }
        let sorry = Destination::message("sorry".parse().unwrap());
        rules.queues.get_mut(&"all".parse::<QueueName>().unwrap()).unwrap().overflow = sorry;
        rules::replace(c, &rules).map(drop)
    });
    removed.await.unwrap();
    until("the controller knows", async || stage.log.find(&["the new rules are in force"]).is_some()).await;
    stage.step("anna", Step::LogIn).await;
    completed(&stage, 1).await;
    assert_eq!(case(&stage).await.queue.as_ref().map(|name| name.as_str()), Some("all"));
}

/// The CRM knows the customer's owner, and is told the result.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customers_owner_by_the_crm_is_rung_first_and_the_crm_hears_of_each_contact() {
    let portal = Bitrix24::start().await;
    portal.portal().owners.insert(NUMBER.to_owned(), 12);
    let stage = set_with(|settings| {
        settings.crm = portal.settings();
        settings.notify.poll_interval = Duration::from_millis(20);
    })
    .await;
    for phone in [ANNA, BORIS] {
        stage.phone(phone, agrees()).await;
    }
    stage.phone(CUSTOMER, answers().hanging_up_after(Duration::from_millis(50))).await;
    miss(&stage).await;
    until("the CRM has named the owner", async || case(&stage).await.assignee.is_some()).await;
    assert_eq!(case(&stage).await.assignee.as_ref().map(|name| name.as_str()), Some("boris"));
    // Anna comes first in the queue, and is free.
    stage.step("anna", Step::LogIn).await;
    stage.step("boris", Step::LogIn).await;
    later(&stage, 1);
    until("they have talked", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "wrapping_up")
    })
    .await;
    assert_eq!(made(&stage).await[0].agent.as_ref().map(|name| name.as_str()), Some("boris"));
    says(&stage, Disposition::Reached).await.unwrap();
    // The customer calls once more and gets through.
    let caller = stage.sim.call(CallerScript::new(NUMBER, "7001")).await;
    until("they talk", async || stage.agent("anna").await.activity == Activity::Talking).await;
    caller.hang_up().await;
    story(caller).await;
    let told = async || portal.told(NUMBER).len() == 4;
    until("the CRM has been told", told).await;
    let told: Vec<String> = portal.told(NUMBER);
    let begins = |what: &str| told.iter().filter(|text| text.starts_with(what)).count();
    assert!(told[0].starts_with("Missed call"), "{told:?}");
    assert_eq!(begins("Attempt to call back; Result: talked"), 1, "{told:?}");
    assert_eq!(begins("Case closed; Reason: we have talked"), 1, "{told:?}");
    assert_eq!(begins("Talk; Queue: sales"), 1, "{told:?}");
}

/// While the owner is away, any agent calls the customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_whose_owner_is_away_is_called_by_whoever_is_there() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    let named = stage.store.write("assign", |c| dozvon::store::crm::assign(c, CaseId(1), &name("boris")));
    assert!(named.await.unwrap());
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    until("the customer is called", async || !made(&stage).await.is_empty()).await;
    assert_eq!(made(&stage).await[0].agent.as_ref().map(|name| name.as_str()), Some("anna"));
}

/// Anybody can show any number, and hang up at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_at_once_costs_the_owner_of_the_number_no_call() {
    let stage = set_with(|settings| settings.callback.min_wait = Duration::from_mins(5)).await;
    let caller = stage.sim.call(CallerScript::new(NUMBER, "7001")).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    caller.hang_up().await;
    story(caller).await;
    let recorded = async || {
        let sql = "SELECT count(*) AS n FROM calls WHERE ending = 'abandoned'";
        let read = stage.store.read("calls", move |c| Ok(diesel::sql_query(sql).get_result::<Counted>(c)?.n));
        read.await.unwrap()
    };
    until("the call is recorded", async || recorded().await == 1).await;
    assert_eq!(stage.cases().await, 0, "nothing is owed");
}
