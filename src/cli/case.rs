//! `dozvon case`: whom we owe a call back, and what was done about it.

use chrono_tz::Tz;
use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::missed::attempt::Outcome;
use crate::missed::case::{Closed, Reason, State};
use crate::missed::regulation::CAP_A_DAY;
use crate::report::{Cell, Sheet, Table, age};
use crate::routing::rules::Rules;
use crate::store::attempts::{self, AttemptRow, Made};
use crate::store::callbacks::{self, Disposition};
use crate::store::cases::{self, Asked, CaseRow, MissRow};
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
    Open(Open),
    Attempt(Attempt),
    Result(Said),
    Defer(Defer),
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

/// Open a case by hand: somebody asked for a call past the phone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case open 84951234567 --queue sales
  dozvon case open +79001234567 --at 16:00")]
struct Open {
    /// Whom to call.
    number: String,
    /// Whose matter it is.
    #[arg(long)]
    queue: Option<QueueName>,
    /// Not before this time.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Record the result of a callback that has just ended: until then its agent gets no more work.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case result 17 --result reached
  dozvon case result 17 --result call_later --later 16:00
  dozvon case result 17 --result voicemail --note \"left our number\"")]
struct Said {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// What came of it: reached, call_later, no_answer, busy, rejected, voicemail, wrong_number, refused or other.
    #[arg(long)]
    result: Outcome,
    /// When the customer wants to be called.
    #[arg(long, value_name = "TIME")]
    later: Option<String>,
    /// What is worth knowing.
    #[arg(long, value_parser = parse::remark, required_if_eq("result", "other"))]
    note: Option<String>,
}

/// Put a case off until a later time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case defer 17 --until 16:00
  dozvon case defer 17 --until \"2026-12-01 10:00\"")]
struct Defer {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// Until when.
    #[arg(long, value_name = "TIME")]
    until: String,
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
        Command::Open(args) => open(args, context).await,
        Command::Attempt(args) => attempt(args, context).await,
        Command::Result(args) => record_result(args, context).await,
        Command::Defer(args) => defer(args, context).await,
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
        .with("stage", Cell::word(&case.stage))
        .with("next_at", Cell::at_or_nothing(case.next_at))
        .with("react_by", Cell::at_or_nothing(case.react_by))
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
            Cell::word_or_nothing(row.result.as_ref()),
            row.by.as_str().into(),
            row.note.as_deref().into(),
        ]);
    }
    table
}

async fn attempt(args: Attempt, context: &Context) -> Result<Exit, Failure> {
    let (at, by) = (context.now(), context.by.clone());
    let terms = context.terms().await?;
    let row = context
        .write("case_attempt", move |c| {
            let case = cases::get(c, args.id)?;
            let business_day = business_day(&terms.rules, &case, terms.zone, at);
            let made = Made {
                case: args.id,
                business_day: &business_day,
                cap: terms.cap(&case)?,
                counted: !args.not_counted,
                result: args.result,
                by: &by,
                note: args.note.as_deref(),
                at,
            };
            callbacks::report(c, &terms, &made)
        })
        .await?;
    let what = match row.ordinal {
        Some(ordinal) => format!("attempt {ordinal} of {CAP_A_DAY} on {}", row.business_day),
        None => "attempt, not counted".to_owned(),
    };
    let result = context.word(row.result.as_deref().unwrap_or_default());
    let line = format!(
        "case {}, {}: {what}: {result}{}",
        row.case_id,
        row.number,
        stands(row.case_id, context).await?
    );
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

/// Where a case stands now, as a line of its own.
async fn stands(id: i64, context: &Context) -> Result<String, Failure> {
    let case = context.read("case_show", move |c| cases::get(c, CaseId(id))).await?;
    Ok(match (&case.close_reason, case.next_at) {
        (Some(reason), _) => format!("\nthe case is closed: {}", context.word(reason)),
        (None, Some(at)) => format!("\nthe case: {}, next at {}", context.word(&case.stage), UnixMs(at)),
        (None, None) => format!("\nthe case: {}", context.word(&case.stage)),
    })
}

async fn record_result(args: Said, context: &Context) -> Result<Exit, Failure> {
    let (at, zone, by) = (context.now(), context.zone(), context.by.clone());
    let terms = context.terms().await?;
    let later = args.later.as_deref().map(|text| parse::instant(text, zone, at)).transpose()?;
    let id = args.id;
    context
        .write("case_result", move |c| {
            let said = Disposition {
                case: args.id,
                result: args.result,
                later,
                note: args.note.as_deref(),
                by: &by,
                at,
            };
            callbacks::dispose(c, &terms, &said)
        })
        .await?;
    let line = format!("case {id}: {}{}", context.word(args.result.as_str()), stands(id.0, context).await?);
    context.say(&line, &json!({ "case": id, "result": args.result }))?;
    Ok(Exit::Done)
}

async fn open(args: Open, context: &Context) -> Result<Exit, Failure> {
    let (at, zone) = (context.now(), context.zone());
    let number = parse::number(&args.number, context.region())?;
    let not_before = args.at.as_deref().map(|text| parse::instant(text, zone, at)).transpose()?;
    let sheet = context
        .write("case_open", move |c| {
            let day = rules::load(c)?.business_day(args.queue.as_ref(), zone, at).to_string();
            let asked = Asked {
                number: &number,
                reason: Reason::ByHand,
                queue: args.queue.as_ref(),
                business_day: &day,
                not_before,
                at,
            };
            let id = cases::open_asked(c, &asked)?;
            sheet(c, id, zone, at)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

async fn defer(args: Defer, context: &Context) -> Result<Exit, Failure> {
    let (at, zone) = (context.now(), context.zone());
    let until = parse::instant(&args.until, zone, at)?;
    let (id, sheet) = (args.id, move |c: &mut Database| sheet(c, args.id, zone, at));
    let sheet = context
        .write("case_defer", move |c| {
            callbacks::defer(c, id, until)?;
            sheet(c)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
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
