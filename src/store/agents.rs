//! Agents as they are: what each chose and does, and every step that he makes.

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, hold};
use super::error::Found as _;
use super::schema::{agent_changes, agents};
use super::{Database, StoreError, read, read_option};
use crate::clock::UnixMs;
use crate::ids::{AgentName, OfferId};
use crate::queue::agent::{self, Activity, Status, Step};

/// What the database says of an agent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
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

/// The columns of [`AgentRow`], as they come.
#[derive(Queryable)]
pub(super) struct Raw {
    name: String,
    display: String,
    status: String,
    activity: String,
    break_reason: Option<String>,
    since_at: i64,
    idle_since_at: i64,
    ready_at: i64,
    misses: i32,
    offer: Option<String>,
    version: i64,
}

/// What is selected for [`Raw`].
pub(super) const COLUMNS: (
    agents::name,
    agents::display,
    agents::status,
    agents::activity,
    agents::break_reason,
    agents::since_at,
    agents::idle_since_at,
    agents::ready_at,
    agents::misses,
    agents::offer,
    agents::version,
) = (
    agents::name,
    agents::display,
    agents::status,
    agents::activity,
    agents::break_reason,
    agents::since_at,
    agents::idle_since_at,
    agents::ready_at,
    agents::misses,
    agents::offer,
    agents::version,
);

impl TryFrom<Raw> for AgentRow {
    type Error = StoreError;
    fn try_from(raw: Raw) -> Result<Self, StoreError> {
        Ok(Self {
            name: read("agents.name", &raw.name)?,
            display: raw.display,
            status: read("agents.status", &raw.status)?,
            activity: read("agents.activity", &raw.activity)?,
            break_reason: raw.break_reason,
            since_at: UnixMs(raw.since_at),
            idle_since_at: UnixMs(raw.idle_since_at),
            ready_at: UnixMs(raw.ready_at),
            misses: raw.misses,
            offer: read_option("agents.offer", raw.offer.as_ref())?,
            version: raw.version,
        })
    }
}

/// Every agent, by name.
///
/// # Errors
/// When the database fails.
pub fn all(c: &mut Database) -> Result<Vec<AgentRow>, StoreError> {
    agents::table
        .select(COLUMNS)
        .order(agents::name)
        .load::<Raw>(c)?
        .into_iter()
        .map(AgentRow::try_from)
        .collect()
}

/// One agent.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of this name.
pub fn get(c: &mut Database, name: &AgentName) -> Result<AgentRow, StoreError> {
    agents::table.find(name.as_str()).select(COLUMNS).first::<Raw>(c).found("agent", name)?.try_into()
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
    hold::agent(c, make.agent.as_str())?;
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
    let changed =
        diesel::update(agents::table.find(make.agent.as_str()).filter(agents::version.eq(now.version)))
            .set((
                agents::status.eq(status.as_str()),
                agents::activity.eq(activity.as_str()),
                agents::break_reason.eq(break_reason(&now, make, status)),
                agents::since_at.eq(since.0),
                agents::idle_since_at.eq(idle_since.0),
                agents::ready_at.eq(ready.0),
                agents::misses.eq(if fresh { 0 } else { now.misses }),
                agents::version.eq(now.version + 1),
                agents::changed_by.eq(make.by),
                agents::changed_why.eq(make.why),
            ))
            .returning(COLUMNS)
            .changed_one::<Raw>(c)
            .optional()?;
    changed.ok_or_else(|| changed_meanwhile(make.agent))?.try_into()
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct Change {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Status before.
    pub from_status: String,
    /// Activity before.
    pub from_activity: String,
    /// Status after.
    pub to_status: String,
    /// Activity after.
    pub to_activity: String,
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
    use agent_changes as t;
    Ok(t::table
        .filter(t::agent.eq(name.as_str()))
        .order(t::id.desc())
        .limit(limit)
        .select((t::at, t::from_status, t::from_activity, t::to_status, t::to_activity, t::by, t::why))
        .load(c)?)
}
