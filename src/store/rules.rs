//! The rules as rows: read as a whole, and made equal to the rules of the administrator.

mod policies;
mod replace;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::schema::{
    agent_contacts, agents, prompts, queues, routes, schedule_exceptions, schedule_hours, schedules, tiers,
};
use super::{Database, StoreError, from_ms, read, read_option};
use crate::ids::{AgentName, PromptName, QueueName, ScheduleName};

use crate::calendar::schedule::{Interval, Schedule};
use crate::rules::{Agent, Destination, DestinationKind, Prompt, Queue, Route, Rules, Tier};

pub use replace::{preview, put_one_agent, put_tier, replace};

pub(super) use policies::profile_of;

/// The differences between two sets of rules, by noun and name.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Difference {
    /// New entries, such as `agent anna`.
    pub added: Vec<String>,
    /// Entries that existed before and are different now.
    pub changed: Vec<String>,
    /// Entries that existed before and no longer exist.
    pub removed: Vec<String>,
    /// The current versions of the new and changed policies.
    pub versions: BTreeMap<String, i32>,
}

impl Difference {
    /// Whether there is no difference.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    fn note<K: Ord + std::fmt::Display, V: PartialEq>(
        &mut self,
        kind: &str,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
    ) {
        let say = |name: &K| format!("{kind} {name}");
        self.added.extend(new.keys().filter(|name| !old.contains_key(name)).map(say));
        self.removed.extend(old.keys().filter(|name| !new.contains_key(name)).map(say));
        self.changed.extend(
            new.iter()
                .filter(|(name, value)| old.get(name).is_some_and(|was| was != *value))
                .map(|(name, _)| say(name)),
        );
    }
}

/// Returns the differences between two sets of rules.
#[must_use]
pub fn compare(old: &Rules, new: &Rules) -> Difference {
    let by_name = |rules: &Rules| -> BTreeMap<_, _> {
        rules
            .routes
            .iter()
            .enumerate()
            .map(|(place, route)| (route.name.clone(), (place, route.clone())))
            .collect()
    };
    let mut difference = Difference::default();
    difference.note("prompt", &old.prompts, &new.prompts);
    difference.note("schedule", &old.schedules, &new.schedules);
    difference.note("policy", &old.policies, &new.policies);
    difference.note("agent", &old.agents, &new.agents);
    difference.note("queue", &old.queues, &new.queues);
    difference.note("route", &by_name(old), &by_name(new));
    let put = new.policies.iter().filter(|(name, policy)| old.policies.get(*name) != Some(*policy));
    difference.versions = put.map(|(name, policy)| (name.to_string(), policy.version)).collect();
    difference
}

/// Reads every rule.
///
/// # Errors
/// When the database fails, or holds a value that cannot be read.
pub fn load(c: &mut Database) -> Result<Rules, StoreError> {
    Ok(Rules {
        prompts: load_prompts(c)?,
        schedules: load_schedules(c)?,
        policies: policies::load(c)?,
        agents: load_agents(c)?,
        queues: load_queues(c)?,
        routes: load_routes(c)?,
    })
}

fn load_prompts(c: &mut Database) -> Result<BTreeMap<PromptName, Prompt>, StoreError> {
    let rows: Vec<(String, String)> = prompts::table.load(c)?;
    rows.iter()
        .map(|(name, source)| {
            Ok((read("prompts.name", name)?, Prompt { source: read("prompts.source", source)? }))
        })
        .collect()
}

fn load_schedules(c: &mut Database) -> Result<BTreeMap<ScheduleName, Schedule>, StoreError> {
    let unreadable =
        |value: &str| StoreError::Unreadable { column: "schedules.zone".to_owned(), value: value.to_owned() };
    let mut all = BTreeMap::new();
    for (name, zone) in schedules::table.load::<(String, String)>(c)? {
        let zone = zone.parse().map_err(|_| unreadable(&zone))?;
        let schedule = Schedule { zone, weekly: Default::default(), exceptions: BTreeMap::new() };
        all.insert(read("schedules.name", &name)?, schedule);
    }
    for (name, weekday, opens, closes) in schedule_hours::table.load::<(String, i32, i32, i32)>(c)? {
        let schedule = all.get_mut(&read::<ScheduleName>("schedule_hours.schedule", &name)?);
        let day = usize::try_from(weekday - 1).ok().filter(|day| *day < 7);
        if let (Some(schedule), Some(day)) = (schedule, day) {
            schedule.weekly[day].push(interval(opens, closes));
        }
    }
    type Dated = (String, String, i32, Option<i32>, Option<i32>);
    for (name, date, _, opens, closes) in schedule_exceptions::table.load::<Dated>(c)? {
        let schedule = all.get_mut(&read::<ScheduleName>("schedule_exceptions.schedule", &name)?);
        let date: NaiveDate = read("schedule_exceptions.date", &date)?;
        if let Some(schedule) = schedule {
            let hours = schedule.exceptions.entry(date).or_default();
            hours.extend(opens.zip(closes).map(|(opens, closes)| interval(opens, closes)));
        }
    }
    all.into_iter()
        .map(|(name, schedule)| {
            Ok((name, schedule.checked().map_err(|error| StoreError::Refused(error.to_string()))?))
        })
        .collect()
}

fn interval(opens: i32, closes: i32) -> Interval {
    let minute = |value: i32| u16::try_from(value).unwrap_or_default();
    Interval { opens_min: minute(opens), closes_min: minute(closes) }
}

type AgentColumns = (String, String, i64, i64, i64, i64, i64, i64, i32, bool);

fn load_agents(c: &mut Database) -> Result<BTreeMap<AgentName, Agent>, StoreError> {
    use agents as t;
    let mut contacts: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let rows: Vec<(String, i32, String)> =
        agent_contacts::table.order((agent_contacts::agent, agent_contacts::ordinal)).load(c)?;
    for (agent, _, contact) in rows {
        contacts.entry(agent).or_default().push(read("agent_contacts.contact", &contact)?);
    }
    let rows = t::table
        .select((
            t::name,
            t::display,
            t::ring_timeout_ms,
            t::wrap_up_ms,
            t::no_answer_delay_ms,
            t::busy_delay_ms,
            t::rejected_delay_ms,
            t::unreachable_delay_ms,
            t::max_misses,
            t::follow_redirects,
        ))
        .load::<AgentColumns>(c)?;
    rows.into_iter()
        .map(
            |(
                name,
                display,
                ring,
                wrap,
                no_answer,
                busy,
                rejected,
                unreachable,
                misses,
                follow_redirects,
            )| {
                let agent = Agent {
                    display,
                    contacts: contacts.remove(&name).unwrap_or_default(),
                    ring_timeout: from_ms(ring),
                    wrap_up: from_ms(wrap),
                    no_answer_delay: from_ms(no_answer),
                    busy_delay: from_ms(busy),
                    rejected_delay: from_ms(rejected),
                    unreachable_delay: from_ms(unreachable),
                    max_no_answer: misses.max(0).unsigned_abs(),
                    follow_redirects,
                };
                Ok((read("agents.name", &name)?, agent))
            },
        )
        .collect()
}

type QueueColumns =
    (String, String, i32, Option<String>, i64, Option<i64>, String, String, Option<String>, String, bool);

fn load_queues(c: &mut Database) -> Result<BTreeMap<QueueName, Queue>, StoreError> {
    let mut places: BTreeMap<String, BTreeMap<AgentName, Tier>> = BTreeMap::new();
    for (queue, agent, level, position) in tiers::table.load::<(String, String, i32, i32)>(c)? {
        places.entry(queue).or_default().insert(read("tiers.agent", &agent)?, Tier { level, position });
    }
    let rows = queues::table.load::<QueueColumns>(c)?;
    rows.into_iter()
        .map(
            |(
                name,
                strategy,
                priority,
                music,
                service_level,
                max_wait,
                kind,
                to,
                schedule,
                policy,
                waits,
            )| {
                let queue = Queue {
                    strategy: read("queues.strategy", &strategy)?,
                    priority,
                    music: read_option("queues.music", music.as_ref())?,
                    service_level: from_ms(service_level),
                    max_wait: max_wait.map(from_ms),
                    overflow: destination("queues.overflow_to", &kind, &to)?,
                    schedule: read_option("queues.schedule", schedule.as_ref())?,
                    policy: read("queues.policy", &policy)?,
                    call_waiting: waits,
                    tiers: places.remove(&name).unwrap_or_default(),
                };
                Ok((read("queues.name", &name)?, queue))
            },
        )
        .collect()
}

type RouteColumns = (i32, String, String, String, String, Option<String>, String, String);

fn load_routes(c: &mut Database) -> Result<Vec<Route>, StoreError> {
    let rows = routes::table.order(routes::ordinal).load::<RouteColumns>(c)?;
    rows.into_iter()
        .map(|(_, name, number, open_kind, open_to, schedule, closed_kind, closed_to)| {
            Ok(Route {
                name: read("routes.name", &name)?,
                number: read("routes.number", &number)?,
                open: destination("routes.open_to", &open_kind, &open_to)?,
                schedule: read_option("routes.schedule", schedule.as_ref())?,
                closed: destination("routes.closed_to", &closed_kind, &closed_to)?,
            })
        })
        .collect()
}

fn destination(column: &'static str, kind: &str, to: &str) -> Result<Destination, StoreError> {
    let kind: DestinationKind = read(column, kind)?;
    kind.read(to).map_err(|_| StoreError::Unreadable { column: column.to_owned(), value: to.to_owned() })
}
