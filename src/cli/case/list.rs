//! `dozvon case list`: callers who are to be called back.

use crate::cli::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::QueueName;
use crate::missed::case::{Stage, State};
use crate::missed::regulation::Guard;
use crate::render::{Cell, Table, age};
use crate::store::callbacks::{self, CallbackRules};
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
    /// Only cases in this state: open, closed or all.
    #[arg(long, default_value = "open", value_parser = states)]
    state: States,
    /// Only cases whose latest missed call was in this queue.
    #[arg(long)]
    queue: Option<QueueName>,
    /// How many to show at most.
    #[arg(long, default_value = "100", value_parser = parse::limit)]
    limit: i64,
}

/// The wanted state. None: every state.
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
    let (now, callback_rules) = (context.now(), context.callback_rules().await?);
    let rows = context.read("case_list", move |c| lines(c, &args, &callback_rules, now)).await?;
    context.table(&table(&rows, now))?;
    Ok(Exit::Done)
}

/// A case with what the list shows beside its row.
struct ListedCase {
    case: CaseRow,
    name: Option<String>,
    today: i64,
    left: i64,
    /// The rule that keeps dozvon from calling, so that a person must decide.
    waits: Option<Guard>,
}

/// Returns the wanted cases, each with the attempts counted today and those left.
fn lines(
    c: &mut Database,
    wanted: &List,
    callback_rules: &CallbackRules,
    now: UnixMs,
) -> Result<Vec<ListedCase>, StoreError> {
    let rows = cases::list(c, wanted.state.0, wanted.queue.as_ref(), wanted.limit)?;
    rows.into_iter()
        .map(|case| {
            let today = attempts::counted(c, &case.number, callback_rules.business_day(&case, now))?;
            let left =
                if case.closed_at.is_none() { i64::from(callback_rules.cap(&case)) - today } else { 0 };
            let waits = callbacks::waits_for_people(&case, callback_rules);
            Ok(ListedCase { name: cases::name_of(c, case.id)?, today, left: left.max(0), waits, case })
        })
        .collect()
}

fn table(lines: &[ListedCase], now: UnixMs) -> Table {
    let fields = [
        "id",
        "number",
        "name",
        "stage",
        "next_at",
        "not_called_for",
        "attempts_today",
        "attempts_left",
        "state",
        "reason",
        "queue",
        "opened_at",
        "age_ms",
        "misses",
        "close_reason",
    ];
    let mut table = Table::new(&fields, "no cases found").spare(&[
        "state",
        "opened_at",
        "reason",
        "misses",
        "attempts_today",
        "queue",
        "age_ms",
        "name",
        "close_reason",
    ]);
    for ListedCase { case, name, today, left, waits } in lines {
        let until = case.closed_at.unwrap_or(now);
        table.row([
            Cell::Count(case.id.0),
            case.number.as_str().into(),
            name.as_deref().into(),
            stage(case),
            next_try(case, *waits),
            waits.map_or(Cell::Nothing, |guard| Cell::word(guard.as_str())),
            Cell::Count(*today),
            Cell::Count(*left),
            Cell::word(case.state),
            Cell::word(case.reason),
            case.queue.as_ref().into(),
            case.opened_at.into(),
            age(until, case.opened_at),
            Cell::count(case.misses),
            Cell::word_or_nothing(case.close_reason),
        ]);
    }
    table
}

/// What an open case waits for; a closed case waits for nothing.
pub(super) fn stage(case: &CaseRow) -> Cell {
    if case.closed_at.is_some() { Cell::Nothing } else { Cell::word(case.stage) }
}

/// When the customer is called next. Nothing if a person decides that. Nothing during a call or a lease either, because
/// what is due then is a reminder or the end of the lease.
pub(super) fn next_try(case: &CaseRow, waits: Option<Guard>) -> Cell {
    let begins_by_itself = waits.is_none() && case.closed_at.is_none() && is_pause(case.stage);
    case.next_at.filter(|_| begins_by_itself).into()
}

/// Whether a case of this stage becomes due at a known time.
const fn is_pause(stage: Stage) -> bool {
    match stage {
        Stage::Settling | Stage::Deferred | Stage::Waiting | Stage::HandedOver => true,
        Stage::Due | Stage::Claimed | Stage::Attempting => false,
    }
}
