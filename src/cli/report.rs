//! `dozvon report`: figures of a range of days, from views that any SQL client can read.

use chrono::{Days as Span, NaiveDate};

use super::{Context, Exit, Failure, parse};
use crate::calendar::schedule::civil_date;
use crate::clock::UnixMs;
use crate::render;
use crate::render::{Cell, Sentence, Table};
use crate::store::reports::{self, CallsDaily, CaseLine, Days, OffersByAgent, Report, SurveyAnswers};
use crate::store::{Database, StoreError};

/// Figures of a range of days: calls, offers, cases, surveys.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reports:
  calls    calls by business day, queue and ending, with the service level
  offers   offers by agent, queue, day and outcome
  cases    cases opened on these days, by age
  surveys  what callers answered after their talks, by queue, agent, day and question

The reports are the database's views v_calls_daily, v_offers_by_agent, v_cases and v_survey_answers, which any SQL client
can read.

Examples:
  dozvon report calls
  dozvon report calls --from 2026-11-01 --to 2026-11-30 --format csv > november.csv
  dozvon report offers --from yesterday --to yesterday
  dozvon report cases --format json")]
pub(super) struct Args {
    /// The report: calls, offers, cases or surveys.
    name: Report,
    /// The first day: 2026-12-31, today or yesterday [default: six days before the last].
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day [default: today].
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// The format.
    #[arg(long, default_value = "table", conflicts_with = "json")]
    format: Format,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let days = days(&args, context)?;
    let table = context.read("report", move |c| read(c, args.name, days)).await?;
    match args.format {
        Format::Table => context.table(&table)?,
        Format::Json => context.print(&render::json(&table))?,
        Format::Csv => {
            let text = render::csv(&table).map_err(|error| {
                Failure::new(Exit::Failed, format!("the report cannot be written: {error}"))
            })?;
            context.print(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn days(args: &Args, context: &Context) -> Result<Days, Failure> {
    let (zone, now) = (context.zone(), context.now());
    let read = |text: &String| parse::day(text, zone, now);
    let to = args.to.as_ref().map_or_else(|| Ok(civil_date(zone, now)), read)?;
    let week = |to: NaiveDate| to.checked_sub_days(Span::new(6)).unwrap_or(to);
    let from = args.from.as_ref().map_or_else(|| Ok(week(to)), read)?;
    if from > to {
        return Err(Failure::new(Exit::Usage, format!("--from {from} is after --to {to}: swap them")));
    }
    Ok(Days { from: from.into(), to: to.into() })
}

fn read(c: &mut Database, name: Report, days: Days) -> Result<Table, StoreError> {
    let empty = Sentence::of("nothing from {from} to {to}")
        .with("from", days.from.to_string())
        .with("to", days.to.to_string());
    Ok(match name {
        Report::Calls => {
            let waits = reports::waits_answered(c, days)?;
            calls(&reports::calls_daily(c, days)?, &waits, empty)
        }
        Report::Offers => offers(&reports::offers_by_agent(c, days)?, empty),
        Report::Cases => cases(&reports::cases(c, days)?, empty),
        Report::Surveys => surveys(&reports::survey_answers(c, days)?, empty),
    })
}

fn calls(rows: &[CallsDaily], waits: &[i64], empty: Sentence) -> Table {
    let fields = [
        "business_day",
        "queue",
        "ending",
        "calls",
        "answered_in_time",
        "service_level_negative_abandon_pct",
        "wait_avg_ms",
        "wait_max_ms",
        "talk_avg_ms",
    ];
    let mut table = Table::new(&fields, empty);
    for row in rows {
        table.row([
            row.business_day.to_string().into(),
            row.queue.as_str().into(),
            Cell::word(&row.ending),
            Cell::Count(row.calls),
            Cell::Count(row.answered_in_time),
            row.service_level_negative_abandon_pct.map_or(Cell::Nothing, Cell::Percent),
            Cell::span_or_nothing(row.wait_avg_ms),
            Cell::span_or_nothing(row.wait_max_ms),
            Cell::span_or_nothing(row.talk_avg_ms),
        ]);
    }
    if let (Some(half), Some(most)) = (percentile(waits, 50), percentile(waits, 95)) {
        let note = Sentence::of("waits of answered calls: half at most {half}, 95 % at most {most}")
            .with("half", Cell::Span(half))
            .with("most", Cell::Span(most));
        table.notes.push(note);
    }
    table
}

/// Returns the percentile of `sorted` by nearest rank: the smallest value that `percent` % of all do not exceed.
pub(super) fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn offers(rows: &[OffersByAgent], empty: Sentence) -> Table {
    let fields =
        ["agent", "queue", "business_day", "outcome", "offers", "ring_avg_ms", "ring_max_ms", "talk_ms"];
    let mut table = Table::new(&fields, empty);
    for row in rows {
        table.row([
            row.agent.as_str().into(),
            row.queue.as_str().into(),
            row.business_day.to_string().into(),
            Cell::word(&row.outcome),
            Cell::Count(row.offers),
            Cell::span_or_nothing(row.ring_avg_ms),
            Cell::span_or_nothing(row.ring_max_ms),
            Cell::span_or_nothing(row.talk_ms),
        ]);
    }
    table
}

fn cases(rows: &[CaseLine], empty: Sentence) -> Table {
    let fields = [
        "id",
        "number",
        "state",
        "reason",
        "queue",
        "business_day",
        "opened",
        "closed",
        "close_reason",
        "misses",
        "attempts",
        "age_min",
    ];
    let mut table = Table::new(&fields, empty);
    for row in rows {
        table.row([
            Cell::Count(row.id),
            row.number.as_str().into(),
            Cell::word(&row.state),
            Cell::word(&row.reason),
            row.queue.as_str().into(),
            row.business_day.to_string().into(),
            UnixMs(row.opened_at).into(),
            row.closed_at.map(UnixMs).into(),
            Cell::word_or_nothing(row.close_reason.as_ref()),
            Cell::count(row.misses),
            Cell::Count(row.attempts),
            Cell::Count(row.age_min),
        ]);
    }
    table
}

fn surveys(rows: &[SurveyAnswers], empty: Sentence) -> Table {
    let fields = [
        "queue",
        "agent",
        "business_day",
        "question",
        "answers",
        "answer_avg",
        "answers_1",
        "answers_2",
        "answers_3",
        "answers_4",
        "answers_5",
    ];
    let mut table = Table::new(&fields, empty);
    for row in rows {
        table.row([
            row.queue.as_str().into(),
            row.agent.as_str().into(),
            row.business_day.to_string().into(),
            row.question.as_str().into(),
            Cell::Count(row.answers),
            Cell::Mean(row.answer_avg),
            Cell::Count(row.answers_1),
            Cell::Count(row.answers_2),
            Cell::Count(row.answers_3),
            Cell::Count(row.answers_4),
            Cell::Count(row.answers_5),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 95), Some(7));
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!([50, 95, 100].map(|p| percentile(&hundred, p)), [Some(50), Some(95), Some(100)]);
    }
}
