//! `dozvon callback`: calls back one by one, when people say so.

use super::case::{self, number, sheet};
use super::{Context, Exit, Failure, parse};
use crate::ids::CaseId;
use crate::store::callbacks;

/// Calls back: one now, one later, one never.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The controller calls back by itself what is due; here people say otherwise. What the law, the policy or the
do-not-call list forbids is refused here, too: the message says by what, and from when on it would not be.

Examples:
  dozvon callback now 17
  dozvon callback defer 17 --at 16:00
  dozvon callback close 17 --reason agent_reached")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Call back now: before all other cases, by the next agent who is free.
    #[command(after_help = "\
Examples:
  dozvon callback now 17")]
    Now {
        /// The case's number.
        #[arg(value_parser = number)]
        id: CaseId,
    },
    Defer(Defer),
    Close(case::Close),
}

/// Put a case off until a later time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon callback defer 17 --at 16:00
  dozvon callback defer 17 --at \"tomorrow 09:00\"
  dozvon callback defer 17 --at \"mon 10:00\"
  dozvon callback defer 17 --at \"2026-12-01 10:00\"")]
struct Defer {
    /// The case's number.
    #[arg(value_parser = number)]
    id: CaseId,
    /// Not before this time: the next 16:00, tomorrow 09:00, mon 10:00, or a date and time.
    #[arg(long, value_name = "TIME", alias = "until", alias = "later")]
    at: String,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::Now { id } => now(id, context).await,
        Command::Defer(args) => defer(args, context).await,
        Command::Close(args) => case::close(args, context).await,
    }
}

async fn now(id: CaseId, context: &Context) -> Result<Exit, Failure> {
    let (at, by) = (context.now(), context.by.clone());
    let terms = context.terms().await?;
    let asked = context
        .write("callback_now", move |c| {
            Ok(match callbacks::now(c, &terms, id, &by, at)? {
                Ok(()) => Ok(sheet(c, &terms, id, at)?),
                Err(refusal) => Err(refusal),
            })
        })
        .await?;
    match asked {
        Ok(sheet) => {
            context.sheet(&sheet)?;
            Ok(Exit::Done)
        }
        Err(refusal) => {
            let from = refusal
                .until
                .map_or_else(String::new, |until| format!("; from {} on it may be", context.when(until)));
            Err(Failure::new(Exit::Refused, format!("case {id} may not be called now: {refusal}{from}")))
        }
    }
}

async fn defer(args: Defer, context: &Context) -> Result<Exit, Failure> {
    let (at, by) = (context.now(), context.by.clone());
    let terms = context.terms().await?;
    let until = parse::to_come(&args.at, context.zone(), at)?;
    let sheet = context
        .write("callback_defer", move |c| {
            callbacks::defer(c, args.id, until, &by, at)?;
            sheet(c, &terms, args.id, at)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}
