//! FreeSWITCH's half: the files of `fs-dialplan/`, filled in for these settings.
//!
//! In: [`Settings`]. Out: files as text. Each template is good as it is and shows the defaults; only the values
//! that vary are put in. **Invariant:** nothing is put in that a type of ours has not checked, or that is not
//! escaped.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::duration;
use crate::rules::NumberPattern;
use crate::rules::contact::Contact;
use crate::switch;

/// How FreeSWITCH hands callers over, and what it does when nobody takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialplan {
    /// The numbers whose callers are ours, as routes have them: `7001`, `7*`. Default 7001.
    #[serde(with = "patterns")]
    pub numbers: Vec<NumberPattern>,
    /// The contexts in which they come in. Default `public`.
    #[serde(deserialize_with = "contexts")]
    pub contexts: Vec<String>,
    /// The contexts of agents' phones. Numbers with an open case that agents dial there are ours; everything else goes on in
    /// the administrator's dialplan. Default none: we do not see such calls.
    #[serde(deserialize_with = "contexts")]
    pub handset_contexts: Vec<String>,
    /// The controllers, asked in this order, as `host:port`. Default the address of `[switch] listen`.
    #[serde(deserialize_with = "controllers")]
    pub controllers: Vec<String>,
    /// How long the controllers are asked again and again, in whole seconds, at most an hour. Default 30 s.
    #[serde(with = "duration::Within::<0, LONGEST_PATIENCE_MS>")]
    pub patience: Duration,
    /// What the caller hears between two tries, and so how far they are apart. It has an end, at best after about
    /// a second, and needs no file. Default a ringing tone.
    #[serde(deserialize_with = "pause_sound")]
    pub pause_sound: String,
    /// Who is rung when no controller takes the caller. Default nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_contact: Option<Contact>,
    /// How long he is rung. Default 30 s.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub fallback_timeout: Duration,
}

impl Default for Dialplan {
    fn default() -> Self {
        Self {
            numbers: vec![NumberPattern { digits: "7001".to_owned(), prefix: false }],
            contexts: vec!["public".to_owned()],
            handset_contexts: Vec::new(),
            controllers: Vec::new(),
            patience: Duration::from_secs(30),
            pause_sound: "tone_stream://%(400,500,425)".to_owned(),
            fallback_contact: None,
            fallback_timeout: Duration::from_secs(30),
        }
    }
}

/// A file for FreeSWITCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its place in FreeSWITCH's configuration folder, such as `dialplan/dozvon.xml`.
    pub place: String,
    /// What stands in it.
    pub text: String,
}

impl File {
    /// Whether FreeSWITCH has a file of this name without us, which other programs rely on.
    #[must_use]
    pub fn is_switch_s_own(&self) -> bool {
        self.place.starts_with("autoload_configs/")
    }
}

/// The name of our context: what `check` looks for in a running FreeSWITCH.
pub const CONTEXT: &str = "dozvon";

/// The extension of our context that looks after a caller whom no controller takes.
pub const FALLBACK: &str = "dozvon_fallback";

/// The dialplan counts tries by a regular expression, which must not become longer than those can be.
const LONGEST_PATIENCE_MS: u64 = duration::HOUR;

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
    for context in &settings.dialplan.handset_contexts {
        let place = format!("dialplan/{context}/{}", IN_CONTEXT[1]);
        files.push(File { place, text: handset(settings) });
    }
    files
}

/// What agents dial at their own phones: numbers longer than our own, and words.
fn handset(settings: &Settings) -> String {
    let shortest = settings.phone.internal_digits.saturating_add(1).min(LONGEST_NUMBER);
    let mut numbers = vec![format!("\\+?[0-9]{{{shortest},{LONGEST_NUMBER}}}")];
    numbers.extend(settings.callback.codes.keys().map(|code| literally(code)));
    let text = variable(HANDSET, "dozvon_handset_numbers", &numbers.join("|"));
    variable(&text, "dozvon_handset_controllers", &controllers_of(settings).join("|"))
}

/// Digits of a number with its country (E.164).
const LONGEST_NUMBER: usize = 15;

/// What lets the controller connect to a node; for those who have no such files yet.
#[must_use]
pub fn socket_files(settings: &Settings, node: &switch::NodeSettings) -> Vec<File> {
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
        ("dozvon_patience_s", seconds(plan.patience)),
        ("dozvon_pause_sound", plan.pause_sound.clone()),
        ("dozvon_fallback_contact", contact),
        ("dozvon_fallback_timeout_s", seconds(plan.fallback_timeout)),
        ("dozvon_fallback_ringing", settings.sounds.fallback_music.clone()),
        ("dozvon_fallback_message", settings.sounds.fallback_message.clone()),
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

/// Where a node's event socket listens, as far as its address tells.
fn listen_ip(node: &switch::NodeSettings) -> String {
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

/// The regular expression that matches a text.
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

fn contexts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let fits = |name: &str| {
        (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find(|name| !fits(name) || name.starts_with('.') || *name == CONTEXT) {
        Some(bad) => Err(serde::de::Error::custom(format!(
            "{bad:?} is not a context in which callers come in; write such as \"public\" or \"default\""
        ))),
        None => Ok(names),
    }
}

fn controllers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let fits = |text: &str| {
        let Some((host, port)) = text.rsplit_once(':') else { return false };
        let is_host = (1..=253).contains(&host.len())
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let all = Vec::<String>::deserialize(deserializer)?;
    match all.iter().find(|text| !fits(text)) {
        Some(bad) => Err(serde::de::Error::custom(format!(
            "{bad:?} is not a controller; write its host and port, such as \"10.0.0.5:8084\""
        ))),
        None => Ok(all),
    }
}

/// A sound that ends: the next try comes after it.
fn pause_sound<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let source = super::sound::deserialize(deserializer)?;
    let endless = ["local_stream://", "silence_stream://-"].iter().any(|start| source.starts_with(start));
    if endless || source.contains("loops=-") {
        return Err(serde::de::Error::custom(format!(
            "{source:?} never ends; write such as \"tone_stream://%(400,500,425)\""
        )));
    }
    Ok(source)
}

mod patterns {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::NumberPattern;

    pub fn serialize<S: Serializer>(all: &[NumberPattern], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NumberPattern>, D::Error> {
        let all = Vec::<String>::deserialize(deserializer)?;
        all.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
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
        let socket = socket_files(&settings, &switch::NodeSettings::default());
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
        let node = switch::NodeSettings { password: "a\"/><x>&b".into(), ..Default::default() };
        let text = &socket_files(&Settings::default(), &node)[0].text;
        assert!(text.contains("value=\"a&quot;/&gt;&lt;x&gt;&amp;b\"/>"), "{text}");
    }
}
