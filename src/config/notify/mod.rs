//! The section `[notify]`: who is told of which events, and how.
//!
//! In: a section of `dozvon.toml`. Out: [`Settings`]. `check` finds the mistakes that types cannot refuse.

mod check;
pub mod recipient;
pub(crate) mod smpp;
pub mod strangers;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
pub use smpp::{Smpp, SmppTls};
pub use words::{InvalidPattern, Pattern};

use crate::duration;
use crate::ids::DestinationName;
use crate::language::Language;

/// Who is told of which events, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The `source` of a webhook's CloudEvent: the name of this installation.
    pub source: String,
    /// The text before each kind of event in the CloudEvent's `type`.
    pub type_prefix: String,
    /// The waits between tries. After the last of them, it repeats. The default is the example of Standard Webhooks
    /// 1.0.0.
    #[serde(with = "words::durations")]
    pub retry_delays: Vec<Duration>,
    /// How much longer or shorter each wait may be, by chance, in per cent.
    pub jitter_pct: u32,
    /// How old an event is when it is given up because of a temporary failure.
    #[serde(with = "duration::Within::<0, { duration::YEAR }>")]
    pub give_up_after: Duration,
    /// The longest wait that the other side may ask for.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { 30 * duration::DAY }>")]
    pub max_retry_after: Duration,
    /// How long a try may take.
    #[serde(with = "duration::Timeout")]
    pub timeout: Duration,
    /// After this time, a delivery is tried again if its controller died. It must be longer than every timeout.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::DAY }>")]
    pub lease: Duration,
    /// How often events of other processes are looked up.
    #[serde(with = "duration::Interval")]
    pub poll_interval: Duration,
    /// How long tries may last when the process stops.
    #[serde(with = "duration::Within::<0, { 10 * duration::MINUTE }>")]
    pub shutdown_timeout: Duration,
    /// The most tries at one time for each destination.
    pub concurrency: usize,
    /// Events whose deliveries are made in one transaction.
    pub batch: i64,
    /// The longest body of a webhook.
    pub max_body_bytes: usize,
    /// How many bytes of an answer are read.
    pub max_answer_bytes: usize,
    /// The most people whom one event may reach at one destination.
    pub max_recipients: usize,
    /// How many messages go to callers.
    pub callers: strangers::Settings,
    /// The mail server.
    pub mail: Mail,
    /// The short message centre.
    pub smpp: Smpp,
    /// Where the people are reached that events name.
    pub people: Vec<Person>,
    /// Who is told of events.
    pub destinations: Vec<Destination>,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let hours = [2, 5, 10, 14, 20, 24].map(|hours| minutes(60 * hours));
        let first = [Duration::from_secs(5), minutes(5), minutes(30)];
        Self {
            source: "/dozvon".to_owned(),
            type_prefix: "dozvon.".to_owned(),
            retry_delays: first.into_iter().chain(hours).collect(),
            jitter_pct: 20,
            give_up_after: minutes(7 * 24 * 60),
            max_retry_after: minutes(24 * 60),
            timeout: Duration::from_secs(15),
            lease: minutes(2),
            poll_interval: Duration::from_millis(500),
            shutdown_timeout: Duration::from_secs(3),
            concurrency: 16,
            batch: 200,
            max_body_bytes: 20_000,
            max_answer_bytes: 65_536,
            max_recipients: 100,
            callers: strangers::Settings::default(),
            mail: Mail::default(),
            smpp: Smpp::default(),
            people: Vec::new(),
            destinations: Vec::new(),
        }
    }
}

crate::vocabulary! {
    /// How the connection to the mail server is encrypted.
    "encryption" pub enum Tls {
        /// TLS from the first byte (port 465).
        Tls = "tls",
        /// TLS by STARTTLS (port 587). Without TLS nothing is sent.
        Starttls = "starttls",
        /// No encryption: for a server on the same machine, or one that wants no password.
        None = "none",
    }
}

/// The mail server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The name or address of the mail server.
    pub host: String,
    /// The port of the mail server.
    pub port: u16,
    /// The encryption of the connection: `starttls` (port 587), `tls` (port 465) or `none`. With a password, `none` is
    /// refused unless the host is this machine.
    pub encryption: Tls,
    /// The name to log in with. Empty: no login.
    pub user: String,
    /// The password to log in with.
    pub password: Secret,
    /// The sender, such as `Dozvon <calls@example.ru>`.
    pub from: String,
    /// Whether the e-mail about a message of a caller (`message.left`) has the file attached, up to 10 MB.
    pub attach_messages: bool,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 25,
            encryption: Tls::None,
            user: String::new(),
            password: Secret::default(),
            from: "dozvon@localhost".to_owned(),
            attach_messages: false,
        }
    }
}

impl Mail {
    /// Returns the mistakes of the section.
    fn wrong(&self) -> Vec<check::Wrong> {
        let remedy = "write encryption = \"starttls\" (port 587) or \"tls\" (port 465)";
        let protected = self.encryption != Tls::None;
        check::bare_password(&self.host, &self.password, protected, remedy).into_iter().collect()
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// The addresses of a person whom events name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// The name that events use: an agent's, a queue's, `supervisor` or `duty`. Several entries with one name are a
    /// group.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// The phone number, such as `+79001234567`.
    pub phone: String,
    /// The Telegram chat.
    pub telegram: String,
}

crate::vocabulary! {
    /// What carries events to a destination.
    "kind of destination" pub enum Kind {
        /// A signed POST (Standard Webhooks, CloudEvents).
        Webhook = "webhook",
        /// E-mail.
        Email = "email",
        /// SMS through a gateway that speaks HTTP.
        Sms = "sms",
        /// SMS through a short message centre.
        Smpp = "smpp",
        /// Telegram's bot API.
        Telegram = "telegram",
    }
}

impl Kind {
    /// Whether destinations of this kind send SMS.
    #[must_use]
    pub const fn is_sms(self) -> bool {
        matches!(self, Self::Sms | Self::Smpp)
    }
}

crate::vocabulary! {
    /// A built-in gateway.
    "preset" pub enum Preset {
        /// SMSC.ru.
        Smsc = "smsc",
        /// SMS.ru.
        Smsru = "smsru",
        /// Telegram's bots.
        Telegram = "telegram",
    }
}

/// A destination of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// The name in tables, metrics and messages. Do not change it: waiting events belong to the name.
    pub name: DestinationName,
    /// What carries the events: `webhook`, `email`, `sms`, `smpp` or `telegram`.
    pub kind: Kind,
    /// Which events: `case.opened`, `case.*`, `*`.
    pub events: Vec<Pattern>,
    /// The address of a webhook or a gateway.
    #[serde(default)]
    pub url: String,
    /// The key with which webhooks are signed: `whsec_` and 24 to 64 bytes in base64. Empty: they are not signed.
    #[serde(default)]
    pub secret: Secret,
    /// Former keys. Webhooks are also signed with these, until the receivers know the new key.
    #[serde(default)]
    pub old_secrets: Vec<Secret>,
    /// Whether the address may be in a private network, or on this machine.
    #[serde(default)]
    pub allow_private: bool,
    /// Whether the address may be without TLS.
    #[serde(default)]
    pub allow_http: bool,
    /// How long a try may take. None: `timeout` of `[notify]`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "words::maybe")]
    pub timeout: Option<Duration>,
    /// Who is told: `caller`, `assignee`, `group`, `supervisor`, `duty`, or addresses.
    #[serde(default)]
    pub to: Vec<String>,
    /// The language of the messages.
    #[serde(default = "words::english")]
    pub language: Language,
    /// A file with your own texts. Texts that the file does not have stay as built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// A gateway that is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The login at a gateway.
    #[serde(default)]
    pub login: String,
    /// The password or key at a gateway, or the token of a Telegram bot.
    #[serde(default)]
    pub key: Secret,
    /// The name of the sender that a gateway shows.
    #[serde(default)]
    pub sender: String,
    /// `GET` or `POST`, for a gateway without `preset`.
    #[serde(default = "words::post")]
    pub method: String,
    /// Headers for a gateway without `preset`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body for a gateway without `preset`: a template with `to`, `text`, `sender`, `login`, `key`, `id`.
    #[serde(default)]
    pub body: String,
    /// A JSON pointer into a gateway's answer, such as `/status`, to the value that shows success. Empty: any 2xx
    /// status is a success.
    #[serde(default)]
    pub success: String,
    /// The value at `success` if the gateway accepted the message.
    #[serde(default)]
    pub success_is: String,
}

impl Destination {
    /// A destination with the defaults for everything else.
    #[must_use]
    pub fn new(name: DestinationName, kind: Kind, events: Vec<Pattern>) -> Self {
        Self {
            name,
            kind,
            events,
            url: String::new(),
            secret: Secret::default(),
            old_secrets: Vec::new(),
            allow_private: false,
            allow_http: false,
            timeout: None,
            to: Vec::new(),
            language: Language::En,
            template: None,
            preset: None,
            login: String::new(),
            key: Secret::default(),
            sender: String::new(),
            method: words::post(),
            headers: BTreeMap::new(),
            body: String::new(),
            success: String::new(),
            success_is: String::new(),
        }
    }

    /// An example that shows the type of each setting.
    pub(crate) fn example() -> Option<Self> {
        let mut example = Self::new("example".parse().ok()?, Kind::Webhook, Vec::new());
        example.timeout = Some(Duration::from_secs(15));
        Some(example)
    }

    /// Whether the destination wants events of this kind.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(kind))
    }
}
