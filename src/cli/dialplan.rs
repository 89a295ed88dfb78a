//! `dozvon dialplan`: FreeSWITCH's dialplan for these settings.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::files::Readers;
use super::{Context, Exit, Failure, files};
use crate::render::{Cell, Sentence, Table};
use crate::switch::dialplan_files;
use crate::switch::dialplan_files::File;

/// Print or write the dialplan for FreeSWITCH that fits these settings.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The section [dialplan] of dozvon.toml states numbers, contexts, controllers, retry time and fallback. When FreeSWITCH has
the files, run: fs_cli -x reloadxml. `dozvon check` shows whether they are loaded.
event_socket.conf.xml and acl.conf.xml are written only if they do not exist, since other programs use them too.
FreeSWITCH would keep using dozvon's files in contexts that [dialplan] no longer names. The command lists such files,
and removes them with --force.

Examples:
  dozvon dialplan                                 print all files
  dozvon dialplan --write /etc/freeswitch         put them in their places
  dozvon dialplan --write /etc/freeswitch --socket    with event_socket.conf.xml and acl.conf.xml")]
pub(super) struct Args {
    /// FreeSWITCH's configuration folder: write the files there instead of printing them.
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// Also write event_socket.conf.xml and acl.conf.xml, which let the controller connect to FreeSWITCH.
    #[arg(long)]
    socket: bool,
    /// Replace dozvon's files that differ, and remove those that no setting makes any more.
    #[arg(long, requires = "write")]
    force: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut all = dialplan_files::files(&context.settings);
    if args.socket {
        let node = context.settings.switch.nodes.first().cloned().unwrap_or_default();
        all.extend(dialplan_files::socket_files(&context.settings, &node));
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
fn put(all: &[File], folder: &Path, force: bool, context: &Context) -> Result<(), Failure> {
    if !folder.is_dir() {
        let message =
            format!("there is no folder {}: name FreeSWITCH's configuration folder", folder.display());
        return Err(Failure::new(Exit::NotFound, message));
    }
    let kept = |file: &File| file.belongs_to_freeswitch() && !is_new(&folder.join(&file.place), file);
    for file in all.iter().filter(|file| !kept(file)) {
        files::refuse_to_overwrite(&folder.join(&file.place), &file.text, force)?;
    }
    let mut table = Table::new(&["file", "state"], "");
    for file in all {
        let path = folder.join(&file.place);
        let state = if kept(file) {
            table.notes.push(advice(&path, file));
            "left alone"
        } else {
            let readers = if file.place.contains("event_socket") { Readers::Owner } else { Readers::All };
            if files::write(&path, &file.text, force, readers)? { "written" } else { "unchanged" }
        };
        table.row([path.display().to_string().into(), Cell::word(state)]);
    }
    for path in left_over(all, folder) {
        let state = if force { remove(&path)? } else { "left over" };
        table.row([path.display().to_string().into(), Cell::word(state)]);
        if !force {
            let note =
                "{file} is still used by FreeSWITCH, but no setting makes it any more: --force removes it";
            table.notes.push(Sentence::of(note).with("file", path.display().to_string()));
        }
    }
    table.notes.push("now run: fs_cli -x reloadxml; then: dozvon check".into());
    context.table(&table)
}

/// Returns dozvon's files in contexts that the settings no longer name. FreeSWITCH would keep using them.
fn left_over(all: &[File], folder: &Path) -> Vec<PathBuf> {
    let made: Vec<PathBuf> = all.iter().map(|file| folder.join(&file.place)).collect();
    let entries =
        |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path());
    let is_ours = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(dialplan_files::is_of_a_context)
    };
    let contexts = entries(&folder.join("dialplan"));
    let mut left: Vec<PathBuf> = contexts.flat_map(|context| entries(&context)).filter(is_ours).collect();
    left.retain(|path| !made.contains(path));
    left.sort();
    left
}

fn remove(path: &Path) -> Result<&'static str, Failure> {
    std::fs::remove_file(path).map_err(|error| {
        let message = format!("cannot remove {}: {error}; remove it by hand", path.display());
        Failure::new(Exit::Failed, message)
    })?;
    Ok("removed")
}

fn is_new(path: &Path, file: &File) -> bool {
    !path.exists() || std::fs::read(path).is_ok_and(|there| there == file.text.as_bytes())
}

/// What to change by hand in a file of FreeSWITCH's own, which other programs use as well.
fn advice(path: &Path, file: &File) -> Sentence {
    let path = path.display().to_string();
    match file.text.split_once("<list ").and_then(|(_, rest)| rest.split_once("</list>")) {
        Some((list, _)) => {
            let list = list.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><");
            Sentence::of("{file} exists and was not changed: put this inside its <network-lists>: {list}")
                .with("file", path)
                .with("list", format!("<list {list}</list>"))
        }
        None => Sentence::of(
            "{file} exists and was not changed: copy its listen-port and password to [[switch.nodes]] in dozvon.toml",
        )
        .with("file", path),
    }
}
