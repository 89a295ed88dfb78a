//! The section `[requests]`: who may send requests, the texts of forms, and the limits of both.

use std::collections::BTreeSet;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::document::Step;
use crate::duration;
use crate::ids::QueueName;
use crate::language::Language;
use crate::signature::Key;

/// How requests from forms and programs are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The longest body of a request.
    pub max_body_bytes: usize,
    /// How long a body may take to arrive.
    #[serde(with = "duration::Timeout")]
    pub body_timeout: Duration,
    /// The most requests that are handled at one time: so many of sources with a token, and as many of all others.
    /// Further requests are refused.
    pub max_concurrent: usize,
    /// The most requests of one source in `rate_window`.
    pub max_per_source: u32,
    /// The most forms and requests of unknown senders from one address in `rate_window`. An IPv6 /56 network may send
    /// twice as many, a /48 network four times as many.
    pub max_per_address: u32,
    /// The most requests for one phone number in `rate_window`: so many from sources, and as many from forms.
    pub max_per_number: u32,
    /// The most forms without mistakes, of all senders together, in `rate_window`. Once half of them are used, each
    /// address may send fewer, down to one.
    pub max_in_all: u32,
    /// The time in which requests are counted.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { 30 * duration::DAY }>")]
    pub rate_window: Duration,
    /// How many addresses, and how many numbers, are counted at one time. The oldest are forgotten first; 20000 of each
    /// take about 3 MB.
    pub max_tracked: usize,
    /// How old a signed request may be, and how far its clock may be ahead.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::DAY }>")]
    pub max_signature_age: Duration,
    /// A form that is filled in faster than this was sent by a robot.
    #[serde(with = "duration::Within::<0, { duration::HOUR }>")]
    pub min_fill_time: Duration,
    /// How long a form may be open before it is sent.
    #[serde(with = "duration::Within::<{ duration::MINUTE }, { 30 * duration::DAY }>")]
    pub max_form_age: Duration,
    /// How far ahead a customer may ask to be called.
    #[serde(with = "duration::Within::<{ duration::MINUTE }, { duration::YEAR }>")]
    pub max_wanted_ahead: Duration,
    /// The networks of your own proxies, whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Programs that may send requests.
    pub sources: Vec<Source>,
    /// Forms for people.
    pub forms: Vec<Form>,
}

/// A program that may send requests: with a token, or with a signature.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// The name of the source, as it is kept with the request.
    pub name: String,
    /// The token that the source sends as `Authorization: Bearer`, 16 characters or more. Empty: the source must sign
    /// its requests.
    pub token: String,
    /// The key of the source's signatures (Standard Webhooks): `whsec_` and 24 to 64 bytes in base64, or any other text
    /// of 16 characters or more, whose bytes are the key. A repeated request is recognised by its `webhook-id`. Empty:
    /// the source needs a token.
    pub secret: String,
    /// Whether the requests come from a bot that talks to people. Otherwise people fill in a form.
    pub bot: bool,
    /// The queue whose agents call back. Empty: none in particular.
    #[serde(with = "queue")]
    pub queue: Option<QueueName>,
}

/// A form for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Form {
    /// The name of the form, as in `/form/NAME`.
    pub name: String,
    /// The queue whose agents call back. Empty: none in particular.
    #[serde(with = "queue")]
    pub queue: Option<QueueName>,
    /// The language of the form where the browser asks for none of ours.
    pub language: Language,
    /// The text of the consent, in Russian.
    pub consent_ru: String,
    /// The text of the consent, in English.
    pub consent_en: String,
    /// The text of a second checkbox, which is optional: only those who tick it get SMS. In Russian. Both texts empty:
    /// there is no such checkbox.
    pub sms_consent_ru: String,
    /// The text of this checkbox, in English.
    pub sms_consent_en: String,
    /// Sites that may show the form in a frame, such as `https://example.com`.
    pub allowed_origins: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body_bytes: 65_536,
            body_timeout: Duration::from_secs(10),
            max_concurrent: 64,
            max_per_source: 600,
            max_per_address: 30,
            max_per_number: 5,
            max_in_all: 1000,
            rate_window: Duration::from_hours(1),
            max_tracked: 20_000,
            max_signature_age: Duration::from_mins(5),
            min_fill_time: Duration::from_secs(2),
            max_form_age: Duration::from_hours(12),
            max_wanted_ahead: Duration::from_hours(30 * 24),
            trusted_proxies: Vec::new(),
            sources: Vec::new(),
            forms: Vec::new(),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self { name: "site".to_owned(), token: String::new(), secret: String::new(), bot: false, queue: None }
    }
}

impl Default for Form {
    fn default() -> Self {
        Self {
            name: "callback".to_owned(),
            queue: None,
            language: Language::Ru,
            consent_ru: "Я согласен на обработку моих персональных данных, чтобы мне перезвонили".to_owned(),
            consent_en: "I consent to the processing of my personal data so that I am called back".to_owned(),
            sms_consent_ru: "Я согласен получать SMS о моей заявке и моих звонках".to_owned(),
            sms_consent_en: "I agree to get SMS about my request and my calls".to_owned(),
            allowed_origins: Vec::new(),
        }
    }
}

/// Secrets are not shown.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// Whether a network is wider than any private one. The widest private networks are 10.0.0.0/8 and fc00::/7.
const fn is_too_wide(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() < 8,
        IpNet::V6(net) => net.prefix_len() < 7,
    }
}

/// The shortest token or secret.
const SHORTEST: usize = 16;

/// A mistake in the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The place of the mistake in the section.
    pub at: Vec<Step>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Wrong {
    fn new(at: &[Step], problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: at.to_vec(), problem: problem.into(), remedy: remedy.into() }
    }
}

impl Settings {
    /// Returns every mistake, with its place and remedy.
    #[must_use]
    pub fn wrong(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut names = BTreeSet::new();
        for net in self.trusted_proxies.iter().filter(|net| is_too_wide(net)) {
            let problem =
                format!("with the proxies {net} anybody could choose the address by which they are counted");
            let remedy = "name the networks of your own proxies only, such as \"10.0.0.0/8\"";
            wrong.push(Wrong::new(&[Step::Key("trusted_proxies")], problem, remedy));
        }
        for (n, source) in self.sources.iter().enumerate() {
            let item = [Step::Key("sources"), Step::Item(n)];
            wrong.extend(source.wrong(&item));
            if !names.insert(&source.name) {
                let problem = format!("requests source {} is stated twice", source.name);
                wrong.push(Wrong::new(&key(&item, "name"), problem, "rename one"));
            }
        }
        for (n, form) in self.forms.iter().enumerate() {
            let item = [Step::Key("forms"), Step::Item(n)];
            wrong.extend(form.wrong(&item));
            if !names.insert(&form.name) {
                let problem = format!("the name {} is that of another form or source", form.name);
                wrong.push(Wrong::new(&key(&item, "name"), problem, "rename one"));
            }
        }
        wrong
    }
}

/// A key of an item of a list.
fn key([list, item]: &[Step; 2], key: &'static str) -> [Step; 3] {
    [list.clone(), item.clone(), Step::Key(key)]
}

impl Source {
    fn wrong(&self, item: &[Step; 2]) -> Vec<Wrong> {
        let Self { name, token, secret, .. } = self;
        let mut wrong = Vec::new();
        if token.is_empty() && secret.is_empty() {
            let problem = format!("requests source {name} has neither token nor secret");
            wrong.push(Wrong::new(item, problem, "give it one"));
        }
        for (field, text) in [("token", token), ("secret", secret)] {
            if !text.is_empty() && text.len() < SHORTEST {
                let problem = format!("requests source {name}: a {field} needs {SHORTEST} characters");
                wrong.push(Wrong::new(&key(item, field), problem, "make one with `openssl rand -hex 24`"));
            }
        }
        if let Err(bad) = Key::of_sender(secret) {
            wrong.push(Wrong::new(&key(item, "secret"), format!("requests source {name}"), bad.to_string()));
        }
        wrong
    }
}

impl Form {
    fn wrong(&self, item: &[Step; 2]) -> Vec<Wrong> {
        let Self { name, consent_ru, consent_en, allowed_origins, .. } = self;
        let mut wrong = Vec::new();
        if name.parse::<QueueName>().is_err() {
            let problem = format!("the form name {name:?} cannot stand in an address");
            wrong.push(Wrong::new(&key(item, "name"), problem, "use letters, digits, '_' and '-'"));
        }
        if consent_ru.trim().is_empty() || consent_en.trim().is_empty() {
            let problem = format!("form {name} asks for no consent");
            wrong.push(Wrong::new(item, problem, "fill in consent_ru and consent_en"));
        }
        if self.sms_consent_ru.trim().is_empty() != self.sms_consent_en.trim().is_empty() {
            let problem = format!("form {name} has the SMS consent in one language only");
            let remedy = "fill in sms_consent_ru and sms_consent_en, or empty both";
            wrong.push(Wrong::new(item, problem, remedy));
        }
        for origin in allowed_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let plain = |host: &str| {
                !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:*".contains(&b))
            };
            if !host.is_some_and(plain) {
                let problem = format!("form {name}: {origin:?} is not an origin");
                wrong.push(Wrong::new(
                    &key(item, "allowed_origins"),
                    problem,
                    "write something like https://example.com",
                ));
            }
        }
        wrong
    }
}

mod queue {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::QueueName;

    pub fn serialize<S: Serializer>(queue: &Option<QueueName>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(queue.as_ref().map_or("", QueueName::as_str))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<QueueName>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_that_are_most_of_the_internet_are_refused() {
        let refused = |net: &str| {
            let settings = Settings { trusted_proxies: vec![net.parse().unwrap()], ..Settings::default() };
            settings.wrong().len()
        };
        for net in ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/2", "2000::/3"] {
            assert_eq!(refused(net), 1, "{net}");
        }
        for net in ["10.0.0.0/8", "127.0.0.0/8", "fc00::/7", "192.0.2.7/32", "2001:db8::/32"] {
            assert_eq!(refused(net), 0, "{net}");
        }
    }
}
