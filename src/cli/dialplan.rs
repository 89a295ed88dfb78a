//! `dozvon dialplan`: FreeSWITCH's half, for these settings.

use std::path::PathBuf;

use serde_json::json;

use super::files::Readers;
use super::{Context, Exit, Failure, files};
use crate::config::dialplan::{self, File};
use crate::report::{Cell, Table};

/// Print or write the dialplan for FreeSWITCH that fits these settings.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Which numbers, contexts, controllers, patience and fallback is said in dozvon.toml under [dialplan]. After
FreeSWITCH has the files: fs_cli -x reloadxml. `dozvon check` looks whether they are in force.

Examples:
  dozvon dialplan                                 print all files
  dozvon dialplan --write /etc/freeswitch         put them in their places
  dozvon dialplan --write /etc/freeswitch --socket    with event_socket.conf.xml and acl.conf.xml")]
pub(super) struct Args {
    /// FreeSWITCH's configuration folder: write the files there instead of printing them.
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// Also what lets the controller connect to FreeSWITCH: event_socket.conf.xml, acl.conf.xml.
    #[arg(long)]
    socket: bool,
    /// Write over files that are there and different.
    #[arg(long, requires = "write")]
    force: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut all = dialplan::files(&context.settings);
    if args.socket {
        let node = context.settings.switch.nodes.first().cloned().unwrap_or_default();
        all.extend(dialplan::socket_files(&context.settings, &node));
    }
    match args.write {
        None => show(&all, context),
        Some(folder) => put(&all, &folder, args.force, context),
    }?;
    Ok(Exit::Done)
}

fn show(all: &[File], context: &Context) -> Result<(), Failure> {
    if context.json {
        let list: Vec<_> = all.iter().map(|file| json!({ "place": file.place, "text": file.text })).collect();
        return context.print(&format!("{:#}\n", json!(list)));
    }
    for file in all {
        context.print(&format!("<!-- {} -->\n{}\n", file.place, file.text))?;
    }
    Ok(())
}

/// Writes all files, or none if one of them must not be written.
fn put(all: &[File], folder: &std::path::Path, force: bool, context: &Context) -> Result<(), Failure> {
    if !folder.is_dir() {
        let message =
            format!("there is no folder {}: name FreeSWITCH's configuration folder", folder.display());
        return Err(Failure::new(Exit::NotFound, message));
    }
    for file in all {
        files::refuse_to_overwrite(&folder.join(&file.place), &file.text, force)?;
    }
    let mut table = Table::new(&["file", "state"], "");
    for file in all {
        let path = folder.join(&file.place);
        let readers = if file.place.contains("event_socket") { Readers::Owner } else { Readers::All };
        let changed = files::write(&path, &file.text, force, readers)?;
        table.row([
            path.display().to_string().into(),
            Cell::word(if changed { "written" } else { "unchanged" }),
        ]);
    }
    table.notes.push("now tell FreeSWITCH: fs_cli -x reloadxml; then see: dozvon check".into());
    context.table(&table)
}
