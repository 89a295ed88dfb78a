//! `dozvon hours`: whether each schedule is open, and opening or closing one by hand.

use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::calendar::manual::Manual;
use crate::calendar::schedule::Schedule;
use crate::calendar::state::Why;
use crate::clock::UnixMs;
use crate::ids::ScheduleName;
use crate::render::{Cell, Sentence, Table};
use crate::store::{StoreError, hours, rules};

/// Opening hours: show what is open, or open and close a schedule by hand.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What a person sets counts before the hours and dates of the rules file, for all queues and routes of the schedule. It
ends by itself: at --until, or where the schedule's own hours change next. A running controller follows at once.

Examples:
  dozvon hours
  dozvon hours --at \"2027-01-01 12:00\"
  dozvon hours close sales --until 15:00 --reason stocktaking
  dozvon hours auto sales")]
pub(super) struct Args {
    /// Show the hours at this time: 18:30, "2026-12-31 18:30" (in the configured zone) or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Open a schedule by hand.
    #[command(after_help = "\
Examples:
  dozvon hours open sales --until 20:00
  dozvon hours open sales --until \"2026-12-31 12:00\" --reason \"the sale\"")]
    Open(Change),
    /// Close a schedule by hand.
    #[command(after_help = "\
Examples:
  dozvon hours close sales
  dozvon hours close sales --until 15:00 --reason stocktaking")]
    Close(Change),
    /// End what was set by hand: the schedule follows its own hours.
    #[command(after_help = "\
Examples:
  dozvon hours auto sales")]
    Auto {
        /// The schedule.
        schedule: ScheduleName,
    },
}

#[derive(Debug, clap::Args)]
struct Change {
    /// The schedule.
    schedule: ScheduleName,
    /// When it ends: 15:00, "tomorrow 09:00", "2026-12-31 12:00" (in the schedule's zone) or RFC 3339 [default: where the
    /// schedule's own hours change next].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why, for those who look.
    #[arg(long, value_name = "TEXT", value_parser = parse::remark)]
    reason: Option<String>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        None => show(args.at.as_deref(), context).await,
        Some(Command::Open(change)) => set(change, true, context).await,
        Some(Command::Close(change)) => set(change, false, context).await,
        Some(Command::Auto { schedule }) => end(schedule, context).await,
    }
}

async fn show(at: Option<&str>, context: &Context) -> Result<Exit, Failure> {
    let now = context.now();
    let at = at.map_or(Ok(now), |text| parse::instant(text, context.zone(), now))?;
    let rules = context.read("hours", rules::load).await?;
    let empty = "there are no schedules: write them into a rules file and `dozvon apply` it";
    let mut table = Table::new(&["schedule", "open", "until_at", "zone", "why"], empty);
    for (name, schedule) in &rules.schedules {
        let state = schedule.state(at);
        table.row([
            name.as_str().into(),
            state.open.into(),
            state.until.into(),
            schedule.zone.name().into(),
            Cell::translated(why(&state.why, schedule)),
        ]);
    }
    context.table(&table)?;
    Ok(Exit::Done)
}

fn why(why: &Why<'_>, schedule: &Schedule) -> String {
    match why {
        Why::Week => "the hours of the week".to_owned(),
        Why::Date(date) => format!("the exception of {date}"),
        Why::Manual(manual) => manual.says(schedule.zone),
    }
}

async fn set(change: Change, open: bool, context: &Context) -> Result<Exit, Failure> {
    let Change { schedule: name, until, reason } = change;
    let rules = context.read("hours_set", rules::load).await?;
    let schedule = rules
        .schedules
        .get(&name)
        .ok_or_else(|| StoreError::NotFound { kind: "schedule", name: name.to_string() })?;
    let from = context.now();
    let until = match until {
        Some(text) => parse::to_come(&text, schedule.zone, from)?,
        None => own_change(&name, &schedule.regular(), open, from)?,
    };
    let manual = Manual { open, from, until, by: context.by.clone(), reason };
    let said = Sentence::of(if open {
        "schedule {schedule} is open until {until}"
    } else {
        "schedule {schedule} is closed until {until}"
    });
    let said = said.with("schedule", name.as_str()).with("until", until);
    let json =
        json!({ "schedule": name, "open": open, "until_at": until.to_string(), "reason": manual.reason });
    context.write("hours_set", move |c| hours::set(c, &name, &manual)).await?;
    context.say(&said, &json)?;
    Ok(Exit::Done)
}

/// Where the schedule's own hours change next. By then they say what the person wanted, or something new begins.
fn own_change(name: &ScheduleName, own: &Schedule, open: bool, now: UnixMs) -> Result<UnixMs, Failure> {
    let state = own.state(now);
    let refused = |message: String| Err(Failure::new(Exit::Refused, message));
    match state.until {
        _ if state.open == open && open => refused(format!(
            "schedule {name} is open by its own hours: state --until to keep it open for longer, or take back what was set \
             by hand with `dozvon hours auto {name}`"
        )),
        _ if state.open == open => refused(format!(
            "schedule {name} is closed by its own hours: state --until to keep it closed for longer, or take back what was \
             set by hand with `dozvon hours auto {name}`"
        )),
        Some(change) => Ok(change),
        None => refused(format!("the hours of schedule {name} do not change within a year: state --until")),
    }
}

async fn end(name: ScheduleName, context: &Context) -> Result<Exit, Failure> {
    let (by, at) = (context.by.clone(), context.now());
    let said = Sentence::of("schedule {schedule} follows its own hours").with("schedule", name.as_str());
    let json = json!({ "schedule": name });
    context.write("hours_auto", move |c| hours::end(c, &name, &by, at)).await?;
    context.say(&said, &json)?;
    Ok(Exit::Done)
}
