//! Reports from the views. docs/reference/views.md describes the columns.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text};
use serde::Serialize;

use super::schema::{agents, cases};
use super::{Database, StoreError};
use crate::calendar::business_day::BusinessDay;

crate::vocabulary! {
    /// The available reports.
    "report" pub enum Report {
        /// Calls by business day, queue and ending, with the service level.
        Calls = "calls",
        /// Offers by agent, queue and outcome.
        Offers = "offers",
        /// Cases by state, reason and age.
        Cases = "cases",
        /// What callers answered after their talks, by queue, agent and question.
        Surveys = "surveys",
    }
}

/// The days that a report covers, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub from: BusinessDay,
    /// The last day.
    pub to: BusinessDay,
}

/// A row of `v_calls_daily`.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct CallsDaily {
    /// The business day of the call.
    #[diesel(sql_type = Text)]
    pub business_day: BusinessDay,
    /// The queue; - for calls that reached no queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// How the call ended.
    #[diesel(sql_type = Text)]
    pub ending: String,
    /// Calls whose last queue this is.
    #[diesel(sql_type = BigInt)]
    pub calls: i64,
    /// Stays in the queue, without the stays that somebody outside the controller ended. A call that comes to the queue
    /// twice counts twice.
    #[diesel(sql_type = BigInt)]
    pub offered: i64,
    /// Of offered: the stays that an agent answered.
    #[diesel(sql_type = BigInt)]
    pub answered: i64,
    /// Of answered: the stays within the queue's service level, from joining the queue to the bridge.
    #[diesel(sql_type = BigInt)]
    pub answered_in_time: i64,
    /// Of offered: the stays that the caller ended.
    #[diesel(sql_type = BigInt)]
    pub abandoned: i64,
    /// Of abandoned: the stays within the service level.
    #[diesel(sql_type = BigInt)]
    pub abandoned_in_time: i64,
    /// Of offered: the stays that reached the time limit and went on to another queue, a contact or a message.
    #[diesel(sql_type = BigInt)]
    pub timed_out: i64,
    /// Of offered: the stays that ended by a failure or a stop on our side.
    #[diesel(sql_type = BigInt)]
    pub lost: i64,
    /// Stays that ended because somebody outside the controller took the caller: by a transfer, an intercept or a
    /// pickup.
    #[diesel(sql_type = BigInt)]
    pub taken: i64,
    /// Answered_in_time / offered in per cent, of the whole day and queue (all endings; the same in each of its rows).
    /// This is the strictest service level and the main figure.
    #[diesel(sql_type = Nullable<Double>)]
    pub service_level_negative_abandon_pct: Option<f64>,
    /// Answered_in_time / answered, of the whole day and queue.
    #[diesel(sql_type = Nullable<Double>)]
    pub service_level_only_handled_pct: Option<f64>,
    /// (answered_in_time + abandoned_in_time) / offered, of the whole day and queue.
    #[diesel(sql_type = Nullable<Double>)]
    pub service_level_positive_abandon_pct: Option<f64>,
    /// Answered_in_time / (offered - abandoned_in_time), of the whole day and queue.
    #[diesel(sql_type = Nullable<Double>)]
    pub service_level_without_abandon_pct: Option<f64>,
    /// Abandoned / offered, of the whole day and queue.
    #[diesel(sql_type = Nullable<Double>)]
    pub abandoned_pct: Option<f64>,
    /// Mean stay.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub wait_avg_ms: Option<i64>,
    /// Longest stay.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub wait_max_ms: Option<i64>,
    /// Mean talk of the calls.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub talk_avg_ms: Option<i64>,
    /// Arrival of the first call, milliseconds since 1970 UTC.
    #[diesel(sql_type = BigInt)]
    pub earliest_at: i64,
    /// The arrival of the first call as text, in UTC.
    #[diesel(sql_type = Text)]
    pub earliest: String,
    /// Arrival of the last call, milliseconds since 1970 UTC.
    #[diesel(sql_type = BigInt)]
    pub latest_at: i64,
    /// The arrival of the last call as text, in UTC.
    #[diesel(sql_type = Text)]
    pub latest: String,
}

/// A row of `v_offers_by_agent`.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct OffersByAgent {
    /// The agent.
    #[diesel(sql_type = Text)]
    pub agent: String,
    /// The queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// The business day of the call.
    #[diesel(sql_type = Text)]
    pub business_day: BusinessDay,
    /// How the offers ended. An offer whose agent is talking now counts as answered.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// The number of offers.
    #[diesel(sql_type = BigInt)]
    pub offers: i64,
    /// The mean time that the phone rang.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub ring_avg_ms: Option<i64>,
    /// The longest time that the phone rang.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub ring_max_ms: Option<i64>,
    /// The sum of all ringing times.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub ring_ms: Option<i64>,
    /// The sum of all talk times.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub talk_ms: Option<i64>,
    /// The mean talk time.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub talk_avg_ms: Option<i64>,
    /// Answered / the offers that the agent could have answered (not cancelled, no lost race) in per cent, of the whole
    /// day, agent and queue (all outcomes; the same in each of its rows).
    #[diesel(sql_type = Nullable<Double>)]
    pub answered_pct: Option<f64>,
    /// The first offer, milliseconds since 1970 UTC.
    #[diesel(sql_type = BigInt)]
    pub earliest_at: i64,
    /// The time of the first offer as text, in UTC.
    #[diesel(sql_type = Text)]
    pub earliest: String,
    /// The last offer, milliseconds since 1970 UTC.
    #[diesel(sql_type = BigInt)]
    pub latest_at: i64,
    /// The time of the last offer as text, in UTC.
    #[diesel(sql_type = Text)]
    pub latest: String,
}

/// A row of `v_survey_answers`.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct SurveyAnswers {
    /// The business day of the call.
    #[diesel(sql_type = Text)]
    pub business_day: BusinessDay,
    /// The queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// The agent who talked to the callers.
    #[diesel(sql_type = Text)]
    pub agent: String,
    /// The prompt of the question.
    #[diesel(sql_type = Text)]
    pub question: String,
    /// The number of answers.
    #[diesel(sql_type = BigInt)]
    pub answers: i64,
    /// The mean answer; 1 is the worst, 5 the best.
    #[diesel(sql_type = Double)]
    pub answer_avg: f64,
    /// The number of answers 1.
    #[diesel(sql_type = BigInt)]
    pub answers_1: i64,
    /// The number of answers 2.
    #[diesel(sql_type = BigInt)]
    pub answers_2: i64,
    /// The number of answers 3.
    #[diesel(sql_type = BigInt)]
    pub answers_3: i64,
    /// The number of answers 4.
    #[diesel(sql_type = BigInt)]
    pub answers_4: i64,
    /// The number of answers 5.
    #[diesel(sql_type = BigInt)]
    pub answers_5: i64,
}

/// A row of `v_cases`.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct CaseLine {
    /// The case.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The caller's number.
    #[diesel(sql_type = Text)]
    pub number: String,
    /// The state of the case.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// What an open case waits for.
    #[diesel(sql_type = Nullable<Text>)]
    pub stage: Option<String>,
    /// Why the case was opened.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// How long the case has been open, or was open until it was closed: under_15m, under_1h, under_4h, under_1d or
    /// over_1d.
    #[diesel(sql_type = Text)]
    pub age: String,
    /// The same age in minutes.
    #[diesel(sql_type = BigInt)]
    pub age_min: i64,
    /// The queue of the latest missed call that reached a queue; - if no missed call did.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// The business day on which the case was opened.
    #[diesel(sql_type = Text)]
    pub business_day: BusinessDay,
    /// When the case was opened, milliseconds since 1970 UTC.
    #[diesel(sql_type = BigInt)]
    pub opened_at: i64,
    /// When the case was opened as text, in UTC.
    #[diesel(sql_type = Text)]
    pub opened: String,
    /// When the latest call was missed, milliseconds since 1970 UTC.
    #[diesel(sql_type = BigInt)]
    pub last_miss_at: i64,
    /// When the latest call was missed as text, in UTC.
    #[diesel(sql_type = Text)]
    pub last_miss: String,
    /// When the case was closed, milliseconds since 1970 UTC.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub closed_at: Option<i64>,
    /// When the case was closed as text, in UTC.
    #[diesel(sql_type = Nullable<Text>)]
    pub closed: Option<String>,
    /// Why the case was closed.
    #[diesel(sql_type = Nullable<Text>)]
    pub close_reason: Option<String>,
    /// How many calls were missed.
    #[diesel(sql_type = Integer)]
    pub misses: i32,
    /// How many attempts were counted.
    #[diesel(sql_type = BigInt)]
    pub attempts: i64,
}

/// Returns calls by day, queue and ending.
///
/// # Errors
/// When the database fails.
pub fn calls_daily(c: &mut Database, days: Days) -> Result<Vec<CallsDaily>, StoreError> {
    Ok(diesel::sql_query(format!(
        "SELECT * FROM v_calls_daily WHERE business_day BETWEEN '{}' AND '{}' ORDER BY business_day, queue, ending",
        days.from, days.to
    ))
    .load(c)?)
}

/// Returns offers by agent, queue, day and outcome.
///
/// # Errors
/// When the database fails.
pub fn offers_by_agent(c: &mut Database, days: Days) -> Result<Vec<OffersByAgent>, StoreError> {
    Ok(diesel::sql_query(format!(
        "SELECT * FROM v_offers_by_agent WHERE business_day BETWEEN '{}' AND '{}' \
         ORDER BY agent, queue, business_day, outcome",
        days.from, days.to
    ))
    .load(c)?)
}

/// Returns the cases that were opened on these days, oldest first.
///
/// # Errors
/// When the database fails.
pub fn cases(c: &mut Database, days: Days) -> Result<Vec<CaseLine>, StoreError> {
    Ok(diesel::sql_query(format!(
        "SELECT * FROM v_cases WHERE business_day BETWEEN '{}' AND '{}' ORDER BY opened_at, id",
        days.from, days.to
    ))
    .load(c)?)
}

/// Returns what callers answered after their talks.
///
/// # Errors
/// When the database fails.
pub fn survey_answers(c: &mut Database, days: Days) -> Result<Vec<SurveyAnswers>, StoreError> {
    Ok(diesel::sql_query(format!(
        "SELECT * FROM v_survey_answers WHERE business_day BETWEEN '{}' AND '{}' \
         ORDER BY queue, agent, business_day, question",
        days.from, days.to
    ))
    .load(c)?)
}

/// The numbers that the gauges show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Open cases.
    pub cases_open: i64,
    /// Open cases that a flood of calls opened and that are held back.
    pub cases_flooded: i64,
    /// Acts whose audit entry is missing.
    pub audit_gaps: i64,
    /// Agents by status and activity.
    pub agents: Vec<(String, String, i64)>,
}

/// Counts what the gauges show.
///
/// # Errors
/// When the database fails.
pub fn gauges(c: &mut Database) -> Result<Gauges, StoreError> {
    let cases_open = cases::table.filter(cases::closed_at.is_null()).count().get_result(c)?;
    let agents = agents::table
        .group_by((agents::status, agents::activity))
        .select((agents::status, agents::activity, diesel::dsl::count_star()))
        .load(c)?;
    let flooded = cases::table.filter(cases::closed_at.is_null().and(cases::flooded.eq(true)));
    let cases_flooded = flooded.count().get_result(c)?;
    Ok(Gauges { cases_open, cases_flooded, audit_gaps: super::audit::gaps(c)?, agents })
}

/// Returns the waiting times of the answered calls of these days, shortest first, in milliseconds, for percentiles.
///
/// # Errors
/// When the database fails.
pub fn waits_answered(c: &mut Database, days: Days) -> Result<Vec<i64>, StoreError> {
    use super::schema::calls as t;
    let rows: Vec<Option<i64>> = t::table
        .filter(t::business_day.between(days.from, days.to))
        .filter(t::answered_at.is_not_null().and(t::wait_ms.is_not_null()))
        .order(t::wait_ms)
        .select(t::wait_ms)
        .load(c)?;
    Ok(rows.into_iter().flatten().collect())
}
