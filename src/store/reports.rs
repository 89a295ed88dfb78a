//! What happened, as views show it; the columns are described in the migrations' README.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text};
use serde::Serialize;

use super::schema::{agents, cases};
use super::{Database, StoreError};
use crate::missed::case::State;

crate::words! {
    /// The reports that there are.
    "report" pub enum Report {
        /// Calls by business day, queue and ending, with the service level.
        Calls = "calls",
        /// Offers by agent, queue and outcome.
        Offers = "offers",
        /// Cases by state, reason and age.
        Cases = "cases",
    }
}

/// Which days a report covers, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
}

/// A row of `v_calls_daily`.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct CallsDaily {
    /// The business day.
    #[diesel(sql_type = Text)]
    pub business_day: String,
    /// The queue; `-` for calls that reached none.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// How the calls ended.
    #[diesel(sql_type = Text)]
    pub ending: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub calls: i64,
    /// Answered within the queue's service level.
    #[diesel(sql_type = BigInt)]
    pub answered_in_time: i64,
    /// Answered in time of all that entered the queue that day, in per cent; the same in every row of the day.
    #[diesel(sql_type = Nullable<Double>)]
    pub service_level_negative_abandon_pct: Option<f64>,
    /// Mean wait.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub wait_avg_ms: Option<i64>,
    /// Longest wait.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub wait_max_ms: Option<i64>,
    /// Mean talk.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub talk_avg_ms: Option<i64>,
}

/// A row of `v_offers_by_agent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, QueryableByName)]
pub struct OffersByAgent {
    /// The agent.
    #[diesel(sql_type = Text)]
    pub agent: String,
    /// The queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// The business day of the call.
    #[diesel(sql_type = Text)]
    pub business_day: String,
    /// How the offers ended.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub offers: i64,
    /// Mean time that the phone rang.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub ring_avg_ms: Option<i64>,
    /// Longest time that it rang.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub ring_max_ms: Option<i64>,
    /// All talk together.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub talk_ms: Option<i64>,
}

/// A row of `v_cases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, QueryableByName)]
pub struct CaseLine {
    /// The case.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The caller's number.
    #[diesel(sql_type = Text)]
    pub number: String,
    /// Where it stands.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Why it was opened.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// The queue of the latest miss, or `-`.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// The business day it was opened on.
    #[diesel(sql_type = Text)]
    pub business_day: String,
    /// When it was opened, in UTC.
    #[diesel(sql_type = Text)]
    pub opened: String,
    /// When it was closed, in UTC.
    #[diesel(sql_type = Nullable<Text>)]
    pub closed: Option<String>,
    /// Why it was closed.
    #[diesel(sql_type = Nullable<Text>)]
    pub close_reason: Option<String>,
    /// How many calls were missed.
    #[diesel(sql_type = Integer)]
    pub misses: i32,
    /// How many attempts were counted.
    #[diesel(sql_type = BigInt)]
    pub attempts: i64,
    /// How old it is, or was when it was closed, in minutes.
    #[diesel(sql_type = BigInt)]
    pub age_min: i64,
}

/// Calls by day, queue and ending.
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

/// Offers by agent, queue, day and outcome.
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

/// Cases that were opened on these days, oldest first.
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

/// Numbers for gauges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Cases that are open.
    pub cases_open: i64,
    /// Agents by status and activity.
    pub agents: Vec<(String, String, i64)>,
}

/// Counts what gauges show.
///
/// # Errors
/// When the database fails.
pub fn gauges(c: &mut Database) -> Result<Gauges, StoreError> {
    let cases_open = cases::table.filter(cases::state.eq(State::Open.as_str())).count().get_result(c)?;
    let agents = agents::table
        .group_by((agents::status, agents::activity))
        .select((agents::status, agents::activity, diesel::dsl::count_star()))
        .load(c)?;
    Ok(Gauges { cases_open, agents })
}

/// The waits of answered calls of these days, shortest first, in milliseconds: for percentiles.
///
/// # Errors
/// When the database fails.
pub fn waits_answered(c: &mut Database, days: Days) -> Result<Vec<i64>, StoreError> {
    use super::schema::calls as t;
    let rows: Vec<Option<i64>> = t::table
        .filter(t::business_day.between(days.from.to_string(), days.to.to_string()))
        .filter(t::answered_at.is_not_null().and(t::wait_ms.is_not_null()))
        .order(t::wait_ms)
        .select(t::wait_ms)
        .load(c)?;
    Ok(rows.into_iter().flatten().collect())
}
