//! A small company on a busy day, drawn from a seed: its rules, its phones and its callers.
//!
//! In: a seed, the number of callers and their rate. Out: everything that the demo, a simulation or a bench needs to
//! play the day. Everything happens about ten times faster than in life: people ring, talk and lose patience in
//! seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::calendar::schedule::{InvalidSchedule, Schedule};
use crate::config::callback::Trunk;
use crate::ids::{AgentName, InvalidName, QueueName};
use crate::rules::InvalidSource;
use crate::rules::contact::{Contact, InvalidContact};
use crate::rules::policy::Policy;
use crate::rules::{Agent, Callers, Destination, InvalidPattern, Queue, Route, Rules, Strategy, Tier};
use crate::sim::{Behaviours, CallerScript, Odds};

/// How many agents the company has.
const AGENTS: usize = 12;
/// The numbers that callers dial, with weights: two queues, the hunt group, and an office that is closed today.
const NUMBERS: [(&str, u32); 4] = [("7001", 40), ("7002", 35), ("7003", 15), ("7004", 10)];

/// A day to play.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Queues, agents and routes.
    pub rules: Rules,
    /// The agents' phones, and how their owners behave.
    pub phones: Vec<(Contact, Behaviours)>,
    /// The trunk for callbacks; without one nobody is called back.
    pub trunk: Option<Trunk>,
    /// The callers, each with the time of the call after the beginning.
    pub calls: Vec<(Duration, CallerScript)>,
}

/// A rule of the scenario cannot be parsed, which a test would show.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is what its source says")]
pub enum ScenarioError {
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Contact(#[from] InvalidContact),
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    #[error(transparent)]
    Prompt(#[from] InvalidSource),
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
}

/// Draws `calls` callers at `rate` per second on the day `today`, which is a holiday for one of the numbers.
///
/// # Errors
/// If a rule cannot be parsed, which a test would show.
pub fn busy_day(seed: u64, calls: usize, rate: f64, today: NaiveDate) -> Result<Scenario, ScenarioError> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let rules = rules(today)?;
    let phones = rules.agents.values().flat_map(|agent| agent.contacts.clone());
    let phones = phones.enumerate().map(|(place, contact)| (contact, behaviours(place))).collect();
    let mut at = Duration::ZERO;
    let calls = (0..calls)
        .map(|_| {
            // Arrivals of a Poisson process: the gaps are exponential.
            let gap = -(1.0 - dice.random_range(0.0..1.0_f64)).ln() / rate.max(0.001);
            at += Duration::from_secs_f64(gap.min(60.0));
            (at, caller(&mut dice))
        })
        .collect();
    Ok(Scenario { rules, phones, trunk: None, calls })
}

fn caller(dice: &mut ChaCha8Rng) -> CallerScript {
    let number = match dice.random_range(0..20) {
        0 => "anonymous".to_owned(),
        1 => format!("10{:02}", dice.random_range(50..60)),
        _ => format!("+7900{:07}", dice.random_range(0..5_000)),
    };
    let patience = Duration::from_millis(dice.random_range(1_500..9_000));
    CallerScript::new(&number, dialled(dice)).named("Demo Caller").patient_for(patience)
}

fn dialled(dice: &mut ChaCha8Rng) -> &'static str {
    let sum: u32 = NUMBERS.iter().map(|(_, weight)| weight).sum();
    let mut place = dice.random_range(0..sum);
    for (number, weight) in NUMBERS {
        if place < weight {
            return number;
        }
        place -= weight;
    }
    NUMBERS[0].0
}

/// Most agents take most calls; every fourth is often away from the phone.
fn behaviours(place: usize) -> Behaviours {
    let absent = place % 4 == 3;
    let talk = Duration::from_millis(300)..=Duration::from_millis(1_500);
    let ring = Duration::from_millis(150)..=Duration::from_millis(600);
    let (answers, no_answer) = if absent { (45, 35) } else { (88, 4) };
    Odds { answers, no_answer, rejects: 5, busy: 3, unreachable: 1, ring, talk }.into()
}

fn rules(today: NaiveDate) -> Result<Rules, ScenarioError> {
    let office = Schedule::parse("Europe/Moscow", &["mon-sun 00:00-24:00"], &[])?;
    let holiday =
        Schedule { zone: Tz::Europe__Moscow, exceptions: [(today, Vec::new())].into(), ..office.clone() };
    let agents = (1..=AGENTS).map(agent).collect::<Result<BTreeMap<_, _>, _>>()?;
    let names: Vec<&AgentName> = agents.keys().collect();
    let queues = [
        ("sales", Strategy::LongestIdle, &names[..7]),
        ("support", Strategy::RoundRobin, &names[5..]),
        ("front", Strategy::RingAll, &names[4..8]),
    ];
    let queues = queues.into_iter().map(|(name, strategy, who)| queue(name, strategy, who));
    let routes = [("sales", "7001"), ("support", "7002"), ("front", "7003")]
        .map(|(queue, number)| route(queue, number, queue, "office"));
    Ok(Rules {
        prompts: [
            ("music".parse()?, "local_stream://moh".parse()?),
            ("closed".parse()?, "demo/closed.wav".parse()?),
            ("sorry".parse()?, "demo/sorry.wav".parse()?),
        ]
        .into(),
        schedules: [("office".parse()?, office), ("holiday".parse()?, holiday)].into(),
        policies: Policy::built_in(),
        menus: BTreeMap::new(),
        voicemails: BTreeMap::new(),
        duties: Default::default(),
        queues: queues.collect::<Result<BTreeMap<_, _>, ScenarioError>>()?,
        routes: routes
            .into_iter()
            .chain([route("closed", "7004", "sales", "holiday")])
            .collect::<Result<_, _>>()?,
        agents,
    })
}

fn agent(number: usize) -> Result<(AgentName, Agent), ScenarioError> {
    let agent = Agent {
        contacts: vec![format!("user/{}", 1000 + number).parse()?],
        ring_timeout: Duration::from_millis(1_500),
        wrap_up: Duration::from_millis(100),
        no_answer_delay: Duration::from_millis(500),
        busy_delay: Duration::from_secs(1),
        rejected_delay: Duration::from_millis(500),
        unreachable_delay: Duration::from_secs(1),
        max_no_answer: 4,
        ..Agent::new(format!("Agent {number:02}"))
    };
    Ok((format!("agent{number:02}").parse()?, agent))
}

fn queue(name: &str, strategy: Strategy, who: &[&AgentName]) -> Result<(QueueName, Queue), ScenarioError> {
    let tiers =
        (1..).zip(who).map(|(position, agent)| ((*agent).clone(), Tier { level: 1, position })).collect();
    let queue = Queue {
        strategy,
        music: Some("music".parse()?),
        service_level: Duration::from_millis(1_500),
        max_wait: Some(Duration::from_secs(6)),
        schedule: Some("office".parse()?),
        tiers,
        ..Queue::new(Destination::message("sorry".parse()?))
    };
    Ok((name.parse()?, queue))
}

fn route(name: &str, number: &str, queue: &str, schedule: &str) -> Result<Route, ScenarioError> {
    Ok(Route {
        name: name.parse()?,
        number: number.parse()?,
        from: Callers::default(),
        open_case: false,
        open: Destination::Queue(queue.parse()?),
        schedule: Some(schedule.parse()?),
        closed: Destination::message("closed".parse()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_day_again() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        let (one, two) = (busy_day(7, 200, 8.0, today).unwrap(), busy_day(7, 200, 8.0, today).unwrap());
        assert_eq!(one.calls, two.calls);
        assert_ne!(one.calls, busy_day(8, 200, 8.0, today).unwrap().calls);
        assert_eq!(one.rules, two.rules);
        assert_eq!((one.phones.len(), one.rules.queues.len()), (12, 3));
    }
}
