//! The process's own settings: addresses, limits, the database. Rules (queues, agents, routes) are rows.
//!
//! In: `dozvon.toml`, then the environment (`DOZVON_SECTION__KEY=value`), then flags. Out: [`Settings`], every
//! value parsed into a type that cannot hold a bad one. Whatever is not said has a default.

pub mod humane;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::routing::rules::Prompt;
use crate::store::{self, DatabaseUrl};
use crate::telemetry::LogFormat;

/// Where settings are looked for when no file is named, in this order.
pub const PLACES: [&str; 2] = ["dozvon.toml", "/etc/dozvon/dozvon.toml"];
/// What an environment variable of ours begins with.
const PREFIX: &str = "DOZVON_";

/// Everything that the process is told at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the rows are. Default `sqlite:dozvon.db` in the working folder.
    pub database: DatabaseUrl,
    /// The zone of business days where no schedule says otherwise. Default Europe/Moscow.
    pub zone: Tz,
    /// How phone numbers are read.
    pub phone: Phone,
    /// How FreeSWITCH is met.
    pub switch: crate::switch::Settings,
    /// The port for browsers and Prometheus.
    pub web: Web,
    /// What callers hear where the rules name nothing.
    pub sounds: Sounds,
    /// Limits of calls.
    pub calls: Calls,
    /// Limits of the store.
    pub store: store::Settings,
    /// What is logged.
    pub log: Log,
}

/// How phone numbers are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phone {
    /// Where a number without a country code belongs, by ISO 3166. Default RU.
    #[serde(with = "region")]
    pub region: phonenumber::country::Id,
    /// Numbers of at most so many digits are our own extensions. Default 5.
    pub internal_digits: usize,
}

/// The port for browsers and Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Where it listens. Default 127.0.0.1:8087.
    pub listen: SocketAddr,
}

/// What callers hear where the rules name nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sounds {
    /// Music for those who wait. Default `local_stream://moh`.
    #[serde(with = "sound")]
    pub music: String,
    /// Played for ever when the music cannot be. Default a quiet ringing tone.
    #[serde(with = "sound")]
    pub fallback_music: String,
    /// Played once when a message is missing. Default three tones.
    #[serde(with = "sound")]
    pub fallback_message: String,
}

/// Limits of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// How long a contact outside the queues is rung. Default 30 s.
    #[serde(with = "humane")]
    pub forward_timeout: Duration,
    /// How long talks may go on after the process was told to stop. Default 30 s.
    #[serde(with = "humane")]
    pub drain_timeout: Duration,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks: `text` or `json`. Default text.
    pub format: LogFormat,
    /// What is logged: a level, or a list of `target=level`. Default info, without the chatter of the event socket library.
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
            sounds: Sounds::default(),
            calls: Calls::default(),
            store: store::Settings::default(),
            log: Log::default(),
        }
    }
}

impl Default for Phone {
    fn default() -> Self {
        Self { region: phonenumber::country::Id::RU, internal_digits: 5 }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8087)) }
    }
}

impl Default for Sounds {
    fn default() -> Self {
        Self {
            music: "local_stream://moh".to_owned(),
            fallback_music: "tone_stream://%(1000,4000,425);loops=-1".to_owned(),
            fallback_message: "tone_stream://%(330,15,950);%(330,15,1400);%(330,1000,1800);loops=2"
                .to_owned(),
        }
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self { forward_timeout: Duration::from_secs(30), drain_timeout: Duration::from_secs(30) }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,freeswitch_esl_tokio=error".to_owned() }
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
    /// The file says what cannot be meant.
    #[error("{}: {problem}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// Where in it and what, as several lines.
        problem: String,
    },
    /// An environment variable says what cannot be meant.
    #[error("the environment variable {variable}: {problem}")]
    Environment {
        /// Its name.
        variable: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Settings {
    /// Reads the settings: from `path`, else from the first of [`PLACES`] that is there, else the defaults;
    /// then from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the file and line, or the variable, and what to write instead.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let found = path
            .map(Path::to_owned)
            .or_else(|| PLACES.iter().map(PathBuf::from).find(|place| place.is_file()));
        let text = match &found {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?,
            None => String::new(),
        };
        let path = found.unwrap_or_else(|| "the defaults".into());
        let variables = std::env::vars().filter(|(name, _)| name.starts_with(PREFIX) && name.contains("__"));
        Self::read(&path, &text, variables)
    }

    /// Reads the text of a file, and variables that override it.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn read(
        path: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let bad =
            |error: toml::de::Error| ConfigError::Bad { path: path.to_owned(), problem: error.to_string() };
        let mut settings: Self = toml::from_str(text).map_err(bad)?;
        for (variable, value) in variables {
            settings = settings.with(&variable, &value)?;
        }
        Ok(settings)
    }

    /// The same with one value from the environment.
    fn with(self, variable: &str, value: &str) -> Result<Self, ConfigError> {
        let refused = |problem: String| ConfigError::Environment { variable: variable.to_owned(), problem };
        let keys: Vec<String> = variable[PREFIX.len()..]
            .split("__")
            .filter(|key| !key.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let mut all = toml::Table::try_from(&self).map_err(|error| refused(error.to_string()))?;
        let (last, sections) = keys.split_last().ok_or_else(|| refused("it names no setting".to_owned()))?;
        let mut table = &mut all;
        for section in sections {
            let entry = table.entry(section.clone()).or_insert_with(|| toml::Table::new().into());
            table = entry.as_table_mut().ok_or_else(|| refused(format!("{section} is no section")))?;
        }
        table.insert(last.clone(), plain(value));
        all.try_into().map_err(|error: toml::de::Error| refused(error.message().to_owned()))
    }
}

/// A number, a truth value or a list as TOML writes it; everything else is text.
fn plain(value: &str) -> toml::Value {
    let line = format!("value = {value}");
    let read = line.parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    match read {
        Some(value @ (toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_))) => value,
        _ => toml::Value::String(value.to_owned()),
    }
}

mod region {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub fn serialize<S: Serializer>(id: &phonenumber::country::Id, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(id.as_ref())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<phonenumber::country::Id, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            D::Error::custom(format!("{text:?} is not a region: write two capital letters such as RU or DE"))
        })
    }
}

mod sound {
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
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::read(Path::new("dozvon.toml"), text, variables)
    }

    #[test]
    fn nothing_need_be_said() {
        assert_eq!(read("", &[]).unwrap(), Settings::default());
    }

    #[test]
    fn what_is_written_out_reads_back() {
        let text = toml::to_string(&Settings::default()).unwrap();
        assert_eq!(read(&text, &[]).unwrap(), Settings::default());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let variables = [
            ("DOZVON_WEB__LISTEN", "127.0.0.1:9999"),
            ("DOZVON_PHONE__INTERNAL_DIGITS", "4"),
            ("DOZVON__DATABASE", "sqlite:/x.db"),
        ];
        let settings = read("[web]\nlisten = \"127.0.0.1:1\"\n", &variables).unwrap();
        assert_eq!(settings.web.listen.port(), 9999);
        assert_eq!(settings.phone.internal_digits, 4);
        assert_eq!(settings.database, "sqlite:/x.db".parse().unwrap());
        let said = read("", &[("DOZVON_WEB__LISTENN", "x")]).unwrap_err().to_string();
        assert!(said.contains("DOZVON_WEB__LISTENN") && said.contains("unknown field `listenn`"), "{said}");
    }

    #[test]
    fn an_error_names_file_line_and_remedy() {
        let cases = [
            (
                "zone = \"Europe/Moscow\"\nlisten = 1\n",
                &["dozvon.toml", "line 2", "unknown field `listen`", "web"][..],
            ),
            ("[calls]\nforward_timeout = \"30\"\n", &["line 2", "is not a duration", "20s"][..]),
            ("[calls]\nforward_timeout = 30\n", &["line 2", "invalid type: integer"][..]),
            ("[phone]\nregion = \"Russia\"\n", &["line 2", "is not a region", "RU"][..]),
            ("database = \"mysql://x\"\n", &["line 1", "is not a database", "sqlite:FILE"][..]),
            ("[sounds]\nmusic = \"${system(id)}\"\n", &["line 2", "is not a sound"][..]),
            ("zone = \"Mars/Base\"\n", &["line 1"][..]),
        ];
        for (text, parts) in cases {
            let said = read(text, &[]).unwrap_err().to_string();
            for part in parts {
                assert!(said.contains(part), "{part:?} in {said}");
            }
        }
    }
}
