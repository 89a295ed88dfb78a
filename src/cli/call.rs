//! `dozvon call`: calls of callers, callbacks, and calls that agents dialled.

use super::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::{CallId, CaseId, QueueName};
use crate::missed::asked::Asked;
use crate::missed::ending::{Ending, Stage};
use crate::queue::offer::Outcome;
use crate::render::{Cell, Sheet, Table, span};
use crate::store::calls::{self, CallRow, Wanted};
use crate::store::offers::{self, OfferRow};
use crate::store::surveys::{self, Answer};
use crate::store::waits::{self, WaitOutcome, WaitRow};
use crate::store::{Database, StoreError, cases, places};

/// Calls: list them, or show one with its timeline.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Name a call by its id, or by at least the last 6 digits of it, as lists show them.

Examples:
  dozvon call list --live
  dozvon call list --ending abandoned --queue sales --limit 20
  dozvon call list --number 89001234567
  dozvon call show 5b9d0c1f2a3e")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    /// Show one call: who called, where the call went, and what happened, in order.
    #[command(after_help = "\
Examples:
  dozvon call show 5b9d0c1f2a3e
  dozvon call show 5b9d0c1f2a3e --json | jq .timeline")]
    Show {
        /// The call's id, or the last digits of it.
        #[arg(value_parser = identity)]
        id: String,
    },
}

/// List calls, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon call list --live
  dozvon call list --ending abandoned --queue sales --limit 20
  dozvon call list --number 89001234567")]
struct List {
    /// Only calls in progress.
    #[arg(long, conflicts_with = "ending")]
    live: bool,
    /// Only calls with this ending: answered, abandoned, timed_out, left_message, asked_callback, forwarded, taken
    /// (somebody else took the caller), refused or lost.
    #[arg(long)]
    ending: Option<Ending>,
    /// Only calls of this queue.
    #[arg(long)]
    queue: Option<QueueName>,
    /// Only calls from this number.
    #[arg(long)]
    number: Option<String>,
    /// How many to show at most.
    #[arg(long, default_value = "50", value_parser = parse::limit)]
    limit: i64,
}

fn identity(text: &str) -> Result<String, String> {
    let fits = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if fits && (6..=36).contains(&text.len()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("write the id of a call, or at least the last 6 digits of it".to_owned())
    }
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::List(args) => list(args, context).await,
        Command::Show { id } => show(id, context).await,
    }
}

async fn list(args: List, context: &Context) -> Result<Exit, Failure> {
    let number = args.number.map(|text| parse::stored(&text, &context.home())).transpose()?;
    let wanted = Wanted {
        live: args.live,
        ending: args.ending,
        queue: args.queue,
        number: number.map(|number| number.as_str().to_owned()),
        limit: args.limit,
    };
    let rows = context.read("call_list", move |c| calls::list(c, &wanted)).await?;
    context.table(&table(&rows))?;
    Ok(Exit::Done)
}

fn table(rows: &[CallRow]) -> Table {
    let fields = [
        "id",
        "arrived_at",
        "direction",
        "caller_number",
        "dialled",
        "queue",
        "agent",
        "ending",
        "stage",
        "wait_ms",
        "talk_ms",
    ];
    let mut table =
        Table::new(&fields, "no such calls").spare(&["stage", "dialled", "talk_ms", "queue", "wait_ms"]);
    for row in rows {
        table.row([
            Cell::Id(row.id.to_string()),
            row.arrived_at.into(),
            Cell::word(row.direction),
            caller(row),
            row.dialled.as_str().into(),
            row.queue.as_ref().into(),
            row.agent.as_ref().into(),
            Cell::word_or_nothing(row.ending),
            stage(row),
            Cell::span_or_nothing(row.wait_ms),
            Cell::span_or_nothing(row.talk_ms),
        ]);
    }
    table
}

/// Where the caller was when the call ended. For a call in progress, only a talk is known.
fn stage(row: &CallRow) -> Cell {
    let talking = row.ended_at.is_none() && row.answered_at.is_some();
    if talking { Cell::word(Stage::Talking) } else { Cell::word_or_nothing(row.stage) }
}

/// The number that can be called back or, without one, the number as it came.
fn caller(row: &CallRow) -> Cell {
    match &row.number {
        Some(number) => number.as_str().into(),
        None if row.caller_number.is_empty() => Cell::word(row.party),
        None => row.caller_number.as_str().into(),
    }
}

/// One call with everything that belongs to it.
struct CallHistory {
    call: CallRow,
    waits: Vec<WaitRow>,
    offers: Vec<OfferRow>,
    case: Option<CaseId>,
    /// The callback that the caller asked for.
    asked: Option<Asked>,
    /// The earlier call whose place in the queue the caller took over.
    place_of: Option<CallId>,
    /// What the caller answered after the talk.
    answers: Vec<Answer>,
}

async fn show(id: String, context: &Context) -> Result<Exit, Failure> {
    let history = context.read("call_show", move |c| find(c, &id)).await?;
    let call = &history.call;
    let sheet = Sheet::default()
        .with("id", call.id.to_string())
        .with("arrived_at", call.arrived_at)
        .with("direction", Cell::word(call.direction))
        .with("party", Cell::word(call.party))
        .with("number", call.number.as_ref())
        .with("caller_number", call.caller_number.as_str())
        .with("caller_name", call.caller_name.as_str())
        .with("dialled", call.dialled.as_str())
        .with("came_by", call.came_by.as_deref())
        .with("route", call.route.as_ref())
        .with("why", call.why.as_str())
        .with("queue", call.queue.as_ref())
        .with("business_day", call.business_day.to_string())
        .with("agent", call.agent.as_ref())
        .with("answered_at", call.answered_at)
        .with("ended_at", call.ended_at)
        .with("ending", Cell::word_or_nothing(call.ending))
        .with("stage", Cell::word_or_nothing(call.stage))
        .with("cause", call.cause.as_deref())
        .with("wait_ms", Cell::span_or_nothing(call.wait_ms))
        .with("talk_ms", Cell::span_or_nothing(call.talk_ms))
        .with("case", history.case.map_or(Cell::Nothing, |case| Cell::Count(case.0)))
        .with("callback_queue", history.asked.as_ref().map(|asked| &asked.queue))
        .with("callback_number", history.asked.as_ref().and_then(|asked| asked.number.as_ref()))
        .with("place_of", history.place_of.map(|call| call.to_string()))
        .with("survey", survey(&history.answers))
        .with("node", call.node.as_str())
        .with("channel", call.channel.to_string())
        .and("timeline", timeline(&history));
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}

fn survey(answers: &[Answer]) -> Cell {
    Cell::List(answers.iter().map(|it| format!("{} {}", it.question, it.mark)).collect())
}

fn find(c: &mut Database, id: &str) -> Result<CallHistory, StoreError> {
    let mut found = calls::ending_with(c, id)?;
    let call = match (found.pop(), found.pop()) {
        (Some(call), None) => call,
        (None, _) => return Err(StoreError::NotFound { kind: "call", name: id.to_owned() }),
        (Some(_), Some(_)) => {
            return Err(StoreError::Refused(format!("several calls end with {id}: write more digits")));
        }
    };
    let id = call.id;
    Ok(CallHistory {
        waits: waits::waits(c, id)?,
        offers: offers::of_call(c, id)?,
        case: cases::of_call(c, id)?,
        asked: calls::asked_callback(c, id)?,
        place_of: places::taken_over(c, id)?,
        answers: surveys::of_call(c, id)?,
        call,
    })
}

/// An event of the timeline: when, what, and details.
type Event = (UnixMs, &'static str, String);

fn timeline(history: &CallHistory) -> Table {
    let call = &history.call;
    let mut events: Vec<Event> =
        vec![(call.arrived_at, "arrived", format!("{} dialled {}", call.party, call.dialled))];
    events.extend(history.waits.iter().flat_map(of_wait));
    events.extend(history.offers.iter().flat_map(of_offer));
    if let (None, Some(at)) = (&call.agent, call.answered_at) {
        events.push((at, "answered", "got through".to_owned()));
    }
    events.sort_by_key(|(at, ..)| *at);
    if let (Some(at), Some(ending)) = (call.ended_at, call.ending) {
        let stage = call.stage.map_or("-", Stage::as_str);
        events.push((
            at,
            "ended",
            format!("{ending} while {stage}, {}", call.cause.as_deref().unwrap_or("-")),
        ));
    }
    if let (Some(case), Some(at)) = (history.case, call.ended_at) {
        events.push((at, "case", format!("this missed call belongs to case {case}")));
    }
    let mut table = Table::new(&["at", "offset_ms", "event", "detail"], "no events");
    for (at, event, detail) in events {
        table.row([
            at.into(),
            Cell::Span(at.0 - call.arrived_at.0),
            Cell::word(event),
            Cell::Translated(detail),
        ]);
    }
    table
}

fn of_wait(wait: &WaitRow) -> Vec<Event> {
    let mut events = vec![(wait.joined_at, "joined", format!("queue {}", wait.queue))];
    if let Some(at) = wait.left_at {
        let outcome = wait.outcome.map_or("-", WaitOutcome::as_str);
        events.push((at, "left_queue", format!("queue {}: {outcome}", wait.queue)));
    }
    events
}

fn of_offer(offer: &OfferRow) -> Vec<Event> {
    let agent = &offer.agent;
    let mut events =
        vec![(offer.offered_at, "offered", format!("agent {agent} rings (queue {})", offer.queue))];
    if let Some(at) = offer.answered_at {
        events.push((at, "picked_up", format!("agent {agent}")));
    }
    if let (Some(at), Some(outcome)) = (offer.ended_at, offer.outcome) {
        let times = [("rang", offer.ring_ms), ("talked", offer.talk_ms)];
        let times = times.iter().filter_map(|(what, ms)| Some(format!(", {what} {}", span((*ms)?))));
        let cause = offer.cause.as_deref().map_or_else(String::new, |cause| format!(" ({cause})"));
        let event = ending_word(outcome);
        events.push((at, event, format!("agent {agent}{}{cause}", times.collect::<String>())));
    }
    events
}

/// The outcome of an offer in the timeline; an answered offer ends when the agent's talk does.
const fn ending_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "talk_over",
        outcome => outcome.as_str(),
    }
}
