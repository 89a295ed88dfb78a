//! The files that FreeSWITCH needs: those of `fs-dialplan/`, filled in for these settings.
//!
//! In: [`Settings`]. Out: files as text. Each template works as it is, with the default values; only the values that vary
//! are put in. **Invariant:** every value that is put in was checked by a type of ours, or is escaped.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::Settings;
use crate::rules::NumberPattern;
use crate::switch;

/// A file for FreeSWITCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its place in FreeSWITCH's configuration folder, such as `dialplan/dozvon.xml`.
    pub place: String,
    /// What stands in it.
    pub text: String,
}

impl File {
    /// Whether FreeSWITCH has a file of this name already, on which other programs may rely.
    #[must_use]
    pub fn belongs_to_freeswitch(&self) -> bool {
        self.place.starts_with("autoload_configs/")
    }
}

/// The extension of our context to which a caller comes after their talk, for a survey. The id of the call follows.
pub(super) const SURVEY: &str = "dozvon_survey_";

/// The extension of our context that looks after a caller whom no controller takes.
pub const FALLBACK: &str = "dozvon_fallback";

const STORY: &str = include_str!("../../fs-dialplan/dozvon.xml");
const ENTRY: &str = include_str!("../../fs-dialplan/entry.xml");
const HANDSET: &str = include_str!("../../fs-dialplan/handset.xml");
const EVENT_SOCKET: &str = include_str!("../../fs-dialplan/event_socket.conf.xml");
const ACL: &str = include_str!("../../fs-dialplan/acl.conf.xml");

/// The names of the files that stand in the folder of a context.
const IN_CONTEXT: [&str; 2] = ["00_dozvon.xml", "00_dozvon_handset.xml"];

/// Whether a name is that of a file which we put into the folder of a context.
#[must_use]
pub fn is_of_a_context(name: &str) -> bool {
    IN_CONTEXT.contains(&name)
}

/// The dialplan: our own context, and an entry in each context in which callers come in.
#[must_use]
pub fn files(settings: &Settings) -> Vec<File> {
    let mut files = vec![File { place: "dialplan/dozvon.xml".to_owned(), text: story(settings) }];
    for context in &settings.dialplan.contexts {
        let numbers = settings.dialplan.numbers.iter().map(expression).collect::<Vec<_>>().join("|");
        let place = format!("dialplan/{context}/{}", IN_CONTEXT[0]);
        files.push(File { place, text: variable(ENTRY, "dozvon_numbers", &numbers) });
    }
    for context in &settings.dialplan.agent_contexts {
        let place = format!("dialplan/{context}/{}", IN_CONTEXT[1]);
        files.push(File { place, text: handset(settings) });
    }
    files
}

/// The file for what agents dial at their own phones: numbers longer than an extension, and disposition codes.
fn handset(settings: &Settings) -> String {
    let shortest = settings.phone.extension_digits.saturating_add(1).min(LONGEST_NUMBER);
    let mut numbers = vec![format!("\\+?[0-9]{{{shortest},{LONGEST_NUMBER}}}")];
    numbers.extend(settings.callback.codes.keys().map(|code| literally(code)));
    let text = variable(HANDSET, "dozvon_handset_numbers", &numbers.join("|"));
    variable(&text, "dozvon_handset_controllers", &controllers_of(settings).join("|"))
}

/// The most digits that a number with its country code has (E.164).
const LONGEST_NUMBER: usize = 15;

/// The files that let the controller connect to a node, for a FreeSWITCH that has none yet.
#[must_use]
pub fn socket_files(settings: &Settings, node: &crate::config::switch::NodeSettings) -> Vec<File> {
    let port = node.port.to_string();
    let given = [("listen-ip", listen_ip(node)), ("listen-port", port), ("password", node.password.clone())];
    let socket =
        given.iter().fold(EVENT_SOCKET.to_owned(), |text, (name, value)| parameter(&text, name, value));
    let line = |cidr: &str| format!("<node type=\"allow\" cidr=\"{}\"/>", escaped(cidr));
    let lines: Vec<String> = origins(settings).iter().map(|cidr| line(cidr)).collect();
    let acl = ACL.replace(&line("127.0.0.0/8"), &lines.join("\n      "));
    vec![
        File { place: "autoload_configs/event_socket.conf.xml".to_owned(), text: socket },
        File { place: "autoload_configs/acl.conf.xml".to_owned(), text: acl },
    ]
}

fn story(settings: &Settings) -> String {
    let plan = &settings.dialplan;
    let contact = plan.fallback_contact.as_ref().map(switch::dial_string).unwrap_or_default();
    let values = [
        ("dozvon_controllers", controllers_of(settings).join("|")),
        ("dozvon_patience_s", seconds(plan.retry_time)),
        ("dozvon_pause_sound", plan.pause_sound.to_string()),
        ("dozvon_fallback_contact", contact),
        ("dozvon_fallback_timeout_s", seconds(plan.fallback_timeout)),
        ("dozvon_fallback_ringing", settings.sounds.fallback_music.to_string()),
        ("dozvon_fallback_message", settings.sounds.fallback_message.to_string()),
    ];
    values.iter().fold(STORY.to_owned(), |text, (name, value)| variable(&text, name, value))
}

/// The controllers that FreeSWITCH is to ask, in their order.
#[must_use]
pub fn controllers_of(settings: &Settings) -> Vec<String> {
    if !settings.dialplan.controllers.is_empty() {
        return settings.dialplan.controllers.clone();
    }
    let mut listen = settings.switch.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(IpAddr::from([127, 0, 0, 1]));
    }
    vec![listen.to_string()]
}

/// Loopback, and the controllers whose address is known.
fn origins(settings: &Settings) -> Vec<String> {
    let mut origins = vec!["127.0.0.0/8".to_owned()];
    for controller in controllers_of(settings) {
        let host = controller.rsplit_once(':').map_or("", |(host, _)| host);
        if let Ok(IpAddr::V4(address)) = host.parse()
            && !address.is_loopback()
        {
            origins.push(format!("{address}/32"));
        }
    }
    origins
}

/// The address on which a node's event socket listens. A host name does not tell it: then 127.0.0.1.
fn listen_ip(node: &crate::config::switch::NodeSettings) -> String {
    node.host.parse::<IpAddr>().map_or_else(|_| "127.0.0.1".to_owned(), |address| address.to_string())
}

/// Whole seconds, rounded up, at least one.
fn seconds(span: Duration) -> String {
    span.as_millis().div_ceil(1000).max(1).to_string()
}

/// The regular expression that matches what a pattern matches.
fn expression(pattern: &NumberPattern) -> String {
    let literal = literally(&pattern.digits);
    if pattern.prefix { format!("{literal}[0-9A-Za-z_.+\\-]*") } else { literal }
}

/// The regular expression that matches exactly this text.
fn literally(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_ascii_alphanumeric() || c == '_' { vec![c] } else { vec!['\\', c] })
        .collect()
}

/// A template with the value of one `X-PRE-PROCESS` variable replaced.
fn variable(text: &str, name: &str, value: &str) -> String {
    between(text, &format!("data=\"{name}="), &escaped(value))
}

/// A template with the value of one parameter replaced.
fn parameter(text: &str, name: &str, value: &str) -> String {
    between(text, &format!("name=\"{name}\" value=\""), &escaped(value))
}

/// Replaces what stands between `start` and the next quote.
fn between(text: &str, start: &str, value: &str) -> String {
    let Some((before, rest)) = text.split_once(start) else { return text.to_owned() };
    let (_, after) = rest.split_once('"').unwrap_or(("", rest));
    format!("{before}{start}{value}\"{after}")
}

fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_what_the_templates_show() {
        let settings = Settings::default();
        let files = files(&settings);
        assert_eq!(files[0].text, STORY);
        assert_eq!(files[1], File { place: "dialplan/public/00_dozvon.xml".into(), text: ENTRY.into() });
        let socket = socket_files(&settings, &crate::config::switch::NodeSettings::default());
        assert_eq!((socket[0].text.as_str(), socket[1].text.as_str()), (EVENT_SOCKET, ACL));
    }

    #[test]
    fn a_pattern_becomes_an_expression_that_matches_the_same() {
        let said = |text: &str| expression(&text.parse().unwrap());
        assert_eq!(said("7001"), "7001");
        assert_eq!(said("+7495*"), "\\+7495[0-9A-Za-z_.+\\-]*");
        assert_eq!(said("sales.ru"), "sales\\.ru");
    }

    #[test]
    fn a_password_cannot_break_the_file() {
        let node =
            crate::config::switch::NodeSettings { password: "a\"/><x>&b".into(), ..Default::default() };
        let text = &socket_files(&Settings::default(), &node)[0].text;
        assert!(text.contains("value=\"a&quot;/&gt;&lt;x&gt;&amp;b\"/>"), "{text}");
    }
}
