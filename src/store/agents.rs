//! Agents as they are: what each chose and does, and every step that he makes.

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::error::Found as _;
use super::schema::{agent_changes, agents};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{AgentName, OfferId};
use crate::queue::agent::{self, Activity, Status, Step};

/// What the database says of an agent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = agents)]
pub struct AgentRow {
    /// Who.
    pub name: AgentName,
    /// What people call him.
    pub display: String,
    /// What he chose.
    pub status: Status,
    /// What he does.
    pub activity: Activity,
    /// Why he is on break.
    pub break_reason: Option<String>,
    /// Since when status and activity are these.
    pub since_at: UnixMs,
    /// Since when he has had no talk: his login, or the end of his last talk.
    pub idle_since_at: UnixMs,
    /// He is offered nothing before this.
    pub ready_at: UnixMs,
    /// Unanswered offers in a row.
    pub misses: i32,
    /// The offer that has claimed him.
    pub offer: Option<OfferId>,
    /// Grows with every change: the newer row is the true one.
    pub version: i64,
}

/// Every agent, by name.
///
/// # Errors
/// When the database fails.
pub fn all(c: &mut Database) -> Result<Vec<AgentRow>, StoreError> {
    Ok(agents::table.select(columns::<AgentRow>()).order(agents::name).load(c)?)
}

/// One agent.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of this name.
pub fn get(c: &mut Database, name: &AgentName) -> Result<AgentRow, StoreError> {
    agents::table.find(name).select(columns::<AgentRow>()).first(c).found("agent", name)
}

/// A step that a person or the system makes an agent take.
#[derive(Debug, Clone)]
pub struct Make<'a> {
    /// Who.
    pub agent: &'a AgentName,
    /// What.
    pub step: Step,
    /// When.
    pub at: UnixMs,
    /// Who says so.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
}

/// Makes a step of status, or ends a wrap-up. A step that changes nothing is no error.
///
/// # Errors
/// [`StoreError::Step`] when it is not legal from where the agent is; [`StoreError::Refused`] for the steps that
/// only an offer can make.
pub fn step(c: &mut Database, make: &Make<'_>) -> Result<AgentRow, StoreError> {
    hold::agent(c, make.agent)?;
    let now = get(c, make.agent)?;
    let (status, activity) = agent::step(now.status, now.activity, make.step)
        .map_err(|refused| StoreError::Step { name: make.agent.to_string(), refused })?;
    let moves = (status, activity) != (now.status, now.activity) || make.step == Step::TakeBreak;
    let fresh = match make.step {
        Step::LogIn | Step::Resume => true,
        Step::LogOut | Step::TakeBreak | Step::EndWrapUp => false,
        Step::Claim | Step::Release | Step::Bridge | Step::EndTalk | Step::EndTalkAtOnce => {
            return Err(StoreError::Refused(format!("only an offer can make an agent {}", make.step)));
        }
    };
    // Who says "I am here" is offered calls at once, whatever their phone did before.
    let is_here = fresh && activity == Activity::Idle;
    let rested = is_here && (now.ready_at > make.at || moves && make.step == Step::LogIn);
    let ready = if rested { make.at } else { now.ready_at };
    if !moves && ready == now.ready_at {
        return Ok(now);
    }
    let since = if moves { make.at } else { now.since_at };
    let idle_since = if is_here && moves { make.at } else { now.idle_since_at };
    let changed = diesel::update(agents::table.find(make.agent).filter(agents::version.eq(now.version)))
        .set((
            agents::status.eq(status),
            agents::activity.eq(activity),
            agents::break_reason.eq(break_reason(&now, make, status)),
            agents::since_at.eq(since),
            agents::idle_since_at.eq(idle_since),
            agents::ready_at.eq(ready),
            agents::misses.eq(if fresh { 0 } else { now.misses }),
            agents::version.eq(now.version + 1),
            agents::changed_by.eq(make.by),
            agents::changed_why.eq(make.why),
        ))
        .returning(columns::<AgentRow>())
        .changed_one(c)
        .optional()?;
    changed.ok_or_else(|| changed_meanwhile(make.agent))
}

/// A break keeps its reason as long as it lasts.
fn break_reason(now: &AgentRow, make: &Make<'_>, status: Status) -> Option<String> {
    match (make.step, status) {
        (Step::TakeBreak, _) => Some(make.why.to_owned()),
        (_, Status::OnBreak) => now.break_reason.clone(),
        (_, Status::LoggedOut | Status::Available) => None,
    }
}

/// Somebody was quicker, past every lock. It can be tried again.
fn changed_meanwhile(agent: &AgentName) -> StoreError {
    StoreError::Commit(format!("agent {agent} was changed by another controller at the same moment"))
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = agent_changes)]
pub struct Change {
    /// When.
    pub at: UnixMs,
    /// Status before.
    pub from_status: Status,
    /// Activity before.
    pub from_activity: Activity,
    /// Status after.
    pub to_status: Status,
    /// Activity after.
    pub to_activity: Activity,
    /// Who made it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// The newest steps of an agent, newest first.
///
/// # Errors
/// When the database fails.
pub fn changes(c: &mut Database, name: &AgentName, limit: i64) -> Result<Vec<Change>, StoreError> {
    let of_agent = agent_changes::table.filter(agent_changes::agent.eq(name));
    let newest = of_agent.order(agent_changes::id.desc()).limit(limit);
    Ok(newest.select(columns::<Change>()).load(c)?)
}
