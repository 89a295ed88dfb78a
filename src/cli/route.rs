//! `dozvon route`: lists routes, and tests where a call would go.

use super::{Context, Exit, Failure, parse};
use crate::clock::UnixMs;
use crate::render::{Cell, Sheet, Table};
use crate::routing::plan::{Arrival, Plan, plan};
use crate::rules::{Route, Rules};
use crate::store::agents::{self, AgentRow};
use crate::store::rules;

/// Routes: list them, or test where a call would go.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Routes are made and changed by a rules file: see `dozvon apply --help`. The first route that matches the dialled
number decides.

Examples:
  dozvon route list
  dozvon route test 84951234567
  dozvon route test 84951234567 --at 22:30
  dozvon route test 7001 --at \"2027-01-01 12:00\"")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List routes in the order in which they are tried.
    #[command(after_help = "\
Examples:
  dozvon route list
  dozvon route list --json | jq '.[] | select(.open | not)'")]
    List,
    Test(Test),
}

/// Show where a call to a number would go, and why. Exit code 3 if no route matches.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon route test 84951234567
  dozvon route test 84951234567 --at 22:30
  dozvon route test 7001 --at \"2027-01-01 12:00\"")]
struct Test {
    /// The dialled number, as FreeSWITCH passes it.
    number: String,
    /// The time of the call: 18:30, "2026-12-31 18:30" (in the configured zone) or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The caller's number, as a route states it in `from`, such as +79001234567.
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// The caller has an open case.
    #[arg(long)]
    open_case: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::List => list(context).await,
        Command::Test(args) => test(args, context).await,
    }
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let rules = context.read("route_list", rules::load).await?;
    let now = context.now();
    let fields = ["ordinal", "name", "number", "open", "until_at", "schedule", "open_to", "closed_to"];
    let mut table =
        Table::new(&fields, "there are no routes: write them into a rules file and `dozvon apply` it");
    for (ordinal, route) in (1_i64..).zip(&rules.routes) {
        let (open, until) = hours(&rules, route, now);
        table.row([
            Cell::Count(ordinal),
            route.name.as_str().into(),
            route.number.to_string().into(),
            open.into(),
            until.into(),
            route.schedule.as_ref().map(|name| name.as_str()).into(),
            Cell::translated(&route.open),
            Cell::translated(&route.closed),
        ]);
    }
    context.table(&table)?;
    Ok(Exit::Done)
}

/// Whether a route is open, and until when that holds.
fn hours(rules: &Rules, route: &Route, now: UnixMs) -> (bool, Option<UnixMs>) {
    let Some(schedule) = route.schedule.as_ref().and_then(|name| rules.schedules.get(name)) else {
        return (true, None);
    };
    let state = schedule.state(now);
    (state.open, state.until)
}

async fn test(args: Test, context: &Context) -> Result<Exit, Failure> {
    let now = context.now();
    let at = args.at.map_or(Ok(now), |text| parse::instant(&text, context.zone(), now))?;
    let (rules, agents) = context.read("route_test", |c| Ok((rules::load(c)?, agents::all(c)?))).await?;
    let caller: Vec<&str> = args.from.iter().map(String::as_str).collect();
    let call = Arrival { dialled: &args.number, caller: &caller, open_case: args.open_case };
    let plan = plan(call, &rules, at);
    let sheet = Sheet::default()
        .with("number", args.number.as_str())
        .with("at", at)
        .with("zone", context.zone().name())
        .with("route", plan.route.as_ref().map(|name| name.as_str()))
        .with("open", plan.route.as_ref().map(|_| plan.open))
        .with("goes_to", plan.to.as_ref().map(Cell::translated))
        .with("why", Cell::translated(&plan.why))
        .and("routes", tried(&rules, &plan, call));
    let served = plan.queue().map(|queue| serving(&rules, queue, &agents));
    context.sheet(&match served {
        Some(table) => sheet.and("agents", table),
        None => sheet,
    })?;
    Ok(if plan.to.is_some() { Exit::Done } else { Exit::NotFound })
}

/// The routes up to the first that matches.
fn tried(rules: &Rules, plan: &Plan, call: Arrival<'_>) -> Table {
    let mut table = Table::new(&["ordinal", "name", "pattern", "matches"], "there are no routes");
    for (ordinal, route) in (1_i64..).zip(&rules.routes) {
        let matches = route.matches(call.dialled, call.caller, call.open_case);
        table.row([
            Cell::Count(ordinal),
            route.name.as_str().into(),
            route.number.to_string().into(),
            matches.into(),
        ]);
        if plan.route.as_ref() == Some(&route.name) {
            break;
        }
    }
    table
}

/// The agents of the queue, with their present status.
fn serving(rules: &Rules, queue: &crate::ids::QueueName, agents: &[AgentRow]) -> Table {
    let empty = "nobody serves the queue: callers wait until the overflow";
    let mut table = Table::new(&["level", "position", "agent", "status", "activity"], empty);
    let Some(rule) = rules.queues.get(queue) else { return table };
    let mut places: Vec<_> =
        rule.tiers.iter().map(|(agent, tier)| (tier.level, tier.position, agent)).collect();
    places.sort_unstable();
    for (level, position, name) in places {
        let row = agents.iter().find(|row| row.name == *name);
        table.row([
            Cell::count(level),
            Cell::count(position),
            name.as_str().into(),
            Cell::word_or_nothing(row.map(|row| row.status)),
            Cell::word_or_nothing(row.map(|row| row.activity)),
        ]);
    }
    table
}
