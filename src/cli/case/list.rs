//! `dozvon case list`: whom we owe a call back.

use crate::cli::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::QueueName;
use crate::missed::case::State;
use crate::report::{Cell, Table, age};
use crate::store::callbacks::Terms;
use crate::store::cases::{self, CaseRow};
use crate::store::{Database, StoreError, attempts};

/// List cases, oldest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case list
  dozvon case list --queue sales
  dozvon case list --state all --limit 1000 --json")]
pub(super) struct List {
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

pub(super) async fn list(args: List, context: &Context) -> Result<Exit, Failure> {
    let (now, terms) = (context.now(), context.terms().await?);
    let rows = context.read("case_list", move |c| with_attempts(c, &args, &terms, now)).await?;
    context.table(&table(&rows, now))?;
    Ok(Exit::Done)
}

/// The cases that are wanted, each with the attempts that count today.
fn with_attempts(
    c: &mut Database,
    wanted: &List,
    terms: &Terms,
    now: UnixMs,
) -> Result<Vec<(CaseRow, i64)>, StoreError> {
    let rows = cases::list(c, wanted.state.0, wanted.queue.as_ref(), wanted.limit)?;
    rows.into_iter()
        .map(|row| {
            let today = attempts::counted(c, &row.number, &terms.business_day(&row, now)?)?;
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
