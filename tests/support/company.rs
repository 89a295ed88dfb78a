//! A small company: two queues, three agents, a schedule; and calls that come to it.

use std::time::Duration;

use dozvon::calendar::schedule::Schedule;
use dozvon::clock::UnixMs;
use dozvon::ids::{AgentName, CallId, ChannelId, CoreId, OfferId, QueueName};
use dozvon::missed::case::Reason;
use dozvon::missed::verdict::Verdict;
use dozvon::phone::Party;
use dozvon::queue::agent::Step;
use dozvon::rules::policy::Policy;
use dozvon::rules::{Agent, Destination, Prompt, Queue, Route, Rules, Strategy, Tier};
use dozvon::store::agents::{self, AgentRow, StepRequest};
use dozvon::store::calls::{self, Arrival, CallRow, Ended};
use dozvon::store::offers::{self, Claim};
use dozvon::store::requests::Request;
use dozvon::store::{Database, StoreError, rules};

use dozvon::missed::ending::{Ending, Stage};

/// Monday, 2026-11-23, 12:00 in Moscow.
pub const NOON: UnixMs = UnixMs(1_795_424_400_000);
/// The business day that contains [`NOON`].
pub const TODAY: &str = "2026-11-23";
/// A caller.
pub const NUMBER: &str = "+79001234567";

/// So many milliseconds after noon.
pub fn at(ms: u64) -> UnixMs {
    NOON + Duration::from_millis(ms)
}

pub fn agent(name: &str) -> AgentName {
    name.parse().unwrap()
}

pub fn queue(name: &str) -> QueueName {
    name.parse().unwrap()
}

/// An agent with a phone.
pub fn phone(number: &str) -> Agent {
    Agent {
        contacts: vec![format!("user/{number}").parse().unwrap()],
        wrap_up: Duration::from_secs(10),
        ..Agent::new(format!("Agent {number}"))
    }
}

/// Everything that rules can hold: hours past midnight, dated exceptions, an overflow to a queue, every kind of
/// destination.
pub fn company() -> Rules {
    let hours = ["mon-fri 09:00-13:00,14:00-18:00", "sat 22:00-06:00"];
    let dates = ["2026-12-31 09:00-12:00,13:00-15:00", "2027-01-01 closed"];
    let office = Schedule::parse("Europe/Moscow", &hours, &dates).unwrap();
    let prompt = |source: &str| source.parse::<Prompt>().unwrap();
    let tiers = |agents: &[&str]| {
        let tier = |position: usize| Tier { level: 1, position: i32::try_from(position).unwrap() };
        agents.iter().enumerate().map(|(place, name)| (agent(name), tier(place))).collect()
    };
    let waiting = |strategy, overflow, agents: &[&str]| Queue {
        strategy,
        music: Some("music".parse().unwrap()),
        schedule: Some("office".parse().unwrap()),
        tiers: tiers(agents),
        ..Queue::new(overflow)
    };
    let route = |name: &str, number: &str, open, closed| Route {
        name: name.parse().unwrap(),
        number: number.parse().unwrap(),
        from: Default::default(),
        open_case: false,
        open,
        schedule: Some("office".parse().unwrap()),
        closed,
    };
    let sorry = || Destination::message("sorry".parse().unwrap());
    let duty = Destination::forward("gateway/trunk/+79007654321".parse().unwrap());
    Rules {
        prompts: [("music", "local_stream://moh"), ("sorry", "ivr/sorry.wav")]
            .map(|(name, source)| (name.parse().unwrap(), prompt(source)))
            .into(),
        schedules: [("office".parse().unwrap(), office)].into(),
        policies: Policy::built_in(),
        menus: std::collections::BTreeMap::new(),
        voicemails: Default::default(),
        duties: Default::default(),
        agents: ["anna", "boris", "vera"].map(|name| (agent(name), phone("1001"))).into(),
        queues: [
            (
                queue("sales"),
                waiting(Strategy::RingAll, Destination::Queue(queue("support")), &["anna", "boris"]),
            ),
            (queue("support"), waiting(Strategy::LongestIdle, sorry(), &["vera"])),
        ]
        .into(),
        routes: vec![
            route("main", "7001", Destination::Queue(queue("sales")), duty),
            route("rest", "7*", Destination::Queue(queue("support")), sorry()),
        ],
    }
}

/// The company's rules, and all its agents at work since noon.
pub fn open_for_business(c: &mut Database) -> Result<(), StoreError> {
    rules::replace(c, &company())?;
    for name in ["anna", "boris", "vera"] {
        log_in(c, name, NOON)?;
    }
    Ok(())
}

pub fn log_in(c: &mut Database, name: &str, at: UnixMs) -> Result<AgentRow, StoreError> {
    step(c, name, Step::LogIn, at)
}

pub fn step(c: &mut Database, name: &str, step: Step, at: UnixMs) -> Result<AgentRow, StoreError> {
    agents::step(c, &StepRequest { agent: &agent(name), step, at, by: "test", why: "because" })
}

/// Where the numbers of the tests belong: Russia.
pub fn home() -> dozvon::phone::Home {
    dozvon::config::phone::Phone::default().home()
}

/// A caller with a number who joins `queue` at once.
pub fn arrival(queue: Option<&str>, at: UnixMs) -> Arrival {
    Arrival {
        id: CallId::new(),
        node: "fs1".parse().unwrap(),
        channel: ChannelId::new(),
        core: CoreId(uuid::Uuid::nil()),
        party: Party::Number(NUMBER.parse().unwrap()),
        caller_number: NUMBER.to_owned(),
        caller_name: "O'Brien \"${x}\" \u{1f600}".to_owned(),
        dialled: "7001".to_owned(),
        came_by: None,
        route: Some("main".parse().unwrap()),
        open: true,
        why: "test".to_owned(),
        queue: queue.map(|name| name.parse().unwrap()),
        service_level: Some(Duration::from_secs(20)),
        business_day: TODAY.parse().unwrap(),
        at,
    }
}

/// A caller is here.
pub fn arrive(c: &mut Database, queue: &str, at: UnixMs) -> Result<CallId, StoreError> {
    let new = arrival(Some(queue), at);
    calls::arrive(c, &new)?;
    Ok(new.id)
}

/// A claim of an agent for a call, as the dispatcher makes it from what it read last.
pub fn claim_of(c: &mut Database, call: CallId, name: &str, at: UnixMs) -> Result<Claim, StoreError> {
    let version = agents::get(c, &agent(name))?.version;
    Ok(Claim {
        offer: OfferId::new(),
        call,
        queue: queue("sales"),
        agent: agent(name),
        version,
        controller: "test".to_owned(),
        at,
    })
}

/// The agent is rung for the call.
pub fn ring(c: &mut Database, call: CallId, name: &str, at: UnixMs) -> Result<OfferId, StoreError> {
    let claim = claim_of(c, call, name, at)?;
    offers::claim(c, &claim)?.map_err(|refusal| StoreError::Refused(format!("{refusal:?}")))?;
    Ok(claim.offer)
}

/// The agent answers and the two talk.
pub fn talk(c: &mut Database, call: CallId, offer: OfferId, at: UnixMs) -> Result<(), StoreError> {
    assert!(offers::win(c, offer, call, ChannelId::new(), at)?);
    offers::bridged(c, offer, call, at)
}

/// How a call ended whose caller hung up while waiting.
pub fn abandoned(call: CallId, at: UnixMs) -> Ended {
    Ended {
        grace: Duration::from_secs(60),
        min_talk: Duration::from_secs(5),
        flood: dozvon::missed::flood::Limits::default(),
        tell: false,
        menus: Vec::new(),
        left_message: false,
        calls_back: None,
        call,
        ending: Ending::Abandoned,
        stage: Stage::Waiting,
        cause: "ORIGINATOR_CANCEL".to_owned(),
        answered_at: None,
        asked: None,
        verdict: Verdict::Case(Reason::AbandonedWaiting),
        at,
        // Recorded in the end: no clock is set back here.
        now: UnixMs(i64::MAX),
    }
}

/// What [`NUMBER`] asks for on our site.
pub fn request() -> Request {
    let said = |text: &str| Some(text.to_owned());
    Request {
        key_hash: Some("0".repeat(64)),
        reason: Reason::WebForm,
        known: false,
        body_hash: "0".repeat(64),
        number: NUMBER.parse().unwrap(),
        name: said("Ivan"),
        text: said("my wife is ill"),
        wanted_at: Some(at(3_600_000)),
        language: said("ru"),
        source: "site".to_owned(),
        page: said("/ivan"),
        queue: Some(queue("sales")),
        consent_text: "I agree".to_owned(),
        sms_consent_text: said("I want SMS"),
        email: said("ivan@example.com"),
        consent_at: at(14_000),
        address: "203.0.113.7".to_owned(),
        business_day: TODAY.parse().unwrap(),
        at: at(14_000),
    }
}

/// A call as people see it.
pub fn call_of(c: &mut Database, id: CallId) -> Result<CallRow, StoreError> {
    let found = calls::ending_with(c, &id.to_string())?.pop();
    found.ok_or_else(|| StoreError::NotFound { kind: "call", name: id.to_string() })
}
