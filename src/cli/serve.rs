//! `dozvon serve`: takes calls until it is told to stop.

use super::{Context, Exit, Failure};
use crate::app;

/// Takes calls.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SIGTERM and Ctrl-C stop it in good order: no new calls, waiting callers go back to FreeSWITCH's dialplan,
talks go on for as long as [calls] drain_timeout says, and after that without the controller.

Examples:
  dozvon serve
  dozvon serve --config /etc/dozvon/dozvon.toml --log-format json")]
pub(super) struct Args {}

/// Serves.
pub(super) async fn run(_args: Args, context: &Context) -> Result<Exit, Failure> {
    app::serve(context.settings.clone()).await?;
    Ok(Exit::Done)
}
