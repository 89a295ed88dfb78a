//! `dozvon init`: the first files for this host.

mod host;
mod steps;

use std::path::{Path, PathBuf};

use clap::ValueHint;

use super::files::Readers;
use super::{Context, Exit, Failure, files};
use crate::audit::Key;
use crate::config::Settings;
use crate::render::{Cell, Table};
use host::{Host, Socket};

const SETTINGS: &str = include_str!("dozvon.toml");
const RULES: &str = include_str!("rules.toml");

/// Write the first settings, rules and dialplan for this host.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes dozvon.toml and rules.toml, and prints the next steps. Without a folder, the settings go to the file that
--config or DOZVON_CONFIG names. The port and password of FreeSWITCH's event socket come from its configuration; if
there is none, a new password is made. Time zone, country and language follow the time zone of this machine.
FreeSWITCH's own files are not changed, and no existing file is overwritten without --force. With --force, the audit's
key is taken from the old dozvon.toml, and so are port and password if FreeSWITCH's configuration is not found. The old
files are kept as dozvon.toml.old and rules.toml.old.

Examples:
  dozvon init
  dozvon init /etc/dozvon --freeswitch /etc/freeswitch")]
pub(super) struct Args {
    /// The folder to write into [default: that of the file named by --config or DOZVON_CONFIG, else this one].
    #[arg(value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
    /// FreeSWITCH's configuration folder [default: the first that exists of the usual places].
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    freeswitch: Option<PathBuf>,
    /// Replace existing files; the old ones are kept as NAME.old.
    #[arg(long)]
    force: bool,
}

/// `named` is the settings file that --config or DOZVON_CONFIG names.
pub(super) fn run(args: &Args, named: Option<&Path>, context: &Context) -> Result<Exit, Failure> {
    let path = settings_path(args.folder.as_deref(), named);
    let mut host = Host::look(args.freeswitch.as_deref())?;
    let is_found = host.socket.is_some();
    let earlier = earlier(&path)?;
    host.socket = host.socket.or_else(|| earlier.as_ref().and_then(socket_of));
    let all = first_files(&path, &host, earlier.and_then(|settings| settings.audit.key))?;
    for (path, text, _) in &all {
        files::refuse_to_overwrite(path, text, args.force)?;
    }
    let mut table = Table::new(&["file", "state"], "");
    for (path, text, readers) in &all {
        keep_old(path, text)?;
        let changed = files::write(path, text, args.force, *readers)?;
        table.row([
            path.display().to_string().into(),
            Cell::word(if changed { "written" } else { "unchanged" }),
        ]);
    }
    table.notes = steps::next(&path, &host, is_found);
    context.table(&table)?;
    Ok(Exit::Done)
}

/// Returns the file for the settings: in the folder that was asked for, else the file that later commands read.
fn settings_path(folder: Option<&Path>, named: Option<&Path>) -> PathBuf {
    let path = match (folder, named) {
        (None, Some(named)) => named.to_owned(),
        (folder, _) => folder.unwrap_or(Path::new(".")).join("dozvon.toml"),
    };
    std::path::absolute(&path).unwrap_or(path)
}

/// The folder of the settings, which the rules and the database share.
fn folder_of(settings: &Path) -> &Path {
    settings.parent().unwrap_or(Path::new("."))
}

/// Returns the settings of an earlier `init`, if there are any. A file that cannot be read is never overwritten,
/// because it may hold the audit's key, which nothing could replace.
fn earlier(path: &Path) -> Result<Option<Settings>, Failure> {
    let refuse = |why: String| {
        let remedy = "correct it, or move it elsewhere: it may hold the audit's key, which must not be lost";
        Err(Failure::new(
            Exit::Refused,
            format!("{why}\n{} is there and cannot be read: {remedy}", path.display()),
        ))
    };
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => refuse(format!("cannot read {}: {error}", path.display())),
        Ok(text) => Settings::read(path, &text, []).map(Some).or_else(|error| refuse(error.to_string())),
    }
}

/// The event socket that an earlier `init` made. FreeSWITCH may use its password by now.
fn socket_of(settings: &Settings) -> Option<Socket> {
    let node = settings.switch.nodes.first()?;
    Some(Socket { port: node.port, password: node.password.clone() })
}

/// Keeps a copy of a file that is about to be replaced, as `NAME.old`, readable only by its owner.
fn keep_old(path: &Path, text: &str) -> Result<(), Failure> {
    let Ok(old) = std::fs::read_to_string(path) else { return Ok(()) };
    if old != text {
        let mut name = path.as_os_str().to_owned();
        name.push(".old");
        files::write(Path::new(&name), &old, true, Readers::Owner)?;
    }
    Ok(())
}

type FirstFile = (PathBuf, String, Readers);

fn first_files(path: &Path, host: &Host, used: Option<Key>) -> Result<[FirstFile; 2], Failure> {
    let folder = folder_of(path);
    // A key that the audit has used must stay.
    let key = used.unwrap_or_else(|| Key::of_bytes(rand::random()));
    let text = settings_text(folder, host, &key);
    Settings::read(path, &text, [])?;
    Ok([(path.to_owned(), text, Readers::Owner), (folder.join("rules.toml"), rules_text(host), Readers::All)])
}

const DEFAULT_ZONE: &str = "Europe/Moscow";

/// The countries in which messages to callers are in Russian by default.
const RUSSIAN: [&str; 4] = ["RU", "BY", "KZ", "KG"];

/// The rules with the time zone of this host, and example names in its language.
fn rules_text(host: &Host) -> String {
    let text = RULES.replace(DEFAULT_ZONE, host.zone.as_deref().unwrap_or(DEFAULT_ZONE));
    if speaks_russian(host) {
        text
    } else {
        text.replace("\"Анна\"", "\"Anna\"").replace("\"Борис\"", "\"Boris\"")
    }
}

fn speaks_russian(host: &Host) -> bool {
    host.country().is_none_or(|country| RUSSIAN.contains(&country))
}

/// The settings with what is known of this host.
fn settings_text(folder: &Path, host: &Host, key: &Key) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let database = format!("sqlite:{}", folder.join("dozvon.db").display());
    let socket = host.socket.clone().unwrap_or_default();
    let zone = host.zone.as_deref().unwrap_or(DEFAULT_ZONE);
    let text = SETTINGS
        .replace("database = \"sqlite:dozvon.db\"", &format!("database = {}", quoted(&database)))
        .replace(&quoted(DEFAULT_ZONE), &quoted(zone))
        .replace("#region = \"RU\"", &region_text(host))
        .replace("#key = \"\"", &format!("key = {}", quoted(key.secret())))
        .replace("port = 8021", &format!("port = {}", socket.port))
        .replace("password = \"ClueCon\"", &format!("password = {}", quoted(&socket.password)));
    if speaks_russian(host) {
        return text;
    }
    text.replace("#language = \"ru\"", "language = \"en\"")
        .replace("# language = \"ru\"", "# language = \"en\"")
}

/// The line with the region of numbers without a country code: the country of the host's time zone.
fn region_text(host: &Host) -> String {
    let line = |country: &str| format!("region = \"{country}\"");
    let is_known = |country: &&str| {
        Settings::read(Path::new("init"), &format!("[phone]\n{}\n", line(country)), []).is_ok()
    };
    match (host.country().filter(is_known), &host.zone) {
        (Some(country), _) => line(country),
        (None, None) => "#region = \"RU\"".to_owned(),
        (None, Some(zone)) => {
            format!("# Set it: the country of the zone {zone} is not known.\n#region = \"RU\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rules::file;

    #[test]
    fn what_is_commented_out_are_the_defaults() {
        let examples = ["#fallback_contact", "#area_code"];
        let is_example = |line: &str| examples.iter().any(|example| line.starts_with(example));
        let shown = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && !is_example(line) => rest.to_owned(),
            _ => line.to_owned(),
        };
        let text = SETTINGS.lines().map(shown).collect::<Vec<_>>().join("\n");
        let mut settings =
            Settings::read(Path::new("init"), &text, []).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.switch.nodes, [crate::config::switch::NodeSettings::default()]);
        settings.switch.nodes.clear();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn the_settings_as_they_are_written_are_the_defaults() {
        let mut settings =
            Settings::read(Path::new("init"), SETTINGS, []).unwrap_or_else(|error| panic!("{error}"));
        settings.switch.nodes.clear();
        assert_eq!(settings, Settings::default());
    }

    /// Each key of a text in TOML, with its section, whether or not it is commented out.
    fn keys(text: &str) -> BTreeSet<(String, String)> {
        let mut section = String::new();
        let mut keys = BTreeSet::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[') {
                name.trim_matches(['[', ']']).clone_into(&mut section);
            } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ") {
                keys.insert((section.clone(), key.to_owned()));
            }
        }
        keys
    }

    #[test]
    fn every_setting_is_shown() {
        let all = toml::to_string(&Settings::default()).unwrap();
        let node = toml::to_string(&crate::config::switch::NodeSettings::default()).unwrap();
        let wanted = keys(&format!("{all}\n[switch.nodes]\n{node}"));
        let in_examples = ["nodes", "trunks", "sources", "forms", "people", "destinations"];
        let shown = keys(SETTINGS);
        let missing: Vec<_> =
            wanted.difference(&shown).filter(|(_, key)| !in_examples.contains(&key.as_str())).collect();
        assert!(missing.is_empty(), "not shown: {missing:?}");
    }

    #[test]
    fn the_example_of_a_trunk_says_the_defaults() {
        let example = SETTINGS.lines().skip_while(|line| *line != "# [[callback.trunks]]");
        let example: Vec<_> = example.map_while(|line| line.strip_prefix("# ")).collect();
        let settings = Settings::read(Path::new("init"), &example.join("\n"), []).unwrap();
        let mut trunk = crate::config::callback::Trunk::example().unwrap();
        trunk.name = "trunk".to_owned();
        assert_eq!(settings.callback.trunks, [trunk.clone()]);
        let written = toml::to_string(&trunk).unwrap();
        assert_eq!(written.lines().count(), example.len() - 1, "every setting is shown");
    }

    #[test]
    fn the_first_rules_are_good_also_with_their_comments_taken_away() {
        let rules =
            file::parse("rules.toml", RULES, chrono_tz::UTC).unwrap_or_else(|faults| panic!("{faults}"));
        let shown = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
            _ => line.to_owned(),
        };
        let text = RULES.lines().map(shown).collect::<Vec<_>>().join("\n");
        assert_eq!(
            file::parse("rules.toml", &text, chrono_tz::UTC).unwrap_or_else(|faults| panic!("{faults}")),
            rules
        );
        let numbers = Settings::default().dialplan.numbers;
        assert_eq!(rules.routes.iter().map(|route| route.number.clone()).collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn what_the_host_has_stands_in_the_settings() {
        let socket = Socket { port: 8022, password: "a\"b\\c".to_owned() };
        let host = Host { zone: Some("Asia/Yekaterinburg".to_owned()), folder: None, socket: Some(socket) };
        let text = settings_text(Path::new("/x y"), &host, &Key::of_bytes([7; 32]));
        let settings = Settings::read(Path::new("init"), &text, []).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.zone, chrono_tz::Asia::Yekaterinburg);
        assert_eq!(settings.audit.key, Some(Key::of_bytes([7; 32])));
        assert_eq!(settings.store.audit_key, settings.audit.key);
        assert_eq!(
            (settings.switch.nodes[0].port, settings.switch.nodes[0].password.as_str()),
            (8022, "a\"b\\c")
        );
        assert_eq!(settings.database, "sqlite:/x y/dozvon.db".parse().unwrap());
    }

    #[test]
    fn region_and_language_follow_the_zone() {
        let said = |zone: Option<&str>| {
            let host = Host { zone: zone.map(str::to_owned), ..Host::default() };
            settings_text(Path::new("/x"), &host, &Key::of_bytes([7; 32]))
        };
        let read = |zone| {
            Settings::read(Path::new("init"), &said(Some(zone)), []).unwrap_or_else(|error| panic!("{error}"))
        };
        let berlin = toml::to_string(&read("Europe/Berlin")).unwrap();
        assert!(
            berlin.contains("zone = \"Europe/Berlin\"") && berlin.contains("region = \"DE\""),
            "{berlin}"
        );
        assert!(berlin.contains("language = \"en\""), "{berlin}");
        assert!(said(Some("Europe/Berlin")).contains("# language = \"en\""), "the examples, too");
        let omsk = toml::to_string(&read("Asia/Omsk")).unwrap();
        assert!(omsk.contains("region = \"RU\"") && omsk.contains("language = \"ru\""), "{omsk}");
        // Nobody lives there who has a phone number of its own: what is not known is left to the administrator.
        assert!(
            said(Some("Antarctica/Vostok")).contains("# Set it: the country of the zone Antarctica/Vostok")
        );
        assert!(said(None).contains("\n#region = \"RU\""));
    }
}
