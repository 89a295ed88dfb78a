//! `dozvon serve`: runs the controller until it is told to stop.

use super::{Context, Exit, Failure};
use crate::app;

/// Take calls until told to stop.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SIGTERM and Ctrl-C stop the controller in order: it takes no new calls, and waiting callers go back to FreeSWITCH's
dialplan. The controller waits for talks to end, at most for [calls] drain_timeout. Talks that last longer continue
without it.

SIGHUP has no effect, since settings are read only at the start. If an essential task ends, the controller hands waiting
callers to the dialplan and exits with code 6: let the service manager start it again.

With --standby, the controller waits while another controller has the database, and takes over when that one ends or
dies. Waiting callers come to it through the dialplan, and keep their places. Both controllers need the same settings.

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
