//! `dozvon erase`: takes a person out of the database, and shows the act of it.

use super::{Context, Exit, Failure, parse};
use crate::render::{Cell, Sheet, Table};
use crate::store::erase::{self, Act};

/// Erase a person: his number and name, wherever they stand.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Calls, cases and attempts stay in the reports, but nothing leads from them to the person any more. His open case is
closed as erased. Attempts of the last 48 hours keep the number until their business day is over, so that he is not
called a fourth time today. The audit holds no number in clear, and stays whole. This cannot be undone; backups that
were made before still hold the person.

An entry of the do-not-call list stays, without its note, so that nobody calls this number again: the answer says so
under \"kept\". To take it out, use `dozvon dnc remove`. The texts that people agreed to stay, too: they name nobody.

A SQLite file and its log hold nothing of it any more either (if the log cannot be emptied because somebody reads, the
command says so, and may be repeated). PostgreSQL keeps the old rows in its files until it has vacuumed them and written
something else over them, and in its own log: VACUUM FULL of the tables, and the server's settings for its log and
backups, say for how long.

Examples:
  dozvon erase +79001234567 --yes
  dozvon erase 89001234567 --yes --json > act.json")]
pub(super) struct Args {
    /// The number.
    number: String,
    /// Do it: without this, nothing is changed.
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
    context.sheet(&sheet(&act))?;
    context.store().await?.scrub().await?;
    Ok(Exit::Done)
}

fn sheet(act: &Act) -> Sheet {
    let mut tables = Table::new(&["table", "rows"], "nothing was known of the number");
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
        .and("tables", tables)
}
