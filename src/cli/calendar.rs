//! `dozvon calendar`: makes exceptions of a schedule from the calendars of other programs.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::calendar::import::{self, Format};
use crate::ids::ScheduleName;
use crate::rules::file;
use crate::store::{StoreError, rules};

/// Calendars of holidays: make exceptions of a schedule from a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon calendar import calendar.xml --schedule office
  dozvon calendar import holidays.ics --schedule office")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Import(Import),
}

/// Print the `exceptions` of a schedule with the dates of a calendar, for the rules file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The ending of the file says what it is: .xml is a production calendar as xmlcalendar.ru publishes it, .csv has lines such as
2027-01-01,closed or 2027-02-20,10:00-16:00 (short and working are words too) or a line for each year with the days off of
its twelve months, and .ics is iCalendar: an event of whole days closes them, an event with times is open at those times.

The exceptions that the schedule has stay; a date of the calendar replaces the exception of that date. Nothing is changed in
the database: put the lines into the rules file, and apply it.

Examples:
  dozvon calendar import calendar.xml --schedule office
  dozvon calendar import 2027.csv --schedule office --shorter 2h")]
struct Import {
    /// The calendar: a file that ends in .xml, .csv or .ics.
    file: PathBuf,
    /// The schedule whose exceptions are made.
    #[arg(long, value_name = "NAME")]
    schedule: ScheduleName,
    /// How much earlier a short day ends.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse::shorter)]
    shorter: Duration,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Command::Import(Import { file, schedule: name, shorter }) = args.command;
    let rules = context.read("calendar_import", rules::load).await?;
    let missing = || StoreError::NotFound { kind: "schedule", name: name.to_string() };
    let schedule = rules.schedules.get(&name).ok_or_else(missing)?;
    let shown = file.display();
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let format: Format = ending.to_lowercase().parse().map_err(|_| {
        Failure::new(Exit::Usage, format!("{shown}: name a file that ends in .xml, .csv or .ics"))
    })?;
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot read {shown}: {error}")))?;
    let refused = |problem: &dyn std::fmt::Display| Failure::new(Exit::Failed, format!("{shown}: {problem}"));
    let dates = import::read(format, &text, schedule.zone).map_err(|error| refused(&error))?;
    let shorter_min = u16::try_from(shorter.as_secs() / 60).unwrap_or(u16::MAX);
    let with = import::with_dates(schedule, &dates, shorter_min).map_err(|error| refused(&error))?;
    let lines = file::exceptions(&with);
    if context.json {
        context.print(&format!("{:#}\n", json!({ "schedule": name, "exceptions": lines })))?;
    } else {
        let lines: Vec<String> = lines.iter().map(|line| format!("    {line:?},\n")).collect();
        context.print(&format!("exceptions = [\n{}]\n", lines.concat()))?;
    }
    Ok(Exit::Done)
}
