//! `dozvon outbox`: notifications, delivered and undelivered.

use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::render::{Cell, Sentence, Table};
use crate::store::outbox::{self, DeliveryRow, State};

/// How many deliveries are retried in one transaction.
const BATCH: i64 = 500;

/// Notifications: what was sent to whom, and what could not be delivered.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Events are sent to the destinations of [notify] in the settings, in order. A delivery that fails is tried again for
[notify] give_up_after. After that it is dead, and stays here until somebody retries it.

Examples:
  dozvon outbox list --state dead
  dozvon outbox retry 17
  dozvon outbox retry --all-dead
  dozvon outbox enable crm")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Retry(Retry),
    /// Send again to a destination that asked for no more events (it answered 410 Gone).
    #[command(after_help = "\
Examples:
  dozvon outbox enable crm")]
    Enable {
        /// The destination's name.
        destination: DestinationName,
    },
}

/// List deliveries, the newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon outbox list
  dozvon outbox list --state dead
  dozvon outbox list --destination crm --limit 1000 --json")]
struct List {
    /// Only deliveries in this state: waiting, done, dead, skipped.
    #[arg(long)]
    state: Option<State>,
    /// Only deliveries to this destination.
    #[arg(long)]
    destination: Option<DestinationName>,
    /// How many to show at most.
    #[arg(long, default_value = "100", value_parser = parse::limit)]
    limit: i64,
}

/// Retry deliveries now: dead ones, and those that wait for their next try.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon outbox retry 17
  dozvon outbox retry --all-dead
  dozvon outbox retry --all-dead --destination crm")]
struct Retry {
    /// The number of the delivery.
    #[arg(required_unless_present = "all_dead", conflicts_with = "all_dead", value_parser = number)]
    id: Option<i64>,
    /// All dead deliveries.
    #[arg(long)]
    all_dead: bool,
    /// Only dead deliveries to this destination.
    #[arg(long, requires = "all_dead")]
    destination: Option<DestinationName>,
}

fn number(text: &str) -> Result<i64, String> {
    match text.trim_start_matches('#').parse() {
        Ok(id @ 1..) => Ok(id),
        _ => Err("write the delivery's number, as `dozvon outbox list` shows it".to_owned()),
    }
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::List(args) => list(args, context).await,
        Command::Retry(args) => retry(args, context).await,
        Command::Enable { destination } => enable(destination, context).await,
    }
}

async fn list(args: List, context: &Context) -> Result<Exit, Failure> {
    let List { state, destination, limit } = args;
    let read = context.read("outbox_list", move |c| {
        Ok((outbox::list(c, state, destination.as_ref(), limit)?, outbox::closed(c)?))
    });
    let (rows, closed) = read.await?;
    let mut table = table(&rows);
    table.notes = closed
        .iter()
        .map(|it| {
            Sentence::of("{destination} has been disabled since {at}: {why}; to send again: dozvon outbox enable {destination}")
                .with("destination", it.name.to_string())
                .with("at", it.at)
                .with("why", it.reason.as_str())
        })
        .collect();
    context.table(&table)?;
    Ok(Exit::Done)
}

fn table(rows: &[DeliveryRow]) -> Table {
    let fields =
        ["id", "event", "aggregate", "destination", "recipient", "state", "attempts", "at", "next_at", "why"];
    let mut table = Table::new(&fields, "no deliveries found");
    for row in rows {
        table.row([
            Cell::Count(row.id),
            row.kind.as_str().into(),
            row.aggregate.as_str().into(),
            row.destination.as_str().into(),
            row.recipient.as_str().into(),
            Cell::word(&row.state),
            Cell::count(row.attempt_no),
            UnixMs(row.created_at).into(),
            row.next_at.map(UnixMs).into(),
            row.last_error.as_deref().or(row.last_status.as_deref()).into(),
        ]);
    }
    table
}

async fn retry(args: Retry, context: &Context) -> Result<Exit, Failure> {
    let now = context.now();
    if let Some(id) = args.id {
        context.write("outbox_retry", move |c| outbox::replay(c, id, now)).await?;
        let said = Sentence::of("delivery {id} will be tried again now").with("id", Cell::Count(id));
        context.say(&said, &json!({ "retried": 1 }))?;
        return Ok(Exit::Done);
    }
    let mut retried = 0;
    loop {
        let destination = args.destination.clone();
        let count = context
            .write("outbox_retry", move |c| outbox::replay_dead(c, destination.as_ref(), BATCH, now))
            .await?;
        if count == 0 {
            break;
        }
        retried += count;
    }
    let said =
        Sentence::of("{retried} deliveries will be tried again now").with("retried", Cell::count(retried));
    context.say(&said, &json!({ "retried": retried }))?;
    Ok(Exit::Done)
}

async fn enable(destination: DestinationName, context: &Context) -> Result<Exit, Failure> {
    let name = destination.clone();
    context.write("outbox_enable", move |c| outbox::open(c, &name)).await?;
    let line = Sentence::of("{destination} is enabled again").with("destination", destination.to_string());
    context.say(&line, &json!({ "enabled": destination }))?;
    Ok(Exit::Done)
}
