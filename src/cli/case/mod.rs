//! `dozvon case`: callers who are to be called back, and what was done about it.

mod attempt;
mod list;
mod play;

use super::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::missed::case::{Closed, Reason};
use crate::render::{Cell, Sheet, Table, age};
use crate::store::attempts::{self, AttemptRow};
use crate::store::callbacks::{self, CallbackRules, RefusalRow};
use crate::store::case_closing;
use crate::store::case_opening::{self, CallbackRequest};
use crate::store::cases::{self, CaseRow, MissRow};
use crate::store::messages::{self, MessageRow};
use crate::store::requests::{self, RequestRow};
use crate::store::{Database, StoreError};
use attempt::{AttemptArgs, ResultArgs};
use list::List;

/// Cases: callers who are to be called back, and what was done about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A missed call opens a case for the caller's number, or joins the open case of that number. A number may be called three
times on a business day, for debts once. The database refuses further attempts, also those that people make.

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
    /// Show one case: its missed calls, its messages and its attempts.
    #[command(after_help = "\
Examples:
  dozvon case show 17
  dozvon case show 17 --json | jq .attempts")]
    Show {
        /// The number of the case.
        #[arg(value_parser = number)]
        id: CaseId,
    },
    Play(play::Play),
    Open(Open),
    Attempt(AttemptArgs),
    Result(ResultArgs),
    Close(Close),
}

/// Open a case by hand, for somebody who asked for a call by other means than the phone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon case open 84951234567 --queue sales
  dozvon case open +79001234567 --at 16:00")]
struct Open {
    /// The number to call.
    number: String,
    /// The queue that is to call.
    #[arg(long)]
    queue: Option<QueueName>,
    /// Do not call before this time.
    #[arg(long, value_name = "TIME", alias = "until", alias = "later")]
    at: Option<String>,
}

/// Close a case: nobody is to be called any more.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With do_not_call, the number goes on the do-not-call list for ever; with wrong_number, for a year. A call with such a
result does the same. `dozvon dnc remove` takes the number off the list.

Examples:
  dozvon case close 17 --reason agent_reached
  dozvon case close 17 --reason do_not_call
  dozvon case close 17 --reason other --note \"answered by e-mail\"
  dozvon callback close 17 --reason spam")]
pub(super) struct Close {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// The reason: agent_reached, caller_reached_us, unreachable, do_not_call, wrong_number, spam or other.
    #[arg(long, value_parser = reason)]
    reason: Closed,
    /// A remark to keep with the case.
    #[arg(long, value_parser = parse::remark, required_if_eq("reason", "other"))]
    note: Option<String>,
}

fn reason(text: &str) -> Result<Closed, String> {
    match text.parse() {
        Ok(Closed::Erased) => Err(Closed::ONLY_BY_ERASURE.to_owned()),
        Ok(reason) => Ok(reason),
        Err(_) => {
            let words: Vec<_> = Closed::ALL.iter().filter(|word| **word != Closed::Erased).collect();
            Err(format!(
                "use one of: {}",
                words.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ")
            ))
        }
    }
}

pub(super) fn number(text: &str) -> Result<CaseId, String> {
    match text.trim_start_matches('#').parse() {
        Ok(id @ 1..) => Ok(CaseId(id)),
        _ => Err("write the case's number, as `dozvon case list` shows it".to_owned()),
    }
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::List(args) => list::list(args, context).await,
        Command::Show { id } => show(id, context).await,
        Command::Play(args) => play::play(args, context).await,
        Command::Open(args) => open(args, context).await,
        Command::Attempt(args) => attempt::attempt(args, context).await,
        Command::Result(args) => attempt::record_result(args, context).await,
        Command::Close(args) => close(args, context).await,
    }
}

async fn show(id: CaseId, context: &Context) -> Result<Exit, Failure> {
    let (now, callback_rules) = (context.now(), context.callback_rules().await?);
    let sheet = context.read("case_show", move |c| sheet(c, &callback_rules, id, now)).await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

pub(super) fn sheet(
    c: &mut Database,
    callback_rules: &CallbackRules,
    id: CaseId,
    now: UnixMs,
) -> Result<Sheet, StoreError> {
    let case = cases::get(c, id)?;
    let day = callback_rules.business_day(&case, now);
    let today = attempts::counted(c, &case.number, day)?;
    let not_called = callbacks::why_not(c, &case, callback_rules, now)?;
    Ok(Sheet::default()
        .with("id", Cell::Count(case.id.0))
        .with("number", case.number.as_str())
        .with("name", cases::name_of(c, id)?)
        .with("state", Cell::word(case.state))
        .with("stage", list::stage(&case))
        .with("next_at", list::next_try(&case, callbacks::waits_for_people(&case, callback_rules)))
        .with("not_before_at", case.not_before)
        .with("not_before_by", not_before_by(&case))
        .with(
            "not_called_for",
            not_called.as_ref().map_or(Cell::Nothing, |refusal| Cell::word(refusal.guard.as_str())),
        )
        .with("not_called_until_at", not_called.and_then(|refusal| refusal.until))
        .with("react_by", case.react_by)
        .with("reason", Cell::word(case.reason))
        .with("came_by", case.came_by.as_deref())
        .with("queue", case.queue.as_ref())
        .with("place_queue", case.place_queue.as_ref())
        .with("place_at", case.place_at)
        .with("business_day", case.business_day.to_string())
        .with("opened_at", case.opened_at)
        .with("last_miss_at", case.last_miss_at)
        .with("age_ms", age(case.closed_at.unwrap_or(now), case.opened_at))
        .with("attempts_today", Cell::Count(today))
        .with("attempts_cap", Cell::count(callback_rules.cap(&case)))
        .with("closed_at", case.closed_at)
        .with("close_reason", Cell::word_or_nothing(case.close_reason))
        .with("closed_by", case.closed_by.as_deref())
        .with("note", case.note.as_deref())
        .and("misses", misses(&cases::misses(c, id)?))
        .and("messages", left(&messages::of_case(c, id)?))
        .and("requests", asked(&requests::of_case(c, id)?))
        .and("attempts", made(&attempts::of_case(c, id)?))
        .and("refusals", refused(&callbacks::refusals_of(c, id, 20)?)))
}

/// Who set the time before which nobody must call.
fn not_before_by(case: &CaseRow) -> Cell {
    match (&case.not_before_by, case.not_before_source) {
        (Some(by), _) => by.as_str().into(),
        (None, source) => Cell::word_or_nothing(source),
    }
}

fn misses(rows: &[MissRow]) -> Table {
    let mut table = Table::new(&["at", "call", "reason", "queue", "wait_ms", "dialled"], "no missed calls");
    for row in rows {
        table.row([
            row.at.into(),
            Cell::Id(row.call.to_string()),
            Cell::word(row.reason),
            row.queue.as_ref().into(),
            Cell::span_or_nothing(row.wait_ms),
            row.dialled.as_str().into(),
        ]);
    }
    table
}

/// What the caller said in a voicemail.
fn left(rows: &[MessageRow]) -> Table {
    let fields = ["id", "began_at", "length_ms", "voicemail", "heard_at", "heard_by", "file"];
    let mut table = Table::new(&fields, "no messages").below(&["file"]);
    for row in rows {
        table.row([
            Cell::Count(row.id.0),
            row.begun_at.into(),
            Cell::span_or_nothing(row.length_ms),
            row.voicemail.as_str().into(),
            row.heard_at.into(),
            row.heard_by.as_deref().into(),
            row.path.as_deref().into(),
        ]);
    }
    table
}

/// Requests from forms, bots and programs: who asks, their address, and what they want.
fn asked(rows: &[RequestRow]) -> Table {
    let fields = ["at", "source", "name", "email", "wanted_at", "text", "page"];
    let mut table = Table::new(&fields, "no requests").below(&["email", "wanted_at", "text", "page"]);
    for row in rows {
        table.row([
            row.received_at.into(),
            row.source.as_str().into(),
            row.name.as_deref().into(),
            row.email.as_deref().into(),
            row.wanted_at.into(),
            row.text.as_deref().into(),
            row.page.as_deref().into(),
        ]);
    }
    table
}

fn made(rows: &[AttemptRow]) -> Table {
    let fields = ["at", "business_day", "ordinal", "counted", "result", "by", "note"];
    let mut table = Table::new(&fields, "no attempts yet").below(&["note"]);
    for row in rows {
        table.row([
            row.at.into(),
            row.business_day.to_string().into(),
            row.ordinal.map_or(Cell::Nothing, Cell::count),
            row.counted.into(),
            Cell::word_or_nothing(row.disposition),
            row.by.as_str().into(),
            row.note.as_deref().into(),
        ]);
    }
    table
}

/// Dials that a rule refused, the latest first.
fn refused(rows: &[RefusalRow]) -> Table {
    let mut table = Table::new(&["at", "guard", "why", "by"], "no dial was refused");
    for row in rows {
        table.row([row.at.into(), Cell::word(row.guard), row.why.as_str().into(), row.by.as_str().into()]);
    }
    table
}

async fn open(args: Open, context: &Context) -> Result<Exit, Failure> {
    let (at, zone, by) = (context.now(), context.zone(), context.by.clone());
    let callback_rules = context.callback_rules().await?;
    let number = parse::number(&args.number, &context.home())?;
    let not_before = args.at.as_deref().map(|text| parse::to_come(text, zone, at)).transpose()?;
    let sheet = context
        .write("case_open", move |c| {
            let day = callback_rules.hours(args.queue.as_ref()).business_day(at);
            let asked = CallbackRequest {
                number: &number,
                reason: Reason::ByHand,
                request: None,
                queue: args.queue.as_ref(),
                business_day: day,
                not_before,
                by: &by,
                known: true,
                at,
            };
            let id = case_opening::open_requested(c, &asked)?;
            sheet(c, &callback_rules, id, at)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

pub(super) async fn close(args: Close, context: &Context) -> Result<Exit, Failure> {
    let (at, by, callback_rules) = (context.now(), context.by.clone(), context.callback_rules().await?);
    let sheet = context
        .write("case_close", move |c| {
            case_closing::close_by_hand(c, args.id, args.reason, &by, args.note.as_deref(), at)?;
            sheet(c, &callback_rules, args.id, at)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use crate::render::{DisplayOptions, table as shown};

    /// The whole text of a request is shown on a terminal of 80 columns.
    #[test]
    fn the_text_of_a_request_is_there_at_eighty_columns() {
        let words =
            "Please call me about the leaking pipe in the cellar of the second house before the weekend";
        let request = RequestRow {
            received_at: UnixMs(1_767_225_600_000),
            source: "site-callback-form".to_owned(),
            page: Some("https://example.com/services/plumbing?campaign=winter-2026-leaflet".to_owned()),
            name: Some("Ivan Ivanovich Petrov".to_owned()),
            email: Some("ivan.petrov@mail.example.com".to_owned()),
            text: Some(words.to_owned()),
            wanted_at: Some(UnixMs(1_767_232_800_000)),
        };
        for language in [Language::En, Language::Ru] {
            let options = DisplayOptions { language, zone: chrono_tz::UTC, colour: false, width: Some(80) };
            let text = shown(&asked(std::slice::from_ref(&request)), &options);
            let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in [words, "ivan.petrov@mail.example.com", "2026-01-01 02:00:00"] {
                assert!(plain.contains(part), "{part}: {text}");
            }
            assert!(
                text.lines().all(|line| line.chars().count() <= 80) && !text.contains("--json"),
                "{text}"
            );
        }
    }
}
