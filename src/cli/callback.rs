//! `dozvon callback`: changes when the customer of a case is called back.

use super::case::{self, number, sheet};
use super::{Context, Exit, Failure, parse};
use crate::ids::CaseId;
use crate::store::callbacks;

/// Callbacks: call a customer now, later, or not at all.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The controller calls back due cases by itself. These commands change that for one case. They refuse a call that the
law, the policy or the do-not-call list forbids, and name the rule and the time from which the call is allowed.

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
    /// Call back now: the next free agent is offered this case before all others.
    #[command(after_help = "\
Examples:
  dozvon callback now 17")]
    Now {
        /// The number of the case.
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
    /// The number of the case.
    #[arg(value_parser = number)]
    id: CaseId,
    /// Do not call before this time: the next 16:00, tomorrow 09:00, mon 10:00, or a date and time.
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
    let callback_rules = context.callback_rules().await?;
    let asked = context
        .write("callback_now", move |c| {
            Ok(match callbacks::now(c, &callback_rules, id, &by, at)? {
                Ok(()) => Ok(sheet(c, &callback_rules, id, at)?),
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
                .map_or_else(String::new, |until| format!("; allowed from {}", context.when(until)));
            Err(Failure::new(Exit::Refused, format!("case {id} may not be called now: {refusal}{from}")))
        }
    }
}

async fn defer(args: Defer, context: &Context) -> Result<Exit, Failure> {
    let (at, by) = (context.now(), context.by.clone());
    let callback_rules = context.callback_rules().await?;
    let until = parse::to_come(&args.at, context.zone(), at)?;
    let sheet = context
        .write("callback_defer", move |c| {
            callbacks::defer(c, &callback_rules, args.id, until, &by, at)?;
            sheet(c, &callback_rules, args.id, at)
        })
        .await?;
    context.sheet(&sheet)?;
    Ok(Exit::Done)
}
