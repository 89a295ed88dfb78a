//! `dozvon case`: whom we owe a call back, and what was done about it.

use chrono_tz::Tz;
use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::missed::attempt::Outcome;
use crate::missed::case::{Closed, State};
use crate::missed::regulation::CAP_A_DAY;
use crate::report::{Cell, Sheet, Table, age};
use crate::routing::rules::Rules;
use crate::store::attempts::{self, AttemptRow, Made};
use crate::store::cases::{self, CaseRow, MissRow};
use crate::store::{Database, StoreError, rules};

/// Cases: whom we owe a call back, and what was done about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A missed call opens a case for the caller's number, or joins the open one. A number may be tried three times on
a business day; the database refuses a fourth, whoever makes it.

Examples:
  dozvon case list
  dozvon case show 17
  dozvon case attempt 17 --result no_answer
  dozvon case attempt 17 --result reached --note \"wants an offer by Friday\"
  dozvon case close 17 --reason agent_reached")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    /// Show one case: its missed calls and its attempts.
    #[command(after_help = "\
Examples:
  dozvon case show 17
  dozvon case show 17 --json | jq .attempts")]
    Show {
        /// Its number.
        #[arg(value_parser = number)]
        id: CaseId,
    },
    Attempt(Attempt),
    Close(Close),
}

/// List cases, oldest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case list
  dozvon case list --queue sales
  dozvon case list --state all --limit 1000 --json")]
struct List {
    /// Only those in this state: open, closed or all.
    #[arg(long, default_value = "open", value_parser = states)]
    state: States,
    /// Only those whose latest miss was in this queue.
    #[arg(long)]
    queue: Option<QueueName>,
    /// At most so many.
    #[arg(long, default_value = "100", value_parser = parse::limit)]
    limit: i64,
}

/// Record that the customer was called, and what came of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case attempt 17 --result no_answer
  dozvon case attempt 17 --result reached --note \"wants an offer by Friday\"
  dozvon case attempt 17 --result technical_failure --not-counted")]
struct Attempt {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// What came of it: reached, call_later, no_answer, busy, rejected, voicemail, invalid_number,
    /// wrong_number, technical_failure or other.
    #[arg(long)]
    result: Outcome,
    /// The customer's phone was not dialled: it does not count as one of the three of the day.
    #[arg(long)]
    not_counted: bool,
    /// What is worth knowing.
    #[arg(long, value_parser = parse::remark)]
    note: Option<String>,
}

/// Close a case: the debt is paid or given up.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case close 17 --reason agent_reached
  dozvon case close 17 --reason other --note \"answered by e-mail\"")]
struct Close {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// Why: agent_reached, caller_reached_us, unreachable, do_not_call, wrong_number, spam, erased or other.
    #[arg(long)]
    reason: Closed,
    /// What is worth knowing.
    #[arg(long, value_parser = parse::remark, required_if_eq("reason", "other"))]
    note: Option<String>,
}

fn number(text: &str) -> Result<CaseId, String> {
    match text.trim_start_matches('#').parse() {
        Ok(id @ 1..) => Ok(CaseId(id)),
        _ => Err("write the case's number, as `dozvon case list` shows it".to_owned()),
    }
}

/// Which states are wanted; none: all of them.
#[derive(Debug, Clone, Copy)]
struct States(Option<State>);

fn states(text: &str) -> Result<States, String> {
    match text {
        "all" => Ok(States(None)),
        _ => {
            text.parse().map(|state| States(Some(state))).map_err(|_| "write open, closed or all".to_owned())
        }
    }
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::List(args) => list(args, context).await,
        Command::Show { id } => show(id, context).await,
        Command::Attempt(args) => attempt(args, context).await,
        Command::Close(args) => close(args, context).await,
    }
}

/// The day that attempts for a case belong to: the business day of its queue.
fn business_day(rules: &Rules, case: &CaseRow, zone: Tz, now: UnixMs) -> String {
    let queue = case.queue.as_deref().and_then(|name| name.parse::<QueueName>().ok());
    rules.business_day(queue.as_ref(), zone, now).to_string()
}

async fn list(args: List, context: &Context) -> Result<Exit, Failure> {
    let (now, zone) = (context.now(), context.zone());
    let rows = context.read("case_list", move |c| with_attempts(c, &args, zone, now)).await?;
    context.table(&table(&rows, now))?;
    Ok(Exit::Done)
}

/// The cases that are wanted, each with the attempts that count today.
fn with_attempts(
    c: &mut Database,
    wanted: &List,
    zone: Tz,
    now: UnixMs,
) -> Result<Vec<(CaseRow, i64)>, StoreError> {
    let rules = rules::load(c)?;
    let most = if wanted.queue.is_some() { i64::MAX } else { wanted.limit };
    let of_queue = |row: &CaseRow| {
        wanted.queue.as_ref().is_none_or(|queue| row.queue.as_deref() == Some(queue.as_str()))
    };
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let rows: Vec<_> =
        cases::list(c, wanted.state.0, most)?.into_iter().filter(of_queue).take(limit).collect();
    rows.into_iter()
        .map(|row| {
            let today = attempts::counted(c, &row.number, &business_day(&rules, &row, zone, now))?;
            Ok((row, today))
        })
        .collect()
}

fn table(rows: &[(CaseRow, i64)], now: UnixMs) -> Table {
    let fields = [
        "id",
        "number",
        "state",
        "reason",
        "queue",
        "opened_at",
        "age_ms",
        "misses",
        "attempts_today",
        "close_reason",
    ];
    let mut table = Table::new(&fields, "no such cases");
    for (row, today) in rows {
        let until = row.closed_at.map_or(now, UnixMs);
        table.row([
            Cell::Count(row.id),
            row.number.as_str().into(),
            Cell::word(&row.state),
            Cell::word(&row.reason),
            row.queue.as_deref().into(),
            UnixMs(row.opened_at).into(),
            age(until, UnixMs(row.opened_at)),
            Cell::count(row.misses),
            Cell::Count(*today),
            Cell::word_or_nothing(row.close_reason.as_ref()),
        ]);
    }
    table
}

async fn show(id: CaseId, context: &Context) -> Result<Exit, Failure> {
    let (now, zone) = (context.now(), context.zone());
    let sheet = context.read("case_show", move |c| sheet(c, id, zone, now)).await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

fn sheet(c: &mut Database, id: CaseId, zone: Tz, now: UnixMs) -> Result<Sheet, StoreError> {
    let case = cases::get(c, id)?;
    let day = business_day(&rules::load(c)?, &case, zone, now);
    let today = attempts::counted(c, &case.number, &day)?;
    Ok(Sheet::default()
        .with("id", Cell::Count(case.id))
        .with("number", case.number.as_str())
        .with("state", Cell::word(&case.state))
        .with("reason", Cell::word(&case.reason))
        .with("queue", case.queue.as_deref())
        .with("business_day", case.business_day.as_str())
        .with("opened_at", UnixMs(case.opened_at))
        .with("last_miss_at", UnixMs(case.last_miss_at))
        .with("age_ms", age(case.closed_at.map_or(now, UnixMs), UnixMs(case.opened_at)))
        .with("attempts_today", Cell::Count(today))
        .with("attempts_cap", Cell::count(CAP_A_DAY))
        .with("closed_at", Cell::at_or_nothing(case.closed_at))
        .with("close_reason", Cell::word_or_nothing(case.close_reason.as_ref()))
        .with("closed_by", case.closed_by.as_deref())
        .with("note", case.note.as_deref())
        .and("misses", misses(&cases::misses(c, id)?))
        .and("attempts", made(&attempts::of_case(c, id)?)))
}

fn misses(rows: &[MissRow]) -> Table {
    let mut table = Table::new(&["at", "call", "reason", "queue", "wait_ms", "dialled"], "no missed calls");
    for row in rows {
        table.row([
            UnixMs(row.at).into(),
            Cell::Id(row.call.clone()),
            Cell::word(&row.reason),
            row.queue.as_deref().into(),
            Cell::span_or_nothing(row.wait_ms),
            row.dialled.as_str().into(),
        ]);
    }
    table
}

fn made(rows: &[AttemptRow]) -> Table {
    let fields = ["at", "business_day", "ordinal", "counted", "result", "by", "note"];
    let mut table = Table::new(&fields, "nobody has called back yet");
    for row in rows {
        table.row([
            UnixMs(row.at).into(),
            row.business_day.as_str().into(),
            row.ordinal.map_or(Cell::Nothing, Cell::count),
            row.counted.into(),
            Cell::word(&row.result),
            row.by.as_str().into(),
            row.note.as_deref().into(),
        ]);
    }
    table
}

async fn attempt(args: Attempt, context: &Context) -> Result<Exit, Failure> {
    let (at, zone, by) = (context.now(), context.zone(), context.by.clone());
    let reached = args.result == Outcome::Reached;
    let row = context
        .write("case_attempt", move |c| {
            let case = cases::get(c, args.id)?;
            let business_day = business_day(&rules::load(c)?, &case, zone, at);
            let made = Made {
                case: args.id,
                business_day: &business_day,
                counted: !args.not_counted,
                result: args.result,
                by: &by,
                note: args.note.as_deref(),
                at,
            };
            attempts::record(c, &made)
        })
        .await?;
    let what = match row.ordinal {
        Some(ordinal) => format!("attempt {ordinal} of {CAP_A_DAY} on {}", row.business_day),
        None => "attempt, not counted".to_owned(),
    };
    let next = match (reached, row.ordinal) {
        (true, _) => format!(
            "\nif all is said, close the case: dozvon case close {} --reason agent_reached",
            row.case_id
        ),
        (false, Some(CAP_A_DAY)) => format!("\n{} may be called again on the next business day", row.number),
        (false, _) => String::new(),
    };
    let line = format!("case {}, {}: {what}: {}{next}", row.case_id, row.number, context.word(&row.result));
    context.say(&line, &as_json(&row))?;
    Ok(Exit::Done)
}

fn as_json(row: &AttemptRow) -> serde_json::Value {
    json!({
        "id": row.id,
        "case": row.case_id,
        "number": row.number,
        "business_day": row.business_day,
        "ordinal": row.ordinal,
        "attempts_cap": CAP_A_DAY,
        "counted": row.counted,
        "at": UnixMs(row.at).to_string(),
        "by": row.by,
        "result": row.result,
        "note": row.note,
    })
}

async fn close(args: Close, context: &Context) -> Result<Exit, Failure> {
    let (at, zone, by) = (context.now(), context.zone(), context.by.clone());
    let sheet = context
        .write("case_close", move |c| {
            cases::close(c, args.id, args.reason, &by, args.note.as_deref(), at)?;
            sheet(c, args.id, zone, at)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}
