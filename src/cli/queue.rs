//! `dozvon queue`: who waits, and which agents serve.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Context, Exit, Failure};
use crate::clock::UnixMs;
use crate::ids::{AgentName, QueueName};
use crate::phone::E164;
use crate::queue::agent::{Activity, Status};
use crate::render::{Cell, Sheet, Table, age};
use crate::rules::{Queue, Rules, Survey};
use crate::store::agents::{self, AgentRow};
use crate::store::waits::{self, WaitingRow};
use crate::store::{Database, StoreError, rules};

/// Queues: list them, or show who waits and who serves.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Queues are made and changed by a rules file: see `dozvon apply --help`. To add an agent to a queue, use
`dozvon agent add NAME --replace --queue QUEUE`.

Examples:
  dozvon queue list
  dozvon queue show sales
  dozvon queue list --json | jq '.[] | select(.waiting > 0)'")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List queues with the numbers of waiting callers and of available and talking agents.
    #[command(after_help = "\
Examples:
  dozvon queue list
  dozvon queue list --json | jq '.[] | select(.waiting > 0)'")]
    List,
    /// Show one queue: its rules, the callers who wait, the agents who serve it.
    #[command(after_help = "\
Examples:
  dozvon queue show sales
  dozvon queue show sales --json | jq .waiting")]
    Show {
        /// The queue's name.
        name: QueueName,
    },
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let now = context.now();
    let snapshot = context.read("queue_show", look).await?;
    match args.command {
        Command::List => context.table(&list(&snapshot, now))?,
        Command::Show { name } => context.sheet(&show(&snapshot, &name, now)?)?,
    }
    Ok(Exit::Done)
}

/// The state of the database at one moment.
struct Snapshot {
    rules: Rules,
    agents: BTreeMap<AgentName, AgentRow>,
    waiting: Vec<WaitingRow>,
}

fn look(c: &mut Database) -> Result<Snapshot, StoreError> {
    let agents = agents::all(c)?.into_iter().map(|row| (row.name.clone(), row)).collect();
    Ok(Snapshot { rules: rules::load(c)?, agents, waiting: waits::waiting(c)? })
}

impl Snapshot {
    /// Returns the callers who wait in a queue, longest first.
    fn waiting_in<'a>(&'a self, queue: &'a QueueName) -> impl Iterator<Item = &'a WaitingRow> {
        self.waiting.iter().filter(move |row| row.queue == *queue)
    }

    /// Returns the agents of a queue, by level and position.
    fn serving<'a>(&'a self, queue: &'a Queue) -> Vec<(&'a AgentRow, i32, i32)> {
        let mut rows: Vec<_> = queue
            .tiers
            .iter()
            .filter_map(|(agent, tier)| Some((self.agents.get(agent)?, tier.level, tier.position)))
            .collect();
        rows.sort_by_key(|(row, level, position)| (*level, *position, row.name.clone()));
        rows
    }
}

fn list(snapshot: &Snapshot, now: UnixMs) -> Table {
    let fields = [
        "name",
        "strategy",
        "priority",
        "waiting",
        "longest_wait_ms",
        "agents",
        "available",
        "idle",
        "talking",
        "open",
    ];
    let mut table =
        Table::new(&fields, "there are no queues: state them in a rules file and `dozvon apply` it")
            .spare(&["priority", "strategy", "talking"]);
    for (name, queue) in &snapshot.rules.queues {
        let serving = snapshot.serving(queue);
        let count =
            |test: fn(&AgentRow) -> bool| Cell::count(serving.iter().filter(|(row, ..)| test(row)).count());
        let longest = snapshot.waiting_in(name).next().map(|row| row.joined_at);
        table.row([
            name.as_str().into(),
            Cell::word(queue.strategy),
            Cell::count(queue.priority),
            Cell::count(snapshot.waiting_in(name).count()),
            longest.map_or(Cell::Nothing, |joined| age(now, joined)),
            Cell::count(serving.len()),
            count(|row| row.status == Status::Available),
            count(|row| row.status == Status::Available && row.activity == Activity::Idle),
            count(|row| row.activity == Activity::Talking),
            open(&snapshot.rules, queue, now),
        ]);
    }
    table
}

/// Whether the queue is open by its own hours. Nothing if it has none.
fn open(rules: &Rules, queue: &Queue, now: UnixMs) -> Cell {
    let schedule = queue.schedule.as_ref().and_then(|name| rules.schedules.get(name));
    schedule.map(|schedule| schedule.is_open(now)).into()
}

fn show(snapshot: &Snapshot, name: &QueueName, now: UnixMs) -> Result<Sheet, StoreError> {
    let missing = || StoreError::NotFound { kind: "queue", name: name.to_string() };
    let queue = snapshot.rules.queues.get(name).ok_or_else(missing)?;
    let span = |span: Duration| Cell::Span(span.as_millis().try_into().unwrap_or(i64::MAX));
    Ok(Sheet::default()
        .with("name", name.as_str())
        .with("strategy", Cell::word(queue.strategy))
        .with("priority", Cell::count(queue.priority))
        .with("service_level_ms", span(queue.service_level))
        .with("max_wait_ms", queue.max_wait.map_or(Cell::Nothing, span))
        .with("overflow", Cell::translated(&queue.overflow))
        .with("music", queue.music.as_ref().map(|prompt| prompt.as_str()))
        .with("survey", queue.survey.as_ref().map(questions))
        .with("schedule", queue.schedule.as_ref().map(|schedule| schedule.as_str()))
        .with("policy", queue.policy.as_str())
        .with("open", open(&snapshot.rules, queue, now))
        .and("waiting", waiting(snapshot, name, now))
        .and("agents", serving(snapshot, queue, now)))
}

fn questions(survey: &Survey) -> Cell {
    Cell::List(survey.questions().iter().map(ToString::to_string).collect())
}

fn waiting(snapshot: &Snapshot, name: &QueueName, now: UnixMs) -> Table {
    let fields = ["position", "call", "caller_number", "caller_name", "joined_at", "wait_ms"];
    let mut table = Table::new(&fields, "nobody waits").spare(&["joined_at", "caller_name"]);
    for (position, row) in (1_i64..).zip(snapshot.waiting_in(name)) {
        table.row([
            Cell::Count(position),
            Cell::Id(row.call.to_string()),
            row.number.as_ref().map_or(row.caller_number.as_str(), E164::as_str).into(),
            row.caller_name.as_str().into(),
            row.joined_at.into(),
            age(now, row.joined_at),
        ]);
    }
    table
}

fn serving(snapshot: &Snapshot, queue: &Queue, now: UnixMs) -> Table {
    let fields = ["level", "position", "agent", "status", "activity", "since_at", "age_ms", "ready_at"];
    let mut table = Table::new(&fields, "nobody serves it: callers wait until the overflow")
        .spare(&["since_at", "position", "level"]);
    for (row, level, position) in snapshot.serving(queue) {
        let since = Some(row.since_at).filter(|at| at.0 > 0);
        table.row([
            Cell::count(level),
            Cell::count(position),
            row.name.as_str().into(),
            Cell::word(row.status),
            Cell::word(row.activity),
            since.into(),
            since.map_or(Cell::Nothing, |at| age(now, at)),
            Some(row.ready_at).filter(|at| *at > now).into(),
        ]);
    }
    table
}
