//! `[notify]`: who is told what, where, and how patient we are.
//!
//! In: a section of `dozvon.toml`. Out: [`Settings`]; what types cannot refuse, `check` does, with the
//! place of each mistake.

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
pub use words::{BadPattern, Pattern};

use crate::duration;
use crate::ids::DestinationName;
use crate::render::Language;

/// Who is told what, where, and how patient we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Who we are in CloudEvents' `source`. Default `/dozvon`.
    pub source: String,
    /// What stands before the kind in CloudEvents' `type`, which has the form of a host name read backwards. Default
    /// `dozvon.`.
    pub type_prefix: String,
    /// Waits after each try that failed. The default is the example of Standard Webhooks 1.0.0: 5s, 5m, 30m, 2h, 5h,
    /// 10h, 14h, 20h, 24h; ten tries in three days.
    #[serde(with = "words::durations")]
    pub retry_delays: Vec<Duration>,
    /// How much each wait may be longer or shorter by chance, in per cent, so that not all come back at once. Default 20.
    pub jitter_pct: u32,
    /// Nothing is given up for a passing trouble before the event is so old: the last wait repeats until then. Default
    /// 168 h: after three days without the other side some tries are left, whatever chance does to the waits.
    #[serde(with = "duration::Within::<0, { duration::YEAR }>")]
    pub give_up_after: Duration,
    /// The longest wait that the other side may ask for. Default 24 h.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { 30 * duration::DAY }>")]
    pub max_retry_after: Duration,
    /// How long a try may take. Default 15 s, the shortest that Standard Webhooks advises.
    #[serde(with = "duration::Timeout")]
    pub timeout: Duration,
    /// After so long a delivery whose controller died is free again; longer than every timeout. Default 2 m.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::DAY }>")]
    pub lease: Duration,
    /// How often it is looked for events of other processes. Default 500 ms.
    #[serde(with = "duration::Interval")]
    pub poll_interval: Duration,
    /// How long tries that are under way have when the process stops. Default 3 s.
    #[serde(with = "duration::Within::<0, { 10 * duration::MINUTE }>")]
    pub shutdown_timeout: Duration,
    /// Tries under way at one time, for each destination. Default 16.
    pub concurrency: usize,
    /// Events whose deliveries are made in one transaction. Default 200.
    pub batch: i64,
    /// The longest body of a webhook, in bytes. Default 20,000, as Standard Webhooks advises.
    pub max_body_bytes: usize,
    /// So much of an answer is read, in bytes. Default 65,536.
    pub max_answer_bytes: usize,
    /// To so many people one event goes at one destination. Default 100.
    pub max_recipients: usize,
    /// How many messages go to whom strangers named.
    pub callers: strangers::Settings,
    /// The mail server.
    pub mail: Mail,
    /// The short message centre.
    pub smpp: Smpp,
    /// Where the people are reached whom events name.
    pub people: Vec<Person>,
    /// Who is told.
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
    /// How the line to the mail server is protected.
    "encryption" pub enum Tls {
        /// TLS from the first byte (port 465).
        Tls = "tls",
        /// TLS after a word in clear, or nothing is sent (port 587).
        Starttls = "starttls",
        /// None: for a server on the same machine, or one that wants no password.
        None = "none",
    }
}

/// The mail server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Its name or address. Default 127.0.0.1.
    pub host: String,
    /// Its port. Default 25.
    pub port: u16,
    /// How the line is protected. Default none.
    pub encryption: Tls,
    /// Who we are there; empty: it asks for no name.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// Who writes, such as `Dozvon <calls@example.ru>`. Default `dozvon@localhost`.
    pub from: String,
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
        }
    }
}

impl Mail {
    /// What is wrong with it: the key, what, and the remedy.
    fn wrong(&self) -> Vec<check::Wrong> {
        let remedy = "write protection = \"starttls\" (port 587) or \"tls\" (port 465)";
        let protected = self.encryption != Tls::None;
        check::bare_password("mail server", &self.host, &self.password, protected, remedy)
            .into_iter()
            .collect()
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Where somebody is reached whom an event names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// The name that events use: an agent's, a group's, a duty's. Several entries of one name are a group.
    pub name: String,
    /// His e-mail address.
    pub email: String,
    /// His phone, `+79001234567`.
    pub phone: String,
    /// His chat.
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
    /// Whether it carries SMS.
    #[must_use]
    pub const fn is_sms(self) -> bool {
        matches!(self, Self::Sms | Self::Smpp)
    }
}

crate::vocabulary! {
    /// A gateway that we know.
    "preset" pub enum Preset {
        /// SMSC.ru.
        Smsc = "smsc",
        /// SMS.ru.
        Smsru = "smsru",
        /// Telegram's bots.
        Telegram = "telegram",
    }
}

/// One place where events are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its name in tables, metrics and messages. It keeps it: what waits for it is known by it.
    pub name: DestinationName,
    /// What carries events there.
    pub kind: Kind,
    /// Which events: `case.opened`, `case.*`, `*`.
    pub events: Vec<Pattern>,
    /// Where a webhook or a gateway is.
    #[serde(default)]
    pub url: String,
    /// What webhooks are signed with: `whsec_` and 24 to 64 bytes in base64. None: they are not signed.
    #[serde(default)]
    pub secret: Secret,
    /// Secrets that were in use before: signatures with them go along until receivers know the new one.
    #[serde(default)]
    pub old_secrets: Vec<Secret>,
    /// Whether the place may be in a private network, or on this machine.
    #[serde(default)]
    pub allow_private: bool,
    /// Whether the line may go without TLS.
    #[serde(default)]
    pub allow_http: bool,
    /// How long a try may take, if not as long as everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "words::maybe")]
    pub timeout: Option<Duration>,
    /// To whom: `caller`, `assignee`, `group`, `supervisor`, `duty`, or addresses.
    #[serde(default)]
    pub to: Vec<String>,
    /// In which language. Default English.
    #[serde(default = "words::english", with = "words::language")]
    pub language: Language,
    /// A file with words of one's own; what it does not have is as built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// A gateway that we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The login at a gateway.
    #[serde(default)]
    pub login: String,
    /// The password or key at a gateway, or the token of a bot.
    #[serde(default)]
    pub key: Secret,
    /// The sender's name that a gateway shows.
    #[serde(default)]
    pub sender: String,
    /// GET or POST, for a gateway without preset. Default POST.
    #[serde(default = "words::post")]
    pub method: String,
    /// Headers for a gateway without preset.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What is sent to a gateway without preset: a template with `to`, `text`, `sender`, `login`, `key`, `id`.
    #[serde(default)]
    pub body: String,
    /// Where a gateway's answer says that it went well: a JSON pointer such as `/status`. None: 2xx is enough.
    #[serde(default)]
    pub success: String,
    /// What stands there then.
    #[serde(default)]
    pub success_is: String,
}

impl Destination {
    /// A destination of which only this is said.
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

    /// An example with every setting in it, for those who ask of which type each is.
    pub(crate) fn typical() -> Option<Self> {
        let mut typical = Self::new("typical".parse().ok()?, Kind::Webhook, Vec::new());
        typical.timeout = Some(Duration::from_secs(15));
        Some(typical)
    }

    /// Whether it wants events of this kind.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(kind))
    }
}
