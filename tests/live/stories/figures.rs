//! How long things take at 20 calls a second with 100 agents, by FreeSWITCH's own clock (steps of 1 ms).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Live;
use crate::controller::Controller;
use crate::floor::{Floor, contact};
use crate::observer::Event;
use crate::sip::{Behaviour, Dial, SipEnd};
use crate::team::{NUMBER, Team};

const AGENTS: usize = 100;
/// Between two calls: 20 calls a second.
const EVERY: Duration = Duration::from_millis(50);
/// How long a phone rings before it is answered.
const RINGS: Duration = Duration::from_millis(150);
/// From the first call to the last hangup.
const LIMIT: Duration = Duration::from_secs(150);

/// More agents than calls: everybody is taken at once.
pub async fn with_agents_to_spare(live: &Live) -> Result<String> {
    let load = Load { calls: 500, talk: Duration::from_secs(3) };
    let seen = load.run(live).await?;
    ensure!(seen.talks.len() == load.calls, "{} of {} callers got through", seen.talks.len(), load.calls);
    let mut told = seen.report(&load)?;
    told += &figure(
        "join (caller's CHANNEL_PARK) to agent's CHANNEL_CREATE",
        "20",
        seen.each(|talk| talk.parked_to_ring()),
    );
    told += &figure(
        "join (caller's CHANNEL_ANSWER) to agent's CHANNEL_CREATE",
        "20",
        seen.each(|talk| talk.answered_to_ring()),
    );
    told += &figure(
        "agent's CHANNEL_ANSWER to CHANNEL_BRIDGE",
        "-",
        seen.each(|talk| talk.picked_up_to_bridge()),
    );
    Ok(told)
}

/// More calls than agents: an agent who becomes free is rung at once.
pub async fn with_a_backlog(live: &Live) -> Result<String> {
    let load = Load { calls: 400, talk: Duration::from_secs(6) };
    let seen = load.run(live).await?;
    ensure!(seen.talks.len() == load.calls, "{} of {} callers got through", seen.talks.len(), load.calls);
    let freed = seen.freed_to_ring();
    ensure!(freed.len() > load.calls / 4, "a backlog of some size: {} agents were awaited", freed.len());
    let mut told = seen.report(&load)?;
    told += &figure("agent freed (CHANNEL_HANGUP_COMPLETE) to their next CHANNEL_CREATE", "50", freed);
    told += &figure(
        "agent's CHANNEL_ANSWER to CHANNEL_BRIDGE",
        "-",
        seen.each(|talk| talk.picked_up_to_bridge()),
    );
    Ok(told)
}

/// What is put on it.
struct Load {
    calls: usize,
    talk: Duration,
}

impl Load {
    async fn run(&self, live: &Live) -> Result<Seen> {
        let mut phones = Vec::with_capacity(AGENTS);
        for _ in 0..AGENTS {
            let phone = SipEnd::open(None).await?;
            phone.behave(Behaviour::Answer { after: RINGS, talk: Some(self.talk) });
            phones.push(phone);
        }
        let floor = Floor::timed(live, &team(&phones)).await?;
        let (begun, cpu_before) = (Instant::now(), live.switch.cpu_time().await?);
        self.callers(live).await?;
        let busy = (live.switch.cpu_time().await? - cpu_before).as_secs_f64() / begun.elapsed().as_secs_f64();
        floor.comes_to_rest().await?;
        let costs = format!("{}; FreeSWITCH kept {busy:.1} cores busy", costs(&floor.controller).await?);
        let seen = Seen::new(&floor.observer.events(), costs)?;
        all_are_answered(&floor.controller, self.calls).await.with_context(|| seen.costs.clone())?;
        Ok(seen)
    }

    /// Calls come at their rate; ends when the last is over.
    async fn callers(&self, live: &Live) -> Result<()> {
        let mut calls = JoinSet::new();
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let begun = Instant::now();
        for number in 0..self.calls {
            every.tick().await;
            let dial = Dial::new(live.switch.sip, NUMBER, &format!("+7900{:07}", 1_000_000 + number));
            calls.spawn(async move {
                let end = SipEnd::open(None).await?;
                let id = end.dial(dial).await?;
                end.reaches(&id, LIMIT, "the caller's call is over", crate::sip::Talk::is_over).await
            });
        }
        while let Some(call) = calls.join_next().await {
            call??;
            ensure!(begun.elapsed() < LIMIT, "the calls are not over after {LIMIT:?}");
        }
        Ok(())
    }
}

fn team(phones: &[SipEnd]) -> Team {
    let mut team = Team::of([]);
    team.agents = phones
        .iter()
        .enumerate()
        .map(|(number, phone)| (format!("agent{number:03}"), contact(phone)))
        .collect();
    team.strategy = "longest_idle";
    // Tones for hundreds of callers would keep FreeSWITCH itself busy.
    team.music = "silence_stream://-1".to_owned();
    team
}

async fn all_are_answered(controller: &Controller, calls: usize) -> Result<()> {
    let rows = controller.rows(&["call", "list", "--limit", "1000"]).await?;
    let answered = rows.iter().filter(|row| row["ending"] == "answered").count();
    let others: Vec<String> =
        rows.iter().filter(|row| row["ending"] != "answered").map(ToString::to_string).collect();
    let (others, complaints) = (others.join("\n"), controller.complaints());
    ensure!(
        answered == calls && rows.len() == calls,
        "{answered} of {} rows are answered; the others:\n{others}\ncontroller:\n{complaints}",
        rows.len()
    );
    Ok(())
}

/// What the controller counted: how long its own steps took on average.
async fn costs(controller: &Controller) -> Result<String> {
    let metrics = controller.get("/metrics").await?;
    let value = |name: String| {
        let line =
            metrics.lines().find(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next())
            .and_then(|value| value.parse::<f64>().ok())
            .unwrap_or_default()
    };
    let mean = |what: &str, name: &str| {
        let count = value(format!("dozvon_{name}_count"));
        let mean_ms = 1000.0 * value(format!("dozvon_{name}_sum")) / count.max(1.0);
        format!("{what} {mean_ms:.1} ms (n={count})")
    };
    let steps = [
        mean("commit", "store_commit_seconds"),
        mean("claim", "offer_claim_seconds"),
        mean("answer to bridge", "offer_bridge_seconds"),
    ];
    Ok(steps.join(", "))
}

/// One call from the caller's channel to the end of the agent's, in microseconds.
#[derive(Default)]
struct Talked {
    agent: String,
    arrived: i64,
    parked: i64,
    caller_answered: i64,
    leg_created: i64,
    leg_answered: i64,
    bridged: i64,
    leg_ended: i64,
}

impl Talked {
    fn parked_to_ring(&self) -> i64 {
        self.leg_created - self.parked
    }

    fn answered_to_ring(&self) -> i64 {
        self.leg_created - self.caller_answered
    }

    fn picked_up_to_bridge(&self) -> i64 {
        self.bridged - self.leg_answered
    }
}

/// What FreeSWITCH said of all calls.
struct Seen {
    talks: Vec<Talked>,
    costs: String,
}

impl Seen {
    fn new(events: &[Event], costs: String) -> Result<Self> {
        let mut first: BTreeMap<(&str, &str), &Event> = BTreeMap::new();
        for event in events {
            first.entry((&event.channel, &event.kind)).or_insert(event);
        }
        let when = |channel: &str, kind: &str| first.get(&(channel, kind)).map(|event| event.at_us);
        let talk = |bridge: &Event| -> Option<Talked> {
            let (caller, leg) = (bridge.get("Bridge-A-Unique-ID"), bridge.get("Bridge-B-Unique-ID"));
            let created = first.get(&(leg, "CHANNEL_CREATE"))?;
            Some(Talked {
                agent: created.get("Channel-Name").to_owned(),
                arrived: made_at_us(created.get("variable_dozvon_call"))?,
                parked: when(caller, "CHANNEL_PARK")?,
                caller_answered: when(caller, "CHANNEL_ANSWER")?,
                leg_created: when(leg, "CHANNEL_CREATE")?,
                leg_answered: when(leg, "CHANNEL_ANSWER")?,
                bridged: bridge.at_us,
                leg_ended: when(leg, "CHANNEL_HANGUP_COMPLETE")?,
            })
        };
        let bridges = events.iter().filter(|event| event.is("CHANNEL_BRIDGE"));
        let talks: Option<Vec<Talked>> = bridges.map(talk).collect();
        Ok(Self { talks: talks.context("every bridge has a caller and a leg")?, costs })
    }

    fn each(&self, span: impl Fn(&Talked) -> i64) -> Vec<i64> {
        self.talks.iter().map(span).collect()
    }

    /// From the end of an agent's talk to their next leg, where somebody waited unoffered when the talk ended.
    fn freed_to_ring(&self) -> Vec<i64> {
        let mut spans = Vec::new();
        for talks in self.by_agent().values() {
            for pair in talks.windows(2) {
                let freed = pair[0].leg_ended;
                let waits = |talk: &Talked| talk.caller_answered < freed && talk.leg_created > freed;
                if self.talks.iter().any(waits) {
                    spans.push(pair[1].leg_created - freed);
                }
            }
        }
        spans
    }

    /// Each agent's talks in order.
    fn by_agent(&self) -> BTreeMap<&str, Vec<&Talked>> {
        let mut agents: BTreeMap<&str, Vec<&Talked>> = BTreeMap::new();
        for talk in &self.talks {
            agents.entry(&talk.agent).or_default().push(talk);
        }
        for talks in agents.values_mut() {
            talks.sort_by_key(|talk| talk.leg_created);
        }
        agents
    }

    /// What must hold whatever the speed, and the size of it all.
    fn report(&self, load: &Load) -> Result<String> {
        for (agent, talks) in self.by_agent() {
            let twice = talks.windows(2).any(|pair| pair[1].leg_created < pair[0].leg_ended);
            ensure!(!twice, "{agent} was rung while talking");
        }
        let talk_us = i64::try_from(load.talk.as_micros())?;
        let cut =
            self.talks.iter().filter(|talk| talk.leg_ended - talk.leg_answered < talk_us - 300_000).count();
        ensure!(cut == 0, "{cut} talks were cut short");
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        Ok(format!(
            "{} calls, 20 a second, {AGENTS} agents, talks of {:?}, {profile} build; {} rung half a second out of turn\n\
             in the controller: {}\n",
            self.talks.len(),
            load.talk,
            self.overtaken(),
            self.costs
        ))
    }

    /// How many callers were rung for half a second later than somebody who reached the controller after them:
    /// the board keeps their order, FreeSWITCH's threads on a busy machine need not.
    fn overtaken(&self) -> usize {
        let later = |talk: &&Talked| {
            let passes = |other: &Talked| {
                other.arrived > talk.arrived && other.leg_created + 500_000 < talk.leg_created
            };
            self.talks.iter().any(passes)
        };
        self.talks.iter().filter(later).count()
    }
}

/// When a call's identity (a UUID of version 7) was made: when the caller reached the controller.
fn made_at_us(call: &str) -> Option<i64> {
    let digits: String = call.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    i64::from_str_radix(&digits, 16).ok().map(|ms| ms * 1000)
}

/// A line with the percentiles of a figure.
fn figure(what: &str, wanted_ms: &str, mut spans_us: Vec<i64>) -> String {
    spans_us.sort_unstable();
    let at = |percent: usize| {
        let index = (spans_us.len() * percent / 100).min(spans_us.len().saturating_sub(1));
        spans_us.get(index).map_or(-1, |us| us / 1000)
    };
    let (p50, p95, p99, max) = (at(50), at(95), at(99), at(100));
    format!(
        "{what}: p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, max {max} ms (n={}, wanted {wanted_ms})\n",
        spans_us.len()
    )
}
