//! `dozvon retention`: deletes what is too old, now.

use serde_json::json;

use super::{Context, Exit, Failure};
use crate::retention;

/// Retention: delete what is too old.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A controller does it by itself, every few minutes. The ages stand in [retention] of dozvon.toml.

Examples:
  dozvon retention run
  dozvon retention run --json")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Delete what is too old, in small bites, until nothing is.
    #[command(after_help = "\
Examples:
  dozvon retention run
  dozvon retention run --json")]
    Run,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Command::Run = args.command;
    let took = retention::run(context.store().await?, context.clock, &context.settings.retention).await?;
    let line = format!(
        "deleted: {} cases, {} calls, {} requests, {} events told, {} refused dials, {} audit entries; numbers taken out \
         of {} attempts",
        took.cases, took.calls, took.requests, took.outbox, took.refusals, took.audit, took.erased
    );
    let json = json!({ "cases": took.cases, "calls": took.calls, "requests": took.requests, "outbox": took.outbox, "refusals": took.refusals, "audit": took.audit, "erased": took.erased });
    context.say(&line, &json)?;
    Ok(Exit::Done)
}
