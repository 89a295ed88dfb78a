//! The rules as rows: one struct for each table, by which a row is read and written.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::calendar::business_day::BusinessDay;
use crate::calendar::schedule::Interval;
use crate::ids::{AgentName, PolicyName, PromptName, QueueName, RouteName, ScheduleName};
use crate::rules::contact::Contact;
use crate::rules::{
    Agent, Callers, Destination, DestinationKind, NumberPattern, Queue, Route, Source, Strategy, Tier,
};
use crate::store::schema::{
    agent_contacts, agents, prompts, queues, routes, schedule_exceptions, schedule_hours, schedules, tiers,
};
use crate::store::{StoreError, from_ms, to_ms};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = prompts)]
pub(super) struct PromptRow {
    pub name: PromptName,
    pub source: Source,
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schedules, primary_key(name))]
pub(super) struct ScheduleRow {
    pub name: ScheduleName,
    pub zone: String,
}

/// An interval of the hours of one day of the week; Monday is 1.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schedule_hours)]
pub(super) struct HoursRow {
    pub schedule: ScheduleName,
    pub weekday: i32,
    pub opens_min: i32,
    pub closes_min: i32,
}

/// An interval of the hours of one date. Both times are NULL in the only row of a date that is closed.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schedule_exceptions)]
pub(super) struct ExceptionRow {
    pub schedule: ScheduleName,
    pub date: BusinessDay,
    pub ordinal: i32,
    pub opens_min: Option<i32>,
    pub closes_min: Option<i32>,
}

/// Returns the interval between two minutes of the day.
pub(super) fn interval(opens: i32, closes: i32) -> Interval {
    let minute = |value: i32| u16::try_from(value).unwrap_or_default();
    Interval { opens_min: minute(opens), closes_min: minute(closes) }
}

/// The part of an agent's row that the administrator decides.
#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = agents, primary_key(name))]
pub(super) struct AgentRow {
    pub name: AgentName,
    display: String,
    ring_timeout_ms: i64,
    wrap_up_ms: i64,
    no_answer_delay_ms: i64,
    busy_delay_ms: i64,
    rejected_delay_ms: i64,
    unreachable_delay_ms: i64,
    max_no_answer: i32,
    follow_redirects: bool,
}

impl AgentRow {
    pub fn of(name: &AgentName, agent: &Agent) -> Self {
        Self {
            name: name.clone(),
            display: agent.display.clone(),
            ring_timeout_ms: to_ms(agent.ring_timeout),
            wrap_up_ms: to_ms(agent.wrap_up),
            no_answer_delay_ms: to_ms(agent.no_answer_delay),
            busy_delay_ms: to_ms(agent.busy_delay),
            rejected_delay_ms: to_ms(agent.rejected_delay),
            unreachable_delay_ms: to_ms(agent.unreachable_delay),
            max_no_answer: i32::try_from(agent.max_no_answer).unwrap_or(i32::MAX),
            follow_redirects: agent.follow_redirects,
        }
    }

    pub fn agent(self, contacts: Vec<Contact>) -> Agent {
        Agent {
            display: self.display,
            contacts,
            ring_timeout: from_ms(self.ring_timeout_ms),
            wrap_up: from_ms(self.wrap_up_ms),
            no_answer_delay: from_ms(self.no_answer_delay_ms),
            busy_delay: from_ms(self.busy_delay_ms),
            rejected_delay: from_ms(self.rejected_delay_ms),
            unreachable_delay: from_ms(self.unreachable_delay_ms),
            max_no_answer: self.max_no_answer.max(0).unsigned_abs(),
            follow_redirects: self.follow_redirects,
        }
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = agent_contacts)]
pub(super) struct ContactRow {
    pub agent: AgentName,
    pub ordinal: i32,
    pub contact: Contact,
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = queues, primary_key(name), treat_none_as_null = true)]
pub(super) struct QueueRow {
    pub name: QueueName,
    strategy: Strategy,
    priority: i32,
    music: Option<PromptName>,
    service_level_ms: i64,
    max_wait_ms: Option<i64>,
    overflow_kind: DestinationKind,
    overflow_to: String,
    overflow_then: Option<String>,
    schedule: Option<ScheduleName>,
    policy: PolicyName,
    call_waiting: bool,
    greeting: Option<PromptName>,
    greeting_skip: bool,
    announcements: String,
    announce_after_ms: i64,
    announce_interval_ms: Option<i64>,
    announce_position: bool,
    announce_wait: bool,
    wait_floor_ms: i64,
    wait_rise_ms: i64,
    keys: String,
    early_media: bool,
    survey: Option<String>,
}

impl QueueRow {
    pub fn of(name: &QueueName, queue: &Queue) -> Self {
        let (overflow_kind, overflow_to, overflow_then) = columns_of(&queue.overflow);
        Self {
            name: name.clone(),
            strategy: queue.strategy,
            priority: queue.priority,
            music: queue.music.clone(),
            service_level_ms: to_ms(queue.service_level),
            max_wait_ms: queue.max_wait.map(to_ms),
            overflow_kind,
            overflow_to,
            overflow_then,
            schedule: queue.schedule.clone(),
            policy: queue.policy.clone(),
            call_waiting: queue.call_waiting,
            greeting: queue.greeting.clone(),
            greeting_skip: queue.greeting_skip,
            announcements: json(&queue.announcements),
            announce_after_ms: to_ms(queue.announce_after),
            announce_interval_ms: queue.announce_interval.map(to_ms),
            announce_position: queue.announce_position,
            announce_wait: queue.announce_wait,
            wait_floor_ms: to_ms(queue.wait_floor),
            wait_rise_ms: to_ms(queue.wait_rise),
            keys: json(&queue.keys),
            early_media: queue.early_media,
            survey: queue.survey.as_ref().map(json),
        }
    }

    pub fn queue(self, tiers: BTreeMap<AgentName, Tier>) -> Result<Queue, StoreError> {
        Ok(Queue {
            strategy: self.strategy,
            priority: self.priority,
            music: self.music,
            service_level: from_ms(self.service_level_ms),
            max_wait: self.max_wait_ms.map(from_ms),
            overflow: destination(
                "queues.overflow_to",
                self.overflow_kind,
                &self.overflow_to,
                self.overflow_then,
            )?,
            schedule: self.schedule,
            policy: self.policy,
            call_waiting: self.call_waiting,
            greeting: self.greeting,
            greeting_skip: self.greeting_skip,
            announcements: from_json("queues.announcements", &self.announcements)?,
            announce_after: from_ms(self.announce_after_ms),
            announce_interval: self.announce_interval_ms.map(from_ms),
            announce_position: self.announce_position,
            announce_wait: self.announce_wait,
            wait_floor: from_ms(self.wait_floor_ms),
            wait_rise: from_ms(self.wait_rise_ms),
            keys: from_json("queues.keys", &self.keys)?,
            early_media: self.early_media,
            survey: self.survey.map(|survey| from_json("queues.survey", &survey)).transpose()?,
            tiers,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = tiers)]
pub(super) struct TierRow {
    pub queue: QueueName,
    pub agent: AgentName,
    pub level: i32,
    pub position: i32,
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = routes)]
pub(super) struct RouteRow {
    ordinal: i32,
    name: RouteName,
    number: NumberPattern,
    open_kind: DestinationKind,
    open_to: String,
    open_then: Option<String>,
    schedule: Option<ScheduleName>,
    closed_kind: DestinationKind,
    closed_to: String,
    closed_then: Option<String>,
    callers: Callers,
    open_case: bool,
}

impl RouteRow {
    pub fn of(ordinal: i32, route: &Route) -> Self {
        let (open_kind, open_to, open_then) = columns_of(&route.open);
        let (closed_kind, closed_to, closed_then) = columns_of(&route.closed);
        Self {
            ordinal,
            name: route.name.clone(),
            number: route.number.clone(),
            open_kind,
            open_to,
            open_then,
            schedule: route.schedule.clone(),
            closed_kind,
            closed_to,
            closed_then,
            callers: route.from.clone(),
            open_case: route.open_case,
        }
    }

    pub fn route(self) -> Result<Route, StoreError> {
        Ok(Route {
            name: self.name,
            number: self.number,
            from: self.callers,
            open_case: self.open_case,
            open: destination("routes.open_to", self.open_kind, &self.open_to, self.open_then)?,
            schedule: self.schedule,
            closed: destination("routes.closed_to", self.closed_kind, &self.closed_to, self.closed_then)?,
        })
    }
}

/// The columns of a destination: the kind, the text, and what follows.
pub(super) fn columns_of(to: &Destination) -> (DestinationKind, String, Option<String>) {
    let (kind, text) = to.parts();
    (kind, text, to.then().map(json))
}

/// What stands in one column as JSON, with the words of the rules file.
pub(super) fn json<T: Serialize>(what: &T) -> String {
    // Text and lists of text: there is nothing that JSON cannot hold.
    serde_json::to_string(what).unwrap_or_default()
}

/// Reads what [`json`] has written.
pub(super) fn from_json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    let unreadable = |_| StoreError::Unreadable { column: column.to_owned(), value: text.to_owned() };
    serde_json::from_str(text).map_err(unreadable)
}

pub(super) fn destination(
    column: &str,
    kind: DestinationKind,
    to: &str,
    then: Option<String>,
) -> Result<Destination, StoreError> {
    let then = then.map(|then| from_json::<Destination>(column, &then)).transpose()?.map(Box::new);
    kind.read(to, then)
        .map_err(|_| StoreError::Unreadable { column: column.to_owned(), value: to.to_owned() })
}
