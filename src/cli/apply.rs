//! `dozvon apply`: makes the database equal to a rules file.

use std::path::PathBuf;

use super::{Context, Exit, Failure};
use crate::audit::{self, Action, Entry};
use crate::clock::UnixMs;
use crate::render::{Cell, Table};
use crate::rules::file;
use crate::rules::file::Change;
use crate::store::rules::{self, Difference};
use crate::store::{self, Database, StoreError};

/// Make the rules in the database equal to a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file holds all rules: rules that it does not name are removed. A file with one mistake changes nothing; all
mistakes are reported at once, each with its line. A running controller uses the new rules at once. The status and
activity of agents stay as they are.

Examples:
  dozvon apply rules.toml --dry-run       what would change, and from what to what
  dozvon apply rules.toml
  dozvon export | ssh backup dozvon apply -")]
pub(super) struct Args {
    /// The rules file; - is standard input.
    file: PathBuf,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let file::Stated { rules, outdated } = file::read(&args.file, context.settings.zone)?;
    context.warn_of_old_keys(&outdated);
    let (difference, changes) = if args.dry_run {
        context
            .read("apply_dry_run", move |c| {
                let changes = file::changes(&rules::load(c)?, &rules);
                Ok((rules::preview(c, &rules)?, changes))
            })
            .await?
    } else {
        let (by, at) = (context.by.clone(), context.now());
        context
            .write("apply", move |c| {
                let changes = file::changes(&rules::load(c)?, &rules);
                let difference = rules::replace(c, &rules)?;
                note(c, &difference, &by, at)?;
                Ok((difference, changes))
            })
            .await?
    };
    context.table(&table(&difference, &changes, args.dry_run))?;
    Ok(Exit::Done)
}

/// Records in the audit what changed. Names that look like phone numbers are masked, because a route may be named after
/// one.
pub(super) fn note(
    c: &mut Database,
    difference: &Difference,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    /// Most names of a kind that an entry of the audit lists; the entry always has their count.
    const MOST_NAMES: usize = 50;
    if difference.is_empty() {
        return Ok(());
    }
    let names =
        |all: &[String]| all.iter().take(MOST_NAMES).map(|name| audit::masked(name)).collect::<Vec<_>>();
    let versions = difference.versions.iter().map(|(name, version)| format!("{name} {version}"));
    let versions: Vec<String> = versions.take(MOST_NAMES).map(|version| audit::masked(&version)).collect();
    let details = audit::details([
        ("added", names(&difference.added).into()),
        ("added_count", difference.added.len().into()),
        ("changed", names(&difference.changed).into()),
        ("changed_count", difference.changed.len().into()),
        ("removed", names(&difference.removed).into()),
        ("removed_count", difference.removed.len().into()),
        ("policy_versions", versions.into()),
    ]);
    let (action, subject) = (Action::RulesChanged, None);
    store::audit::append(c, &Entry { at, by, action, number: None, subject, details })
}

fn table(difference: &Difference, changes: &[Change], dry_run: bool) -> Table {
    let fields = ["change", "what", "field", "from", "to"];
    let mut table = Table::new(&fields, "the database has the rules of the file already: nothing changes");
    let whole = |change: &str, name: &str| {
        [Cell::word(change), Cell::translated(name), Cell::Nothing, Cell::Nothing, Cell::Nothing]
    };
    difference.added.iter().for_each(|name| table.row(whole("added", name)));
    for name in &difference.changed {
        let fields: Vec<&Change> = changes.iter().filter(|change| change.what == *name).collect();
        for change in &fields {
            table.row([
                Cell::word("changed"),
                Cell::translated(name),
                Cell::field(&change.field),
                change.from.clone().into(),
                change.to.clone().into(),
            ]);
        }
        if fields.is_empty() {
            table.row(whole("changed", name));
        }
    }
    difference.removed.iter().for_each(|name| table.row(whole("removed", name)));
    if dry_run && !difference.is_empty() {
        table.notes.push("a dry run: nothing was changed".into());
    }
    table
}
