//! `dozvon duty`: who is on duty, why, and swaps.

use chrono::NaiveDate;
use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, DutyName};
use crate::render::{Cell, Sentence, Table};
use crate::rules::{Duty, Rules, WhyOnDuty};
use crate::store::duty::{self, Change};
use crate::store::{StoreError, rules};

/// Duty: show who is on duty and why, or swap.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Rotas are made and changed by a rules file ([[duty]]). A day of duty begins at the time of the change on its date, so a
night belongs to the date on which it began. What people swap counts before the rules file.

Examples:
  dozvon duty
  dozvon duty night --at \"2026-12-31 22:00\"
  dozvon duty swap night 2026-12-31 --to boris
  dozvon duty swap night 2026-12-31 --with 2027-01-07"
)]
pub(super) struct Args {
    /// Only this rota.
    name: Option<DutyName>,
    /// Show who is on duty at this time: 18:30, "2026-12-31 18:30" (in the configured zone) or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Swap(Swap),
}

/// Give a day of duty to another agent, or exchange two turns.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon duty swap night 2026-12-31 --to boris            boris takes this day
  dozvon duty swap night 2026-12-31 --with 2027-01-07     the two turns (days or weeks) change their people
  dozvon duty swap night 2026-12-31 --back                the rota decides again")]
#[command(group(clap::ArgGroup::new("how").required(true).args(["to", "with", "back"])))]
struct Swap {
    /// The rota.
    name: DutyName,
    /// The date on which the day of duty begins.
    date: String,
    /// The agent who takes the day.
    #[arg(long, value_name = "AGENT")]
    to: Option<AgentName>,
    /// A date of another turn: the people of the two turns are exchanged, day by day.
    #[arg(long, value_name = "DATE")]
    with: Option<String>,
    /// Take back what was swapped for the turn of this date.
    #[arg(long)]
    back: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Some(Command::Swap(args)) => swap(args, context).await,
        None => show(args.name.as_ref(), args.at.as_deref(), context).await,
    }
}

async fn show(name: Option<&DutyName>, at: Option<&str>, context: &Context) -> Result<Exit, Failure> {
    let now = context.now();
    let at = at.map_or(Ok(now), |text| parse::instant(text, context.zone(), now))?;
    let rules = context.read("duty", rules::load).await?;
    if let Some(name) = name {
        rota(&rules, name)?;
    }
    let empty = "there are no rotas: write [[duty]] into a rules file and `dozvon apply` it";
    let mut table = Table::new(&["duty", "agent", "until_at", "then", "why"], empty);
    for (name, duty) in rules.duties.iter().filter(|(known, _)| name.is_none_or(|name| name == *known)) {
        table.row(row(name, duty, at));
    }
    context.table(&table)?;
    Ok(Exit::Done)
}

fn row(name: &DutyName, duty: &Duty, at: UnixMs) -> [Cell; 5] {
    let ladder: Vec<&str> = duty.ladder(at).into_iter().skip(1).map(|agent| agent.as_str()).collect();
    let then = Some(ladder.join(", ")).filter(|ladder| !ladder.is_empty());
    match duty.on_duty(at) {
        Some(on) => [
            name.as_str().into(),
            on.agent.as_str().into(),
            on.until.into(),
            then.into(),
            Cell::translated(why(on.date, &on.why)),
        ],
        None => [
            name.as_str().into(),
            Cell::Nothing,
            Some(duty.begins(duty.start)).into(),
            Cell::Nothing,
            Cell::translated(format!("the rota begins on {}", duty.start)),
        ],
    }
}

fn why(date: NaiveDate, why: &WhyOnDuty<'_>) -> String {
    match why {
        WhyOnDuty::Turn(first) => format!("duty of {date}: the turn that began on {first}"),
        WhyOnDuty::Exception(exception) => format!("duty of {date}: the exception {exception}"),
        WhyOnDuty::Swap(swap) => format!("duty of {date}: swapped by {}", swap.by),
    }
}

fn rota<'r>(rules: &'r Rules, name: &DutyName) -> Result<&'r Duty, StoreError> {
    let missing = || StoreError::NotFound { kind: "duty", name: name.to_string() };
    rules.duties.get(name).ok_or_else(missing)
}

async fn swap(args: Swap, context: &Context) -> Result<Exit, Failure> {
    let rules = context.read("duty_swap", rules::load).await?;
    let Swap { name, date, to, with, back } = args;
    let duty = rota(&rules, &name)?;
    let (by, at) = (context.by.clone(), context.now());
    let day = |text: &str| parse::day(text, duty.zone, at);
    let date = day(&date)?;
    let days = match (to, with) {
        (Some(agent), _) => {
            if !rules.agents.contains_key(&agent) {
                return Err(StoreError::NotFound { kind: "agent", name: agent.to_string() }.into());
            }
            turn(duty, date)?;
            vec![(BusinessDay(date), agent)]
        }
        (None, Some(other)) => exchanged(duty, date, day(&other)?)?,
        (None, None) => Vec::new(),
    };
    let said = match days.as_slice() {
        [] => Sentence::of("the rota {duty} decides again who is on duty on {date}"),
        [(_, agent), ..] => {
            Sentence::of("{agent} is on duty on {date}: rota {duty}").with("agent", agent.as_str())
        }
    };
    let said = said.with("duty", name.as_str()).with("date", date.to_string());
    let json = json!({ "duty": name, "days": days.iter().map(|(date, agent)| json!({ "date": date, "agent": agent })).collect::<Vec<_>>() });
    let dates: Vec<BusinessDay> = turn(duty, date)?.into_iter().map(BusinessDay).collect();
    context
        .write("duty_swap", move |c| {
            let change = Change { duty: &name, by: &by, at };
            if back { duty::give_back(c, &change, &dates) } else { duty::give(c, &change, &days) }
        })
        .await?;
    context.say(&said, &json)?;
    Ok(Exit::Done)
}

/// The dates of the turn of a date.
fn turn(duty: &Duty, date: NaiveDate) -> Result<Vec<NaiveDate>, Failure> {
    let before =
        || Failure::new(Exit::Usage, format!("the rota begins on {}: name a later date", duty.start));
    duty.turn_of(date).ok_or_else(before)
}

/// The days of two turns, each with the agent of the other.
fn exchanged(
    duty: &Duty,
    one: NaiveDate,
    other: NaiveDate,
) -> Result<Vec<(BusinessDay, AgentName)>, Failure> {
    let (ours, theirs) = (turn(duty, one)?, turn(duty, other)?);
    let given = |date: NaiveDate, from: NaiveDate| {
        let (agent, _) = duty.person(from)?;
        Some((BusinessDay(date), agent.clone()))
    };
    let pairs = ours.iter().zip(&theirs);
    let days = pairs.clone().filter_map(|(one, other)| given(*one, *other));
    Ok(days.chain(pairs.clone().filter_map(|(one, other)| given(*other, *one))).collect())
}
