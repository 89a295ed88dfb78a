//! The agents: the status and activity of each, and every change of them.

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::error::{Found as _, OfTable as _};
use super::readable::{self, List};
use super::schema::{agent_changes, agents};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{AgentName, OfferId};
use crate::queue::agent::{self, Activity, Status, Step};

/// An agent's row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = agents)]
pub struct AgentRow {
    /// The agent's name.
    pub name: AgentName,
    /// The name that people see.
    pub display: String,
    /// The status that the agent chose.
    pub status: Status,
    /// What the agent is doing.
    pub activity: Activity,
    /// Why the agent is on break.
    pub break_reason: Option<String>,
    /// When status and activity last changed.
    pub since_at: UnixMs,
    /// Since when the agent has had no talk: their login, or the end of their last talk.
    pub idle_since_at: UnixMs,
    /// The agent is offered no call before this time.
    pub ready_at: UnixMs,
    /// How many offers in a row the agent did not answer.
    pub misses: i32,
    /// The offer that has claimed the agent.
    pub offer: Option<OfferId>,
    /// Grows with every change: of two rows, the one with the higher version is newer.
    pub version: i64,
}

/// Returns every agent, by name. An agent whose row this program cannot read is left out.
///
/// # Errors
/// When the database fails.
pub fn all(c: &mut Database) -> Result<Vec<AgentRow>, StoreError> {
    let list = List {
        kind: "agent",
        all: |c: &mut Database| {
            agents::table.select(columns::<AgentRow>()).order(agents::name).load(c).of_table("agents")
        },
        keys: |c: &mut Database| Ok(agents::table.select(agents::name).order(agents::name).load(c)?),
        one: |c: &mut Database, name: &AgentName| {
            agents::table.find(name).select(columns::<AgentRow>()).first(c).optional().of_table("agents")
        },
    };
    readable::load(c, list)
}

/// Returns one agent.
///
/// # Errors
/// [`StoreError::NotFound`] when no agent has this name.
pub fn get(c: &mut Database, name: &AgentName) -> Result<AgentRow, StoreError> {
    agents::table.find(name).select(columns::<AgentRow>()).first(c).found("agent", name)
}

/// A request for a step of an agent, by a person or the system.
#[derive(Debug, Clone)]
pub struct StepRequest<'a> {
    /// The agent.
    pub agent: &'a AgentName,
    /// The step.
    pub step: Step,
    /// The time of the step.
    pub at: UnixMs,
    /// The person or program that asks for the step.
    pub by: &'a str,
    /// The reason.
    pub why: &'a str,
}

/// Changes the agent's status, or ends a wrap-up. A step that changes nothing is not an error.
///
/// # Errors
/// [`StoreError::Step`] when the agent's status and activity do not allow the step; [`StoreError::Refused`] for the
/// steps that only an offer can make.
pub fn step(c: &mut Database, make: &StepRequest<'_>) -> Result<AgentRow, StoreError> {
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
    // An agent who logs in or resumes is offered calls at once, even if calls to their phone failed before.
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
        .returned_one(c)
        .optional()?;
    changed.ok_or_else(|| changed_meanwhile(make.agent))
}

/// Returns the reason of a break. The agent keeps it until the break ends.
fn break_reason(now: &AgentRow, make: &StepRequest<'_>, status: Status) -> Option<String> {
    match (make.step, status) {
        (Step::TakeBreak, _) => Some(make.why.to_owned()),
        (_, Status::OnBreak) => now.break_reason.clone(),
        (_, Status::LoggedOut | Status::Available) => None,
    }
}

/// Returns the error for an agent whom another controller changed although the row was locked. The step can be tried
/// again.
fn changed_meanwhile(agent: &AgentName) -> StoreError {
    StoreError::Commit(format!("agent {agent} was changed by another controller at the same moment"))
}

/// A step that an agent took.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = agent_changes)]
pub struct Change {
    /// The time of the step.
    pub at: UnixMs,
    /// The status before.
    pub from_status: Status,
    /// The activity before.
    pub from_activity: Activity,
    /// The status after.
    pub to_status: Status,
    /// The activity after.
    pub to_activity: Activity,
    /// The person or program that asked for the step.
    pub by: String,
    /// The reason.
    pub why: String,
}

/// Returns the latest steps of an agent, newest first.
///
/// # Errors
/// When the database fails.
pub fn changes(c: &mut Database, name: &AgentName, limit: i64) -> Result<Vec<Change>, StoreError> {
    let of_agent = agent_changes::table.filter(agent_changes::agent.eq(name));
    let newest = of_agent.order(agent_changes::id.desc()).limit(limit);
    Ok(newest.select(columns::<Change>()).load(c)?)
}
