//! The process's own settings: addresses, limits, the database. Rules (queues, agents, routes) are rows.
//!
//! In: `dozvon.toml`, then the environment (`DOZVON_SECTION__KEY=value`), then flags. Out: [`Settings`], every
//! value parsed into a type that cannot hold a bad one; or everything that is wrong, each with its line and
//! remedy. Whatever is not said has a default. `dialplan` makes FreeSWITCH's half.

pub mod dialplan;
mod environment;

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::document::fault::Faults;
use crate::document::{self, Document};
pub use dialplan::Dialplan;

use crate::audit::Key;
use crate::duration;
use crate::phone::{AreaCode, Home, Region};
use crate::rules::{Prompt, Rules};
use crate::store::callbacks::Terms;
use crate::store::{self, DatabaseUrl};
use crate::telemetry::LogFormat;
use crate::web::requests::settings::Wrong;

/// Where settings are looked for when no file is named, in this order.
pub const PLACES: [&str; 2] = ["dozvon.toml", "/etc/dozvon/dozvon.toml"];

/// Everything that the process is told at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the rows are. Default `sqlite:dozvon.db` in the working folder.
    pub database: DatabaseUrl,
    /// The zone of business days where no schedule says otherwise. Default Europe/Moscow.
    #[serde(with = "zone")]
    pub zone: Tz,
    /// How phone numbers are read.
    pub phone: Phone,
    /// How FreeSWITCH is met.
    pub switch: crate::switch::Settings,
    /// The port for forms and programs.
    pub web: Web,
    /// The port for those who watch us.
    pub status: Status,
    /// Requests from forms and bots.
    pub requests: crate::web::requests::Settings,
    /// What callers hear where the rules name nothing.
    pub sounds: Sounds,
    /// Limits of calls.
    pub calls: Calls,
    /// How what we owe is paid back.
    pub callback: crate::callback::Settings,
    /// Limits of the store.
    pub store: store::Settings,
    /// The record of what was done.
    pub audit: Audit,
    /// How long rows are kept.
    pub retention: store::retention::Settings,
    /// What is logged.
    pub log: Log,
    /// Who is told what happened, and how.
    pub notify: crate::notify::Settings,
    /// How FreeSWITCH hands callers over, and what it does when nobody takes them.
    pub dialplan: Dialplan,
    /// Which CRM is told of each contact.
    pub crm: crate::notify::crm::Settings,
}

/// How phone numbers are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phone {
    /// Where a number without a country code belongs, by ISO 3166. Default RU.
    pub region: Region,
    /// The city of local numbers of 5 to 7 digits, such as `"495"`. Default none: they are no numbers.
    pub area_code: Option<AreaCode>,
    /// Numbers of at most so many digits are our own extensions. Default 5.
    pub internal_digits: usize,
}

/// The port for forms and programs: strangers may reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Where it listens. Default 127.0.0.1:8087.
    pub listen: SocketAddr,
    /// Connections at one time; further ones wait until one of these ends. Default 512: the descriptors of the process
    /// are for calls.
    pub max_connections: usize,
    /// Connections of one network address (an IPv6 network of 64 bits) at one time; further ones are closed at once. An
    /// IPv6 network of 56 bits may have twice as many, one of 48 bits four times, but at most half of all; the networks of
    /// `[requests] proxies` may have more. Default 64.
    pub max_connections_per_address: usize,
    /// How long the head of a request may take to come, from when it is waited for; a connection without one is closed.
    /// Default 10 s.
    #[serde(with = "duration::Timeout")]
    pub header_timeout: Duration,
    /// How long a connection may last; the request that is under way then has another `header_timeout` to end, as
    /// answers have that nobody reads. Default 2 min.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::DAY }>")]
    pub connection_time: Duration,
}

/// The port for those who watch us: `/metrics`, `/healthz`, `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// Where it listens. Default 127.0.0.1:8088: nobody outside of this machine.
    pub listen: SocketAddr,
    /// Whether the web port shows these pages, too, as it did before there was this one. Default no.
    pub on_web_port: bool,
    /// Connections at one time. Default 64.
    pub max_connections: usize,
    /// How often at most the database is asked whether it commits, however many ask `/readyz`. Default 1 s.
    #[serde(with = "duration::Within::<{ duration::HEARD }, { duration::MINUTE }>")]
    pub ask_every: Duration,
}

/// What callers hear where the rules name nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sounds {
    /// Music for those who wait. Default `local_stream://moh`.
    #[serde(with = "sound")]
    pub music: String,
    /// Played for ever when the music cannot be, and while the dialplan rings its fallback contact. Default a
    /// quiet ringing tone.
    #[serde(with = "sound")]
    pub fallback_music: String,
    /// Played once when a message is missing. Default three tones.
    #[serde(with = "sound")]
    pub fallback_message: String,
    /// What an agent hears who picked up for a caller who is gone. Default three short tones.
    #[serde(with = "sound")]
    pub no_caller: String,
    /// What an agent hears when what he dialled was done. Default two rising tones.
    #[serde(with = "sound")]
    pub done: String,
    /// What an agent hears when what he dialled may not, or could not, be done. Default three low tones.
    #[serde(with = "sound")]
    pub refused: String,
}

/// Limits of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// How long a contact outside the queues is rung. Default 30 s.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub forward_timeout: Duration,
    /// Whether a redirect (302) of a contact outside the queues, such as the duty phone, is followed. Where it leads no
    /// policy of ours is asked: it may be a dear number, or one abroad. Default no.
    pub forward_follows_redirects: bool,
    /// How long talks may go on after the process was told to stop. Default 30 s.
    #[serde(with = "duration::Within::<0, { duration::DAY }>")]
    pub drain_timeout: Duration,
    /// How many calls may be under way; the next one goes to the dialplan's fallback at once. Default 4000.
    pub max_calls: usize,
    /// How long the database may take to record an arrival, while the caller hears nothing; then he goes to the
    /// dialplan's fallback, and those after him at once, until the database moves again. Default 5 s.
    #[serde(with = "duration::Timeout")]
    pub arrival_limit: Duration,
    /// How much longer than `[dialplan] patience` a caller whose line to us broke may take to come back by the
    /// dialplan, before he counts as lost. Default 30 s.
    #[serde(with = "duration::Within::<0, { duration::HOUR }>")]
    pub await_return: Duration,
    /// After a start: how long free agents wait for callers who waited before and are on their way back, so that
    /// who came first is served first. Default 2 s.
    #[serde(with = "duration::Within::<0, { duration::MINUTE }>")]
    pub gather: Duration,
    /// How often what the rows say is compared with FreeSWITCH. Default 5 s.
    #[serde(with = "duration::Interval")]
    pub check_every: Duration,
    /// How long a task that everything depends on may work on one thing before `/readyz` names it. Default 1 min.
    #[serde(with = "duration::Within::<100, { duration::HOUR }>")]
    pub stalled_after: Duration,
}

/// The record of what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// The secret that numbers are hashed and entries sealed with, 32 characters or more; it must never change. Default
    /// none (empty): one is made and kept in the database, where a thief of the database finds it.
    #[serde(with = "audit_key")]
    pub key: Option<Key>,
    /// How often the head of the chain is written to the log. Default 24 h.
    #[serde(with = "duration::Within::<{ duration::MINUTE }, { duration::YEAR }>")]
    pub log_head_every: Duration,
}

impl Default for Audit {
    fn default() -> Self {
        Self { key: None, log_head_every: Duration::from_hours(24) }
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks: `text` or `json`. Default text.
    pub format: LogFormat,
    /// What is logged: a level, or a list of `target=level`. Default info.
    pub filter: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database: DatabaseUrl::Sqlite("dozvon.db".into()),
            zone: Tz::Europe__Moscow,
            phone: Phone::default(),
            switch: crate::switch::Settings::default(),
            web: Web::default(),
            status: Status::default(),
            requests: crate::web::requests::Settings::default(),
            sounds: Sounds::default(),
            calls: Calls::default(),
            callback: crate::callback::Settings::default(),
            store: store::Settings::default(),
            audit: Audit::default(),
            retention: store::retention::Settings::default(),
            log: Log::default(),
            notify: crate::notify::Settings::default(),
            dialplan: Dialplan::default(),
            crm: crate::notify::crm::Settings::default(),
        }
    }
}

impl Default for Phone {
    fn default() -> Self {
        Self { region: Region::RU, area_code: None, internal_digits: 5 }
    }
}

impl Phone {
    /// Where numbers without a country code belong.
    #[must_use]
    pub const fn home(&self) -> Home {
        Home { region: self.region, area_code: self.area_code }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8087)),
            max_connections: 512,
            max_connections_per_address: 64,
            header_timeout: Duration::from_secs(10),
            connection_time: Duration::from_mins(2),
        }
    }
}

impl Default for Status {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8088)),
            on_web_port: false,
            max_connections: 64,
            ask_every: Duration::from_secs(1),
        }
    }
}

impl Default for Sounds {
    fn default() -> Self {
        Self {
            music: "local_stream://moh".to_owned(),
            fallback_music: "tone_stream://%(1000,4000,425);loops=-1".to_owned(),
            fallback_message: "tone_stream://%(330,15,950);%(330,15,1400);%(330,1000,1800);loops=2"
                .to_owned(),
            no_caller: "tone_stream://%(150,100,480);loops=3".to_owned(),
            done: "tone_stream://%(120,60,600);%(200,60,900)".to_owned(),
            refused: "tone_stream://%(300,150,330);loops=3".to_owned(),
        }
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            forward_timeout: Duration::from_secs(30),
            forward_follows_redirects: false,
            drain_timeout: Duration::from_secs(30),
            max_calls: 4_000,
            arrival_limit: Duration::from_secs(5),
            await_return: Duration::from_secs(30),
            gather: Duration::from_secs(2),
            check_every: Duration::from_secs(5),
            stalled_after: Duration::from_mins(1),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings {}: {source}; name another file with --config, or make one with `dozvon init`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file or the environment says what cannot be meant: everything that is wrong with it.
    #[error(transparent)]
    Bad(#[from] Faults),
}

impl Settings {
    /// The rules of the house for calling back.
    #[must_use]
    pub fn terms(&self, rules: Arc<Rules>) -> Terms {
        Terms {
            rules,
            zone: self.zone,
            home: self.phone.home(),
            queue: self.callback.queue.clone(),
            repeat_queue: self.callback.repeat_queue.clone(),
            least_talk: self.callback.least_talk,
            watchdog: self.callback.watchdog,
            dials_an_hour: self.callback.dials_an_hour,
            word_within: self.callback.word_within,
        }
    }

    /// Reads the settings: from `path`, else from the file that `DOZVON_CONFIG` names, else from the first of
    /// [`PLACES`] that is there, else the defaults; then from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names everything that is wrong with its line or variable, and what to write instead.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let found = Self::place(path);
        let text = match &found {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?,
            None => String::new(),
        };
        Self::read(&found.unwrap_or_else(|| "the defaults".into()), &text, std::env::vars())
    }

    /// The file that [`Self::load`] reads; none if there is none.
    #[must_use]
    pub fn place(path: Option<&Path>) -> Option<PathBuf> {
        let named = std::env::var_os("DOZVON_CONFIG").filter(|name| !name.is_empty()).map(PathBuf::from);
        path.map(Path::to_owned)
            .or(named)
            .or_else(|| PLACES.iter().map(PathBuf::from).find(|place| place.is_file()))
    }

    /// Reads the text of a file, and variables that override it: `DOZVON_SECTION__KEY`, or `DOZVON_KEY` for
    /// what stands before the first section. Other variables are not ours.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn read(
        path: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let defaults = Self::typical();
        let mut document = Document::new(&file, text);
        let mut table = document.parse();
        if document.is_good() {
            for variable in &variables {
                environment::overlay(&mut document, &mut table, &defaults, variable);
            }
        }
        let (notify, requests) = (table.get("notify").cloned(), table.get("requests").cloned());
        let kept =
            span_of(&table, "retention", "outbox").or_else(|| span_of(&table, "notify", "keep_trying"));
        let read: Option<Self> = if document.is_good() { document.read(table) } else { None };
        if let Some(settings) = &read
            && document.is_good()
        {
            let taken =
                (settings.crm.kind != crate::notify::crm::Kind::None).then_some(crate::notify::crm::NAME);
            settings.notify.check(notify.as_ref(), taken, &mut document);
            let (outbox, tries) = (settings.retention.outbox, settings.notify.keep_trying);
            if !outbox.is_zero() && outbox <= tries {
                let problem = "what still waits for its next try would be given up: `outbox` in [retention] must be longer \
                               than `keep_trying` in [notify]";
                document.fault(&kept.unwrap_or_default(), problem, "write a longer one, such as \"90d\"");
            }
        }
        match read {
            Some(mut settings) if document.is_good() => {
                settings.store.audit_key.clone_from(&settings.audit.key);
                for Wrong { at, problem, remedy } in settings.requests.wrong() {
                    document.fault(&document::place(requests.as_ref(), &at), problem, remedy);
                }
                if document.is_good() { Ok(settings) } else { Err(document.into_faults().into()) }
            }
            _ => Err(document.into_faults().into()),
        }
    }

    /// Whether somebody is to be told of callers' talks with agents.
    #[must_use]
    pub fn tells_talks(&self) -> bool {
        let kind = crate::event::EventKind::CallEnded.as_str();
        self.crm.wants_talks() || self.notify.destinations.iter().any(|to| to.wants(kind))
    }

    /// The defaults as a table, with one of everything that there are several of.
    fn typical() -> toml::Table {
        let mut settings = Self::default();
        settings.switch.nodes.push(crate::switch::NodeSettings::default());
        settings.callback.trunks.extend(crate::callback::settings::Trunk::typical());
        settings.notify.people.push(crate::notify::settings::Person::default());
        settings.notify.destinations.extend(crate::notify::settings::Destination::typical());
        settings.requests.sources.push(crate::web::requests::settings::Source::default());
        settings.requests.forms.push(crate::web::requests::settings::Form::default());
        toml::Table::try_from(&settings).unwrap_or_default()
    }
}

/// Where a key of a section stands in the file, if it does.
fn span_of(table: &DeTable<'_>, section: &str, key: &str) -> Option<Range<usize>> {
    Some(table.get(section)?.get_ref().as_table()?.get(key)?.span())
}

mod zone {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub fn serialize<S: Serializer>(zone: &chrono_tz::Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<chrono_tz::Tz, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::calendar::schedule::parse_zone(&text).map_err(D::Error::custom)
    }
}

mod audit_key {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Key;

    pub fn serialize<S: Serializer>(key: &Option<Key>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(key.as_ref().map_or("", Key::secret))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Key>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
    }
}

pub(crate) mod sound {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(source: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(source)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<super::Prompt>().map(|prompt| prompt.source).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
