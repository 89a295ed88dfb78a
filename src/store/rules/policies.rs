//! Policies as rows: what each version allows, and which version is in force.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use diesel::dsl::max;
use diesel::prelude::*;

use crate::ids::{PolicyName, QueueName};
use crate::rules::policy::{Minutes, Policy, Profile};
use crate::store::dialect::columns;
use crate::store::schema::{policies, policy_versions, queues};
use crate::store::{Database, StoreError, from_ms, read, to_ms};

/// A version of a policy as the database holds it.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = policy_versions)]
struct Row {
    policy: PolicyName,
    version: i32,
    profile: Profile,
    max_attempts_per_day: i32,
    max_attempts_per_24h: Option<i64>,
    max_attempts_per_week: Option<i64>,
    max_attempts_per_month: Option<i64>,
    retry_delays_ms: String,
    ring_timeout_ms: i64,
    reaction_time_ms: i64,
    escalation_pct: String,
    weekdays_from_min: i32,
    weekdays_to_min: i32,
    weekends_from_min: i32,
    weekends_to_min: i32,
    hours_margin_ms: i64,
    recent_contact_ms: Option<i64>,
    grace_ms: i64,
    accept_timeout_ms: i64,
    repeat_days: i32,
    max_attempts: i32,
    allowed_destinations: String,
    allow_premium: bool,
}

/// Returns the policies that are in force.
pub(super) fn load(c: &mut Database) -> Result<BTreeMap<PolicyName, Policy>, StoreError> {
    let in_force =
        policies::name.eq(policy_versions::policy).and(policies::version.eq(policy_versions::version));
    let rows: Vec<Row> =
        policies::table.inner_join(policy_versions::table.on(in_force)).select(columns::<Row>()).load(c)?;
    rows.into_iter().map(|row| policy(row).map(|policy| (policy.name.clone(), policy))).collect()
}

/// Returns the stated and the built-in policies, each with its version: the current version if the policy allows the
/// same as before, otherwise the next unused version.
pub(super) fn numbered(
    c: &mut Database,
    old: &BTreeMap<PolicyName, Policy>,
    stated: &BTreeMap<PolicyName, Policy>,
) -> Result<BTreeMap<PolicyName, Policy>, StoreError> {
    let mut all = Policy::built_in();
    all.extend(stated.iter().map(|(name, policy)| (name.clone(), policy.clone())));
    for (name, policy) in &mut all {
        let was = old.get(name).filter(|was| **was == Policy { version: was.version, ..policy.clone() });
        policy.version = match was {
            Some(was) => was.version,
            None => last_version(c, name)?.saturating_add(1),
        };
    }
    Ok(all)
}

/// Returns the last version that a policy of this name ever had, or 0 if there was none.
fn last_version(c: &mut Database, name: &PolicyName) -> Result<i32, StoreError> {
    let last: Option<i32> = policy_versions::table
        .filter(policy_versions::policy.eq(name))
        .select(max(policy_versions::version))
        .first(c)?;
    Ok(last.unwrap_or_default())
}

/// Puts a new version in force.
pub(super) fn put(
    c: &mut Database,
    name: &PolicyName,
    policy: &Policy,
    there: bool,
) -> Result<(), StoreError> {
    diesel::insert_into(policy_versions::table).values(row(name, policy)).execute(c)?;
    let version = policies::version.eq(policy.version);
    if there {
        diesel::update(policies::table.find(name)).set(version).execute(c)?;
    } else {
        diesel::insert_into(policies::table).values((policies::name.eq(name), version)).execute(c)?;
    }
    Ok(())
}

/// Takes a policy out of force. Its versions stay.
pub(super) fn remove(c: &mut Database, name: &PolicyName) -> Result<(), StoreError> {
    diesel::delete(policies::table.find(name)).execute(c)?;
    Ok(())
}

fn row(name: &PolicyName, policy: &Policy) -> Row {
    let edge = |(from, to): Minutes| (i32::from(from), i32::from(to));
    let (weekdays, weekends) = (edge(policy.weekdays), edge(policy.weekends));
    Row {
        policy: name.clone(),
        version: policy.version,
        profile: policy.profile,
        max_attempts_per_day: policy.cap_day,
        max_attempts_per_24h: policy.cap_24h,
        max_attempts_per_week: policy.cap_week,
        max_attempts_per_month: policy.cap_month,
        retry_delays_ms: joined(policy.retry_delays.iter().map(|delay| to_ms(*delay))),
        ring_timeout_ms: to_ms(policy.ring),
        reaction_time_ms: to_ms(policy.reaction),
        escalation_pct: joined(policy.escalation_pct.iter()),
        weekdays_from_min: weekdays.0,
        weekdays_to_min: weekdays.1,
        weekends_from_min: weekends.0,
        weekends_to_min: weekends.1,
        hours_margin_ms: to_ms(policy.margin),
        recent_contact_ms: policy.recent_contact.map(to_ms),
        grace_ms: to_ms(policy.grace),
        accept_timeout_ms: to_ms(policy.lease),
        repeat_days: policy.repeat_days,
        max_attempts: policy.repeat_total,
        allowed_destinations: policy.destinations.join(","),
        allow_premium: policy.premium,
    }
}

fn policy(row: Row) -> Result<Policy, StoreError> {
    let minute = |minute: i32| u16::try_from(minute).unwrap_or_default();
    let delays: Vec<u64> = split(policy_versions::retry_delays_ms, &row.retry_delays_ms)?;
    Ok(Policy {
        name: row.policy,
        version: row.version,
        profile: row.profile,
        cap_day: row.max_attempts_per_day,
        cap_24h: row.max_attempts_per_24h,
        cap_week: row.max_attempts_per_week,
        cap_month: row.max_attempts_per_month,
        retry_delays: delays.into_iter().map(Duration::from_millis).collect(),
        ring: from_ms(row.ring_timeout_ms),
        reaction: from_ms(row.reaction_time_ms),
        escalation_pct: split(policy_versions::escalation_pct, &row.escalation_pct)?,
        weekdays: (minute(row.weekdays_from_min), minute(row.weekdays_to_min)),
        weekends: (minute(row.weekends_from_min), minute(row.weekends_to_min)),
        margin: from_ms(row.hours_margin_ms),
        recent_contact: row.recent_contact_ms.map(from_ms),
        grace: from_ms(row.grace_ms),
        lease: from_ms(row.accept_timeout_ms),
        repeat_days: row.repeat_days,
        repeat_total: row.max_attempts,
        destinations: split(policy_versions::allowed_destinations, &row.allowed_destinations)?,
        premium: row.allow_premium,
    })
}

fn joined<T: Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

/// Reads a list from the text of a column.
fn split<T: FromStr, C: Column>(_: C, text: &str) -> Result<Vec<T>, StoreError> {
    text.split(',').filter(|item| !item.is_empty()).map(|item| read(C::NAME, item)).collect()
}

/// Returns the profile of a queue's calls, or none if there is no such queue.
///
/// # Errors
/// When the database fails.
pub(in crate::store) fn profile_of(
    c: &mut Database,
    queue: &QueueName,
) -> Result<Option<Profile>, StoreError> {
    let policy = queues::table.find(queue).select(queues::policy);
    let Some(policy): Option<PolicyName> = policy.first(c).optional()? else { return Ok(None) };
    let in_force =
        policies::table.inner_join(policy_versions::table.on(
            policy_versions::policy.eq(policies::name).and(policy_versions::version.eq(policies::version)),
        ));
    let profile = in_force.filter(policies::name.eq(policy)).select(policy_versions::profile);
    Ok(profile.first(c).optional()?)
}
