//! `dozvon agent`: the agents, their status, and what they are doing now.

mod add;
mod show;

use std::collections::BTreeMap;

use super::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::ids::AgentName;
use crate::queue::agent::{Activity, Status, Step};
use crate::render::{Cell, Sentence, Table};
use crate::store::agents::{self, AgentRow, StepRequest};
use crate::store::{Database, StoreError, elsewhere, offers};

/// Shown for an idle agent whose phone is in a call that the controller did not make.
const ELSEWHERE: &str = "elsewhere";

/// Agents: add, log in and out, break, list, show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon agent add anna --contact user/1001 --queue sales
  dozvon agent add boris --contact user/1002 --contact gateway/trunk/+79001234567 --queue sales:2 --wrap-up 10s
  dozvon agent login anna boris
  dozvon agent break anna --reason lunch
  dozvon agent resume anna
  dozvon agent list --status available
  dozvon agent show anna --json")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Add(add::Args),
    /// Log agents in: they are offered calls from now on.
    #[command(after_help = "\
Examples:
  dozvon agent login anna
  dozvon agent login anna boris --by olga")]
    Login(Named),
    /// Log agents out: they are offered no more calls. A talk in progress continues.
    #[command(after_help = "\
Examples:
  dozvon agent logout anna
  dozvon agent logout anna boris --by olga")]
    Logout(Named),
    /// Send agents on break: they are offered no calls until they resume.
    #[command(after_help = "\
Examples:
  dozvon agent break anna --reason lunch
  dozvon agent break anna boris --reason \"team meeting\"")]
    Break(Break),
    /// End the break of agents.
    #[command(after_help = "\
Examples:
  dozvon agent resume anna")]
    Resume(Named),
    List(List),
    Show(show::Args),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The agents. If one of them cannot be changed, none is changed.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<AgentName>,
}

#[derive(Debug, clap::Args)]
struct Break {
    #[command(flatten)]
    named: Named,
    /// The reason, such as lunch or training.
    #[arg(long, value_parser = parse::remark)]
    reason: String,
}

/// List agents, by name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon agent list
  dozvon agent list --status available --activity idle
  dozvon agent list --json | jq -r '.[] | select(.status == \"on_break\") | .name'")]
struct List {
    /// Only agents with this status: available, on_break or logged_out.
    #[arg(long)]
    status: Option<Status>,
    /// Only agents with this activity: idle, ringing, talking or wrapping_up.
    #[arg(long)]
    activity: Option<Activity>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::Add(args) => add::run(args, context).await,
        Command::Login(who) => step(who, Step::LogIn, "logged in", context).await,
        Command::Logout(who) => step(who, Step::LogOut, "logged out", context).await,
        Command::Break(args) => step(args.named, Step::TakeBreak, &args.reason, context).await,
        Command::Resume(who) => step(who, Step::Resume, "back from break", context).await,
        Command::List(args) => list(args, context).await,
        Command::Show(args) => show::run(args, context).await,
    }
}

async fn step(who: Named, step: Step, why: &str, context: &Context) -> Result<Exit, Failure> {
    let (at, by, why) = (context.now(), context.by.clone(), why.to_owned());
    let (rows, snapshot) = context
        .write("agent_step", move |c| {
            let make = |agent| agents::step(c, &StepRequest { agent, step, at, by: &by, why: &why });
            let rows = who.names.iter().map(make).collect::<Result<Vec<_>, _>>()?;
            Ok((rows, Snapshot::read(c)?))
        })
        .await?;
    context.table(&table(&rows, &snapshot))?;
    Ok(Exit::Done)
}

async fn list(args: List, context: &Context) -> Result<Exit, Failure> {
    let (mut rows, snapshot) =
        context.read("agent_list", |c| Ok((agents::all(c)?, Snapshot::read(c)?))).await?;
    let all = rows.len();
    rows.retain(|row| args.status.is_none_or(|status| row.status == status));
    rows.retain(|row| args.activity.is_none_or(|activity| row.activity == activity));
    let mut table = table(&rows, &snapshot);
    if all > 0 {
        table.empty = Sentence::of("none of the {all} agents matches").with("all", Cell::count(all));
    }
    context.table(&table)?;
    Ok(Exit::Done)
}

/// What is known of agents beside their rows.
struct Snapshot {
    with: BTreeMap<AgentName, String>,
    elsewhere: BTreeMap<AgentName, UnixMs>,
}

impl Snapshot {
    fn read(c: &mut Database) -> Result<Self, StoreError> {
        Ok(Self { with: offers::with_whom(c)?, elsewhere: elsewhere::all(c)? })
    }
}

/// What an agent does, and since when. An agent who is idle for the queues may be in another call.
fn doing(row: &AgentRow, elsewhere: Option<UnixMs>) -> (Cell, Cell) {
    match elsewhere.filter(|_| row.activity == Activity::Idle) {
        Some(at) => (Cell::word(ELSEWHERE), at.into()),
        None => (Cell::word(row.activity), since(row)),
    }
}

fn table(rows: &[AgentRow], snapshot: &Snapshot) -> Table {
    let fields = ["name", "display", "status", "activity", "with", "break_reason", "since_at", "misses"];
    let mut table = Table::new(&fields, "there are no agents: add one with `dozvon agent add`")
        .spare(&["misses", "display", "since_at"]);
    for row in rows {
        let (activity, since) = doing(row, snapshot.elsewhere.get(&row.name).copied());
        table.row([
            row.name.as_str().into(),
            row.display.as_str().into(),
            Cell::word(row.status),
            activity,
            snapshot.with.get(&row.name).map(String::as_str).into(),
            row.break_reason.as_deref().into(),
            since,
            Cell::count(row.misses),
        ]);
    }
    table
}

/// Since when the agent has this status and activity; nothing for an agent that never changed.
fn since(row: &AgentRow) -> Cell {
    Some(row.since_at).filter(|at| at.0 > 0).into()
}
