//! `dozvon serve`: runs the controller until it is told to stop.

use super::{Context, Exit, Failure};
use crate::app;

/// Take calls until told to stop.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SIGTERM and Ctrl-C stop it in order: it takes no new calls, waiting callers go back to FreeSWITCH's dialplan, and talks
go on: for [calls] drain_timeout with the controller, after that without it.

SIGHUP does nothing, and the log says so: settings are read at the start only. If an essential task ends, the controller
hands waiting callers to the dialplan and exits with code 6: let the service manager start it again.

With --standby it waits while another controller has the database, and takes over when that one ends or dies. Waiting
callers come to it through the dialplan, and keep their places. Both controllers need the same settings.

Examples:
  dozvon serve
  dozvon serve --standby
  dozvon serve --config /etc/dozvon/dozvon.toml --log-format json")]
pub(super) struct Args {
    /// Wait while another controller has the database, instead of refusing to start.
    #[arg(long)]
    standby: bool,
}

/// Runs the controller.
pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    context.named_database()?;
    app::serve(context.settings.clone(), args.standby).await?;
    Ok(Exit::Done)
}
