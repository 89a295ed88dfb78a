//! `dozvon migrate`: creates the database, or brings it up to date.

use serde_json::json;

use super::{Context, Exit, Failure};
use crate::render::{Cell, Sentence};
use crate::store::{Store, StoreError, audit};

/// Create the database, or bring it up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Run it after the installation and after every update, before the controller starts; running it again changes nothing.
`dozvon serve` does the same when it starts. A new database is created only if settings, --database or
DOZVON_DATABASE name it.

Examples:
  dozvon migrate
  dozvon migrate --database postgres://dozvon@db.example.com/dozvon")]
pub(super) struct Args {}

pub(super) async fn run(_args: Args, context: &Context) -> Result<Exit, Failure> {
    context.named_database()?;
    let url = &context.settings.database;
    let store = Store::open(url, context.settings.store.clone()).await?;
    let done = store.migrate().await?;
    // The database is up to date nevertheless. The controller and `dozvon check` report what is wrong with the key.
    match store.write("audit_mark", audit::mark).await {
        Ok(_) => {}
        Err(StoreError::Refused(why)) => {
            tracing::error!(why, "could not record from which entry on the audit's hashes are keyed")
        }
        Err(error) => return Err(error.into()),
    }
    let line = match done.len() {
        0 => Sentence::of("the database {database} is up to date"),
        count => Sentence::of("the database {database} is now up to date: {count} migration(s) were run")
            .with("count", Cell::count(count)),
    };
    let line = line.with("database", url.to_string());
    context.say(&line, &json!({ "database": url.to_string(), "migrations": done }))?;
    Ok(Exit::Done)
}
