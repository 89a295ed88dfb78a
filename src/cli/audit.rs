//! `dozvon audit`: what was done, and the proof that no entry was changed.

use serde_json::json;

use super::{Context, Exit, Failure, parse};
use crate::audit::{Action, Link};
use crate::clock::UnixMs;
use crate::render::{Cell, Sentence, Table};
use crate::store::Database;
use crate::store::audit::{self, Proof, Wanted};

/// The audit: what was done, and whether any entry was changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every entry carries a hash of the entry before it, keyed with the audit's key. Without the key, nobody can change,
remove, insert or reorder entries without being noticed. But entries at the end can be cut off. Therefore the controller
writes the head of the chain to its log every day ([audit] head_log_interval): keep a copy elsewhere, and verify against
it.
Entries of old versions have a plain hash, which anybody with write access to the database can compute. The entry from
which hashes are keyed is itself recorded under the key. Keep the key out of the database: set [audit] key.

Examples:
  dozvon audit list --number +79001234567
  dozvon audit verify
  dozvon audit head >> /mnt/elsewhere/heads.txt
  dozvon audit verify --head $(tail -1 /mnt/elsewhere/heads.txt)")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Verify(Verify),
    /// Print the head of the chain as HASH@ID, to keep it elsewhere.
    #[command(after_help = "\
Examples:
  dozvon audit head
  dozvon audit head | mail -s \"audit head\" auditor@example.com")]
    Head,
}

/// List the newest entries, in the order in which they were made.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Numbers are stored as keyed hashes: the entries of a number can be found, but not the numbers of the entries. The same
holds for names of agents and users that look like numbers, such as 4951234567: use --did to find their entries.

Examples:
  dozvon audit list
  dozvon audit list --did anna
  dozvon audit list --number +79001234567 --json
  dozvon audit list --action erasure --since 2026-01-01T00:00:00+03:00")]
struct List {
    /// Only entries about this number.
    #[arg(long)]
    number: Option<String>,
    /// Only entries made by this person, agent or part of dozvon.
    #[arg(long, value_name = "NAME")]
    did: Option<String>,
    /// Only this action: dial, refusal, disposition, case_opened, case_closed, case_deferred, case_called_up,
    /// handover, dnc_added, dnc_removed, request, rules_changed, hours_changed, duty_changed, erasure or
    /// retention.
    #[arg(long)]
    action: Option<Action>,
    /// Only entries made at this time or later: 18:30, "2026-12-31 18:30" or RFC 3339.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// How many to show at most.
    #[arg(long, default_value = "100", value_parser = parse::limit)]
    limit: i64,
}

/// Check the whole chain and name the first entry that is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 0: the chain is in order; 1: it is not, and the first wrong entry is named. The answer names the first entry
with a keyed hash. A later entry with a plain hash is forged, or an older version of dozvon wrote it. The first start
after an update, or `dozvon migrate`, records where keyed hashes begin. If that record is missing or changed at any
other time, somebody tampered with it.

Examples:
  dozvon audit verify
  dozvon audit verify --head 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef@1042")]
struct Verify {
    /// A head that was kept elsewhere, as `dozvon audit head` printed it.
    #[arg(long, value_name = "HASH@ID")]
    head: Option<Link>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::List(args) => list(args, context).await,
        Command::Verify(args) => verify(args, context).await,
        Command::Head => {
            let head = context.read("audit_head", audit::head).await?;
            context.say(&head.to_string().into(), &json!({ "id": head.id, "hash": head.hash }))?;
            Ok(Exit::Done)
        }
    }
}

async fn list(args: List, context: &Context) -> Result<Exit, Failure> {
    let number = args.number.map(|text| parse::stored(&text, &context.home())).transpose()?;
    let since = args.since.map(|text| parse::instant(&text, context.zone(), context.now())).transpose()?;
    let key = context.settings.audit.key.clone();
    let rows = context
        .read("audit_list", move |c| {
            let mut wanted = Wanted { action: args.action, since, limit: args.limit, ..Wanted::default() };
            if let Some(number) = number {
                wanted.number = audit::key_of(c, key.as_ref(), &number)?;
                if wanted.number.is_none() {
                    return Ok(Vec::new());
                }
            }
            if let Some(by) = args.did {
                wanted.by = audit::name_of(c, key.as_ref(), &by)?;
                if wanted.by.is_none() {
                    return Ok(Vec::new());
                }
            }
            audit::list(c, &wanted)
        })
        .await?;
    let mut table = Table::new(&["id", "at", "by", "action", "subject", "details"], "no entries found");
    for row in rows {
        table.row([
            Cell::Count(row.id),
            UnixMs(row.at).into(),
            row.by.into(),
            Cell::word(row.action),
            row.subject.into(),
            row.details.into(),
        ]);
    }
    context.table(&table)?;
    Ok(Exit::Done)
}

async fn verify(args: Verify, context: &Context) -> Result<Exit, Failure> {
    let key = context.settings.audit.key.clone();
    let verified = move |c: &mut Database| audit::verify(c, key.as_ref(), args.head.as_ref());
    let proof = context.read("audit_verify", verified).await?;
    let Proof { rows, from, to, keyed_from, broken } = proof;
    if let Some(broken) = broken {
        let (fault, id) = (context.word(broken.fault.as_str()), broken.id);
        let message = format!(
            "the audit is broken at entry {id}: {fault}; {rows} entries before it are in order; compare it with a backup from before"
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    let order = match keyed_from {
        Some(first) if first == from.id + 1 => {
            Sentence::of("the audit is in order: {rows} entries after {from}, all sealed, head {head}")
        }
        Some(first) => Sentence::of(
            "the audit is in order: {rows} entries after {from}, sealed from {first} on, head {head}",
        )
        .with("first", Cell::Count(first)),
        None => Sentence::of("the audit is in order: {rows} entries after {from}, none sealed, head {head}"),
    };
    let line =
        order.with("rows", Cell::count(rows)).with("from", Cell::Count(from.id)).with("head", to.to_string());
    let (after, head) = (from.id, to.to_string());
    context.say(&line, &json!({ "rows": rows, "after": after, "head": head, "keyed_from": keyed_from }))?;
    Ok(Exit::Done)
}
