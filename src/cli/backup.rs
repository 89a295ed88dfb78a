//! `dozvon backup`: a copy of the database as it is at one moment, while the controller serves.

use std::path::PathBuf;

use serde_json::json;

use super::{Context, Exit, Failure};
use crate::render::{Cell, Sentence};

/// Copy the SQLite database into a file while it is in use.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy shows the database at one moment, and is on disk when the command ends. An existing file is never replaced.
To restore: stop the controller, put the copy in the place of the database, remove the database's -wal and -shm files,
and start the controller. It ends the calls that were in progress when the copy was made.
On PostgreSQL, use pg_dump or the server's own backups.

Examples:
  dozvon backup /var/backups/dozvon-2026-11-25.db")]
pub(super) struct Args {
    /// Where to write the copy.
    file: PathBuf,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let bytes = context.store().await?.backup(&args.file).await?;
    let file = args.file.display().to_string();
    let line = Sentence::of("copied {database} to {file} ({bytes} bytes)")
        .with("database", context.settings.database.to_string())
        .with("file", file.as_str())
        .with("bytes", Cell::count(bytes));
    context.say(
        &line,
        &json!({ "database": context.settings.database.to_string(), "file": file, "bytes": bytes }),
    )?;
    Ok(Exit::Done)
}
