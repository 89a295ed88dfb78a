//! `dozvon erase`: erases a person from the database, and prints a record of it.

use super::{Context, Exit, Failure, parse};
use crate::recordings::Recordings;
use crate::render::{Cell, Sheet, Table};
use crate::retention;
use crate::store::erase::{self, Act};

/// Erase a person: number, name and texts, wherever they are stored.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Calls, cases and attempts stay in the reports, but nothing leads from them to the person any more. An open case is closed
as erased. Attempts of the last 48 hours keep the number until their business day is over, so that the person is not
called a fourth time on one day. The audit never holds a number in clear, and is not changed. Erasing cannot be undone;
earlier backups still hold the person.

An entry of the do-not-call list stays, without its note, so that nobody calls this number again: it is listed under
\"kept\". To remove it, use `dozvon dnc remove`. The texts that people consented to stay too: they name nobody.

SQLite's file and its write-ahead log hold nothing of the person afterwards. (If the log cannot be emptied because
somebody is reading, the command says so; run it again.) PostgreSQL keeps old rows in its files until they are vacuumed
and overwritten, and in its own log: run VACUUM FULL on the tables, and see the server's settings for log and backups.

The files of the person's messages are deleted too. Files that cannot be deleted now are counted as \"files_left\": the
controller tries again and again, and `dozvon check` names the reason.

Examples:
  dozvon erase +79001234567 --yes
  dozvon erase 89001234567 --yes --json > act.json")]
pub(super) struct Args {
    /// The number.
    number: String,
    /// Confirm: without this, nothing is changed.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let number = parse::stored(&args.number, &context.home())?;
    if !args.yes {
        let message = format!("{number} would be erased, which cannot be undone: add --yes to do it");
        return Err(Failure::new(Exit::Refused, message));
    }
    let (by, now, home) = (context.by.clone(), context.now(), context.home());
    let act = context.write("erase", move |c| erase::person(c, &number, &home, &by, now)).await?;
    let recordings = Recordings::new(&context.settings.voicemail);
    let files = retention::delete_files(context.store().await?, &recordings, context.clock).await?;
    context.sheet(&sheet(&act, files.left))?;
    context.store().await?.scrub().await?;
    Ok(Exit::Done)
}

fn sheet(act: &Act, files_left: usize) -> Sheet {
    let mut tables = Table::new(&["table", "rows"], "the number is stored nowhere");
    for erased in &act.tables {
        tables.row([erased.table.into(), Cell::count(erased.rows)]);
    }
    Sheet::default()
        .with("erasure", Cell::Count(act.erasure))
        .with("at", act.at)
        .with("by", act.by.as_str())
        .with("number_key", act.number_key.as_str())
        .with("pseudonym", act.pseudonym.as_str())
        .with("cases_closed", Cell::count(act.cases_closed))
        .with("attempts_later", Cell::count(act.attempts_later))
        .with("attempts_erased_at", act.attempts_at)
        .with("kept", act.kept.join(", "))
        .with("files_left", Cell::count(files_left))
        .and("tables", tables)
}
