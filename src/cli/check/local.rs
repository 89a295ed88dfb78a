//! Checks what needs no FreeSWITCH: settings, database, rules, ports.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::Context;
use super::{Finding, callbacks, hours, numbers};
use crate::clock::UnixMs;
use crate::config::Settings;
use crate::config::database::DatabaseUrl;
use crate::ids::{MenuName, PromptName, QueueName, VoicemailName};
use crate::notify::{self, InvalidDestination};
use crate::rules::flow::Circle;
use crate::rules::policy::Policy;
use crate::rules::{Destination, Menu, Rules, Voicemail};
use crate::store;
use crate::store::{Store, StoreError, private, rules};
use crate::telemetry;

/// How long a port of this machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The line about the settings. They have been read, otherwise the command would have failed before.
pub(super) fn settings(context: &Context) -> Finding {
    match &context.settings_file {
        Some(path) => Finding::ok("settings", path.display().to_string()),
        None => {
            Finding::advice("settings", "no dozvon.toml: defaults are used", "create it with `dozvon init`")
        }
    }
}

/// A key that was stated by its old name.
pub(super) fn outdated(line: &str) -> Finding {
    let remedy = "rename it: the next release reads the new name only";
    Finding::advice("settings", line, remedy)
}

/// Checks the settings as a controller does when it starts: the log's filter, the destinations and the CRM.
pub(super) async fn outside(context: &Context) -> Vec<Finding> {
    let settings = &context.settings;
    let mut lines = Vec::new();
    if let Err(error) = telemetry::levels(&settings.log.filter) {
        lines.push(Finding::wrong("log", error.to_string(), "correct [log] filter"));
    }
    let wrong = notify::wrong_destinations(&settings.notify, settings.zone, context.clock);
    lines.extend(wrong.into_iter().map(|InvalidDestination { name, reason }| {
        let remedy = "correct it in [notify]: a controller does not start with it";
        Finding::wrong(format!("destination {name}"), reason, remedy)
    }));
    if let Ok(store) = context.store().await
        && let Err(reason) = notify::crm::check(&settings.crm, store.clone(), context.clock)
    {
        lines.push(Finding::wrong("crm", reason, "correct it in [crm]: a controller does not start with it"));
    }
    lines
}

/// Checks the database; returns its rules if it can be read.
pub(super) async fn database(context: &Context) -> (Vec<Finding>, Option<Rules>) {
    let settings = &context.settings;
    let name = settings.database.to_string();
    let store = match context.store().await {
        Ok(store) => store,
        Err(failure) => {
            let text = failure.to_string();
            let (detail, remedy) = with_remedy(
                &text,
                "check that the server runs, that this user has access, and [database] url",
            );
            return (vec![Finding::unreachable("database", detail, remedy)], None);
        }
    };
    let mut lines = vec![Finding::ok("database", name), controller(store).await];
    lines.extend(exposed(&context.settings));
    lines.extend(context.settings_file.as_deref().and_then(readable_settings));
    match writable(store).await {
        Ok(()) => {}
        Err(error) => lines.push(Finding::wrong(
            "database",
            error.to_string(),
            "give this user the right to write to it",
        )),
    }
    lines.push(audit(store, settings).await);
    match store.read("check", rules::load).await {
        Ok(rules) => (lines, Some(rules)),
        Err(error) => {
            lines.push(Finding::wrong(
                "rules",
                error.to_string(),
                "apply a rules file again: `dozvon apply`",
            ));
            (lines, None)
        }
    }
}

/// Splits an error into the problem and the remedy. dozvon's own errors end with the remedy. Errors that pass on a
/// message of the database or the system do not, and get `otherwise`.
fn with_remedy<'a>(text: &'a str, otherwise: &'a str) -> (&'a str, &'a str) {
    const PASS_ON: [&str; 4] =
        ["cannot open the database", "the database cannot be migrated", "the commit failed", "database: "];
    let passes_on = PASS_ON.iter().any(|beginning| text.starts_with(beginning));
    text.rsplit_once(": ").filter(|_| !passes_on).unwrap_or((text, otherwise))
}

/// Warns if others could read the database, on the network or in its files.
fn exposed(settings: &Settings) -> Vec<Finding> {
    let default = std::env::var("PGSSLMODE").ok();
    let mut lines: Vec<Finding> = Vec::new();
    if let Some((host, mode)) = settings.database.in_clear(default.as_deref()) {
        let detail = format!("with sslmode={mode}, the connection to {host} may be unencrypted");
        lines.push(Finding::advice("database", detail, TLS_REMEDY));
    }
    if let DatabaseUrl::Sqlite(path) = &settings.database {
        for file in private::files(path) {
            if let Some(mode) = private::too_wide(&file) {
                let detail = format!(
                    "others can read {} (mode {mode:o}), and it holds numbers and tokens",
                    file.display()
                );
                lines.push(Finding::advice("database", detail, format!("chmod 600 {}", file.display())));
            }
        }
    }
    lines
}

/// The remedy for an unencrypted connection.
const TLS_REMEDY: &str = "add ?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt to the url, or sslmode=require if \
                          the server's certificate is its own";

/// Warns of a settings file that everybody may read: it may hold passwords.
fn readable_settings(path: &Path) -> Option<Finding> {
    let mode = private::too_wide(path).filter(|mode| mode & 0o007 != 0)?;
    let detail = format!(
        "everybody on this machine can read {} (mode {mode:o}), and it may hold passwords",
        path.display()
    );
    Some(Finding::advice("settings", detail, format!("chmod o-rwx {}", path.display())))
}

/// Commits an empty transaction. It fails if no other transaction could be committed either.
async fn writable(store: &Store) -> Result<(), StoreError> {
    store.write("check", |_| Ok(())).await
}

/// Checks that the audit has its key, and that no entry was lost.
async fn audit(store: &Store, settings: &Settings) -> Finding {
    let key = settings.audit.key.clone();
    let gaps = store.read("audit_key", move |c| {
        store::audit::check_key(c, key.as_ref())?;
        store::audit::check_mark(c, key.as_ref())?;
        store::audit::gaps(c)
    });
    match gaps.await {
        Ok(0) => Finding::ok("audit", "the key is the one with which the audit began"),
        Ok(gaps) => {
            let remedy = "the log says why; the table audit_gaps lists them";
            Finding::wrong("audit", format!("{gaps} entries could not be written and are missing"), remedy)
        }
        Err(error) => {
            let text = error.to_string();
            let (detail, remedy) =
                with_remedy(&text, "check that the database and its table audit_key can be read");
            Finding::wrong("audit", detail, remedy)
        }
    }
}

/// Checks whether a controller uses the database.
async fn controller(store: &Store) -> Finding {
    match store.take_lock().await {
        Ok(_) => {
            Finding::advice("controller", "no controller uses this database", "start one: `dozvon serve`")
        }
        Err(StoreError::Locked { holder, .. }) => Finding::ok("controller", format!("runs{holder}")),
        Err(error) => {
            Finding::wrong("controller", error.to_string(), "give this user the right to write to the folder")
        }
    }
}

/// Checks the rules for what keeps calls from being taken.
pub(super) fn rules(rules: &Rules, settings: &Settings, now: UnixMs) -> Vec<Finding> {
    if rules.routes.is_empty() {
        let remedy = "write them into a rules file and apply it: `dozvon apply rules.toml`";
        return vec![Finding::wrong("rules", "there are no routes: every call is refused", remedy)];
    }
    let counts = format!(
        "routes: {}, queues: {}, agents: {}, schedules: {}",
        rules.routes.len(),
        rules.queues.len(),
        rules.agents.len(),
        rules.schedules.len()
    );
    let mut lines = vec![Finding::ok("rules", counts)];
    for (name, queue) in rules.queues.iter().filter(|(_, queue)| queue.tiers.is_empty()) {
        let to = &queue.overflow;
        let remedy = "give it agents: `tiers` in the rules file, or `dozvon agent add --queue`";
        lines.push(Finding::wrong(
            format!("queue {name}"),
            format!("nobody serves it: all its callers go to {to}"),
            remedy,
        ));
    }
    lines.extend(hours::lines(rules, now));
    for fault in rules.policies.values().flat_map(Policy::faults) {
        let remedy = "set an allowed value in the rules file: `dozvon policy check`";
        lines.push(Finding::wrong(format!("policy {}", fault.policy), fault.to_string(), remedy));
    }
    lines.extend(flow(rules));
    lines.extend(callbacks::lines(rules, &settings.callback));
    lines.extend(numbers::lines(rules, &settings.dialplan));
    lines
}

/// Whether any agent, route or overflow of the rules dials a contact with this prefix.
pub(super) fn dials(rules: &Rules, prefix: &str) -> bool {
    let contacts = rules.agents.values().flat_map(|agent| &agent.contacts);
    contacts
        .chain(rules.destinations().filter_map(Destination::contact))
        .any(|contact| contact.to_string().starts_with(prefix))
}

/// Checks the ways of callers through queues, menus and messages.
fn flow(rules: &Rules) -> Vec<Finding> {
    let circle = |circle: Circle| {
        let what = format!("{} {}", circle.kind, circle.name);
        let detail = circle.to_string();
        let remedy = format!("change `{}`, so that the way ends", circle.key);
        Finding::wrong(what, detail, remedy)
    };
    let nobody_comes = |what: String| {
        let remedy = "name it as a destination, or take it out of the rules file";
        Finding::advice(what, "no route leads to it", remedy)
    };
    let deaf = |(name, voicemail): (&VoicemailName, &Voicemail)| {
        let fault = voicemail.fault()?;
        Some(Finding::wrong(format!("voicemail {name}"), fault.problem, fault.remedy))
    };
    let faulty = |(name, menu): (&MenuName, &Menu)| {
        let (problem, remedy) = menu.fault()?;
        Some(Finding::wrong(format!("menu {name}"), problem, remedy))
    };
    let spoken = |(queue, prompt): (&QueueName, &PromptName)| {
        let detail = format!("its music is prompt {prompt}, which is said and not played");
        Finding::wrong(format!("queue {queue}"), detail, "name a prompt that is a file or a stream")
    };
    let circles = rules.circles().into_iter().map(circle).chain(rules.spoken_music().map(spoken));
    let menus = rules.unreachable_menus().into_iter().map(|name| format!("menu {name}"));
    let voicemails = rules.unreachable_voicemails().into_iter().map(|name| format!("voicemail {name}"));
    let unreachable = menus.chain(voicemails).map(nobody_comes);
    let faulty = rules.menus.iter().filter_map(faulty).chain(rules.voicemails.iter().filter_map(deaf));
    circles.chain(unreachable).chain(faulty).collect()
}

/// Checks the ports on which the controller listens; no two may be the same.
pub(super) async fn ports(settings: &Settings) -> Vec<Finding> {
    let all = [
        ("port for FreeSWITCH", settings.switch.listen, "[switch] listen", None),
        ("port for web", settings.web.listen, "[web] listen", None),
        ("port for status", settings.status.listen, "[status] listen", Some("/readyz")),
    ];
    let mut lines = Vec::new();
    for (place, (what, address, key, path)) in all.into_iter().enumerate() {
        let other = all.iter().take(place).find(|(_, other, ..)| clash(*other, address));
        lines.push(match other {
            Some((_, _, other, _)) => {
                let detail = format!("{address} is also the port of {other}");
                Finding::wrong(what, detail, format!("give {key} another port"))
            }
            None => port(what, address, key, path).await,
        });
    }
    lines
}

/// Whether two addresses collide. An unspecified host, such as 0.0.0.0, collides with every host.
fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    let overlap = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && overlap
}

async fn port(what: &str, address: SocketAddr, key: &str, path: Option<&str>) -> Finding {
    let taken = match TcpListener::bind(address).await {
        Ok(_) => return Finding::ok(what, format!("{address} is free: no controller uses it")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => error,
        Err(error) => {
            let remedy = format!("give {key} an address of this machine");
            return Finding::wrong(what, format!("cannot listen on {address}: {error}"), remedy);
        }
    };
    let Some(path) = path else { return Finding::ok(what, format!("{address} is open")) };
    match tokio::time::timeout(PATIENCE, get(address, path)).await {
        Ok(Ok(answer)) if answer.contains("ready") && answer.starts_with("HTTP/1.1 200") => {
            Finding::ok(what, format!("{address}: the controller is ready"))
        }
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 503") => {
            let missing =
                answer.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim()).replace('\n', "; ");
            Finding::wrong(
                what,
                format!("the controller at {address} is not ready: {missing}"),
                "see its log",
            )
        }
        _ => Finding::wrong(
            what,
            format!("{address}: {taken}, by something other than a controller"),
            format!("change {key}"),
        ),
    }
}

/// Requests a page; returns the whole response.
async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = Vec::new();
    stream.take(65_536).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_not_what_to_do() {
        let (other, url) = ("do that", "postgres://u:***@h/x".to_owned());
        let reason = "connection to server at \"h\", port 5432 failed: Connection refused".to_owned();
        let text = StoreError::Unreachable { url, reason }.to_string();
        assert_eq!(with_remedy(&text, other), (text.as_str(), other));
        let text = StoreError::Unwritable { path: "x.db".into(), reason: "no".to_owned() }.to_string();
        let (detail, remedy) = with_remedy(&text, other);
        assert!(detail.ends_with("x.db: no") && remedy.starts_with("give this user the right"), "{text}");
        let text = StoreError::Older { pending: 2 }.to_string();
        assert_eq!(with_remedy(&text, other).1, "run `dozvon migrate`");
        assert_eq!(with_remedy("who knows", other), ("who knows", other));
    }

    #[test]
    fn one_port_is_not_for_two() {
        let is_clash = |one: &str, other: &str| clash(one.parse().unwrap(), other.parse().unwrap());
        assert!(is_clash("127.0.0.1:8087", "127.0.0.1:8087") && is_clash("0.0.0.0:8087", "127.0.0.1:8087"));
        assert!(!is_clash("127.0.0.1:8087", "127.0.0.1:8088") && !is_clash("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!is_clash("127.0.0.1:8087", "192.0.2.1:8087"));
    }
}
