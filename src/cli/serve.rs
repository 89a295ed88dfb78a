//! `dozvon serve`: takes calls until it is told to stop.

use super::{Context, Exit, Failure};
use crate::app;

/// Takes calls.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SIGTERM and Ctrl-C stop it in good order: no new calls, waiting callers go back to FreeSWITCH's dialplan,
talks go on for as long as [calls] drain_timeout says, and after that without the controller.

SIGHUP does nothing, and the log says so: settings are read at the start only. When a task that everything depends on
is gone, it hands waiting callers to the dialplan and ends with exit code 6: let the service manager start it again.

With --standby it waits while another controller has the database, and takes over when that one ends or dies: the
callers who wait come to it by the dialplan, with their places. Both have the same settings.

Examples:
  dozvon serve
  dozvon serve --standby
  dozvon serve --config /etc/dozvon/dozvon.toml --log-format json")]
pub(super) struct Args {
    /// Wait for the database while another controller has it, rather than refuse to start.
    #[arg(long)]
    standby: bool,
}

/// Serves.
pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    context.named_database()?;
    app::serve(context.settings.clone(), args.standby).await?;
    Ok(Exit::Done)
}
