//! Makes the rows equal to the rules of the administrator.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{Difference, compare, load, policies};
use crate::calendar::schedule::{Interval, Schedule};
use crate::ids::{AgentName, PromptName, QueueName, ScheduleName};
use crate::rules::policy::{Policy, Profile};
use crate::rules::references::dangling;
use crate::rules::{Agent, Prompt, Queue, Route, Rules, Tier};
use crate::store::schema::{
    agent_contacts, agents, prompts, queues, routes, schedule_exceptions, schedule_hours, schedules, tiers,
};
use crate::store::{Database, StoreError, cases, dialect, offers, to_ms, waits};

/// Makes the rows equal to `new`, and changes only rows that differ. The status and activity of agents stay as they
/// are.
///
/// # Errors
/// [`StoreError::Refused`] when an agent or queue that a live call uses would be removed, or when a rule refers to
/// something that does not exist. Nothing is changed then.
pub fn replace(c: &mut Database, new: &Rules) -> Result<Difference, StoreError> {
    dialect::hold::rules(c)?;
    let old = load(c)?;
    let new = &numbered(c, &old, new)?;
    refuse_unlawful(new)?;
    refuse_dangling(new)?;
    refuse_in_use(c, &old, new)?;
    remove(c, &old, new)?;
    for (name, prompt) in differing(&old.prompts, &new.prompts) {
        put_prompt(c, name, prompt, old.prompts.contains_key(name))?;
    }
    for (name, schedule) in differing(&old.schedules, &new.schedules) {
        put_schedule(c, name, schedule, old.schedules.contains_key(name))?;
    }
    for (name, policy) in differing(&old.policies, &new.policies) {
        policies::put(c, name, policy, old.policies.contains_key(name))?;
    }
    for (name, agent) in differing(&old.agents, &new.agents) {
        put_agent(c, name, agent, old.agents.contains_key(name))?;
    }
    for (name, queue) in differing(&old.queues, &new.queues) {
        put_queue(c, name, queue, old.queues.contains_key(name))?;
    }
    for name in gone(&old.policies, &new.policies) {
        policies::remove(c, name)?;
    }
    if old.routes != new.routes {
        diesel::delete(routes::table).execute(c)?;
        for (ordinal, route) in (1..).zip(&new.routes) {
            insert_route(c, ordinal, route)?;
        }
    }
    dialect::check_references(c)?;
    Ok(compare(&old, new))
}

/// Returns what [`replace`] would change, or the error that it would return. This function only reads.
///
/// # Errors
/// The errors of [`replace`].
pub fn preview(c: &mut Database, new: &Rules) -> Result<Difference, StoreError> {
    let old = load(c)?;
    let new = &numbered(c, &old, new)?;
    refuse_unlawful(new)?;
    refuse_dangling(new)?;
    refuse_in_use(c, &old, new)?;
    Ok(compare(&old, new))
}

/// Returns the rules with the versions that their policies will have.
fn numbered(c: &mut Database, old: &Rules, new: &Rules) -> Result<Rules, StoreError> {
    Ok(Rules { policies: policies::numbered(c, &old.policies, &new.policies)?, ..new.clone() })
}

/// Refuses policies that allow more than the law or the company's limits.
fn refuse_unlawful(rules: &Rules) -> Result<(), StoreError> {
    match rules.policies.values().flat_map(Policy::faults).next() {
        Some(fault) => Err(StoreError::Refused(fault.to_string())),
        None => Ok(()),
    }
}

/// Returns the entries that are new or different.
fn differing<'a, K: Ord, V: PartialEq>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    new.iter().filter(|(name, value)| old.get(*name) != Some(*value))
}

fn gone<'a, K: Ord, V>(old: &'a BTreeMap<K, V>, new: &'a BTreeMap<K, V>) -> impl Iterator<Item = &'a K> {
    old.keys().filter(|name| !new.contains_key(*name))
}

/// Removes rows that are no longer in the rules. A row may go before the rows that refer to it: the database checks
/// references at the end of the transaction.
fn remove(c: &mut Database, old: &Rules, new: &Rules) -> Result<(), StoreError> {
    for name in gone(&old.queues, &new.queues) {
        diesel::delete(queues::table.find(name.as_str())).execute(c)?;
    }
    for name in gone(&old.agents, &new.agents) {
        diesel::delete(agents::table.find(name.as_str())).execute(c)?;
    }
    for name in gone(&old.schedules, &new.schedules) {
        diesel::delete(schedules::table.find(name.as_str())).execute(c)?;
    }
    for name in gone(&old.prompts, &new.prompts) {
        diesel::delete(prompts::table.find(name.as_str())).execute(c)?;
    }
    Ok(())
}

/// Refuses rules that refer to something that they do not hold.
fn refuse_dangling(rules: &Rules) -> Result<(), StoreError> {
    match dangling(rules.references(), &rules.names()).next() {
        Some(reference) => Err(StoreError::Refused(reference.to_string())),
        None => Ok(()),
    }
}

/// Adds one agent, or updates the agent's rules.
///
/// # Errors
/// When the database fails.
pub fn put_one_agent(c: &mut Database, name: &AgentName, agent: &Agent) -> Result<(), StoreError> {
    dialect::hold::rules(c)?;
    let there: i64 = agents::table.filter(agents::name.eq(name.as_str())).count().get_result(c)?;
    put_agent(c, name, agent, there > 0)
}

/// Assigns an agent to a queue, or changes the assignment.
///
/// # Errors
/// When there is no such queue or agent.
pub fn put_tier(
    c: &mut Database,
    queue: &QueueName,
    agent: &AgentName,
    tier: Tier,
) -> Result<(), StoreError> {
    dialect::hold::rules(c)?;
    let known: i64 = queues::table.filter(queues::name.eq(queue.as_str())).count().get_result(c)?;
    if known == 0 {
        return Err(StoreError::NotFound { kind: "queue", name: queue.to_string() });
    }
    diesel::delete(tiers::table.find((queue.as_str(), agent.as_str()))).execute(c)?;
    insert_tier(c, queue, agent, tier)
}

fn refuse_in_use(c: &mut Database, old: &Rules, new: &Rules) -> Result<(), StoreError> {
    let mut busy = BTreeSet::new();
    for name in gone(&old.agents, &new.agents) {
        if offers::live(c, Some(name), None)? {
            busy.insert(format!("agent {name}"));
        }
    }
    for name in gone(&old.queues, &new.queues) {
        if offers::live(c, None, Some(name))? || waits::waits_in(c, name)? {
            busy.insert(format!("queue {name}"));
        }
    }
    for name in gone(&old.queues, &new.queues) {
        let law = old.policy(Some(name)).profile;
        // Another queue would call these customers back, perhaps under a law that allows more.
        if law > Profile::Service && cases::open_in(c, name)? > 0 {
            return Err(StoreError::Refused(format!(
                "queue {name} has open cases for which the law on {law} holds, so it cannot be removed: close them \
                 (`dozvon case list --queue {name}`), or wait until they are"
            )));
        }
    }
    if busy.is_empty() {
        return Ok(());
    }
    let list = busy.into_iter().collect::<Vec<_>>().join(", ");
    Err(StoreError::Refused(format!(
        "in use by a call now, so it cannot be removed: {list}; try again when it has ended"
    )))
}

fn put_prompt(c: &mut Database, name: &PromptName, prompt: &Prompt, there: bool) -> Result<(), StoreError> {
    let source = prompts::source.eq(prompt.source.as_str());
    if there {
        diesel::update(prompts::table.find(name.as_str())).set(source).execute(c)?;
    } else {
        diesel::insert_into(prompts::table).values((prompts::name.eq(name.as_str()), source)).execute(c)?;
    }
    Ok(())
}

fn put_schedule(
    c: &mut Database,
    name: &ScheduleName,
    schedule: &Schedule,
    there: bool,
) -> Result<(), StoreError> {
    let zone = schedules::zone.eq(schedule.zone.name());
    if there {
        use {schedule_exceptions as exceptions, schedule_hours as hours};
        diesel::delete(hours::table.filter(hours::schedule.eq(name.as_str()))).execute(c)?;
        diesel::delete(exceptions::table.filter(exceptions::schedule.eq(name.as_str()))).execute(c)?;
        diesel::update(schedules::table.find(name.as_str())).set(zone).execute(c)?;
    } else {
        diesel::insert_into(schedules::table).values((schedules::name.eq(name.as_str()), zone)).execute(c)?;
    }
    for (day, hours) in (1..).zip(&schedule.weekly) {
        for interval in hours {
            diesel::insert_into(schedule_hours::table)
                .values((
                    schedule_hours::schedule.eq(name.as_str()),
                    schedule_hours::weekday.eq(day),
                    schedule_hours::opens_min.eq(i32::from(interval.opens_min)),
                    schedule_hours::closes_min.eq(i32::from(interval.closes_min)),
                ))
                .execute(c)?;
        }
    }
    for (date, hours) in &schedule.exceptions {
        let none = std::iter::once(None).filter(|_| hours.is_empty());
        for (ordinal, interval) in (1..).zip(none.chain(hours.iter().map(Some))) {
            insert_exception(c, name, *date, ordinal, interval)?;
        }
    }
    Ok(())
}

fn insert_exception(
    c: &mut Database,
    name: &ScheduleName,
    date: NaiveDate,
    ordinal: i32,
    interval: Option<&Interval>,
) -> Result<(), StoreError> {
    use schedule_exceptions as t;
    diesel::insert_into(t::table)
        .values((
            t::schedule.eq(name.as_str()),
            t::date.eq(date.to_string()),
            t::ordinal.eq(ordinal),
            t::opens_min.eq(interval.map(|i| i32::from(i.opens_min))),
            t::closes_min.eq(interval.map(|i| i32::from(i.closes_min))),
        ))
        .execute(c)?;
    Ok(())
}

fn put_agent(c: &mut Database, name: &AgentName, agent: &Agent, there: bool) -> Result<(), StoreError> {
    use agents as t;
    let columns = (
        t::display.eq(&agent.display),
        t::ring_timeout_ms.eq(to_ms(agent.ring_timeout)),
        t::wrap_up_ms.eq(to_ms(agent.wrap_up)),
        t::no_answer_delay_ms.eq(to_ms(agent.no_answer_delay)),
        t::busy_delay_ms.eq(to_ms(agent.busy_delay)),
        t::rejected_delay_ms.eq(to_ms(agent.rejected_delay)),
        t::unreachable_delay_ms.eq(to_ms(agent.unreachable_delay)),
        t::max_misses.eq(i32::try_from(agent.max_no_answer).unwrap_or(i32::MAX)),
        t::follow_redirects.eq(agent.follow_redirects),
    );
    if there {
        diesel::update(t::table.find(name.as_str())).set(columns).execute(c)?;
        diesel::delete(agent_contacts::table.filter(agent_contacts::agent.eq(name.as_str()))).execute(c)?;
    } else {
        diesel::insert_into(t::table).values((t::name.eq(name.as_str()), columns)).execute(c)?;
    }
    for (ordinal, contact) in (1..).zip(&agent.contacts) {
        diesel::insert_into(agent_contacts::table)
            .values((
                agent_contacts::agent.eq(name.as_str()),
                agent_contacts::ordinal.eq(ordinal),
                agent_contacts::contact.eq(contact.to_string()),
            ))
            .execute(c)?;
    }
    Ok(())
}

fn put_queue(c: &mut Database, name: &QueueName, queue: &Queue, there: bool) -> Result<(), StoreError> {
    use queues as t;
    let (kind, to) = queue.overflow.parts();
    let columns = (
        t::strategy.eq(queue.strategy.as_str()),
        t::priority.eq(queue.priority),
        t::music.eq(queue.music.as_ref().map(PromptName::as_str)),
        t::service_level_ms.eq(to_ms(queue.service_level)),
        t::max_wait_ms.eq(queue.max_wait.map(to_ms)),
        t::overflow_kind.eq(kind.as_str()),
        t::overflow_to.eq(to),
        t::schedule.eq(queue.schedule.as_ref().map(ScheduleName::as_str)),
        t::policy.eq(queue.policy.as_str()),
        t::call_waiting.eq(queue.call_waiting),
    );
    if there {
        diesel::update(t::table.find(name.as_str())).set(columns).execute(c)?;
        diesel::delete(tiers::table.filter(tiers::queue.eq(name.as_str()))).execute(c)?;
    } else {
        diesel::insert_into(t::table).values((t::name.eq(name.as_str()), columns)).execute(c)?;
    }
    for (agent, tier) in &queue.tiers {
        insert_tier(c, name, agent, *tier)?;
    }
    Ok(())
}

fn insert_tier(c: &mut Database, queue: &QueueName, agent: &AgentName, tier: Tier) -> Result<(), StoreError> {
    diesel::insert_into(tiers::table)
        .values((
            tiers::queue.eq(queue.as_str()),
            tiers::agent.eq(agent.as_str()),
            tiers::level.eq(tier.level),
            tiers::position.eq(tier.position),
        ))
        .execute(c)?;
    Ok(())
}

fn insert_route(c: &mut Database, ordinal: i32, route: &Route) -> Result<(), StoreError> {
    use routes as t;
    let ((open_kind, open_to), (closed_kind, closed_to)) = (route.open.parts(), route.closed.parts());
    diesel::insert_into(t::table)
        .values((
            t::ordinal.eq(ordinal),
            t::name.eq(route.name.as_str()),
            t::number.eq(route.number.to_string()),
            t::open_kind.eq(open_kind.as_str()),
            t::open_to.eq(open_to),
            t::schedule.eq(route.schedule.as_ref().map(|name| name.as_str())),
            t::closed_kind.eq(closed_kind.as_str()),
            t::closed_to.eq(closed_to),
        ))
        .execute(c)?;
    Ok(())
}
