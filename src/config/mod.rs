//! The process's own settings: addresses, limits, the database. Rules (queues, agents, routes) are rows.
//!
//! In: `dozvon.toml`, then the environment (`DOZVON_SECTION__KEY=value`), then flags. Out: [`Settings`], every value
//! parsed into a type that cannot hold a bad one; or every mistake, with its line and remedy. What is not stated has a
//! default. Each section has a file.

pub mod audit;
pub mod callback;
pub mod calls;
pub mod crm;
pub mod database;
pub mod dialplan;
mod environment;
pub mod log;
pub mod notify;
pub mod phone;
mod renamed;
pub mod requests;
pub mod retention;
pub mod sounds;
pub mod status;
pub mod store;
pub mod switch;
pub mod voicemail;
pub mod web;

use std::ops::Range;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use self::audit::Audit;
use self::calls::Calls;
use self::database::DatabaseUrl;
use self::dialplan::Dialplan;
use self::log::Log;
use self::phone::Phone;
use self::requests::Wrong;
use self::sounds::Sounds;
use self::status::Status;
use self::web::Web;
use crate::document::fault::Faults;
use crate::document::renamed::rename;
use crate::document::{self, Document};
pub use renamed::RENAMED;

/// Where settings are looked for when no file is named, in this order.
pub const PLACES: [&str; 2] = ["dozvon.toml", "/etc/dozvon/dozvon.toml"];

/// All settings of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Keys that were stated by an old name, a line for each.
    #[serde(skip)]
    pub outdated: Vec<String>,
    /// The database: `sqlite:FILE`, or `postgres://USER@HOST/NAME`.
    pub database: DatabaseUrl,
    /// The time zone of business days where no schedule states one.
    #[serde(with = "zone")]
    pub zone: Tz,
    /// How phone numbers are read.
    pub phone: Phone,
    /// How dozvon and FreeSWITCH connect.
    pub switch: switch::Settings,
    /// The port for forms and programs.
    pub web: Web,
    /// The port for Prometheus and load balancers.
    pub status: Status,
    /// Requests from forms and bots.
    pub requests: requests::Settings,
    /// What callers hear where the rules name nothing.
    pub sounds: Sounds,
    /// Where messages of callers are kept.
    pub voicemail: voicemail::Settings,
    /// Limits of calls.
    pub calls: Calls,
    /// How callbacks are made.
    pub callback: callback::Settings,
    /// Limits of the store.
    pub store: store::Settings,
    /// The record of what was done.
    pub audit: Audit,
    /// How long rows are kept.
    pub retention: retention::Settings,
    /// What is logged.
    pub log: Log,
    /// Who is told what happened, and how.
    pub notify: notify::Settings,
    /// How FreeSWITCH hands callers over, and what it does when nobody takes them.
    pub dialplan: Dialplan,
    /// Which CRM is told of each contact.
    pub crm: crm::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database: DatabaseUrl::Sqlite("dozvon.db".into()),
            zone: Tz::Europe__Moscow,
            phone: Phone::default(),
            outdated: Vec::new(),
            switch: switch::Settings::default(),
            web: Web::default(),
            status: Status::default(),
            requests: requests::Settings::default(),
            sounds: Sounds::default(),
            voicemail: voicemail::Settings::default(),
            calls: Calls::default(),
            callback: callback::Settings::default(),
            store: store::Settings::default(),
            audit: Audit::default(),
            retention: retention::Settings::default(),
            log: Log::default(),
            notify: notify::Settings::default(),
            dialplan: Dialplan::default(),
            crm: crm::Settings::default(),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings {}: {source}; name another file with --config, or create it with `dozvon init`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file or the environment has mistakes: all of them.
    #[error(transparent)]
    Bad(#[from] Faults),
}

impl Settings {
    /// Reads the settings: from `path`, else from the file that `DOZVON_CONFIG` names, else from the first of
    /// [`PLACES`] that is there, else the defaults; then from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names every mistake with its line or variable, and what to write instead.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let found = Self::place(path);
        let text = match &found {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?,
            None => String::new(),
        };
        Self::read(&found.unwrap_or_else(|| "the defaults".into()), &text, std::env::vars())
    }

    /// The file that [`Self::load`] reads. None if there is no file.
    #[must_use]
    pub fn place(path: Option<&Path>) -> Option<PathBuf> {
        let named = std::env::var_os("DOZVON_CONFIG").filter(|name| !name.is_empty()).map(PathBuf::from);
        path.map(Path::to_owned)
            .or(named)
            .or_else(|| PLACES.iter().map(PathBuf::from).find(|place| place.is_file()))
    }

    /// Reads the text of a file, and variables that override it: `DOZVON_SECTION__KEY`, or `DOZVON_KEY` for a key
    /// before the first section. Other variables are ignored.
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
        let defaults = Self::example();
        let mut document = Document::new(&file, text);
        let mut table = document.parse();
        rename(&mut document, &mut table, RENAMED);
        if document.is_good() {
            for variable in &variables {
                environment::overlay(&mut document, &mut table, &defaults, variable);
            }
        }
        let (notify, requests) = (table.get("notify").cloned(), table.get("requests").cloned());
        let kept =
            span_of(&table, "retention", "outbox").or_else(|| span_of(&table, "notify", "give_up_after"));
        let read: Option<Self> = if document.is_good() { document.read(table) } else { None };
        if let Some(settings) = &read
            && document.is_good()
        {
            let taken = (settings.crm.kind != crm::Kind::None).then_some(crm::NAME);
            settings.notify.check(notify.as_ref(), taken, &mut document);
            let (outbox, tries) = (settings.retention.outbox, settings.notify.give_up_after);
            if !outbox.is_zero() && outbox <= tries {
                let problem = "`outbox` in [retention] must be longer than `give_up_after` in [notify]: otherwise events \
                               are given up before their last try";
                document.fault(&kept.unwrap_or_default(), problem, "write a longer one, such as \"90d\"");
            }
        }
        match read {
            Some(mut settings) if document.is_good() => {
                settings.store.audit_key.clone_from(&settings.audit.key);
                settings.outdated = document.take_notices();
                for Wrong { at, problem, remedy } in settings.requests.wrong() {
                    document.fault(&document::place(requests.as_ref(), &at), problem, remedy);
                }
                if document.is_good() { Ok(settings) } else { Err(document.into_faults().into()) }
            }
            _ => Err(document.into_faults().into()),
        }
    }

    /// Whether a CRM or a destination is told of callers' talks with agents.
    #[must_use]
    pub fn tells_talks(&self) -> bool {
        let kind = crate::event::EventKind::CallEnded.as_str();
        self.crm.wants_talks() || self.notify.destinations.iter().any(|to| to.wants(kind))
    }

    /// The defaults as a table, with one item in every list.
    #[must_use]
    pub fn example() -> toml::Table {
        let mut settings = Self::default();
        settings.switch.nodes.push(switch::NodeSettings::default());
        settings.callback.trunks.extend(callback::Trunk::example());
        settings.notify.people.push(notify::Person::default());
        settings.notify.destinations.extend(notify::Destination::example());
        settings.requests.sources.push(requests::Source::default());
        settings.requests.forms.push(requests::Form::default());
        toml::Table::try_from(&settings).unwrap_or_default()
    }
}

/// The place of a key of a section in the file, if the file has it.
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

#[cfg(test)]
mod tests;
