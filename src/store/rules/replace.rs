//! Makes the rows equal to the rules of the administrator.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;

use super::rows::{AgentRow, ContactRow, ExceptionRow, HoursRow, QueueRow, RouteRow, ScheduleRow, TierRow};
use super::{
    Difference, compare, duties as duty_rows, menus as menu_rows, policies, stated,
    voicemails as voicemail_rows,
};
use crate::calendar::schedule::Schedule;
use crate::ids::{AgentName, PromptName, QueueName, ScheduleName};
use crate::rules::flow::Circle;
use crate::rules::policy::{Policy, Profile};
use crate::rules::references::dangling;
use crate::rules::{Agent, Prompt, Queue, Rules, Tier};
use crate::store::schema::{
    agent_contacts, agents, duties, menus, prompts, queues, routes, schedule_exceptions, schedule_hours,
    schedules, tiers, voicemails,
};
use crate::store::{Database, StoreError, cases, dialect, offers, waits};

/// Makes the rows equal to `new`, and changes only rows that differ. The status and activity of agents stay as they
/// are.
///
/// # Errors
/// [`StoreError::Refused`] when an agent or queue that a live call uses would be removed, or when a rule refers to
/// something that does not exist, or when callers would go in a circle. Nothing is changed then.
pub fn replace(c: &mut Database, new: &Rules) -> Result<Difference, StoreError> {
    dialect::hold::rules(c)?;
    let old = stated(c)?;
    let new = &numbered(c, &old, new)?;
    refuse_unlawful(new)?;
    refuse_dangling(new)?;
    refuse_circles(new)?;
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
    for (name, duty) in differing(&old.duties, &new.duties) {
        duty_rows::put(c, name, duty, old.duties.contains_key(name))?;
    }
    for (name, queue) in differing(&old.queues, &new.queues) {
        put_queue(c, name, queue, old.queues.contains_key(name))?;
    }
    for (name, menu) in differing(&old.menus, &new.menus) {
        menu_rows::put(c, name, menu, old.menus.contains_key(name))?;
    }
    for (name, voicemail) in differing(&old.voicemails, &new.voicemails) {
        voicemail_rows::put(c, name, voicemail, old.voicemails.contains_key(name))?;
    }
    for name in gone(&old.policies, &new.policies) {
        policies::remove(c, name)?;
    }
    if old.routes != new.routes {
        diesel::delete(routes::table).execute(c)?;
        for (ordinal, route) in (1..).zip(&new.routes) {
            diesel::insert_into(routes::table).values(RouteRow::of(ordinal, route)).execute(c)?;
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
    let old = stated(c)?;
    let new = &numbered(c, &old, new)?;
    refuse_unlawful(new)?;
    refuse_dangling(new)?;
    refuse_circles(new)?;
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
        diesel::delete(queues::table.find(name)).execute(c)?;
    }
    for name in gone(&old.agents, &new.agents) {
        diesel::delete(agents::table.find(name)).execute(c)?;
    }
    for name in gone(&old.schedules, &new.schedules) {
        diesel::delete(schedules::table.find(name)).execute(c)?;
    }
    for name in gone(&old.duties, &new.duties) {
        diesel::delete(duties::table.find(name)).execute(c)?;
    }
    for name in gone(&old.menus, &new.menus) {
        diesel::delete(menus::table.find(name)).execute(c)?;
    }
    for name in gone(&old.voicemails, &new.voicemails) {
        diesel::delete(voicemails::table.find(name)).execute(c)?;
    }
    for name in gone(&old.prompts, &new.prompts) {
        diesel::delete(prompts::table.find(name)).execute(c)?;
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

/// Refuses rules by which a caller who does nothing goes round for ever.
fn refuse_circles(rules: &Rules) -> Result<(), StoreError> {
    match rules.circles().first() {
        Some(circle) => Err(StoreError::Refused(format!("{circle}; {}", Circle::REMEDY))),
        None => Ok(()),
    }
}

/// Adds one agent, or updates the agent's rules.
///
/// # Errors
/// When the database fails.
pub fn put_one_agent(c: &mut Database, name: &AgentName, agent: &Agent) -> Result<(), StoreError> {
    dialect::hold::rules(c)?;
    let there: i64 = agents::table.filter(agents::name.eq(name)).count().get_result(c)?;
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
    let known: i64 = queues::table.filter(queues::name.eq(queue)).count().get_result(c)?;
    if known == 0 {
        return Err(StoreError::NotFound { kind: "queue", name: queue.to_string() });
    }
    diesel::delete(tiers::table.find((queue, agent))).execute(c)?;
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
                 (`dozvon case list --queue {name}`), or wait until they are closed"
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
    let source = prompts::source.eq(prompt.source.to_string());
    if there {
        diesel::update(prompts::table.find(name)).set(source).execute(c)?;
    } else {
        diesel::insert_into(prompts::table).values((prompts::name.eq(name), source)).execute(c)?;
    }
    Ok(())
}

fn put_schedule(
    c: &mut Database,
    name: &ScheduleName,
    schedule: &Schedule,
    there: bool,
) -> Result<(), StoreError> {
    let row = ScheduleRow { name: name.clone(), zone: schedule.zone.name().to_owned() };
    if there {
        use {schedule_exceptions as exceptions, schedule_hours as hours};
        diesel::delete(hours::table.filter(hours::schedule.eq(name))).execute(c)?;
        diesel::delete(exceptions::table.filter(exceptions::schedule.eq(name))).execute(c)?;
        diesel::update(schedules::table.find(name)).set(row).execute(c)?;
    } else {
        diesel::insert_into(schedules::table).values(row).execute(c)?;
    }
    for (weekday, hours) in (1..).zip(&schedule.weekly) {
        for interval in hours {
            let row = HoursRow {
                schedule: name.clone(),
                weekday,
                opens_min: interval.opens_min.into(),
                closes_min: interval.closes_min.into(),
            };
            diesel::insert_into(schedule_hours::table).values(row).execute(c)?;
        }
    }
    for (date, hours) in &schedule.exceptions {
        let none = std::iter::once(None).filter(|_| hours.is_empty());
        for (ordinal, interval) in (1..).zip(none.chain(hours.iter().map(Some))) {
            let row = ExceptionRow {
                schedule: name.clone(),
                date: (*date).into(),
                ordinal,
                opens_min: interval.map(|interval| interval.opens_min.into()),
                closes_min: interval.map(|interval| interval.closes_min.into()),
            };
            diesel::insert_into(schedule_exceptions::table).values(row).execute(c)?;
        }
    }
    Ok(())
}

fn put_agent(c: &mut Database, name: &AgentName, agent: &Agent, there: bool) -> Result<(), StoreError> {
    let row = AgentRow::of(name, agent);
    if there {
        diesel::update(agents::table.find(name)).set(row).execute(c)?;
        diesel::delete(agent_contacts::table.filter(agent_contacts::agent.eq(name))).execute(c)?;
    } else {
        diesel::insert_into(agents::table).values(row).execute(c)?;
    }
    for (ordinal, contact) in (1..).zip(&agent.contacts) {
        let row = ContactRow { agent: name.clone(), ordinal, contact: contact.clone() };
        diesel::insert_into(agent_contacts::table).values(row).execute(c)?;
    }
    Ok(())
}

fn put_queue(c: &mut Database, name: &QueueName, queue: &Queue, there: bool) -> Result<(), StoreError> {
    let row = QueueRow::of(name, queue);
    if there {
        diesel::update(queues::table.find(name)).set(row).execute(c)?;
        diesel::delete(tiers::table.filter(tiers::queue.eq(name))).execute(c)?;
    } else {
        diesel::insert_into(queues::table).values(row).execute(c)?;
    }
    queue.tiers.iter().try_for_each(|(agent, tier)| insert_tier(c, name, agent, *tier))
}

fn insert_tier(c: &mut Database, queue: &QueueName, agent: &AgentName, tier: Tier) -> Result<(), StoreError> {
    let Tier { level, position } = tier;
    let row = TierRow { queue: queue.clone(), agent: agent.clone(), level, position };
    diesel::insert_into(tiers::table).values(row).execute(c)?;
    Ok(())
}
