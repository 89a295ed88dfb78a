//! `dozvon retention`: deletes rows that are too old, now.

use serde_json::json;

use super::{Context, Exit, Failure};
use crate::recordings::Recordings;
use crate::render::{Cell, Sentence};
use crate::retention::{self, Trust};

/// Retention: delete rows that are too old.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A controller does this by itself every few minutes. [retention] of dozvon.toml states the ages. If the clock is a month
or more ahead of the last run, nothing is deleted: somebody may have put the clock forward, and then all rows would seem
too old. After a month without a controller, confirm the clock with --clock-is-right.

Examples:
  dozvon retention run
  dozvon retention run --json")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Delete rows that are too old, in small batches, until none is left.
    #[command(after_help = "\
Examples:
  dozvon retention run
  dozvon retention run --clock-is-right
  dozvon retention run --json")]
    Run {
        /// Confirm that this machine's clock is right although the last run was a month or more ago.
        #[arg(long)]
        clock_is_right: bool,
    },
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Command::Run { clock_is_right } = args.command;
    let trust = if clock_is_right { Trust::Right } else { Trust::Doubtful };
    let took =
        retention::run(context.store().await?, context.clock, &context.settings.retention, trust).await?;
    let recordings = Recordings::new(&context.settings.voicemail);
    let files = retention::delete_files(context.store().await?, &recordings, context.clock).await?;
    let line = Sentence::of(
        "deleted: {cases} cases, {calls} calls, {requests} requests, {outbox} events told, {refusals} refused dials, {do_not_call} expired do-not-call entries, {audit} audit entries; numbers taken out of {erased} attempts; {files} files of messages, {files_left} of them not yet",
    )
    .with("cases", Cell::count(took.cases))
    .with("calls", Cell::count(took.calls))
    .with("requests", Cell::count(took.requests))
    .with("outbox", Cell::count(took.outbox))
    .with("refusals", Cell::count(took.refusals))
    .with("do_not_call", Cell::count(took.do_not_call))
    .with("audit", Cell::count(took.audit))
    .with("erased", Cell::count(took.erased))
    .with("files", Cell::count(files.deleted + files.left))
    .with("files_left", Cell::count(files.left));
    let json = json!({ "cases": took.cases, "calls": took.calls, "requests": took.requests, "outbox": took.outbox, "refusals": took.refusals, "do_not_call": took.do_not_call, "audit": took.audit, "erased": took.erased, "files": files.deleted, "files_left": files.left });
    context.say(&line, &json)?;
    Ok(Exit::Done)
}
