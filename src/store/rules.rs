//! The rules as rows: read as a whole, and made equal to the rules of the administrator.

mod duties;
mod menus;
mod policies;
mod replace;
mod rows;
mod voicemails;

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::dialect::columns;
use super::error::OfTable as _;
use super::schema::{
    agent_contacts, agents, prompts, queues, routes, schedule_exceptions, schedule_hours, schedules, tiers,
};
use super::{Database, StoreError, hours, read};
use crate::ids::{AgentName, PromptName, QueueName, ScheduleName};

use crate::calendar::schedule::Schedule;
use crate::rules::contact::Contact;
use crate::rules::{Agent, Prompt, Queue, Route, Rules, Tier};

use rows::{
    AgentRow, ContactRow, ExceptionRow, HoursRow, PromptRow, QueueRow, RouteRow, ScheduleRow, TierRow,
    interval,
};

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
    difference.note("duty", &old.duties, &new.duties);
    difference.note("queue", &old.queues, &new.queues);
    difference.note("menu", &old.menus, &new.menus);
    difference.note("voicemail", &old.voicemails, &new.voicemails);
    difference.note("route", &by_name(old), &by_name(new));
    let put = new.policies.iter().filter(|(name, policy)| old.policies.get(*name) != Some(*policy));
    difference.versions = put.map(|(name, policy)| (name.to_string(), policy.version)).collect();
    difference
}

/// Reads every rule, and what people set for a while.
///
/// # Errors
/// When the database fails, or holds a value that cannot be read.
pub fn load(c: &mut Database) -> Result<Rules, StoreError> {
    let mut rules = stated(c)?;
    for (name, manual) in hours::load(c)? {
        if let Some(schedule) = rules.schedules.get_mut(&name) {
            schedule.manual = Some(manual);
        }
    }
    duties::add_swaps(c, &mut rules.duties)?;
    Ok(rules)
}

/// Reads the rules as the administrator stated them.
fn stated(c: &mut Database) -> Result<Rules, StoreError> {
    Ok(Rules {
        prompts: load_prompts(c)?,
        schedules: load_schedules(c)?,
        policies: policies::load(c)?,
        agents: load_agents(c)?,
        duties: duties::load(c)?,
        queues: load_queues(c)?,
        menus: menus::load(c)?,
        voicemails: voicemails::load(c)?,
        routes: load_routes(c)?,
    })
}

fn load_prompts(c: &mut Database) -> Result<BTreeMap<PromptName, Prompt>, StoreError> {
    let rows: Vec<PromptRow> = prompts::table.select(columns::<PromptRow>()).load(c).of_table("prompts")?;
    Ok(rows.into_iter().map(|row| (row.name, Prompt { source: row.source })).collect())
}

fn load_schedules(c: &mut Database) -> Result<BTreeMap<ScheduleName, Schedule>, StoreError> {
    let mut all = BTreeMap::new();
    let rows: Vec<ScheduleRow> =
        schedules::table.select(columns::<ScheduleRow>()).load(c).of_table("schedules")?;
    for ScheduleRow { name, zone } in rows {
        let zone = read("schedules.zone", &zone)?;
        all.insert(name, Schedule::closed(zone));
    }
    let rows: Vec<HoursRow> =
        schedule_hours::table.select(columns::<HoursRow>()).load(c).of_table("schedule_hours")?;
    for row in rows {
        let day = usize::try_from(row.weekday - 1).ok().filter(|day| *day < 7);
        if let (Some(schedule), Some(day)) = (all.get_mut(&row.schedule), day) {
            schedule.weekly[day].push(interval(row.opens_min, row.closes_min));
        }
    }
    let rows: Vec<ExceptionRow> = schedule_exceptions::table
        .select(columns::<ExceptionRow>())
        .load(c)
        .of_table("schedule_exceptions")?;
    for row in rows {
        if let Some(schedule) = all.get_mut(&row.schedule) {
            let hours = schedule.exceptions.entry(row.date.0).or_default();
            let times = row.opens_min.zip(row.closes_min);
            hours.extend(times.map(|(opens, closes)| interval(opens, closes)));
        }
    }
    all.into_iter()
        .map(|(name, schedule)| {
            Ok((name, schedule.checked().map_err(|error| StoreError::Refused(error.to_string()))?))
        })
        .collect()
}

fn load_agents(c: &mut Database) -> Result<BTreeMap<AgentName, Agent>, StoreError> {
    let mut contacts: BTreeMap<AgentName, Vec<Contact>> = BTreeMap::new();
    let rows: Vec<ContactRow> = agent_contacts::table
        .order((agent_contacts::agent, agent_contacts::ordinal))
        .select(columns::<ContactRow>())
        .load(c)
        .of_table("agent_contacts")?;
    for row in rows {
        contacts.entry(row.agent).or_default().push(row.contact);
    }
    let rows: Vec<AgentRow> = agents::table.select(columns::<AgentRow>()).load(c).of_table("agents")?;
    let named = rows.into_iter().map(|row| {
        let contacts = contacts.remove(&row.name).unwrap_or_default();
        (row.name.clone(), row.agent(contacts))
    });
    Ok(named.collect())
}

fn load_queues(c: &mut Database) -> Result<BTreeMap<QueueName, Queue>, StoreError> {
    let mut by_queue: BTreeMap<QueueName, BTreeMap<AgentName, Tier>> = BTreeMap::new();
    let rows: Vec<TierRow> = tiers::table.select(columns::<TierRow>()).load(c).of_table("tiers")?;
    for TierRow { queue, agent, level, position } in rows {
        by_queue.entry(queue).or_default().insert(agent, Tier { level, position });
    }
    let rows: Vec<QueueRow> = queues::table.select(columns::<QueueRow>()).load(c).of_table("queues")?;
    rows.into_iter()
        .map(|row| {
            let tiers = by_queue.remove(&row.name).unwrap_or_default();
            Ok((row.name.clone(), row.queue(tiers)?))
        })
        .collect()
}

fn load_routes(c: &mut Database) -> Result<Vec<Route>, StoreError> {
    let rows: Vec<RouteRow> =
        routes::table.order(routes::ordinal).select(columns::<RouteRow>()).load(c).of_table("routes")?;
    rows.into_iter().map(RouteRow::route).collect()
}
