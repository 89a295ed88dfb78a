//! The steps after `init`. No step replaces a file of the administrator's.

use std::path::Path;

use super::host::Host;
use crate::config::PLACES;
use crate::render::Sentence;

/// The next steps, in their order. `is_found` says whether FreeSWITCH's own files describe its event socket.
pub(super) fn next(path: &Path, host: &Host, is_found: bool) -> Vec<Sentence> {
    let settings = path.display().to_string();
    let rules = super::folder_of(path).join("rules.toml").display().to_string();
    let here = std::env::current_dir().unwrap_or_default();
    let is_default = PLACES.iter().any(|place| here.join(place) == path);
    let config = if is_default { String::new() } else { format!(" --config {settings}") };
    let mut steps = vec![
        String::new().into(),
        "Next:".into(),
        Sentence::of("  1. adapt {settings} and {rules} to your company")
            .with("settings", settings.as_str())
            .with("rules", rules.as_str()),
    ];
    if host.zone.is_none() {
        steps.push(
            "     this machine's time zone shows no country: set `zone`, and `region` in [phone], to those of your callers".into(),
        );
    }
    if !is_found {
        steps.extend(socket(&settings, &config));
    }
    steps.extend(dialplan(host, &config));
    steps.extend([
        format!("  3. dozvon migrate{config} && dozvon apply{config} {rules}").into(),
        format!("  4. dozvon prompt install{config}").into(),
        format!("  5. dozvon check{config}").into(),
        format!("  6. dozvon serve{config}").into(),
    ]);
    steps
}

/// How the controller gets the password of FreeSWITCH's event socket. FreeSWITCH keeps its password.
fn socket(settings: &str, config: &str) -> [Sentence; 2] {
    [
        Sentence::of(
            "     copy listen-port and password from FreeSWITCH's autoload_configs/event_socket.conf.xml to [[switch.nodes]] in {settings}",
        )
        .with("settings", settings),
        Sentence::of("     if FreeSWITCH has no such file: dozvon dialplan{config} --socket --write FOLDER")
            .with("config", config),
    ]
}

/// How FreeSWITCH gets its dialplan. All of these files are new to it.
fn dialplan(host: &Host, config: &str) -> Vec<Sentence> {
    match &host.folder {
        Some(folder) => {
            let folder = folder.display();
            vec![format!("  2. dozvon dialplan{config} --write {folder} && fs_cli -x reloadxml").into()]
        }
        None => vec![
            Sentence::of(
                "  2. dozvon dialplan{config} --write FOLDER && fs_cli -x reloadxml, where FOLDER is FreeSWITCH's configuration folder",
            )
            .with("config", config),
            "     if FreeSWITCH runs on another machine: write into any folder, and copy its dialplan/ there; all files are new"
                .into(),
        ],
    }
}
