//! `dozvon backup`: a copy of the database as it is at one moment, while the controller serves.

use std::path::PathBuf;

use serde_json::json;

use super::{Context, Exit, Failure};
use crate::render::{Cell, Sentence};

/// Copy the SQLite database into a file, while it is in use.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy is of one moment, complete, and on disk when the command ends. A file that is there is left alone.
To restore it, stop the controller, put the copy in the place of the database, remove what stands beside that with
-wal and -shm at its end, and start the controller: it ends what was under way when the copy was made.
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
    let line = Sentence::of("{database} is copied to {file} ({bytes} bytes)")
        .with("database", context.settings.database.to_string())
        .with("file", file.as_str())
        .with("bytes", Cell::count(bytes));
    context.say(
        &line,
        &json!({ "database": context.settings.database.to_string(), "file": file, "bytes": bytes }),
    )?;
    Ok(Exit::Done)
}
