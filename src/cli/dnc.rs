//! `dozvon dnc`: the do-not-call list.

use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::render::{Cell, Sentence, Table};
use crate::store::dnc::{self, Add, DncRow, Reason};

/// The do-not-call list: numbers that are never called, even by hand.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A number is on the list because its owner wants no calls, or for a year because it turned out to be somebody else's. Its
case is closed when the next call would be due. Callers from listed numbers are served like all others.

Examples:
  dozvon dnc add +79001234567 --note \"asked us not to call\"
  dozvon dnc list
  dozvon dnc remove +79001234567")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Add(New),
    /// Allow calls to a number again.
    #[command(after_help = "\
Examples:
  dozvon dnc remove +79001234567")]
    Remove {
        /// The number.
        number: String,
    },
    /// List the numbers that are not to be called, the newest first.
    #[command(after_help = "\
Examples:
  dozvon dnc list
  dozvon dnc list --limit 10000 --json")]
    List {
        /// How many to show at most.
        #[arg(long, default_value = "100", value_parser = parse::limit)]
        limit: i64,
    },
}

/// Forbid calls to a number; an earlier entry is replaced.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon dnc add +79001234567
  dozvon dnc add 84951234567 --reason wrong_number --at \"2027-01-31 00:00\"")]
struct New {
    /// The number.
    number: String,
    /// The reason: do_not_call or wrong_number.
    #[arg(long, default_value = "do_not_call")]
    reason: Reason,
    /// The number may be called again from this time on [default: never].
    #[arg(long, value_name = "TIME", alias = "until", alias = "later")]
    at: Option<String>,
    /// A remark to keep with the entry.
    #[arg(long, value_parser = parse::remark)]
    note: Option<String>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::Add(args) => add(args, context).await,
        Command::Remove { number } => remove(&number, context).await,
        Command::List { limit } => list(limit, context).await,
    }
}

async fn add(args: New, context: &Context) -> Result<Exit, Failure> {
    let (at, by) = (context.now(), context.by.clone());
    let number = parse::number(&args.number, &context.home())?;
    let until = args.at.as_deref().map(|text| parse::to_come(text, context.zone(), at)).transpose()?;
    let shown = number.to_string();
    context
        .write("dnc_add", move |c| {
            let note = args.note.as_deref();
            dnc::add(c, &Add { number: &number, reason: args.reason, by: &by, note, at, until })
        })
        .await?;
    let said = match until {
        None => Sentence::of("{number} is not called: {reason}"),
        Some(until) => Sentence::of("{number} is not called before {until}: {reason}").with("until", until),
    };
    context.say(
        &said.with("number", shown.as_str()).with("reason", Cell::word(args.reason)),
        &json!({ "number": shown, "reason": args.reason, "until": until.map(|until| until.to_string()) }),
    )?;
    Ok(Exit::Done)
}

async fn remove(number: &str, context: &Context) -> Result<Exit, Failure> {
    let (at, by) = (context.now(), context.by.clone());
    let number = parse::stored(number, &context.home())?;
    let shown = number.to_string();
    context.write("dnc_remove", move |c| dnc::remove(c, &number, &by, at)).await?;
    let said = Sentence::of("{number} may be called again").with("number", shown.as_str());
    context.say(&said, &json!({ "number": shown }))?;
    Ok(Exit::Done)
}

async fn list(limit: i64, context: &Context) -> Result<Exit, Failure> {
    let rows = context.read("dnc_list", move |c| dnc::list(c, limit)).await?;
    context.table(&table(&rows))?;
    Ok(Exit::Done)
}

fn table(rows: &[DncRow]) -> Table {
    let fields = ["number", "reason", "by", "at", "expires_at", "note"];
    let mut table = Table::new(&fields, "the list is empty: every number may be called");
    for row in rows {
        table.row([
            row.number.as_str().into(),
            Cell::word(row.reason),
            row.by.as_str().into(),
            row.at.into(),
            row.expires_at.into(),
            row.note.as_deref().into(),
        ]);
    }
    table
}
