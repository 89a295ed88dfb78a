//! The context of every subcommand: settings, database, clock, output.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{Colour, Exit, Failure, Globals};
use crate::clock::{Clock, UnixMs};
use crate::config::database::DatabaseUrl;
use crate::config::{PLACES, Settings};
use crate::language::Language;
use crate::phone::Home;
use crate::render;
use crate::render::{DisplayOptions, Sentence, Sheet, Table};
use crate::store::callbacks::CallbackRules;
use crate::store::{Store, StoreError};
use crate::telemetry;

/// What every subcommand works with.
#[derive(Debug)]
pub struct Context {
    /// The settings, with the options of the command line applied.
    pub settings: Settings,
    /// The file that the settings were read from, if any.
    pub settings_file: Option<PathBuf>,
    /// Tells the time.
    pub clock: Clock,
    /// Who makes changes.
    pub by: String,
    /// Whether JSON is wanted.
    pub json: bool,
    /// The database that `--database` names.
    pub named: Option<DatabaseUrl>,
    options: DisplayOptions,
    store: OnceCell<Store>,
    _log: telemetry::Log,
}

/// The warning of a password among the arguments.
const SEEN: &str = "everybody on this machine can see the password in --database (ps shows it): put the address into the \
                    environment variable DOZVON_DATABASE or into dozvon.toml instead";

impl Context {
    /// Reads the settings and starts the log. A service logs as the settings state, a command only errors.
    pub(super) fn new(globals: Globals, service: bool) -> Result<Self, Failure> {
        let settings = Settings::load(globals.config.as_deref())?;
        Self::with(globals, service, settings)
    }

    /// Like [`Self::new`], for the command that writes the settings. A missing file is not an error.
    pub(super) fn before_settings(globals: Globals) -> Result<Self, Failure> {
        let is_missing = globals.config.as_ref().is_some_and(|file| !file.exists());
        let settings = if is_missing {
            Settings::read(Path::new("the environment"), "", std::env::vars())?
        } else {
            Settings::load(globals.config.as_deref())?
        };
        Self::with(globals, false, settings)
    }

    fn with(globals: Globals, service: bool, mut settings: Settings) -> Result<Self, Failure> {
        let settings_file = Settings::place(globals.config.as_deref());
        let usual = if service { settings.log.filter.as_str() } else { "error" };
        let filter = globals.log.as_deref().unwrap_or(usual);
        let log = telemetry::start(globals.log_format.unwrap_or(settings.log.format), filter)?;
        if let Some(url) = &globals.database {
            if url.has_password() {
                eprintln!(
                    "dozvon: {}",
                    render::translate(language_of_errors(&globals), &format!("warning: {SEEN}"))
                );
            }
            settings.database = url.clone();
        }
        let options = DisplayOptions {
            language: globals.lang.unwrap_or_else(language),
            zone: settings.zone,
            colour: colour(globals.color),
            width: width(),
        };
        let by = globals.by.unwrap_or_else(user);
        Ok(Self {
            settings,
            settings_file,
            clock: Clock::system(),
            named: globals.database,
            by,
            json: globals.json,
            options,
            store: OnceCell::new(),
            _log: log,
        })
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// The zone in which times are shown and read.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.options.zone
    }

    /// The country and area code of numbers without a country code.
    #[must_use]
    pub const fn home(&self) -> Home {
        self.settings.phone.home()
    }

    /// The rules for callbacks.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn callback_rules(&self) -> Result<CallbackRules, Failure> {
        let rules = self.read("rules", crate::store::rules::load).await?;
        Ok(CallbackRules::of(&self.settings, std::sync::Arc::new(rules)))
    }

    /// The database, opened at the first call.
    ///
    /// # Errors
    /// When it is not there, cannot be opened, or is of another version.
    pub async fn store(&self) -> Result<&Store, Failure> {
        self.store
            .get_or_try_init(async || {
                let url = &self.settings.database;
                if let DatabaseUrl::Sqlite(path) = url
                    && !path.exists()
                {
                    self.named_database()?;
                    let message = format!(
                        "there is no database {}: make it with `dozvon migrate`, or name another with --database or --config",
                        path.display()
                    );
                    return Err(Failure::new(Exit::Unreachable, message));
                }
                let store = Store::open(url, self.settings.store.clone()).await?;
                store.check_version().await?;
                Ok(store)
            })
            .await
    }

    /// Refuses to create a database that nobody has named, because a new one would hide the right one.
    ///
    /// # Errors
    /// [`Exit::Unreachable`], with where settings were looked for.
    pub fn named_database(&self) -> Result<(), Failure> {
        let by_variable =
            ["DOZVON_DATABASE", "DOZVON__DATABASE"].into_iter().any(|name| environment(name).is_some());
        let DatabaseUrl::Sqlite(path) = &self.settings.database else { return Ok(()) };
        if self.settings_file.is_some() || self.named.is_some() || by_variable || path.exists() {
            return Ok(());
        }
        let here = std::env::current_dir().unwrap_or_default();
        let places: Vec<String> = PLACES.iter().map(|place| here.join(place).display().to_string()).collect();
        let message = format!(
            "no settings were found: none of {} exists. Go to the folder with dozvon.toml, name the file with --config or \
             DOZVON_CONFIG, or the database with --database; `dozvon init` makes the first settings",
            places.join(", ")
        );
        Err(Failure::new(Exit::Unreachable, message))
    }

    /// Runs `work` on a read-only connection.
    ///
    /// # Errors
    /// What `work` returns, or why the database cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut crate::store::Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(self.store().await?.read(name, work).await?)
    }

    /// Runs `work` as a transaction.
    ///
    /// # Errors
    /// What `work` returns, or why it could not be committed.
    pub async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut crate::store::Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(self.store().await?.write(name, work).await?)
    }

    /// Writes a table for people or, with --json, as JSON.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn table(&self, table: &Table) -> Result<(), Failure> {
        let text = if self.json { render::json(table) } else { render::table(table, &self.options) };
        self.print(&text)
    }

    /// Writes one thing for people or, with --json, as JSON.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn sheet(&self, sheet: &Sheet) -> Result<(), Failure> {
        let text = if self.json { render::json(sheet) } else { render::sheet(sheet, &self.options) };
        self.print(&text)
    }

    /// Prints what was done: a line for people, or the same as JSON.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn say(&self, said: &Sentence, json: &Value) -> Result<(), Failure> {
        self.say_all(std::slice::from_ref(said), json)
    }

    /// Prints what was done in several lines, or the same as JSON.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn say_all(&self, said: &[Sentence], json: &Value) -> Result<(), Failure> {
        if self.json {
            return self.print(&format!("{json:#}\n"));
        }
        self.print(&said.iter().map(|line| format!("{}\n", line.said(&self.options))).collect::<String>())
    }

    /// Warns on standard error of keys that were stated by an old name.
    pub fn warn_of_old_keys(&self, outdated: &[String]) {
        for line in outdated {
            let text = format!("warning: {line}; the next release reads the new name only");
            eprintln!("dozvon: {}", render::translate(self.options.language, &text));
        }
    }

    /// A word of a vocabulary in the reader's language.
    #[must_use]
    pub fn word(&self, word: &str) -> String {
        render::word(self.options.language, word)
    }

    /// An instant in the configured time zone.
    #[must_use]
    pub fn when(&self, at: UnixMs) -> String {
        render::when(at, self.options.zone)
    }

    /// Prints a text unchanged.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        print(text)
    }
}

/// Writes to standard output. If the reader has closed the pipe, the program ends without an error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::nobody_reads()),
        Err(error) => Err(Failure::new(Exit::Failed, format!("cannot write to standard output: {error}"))),
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The name for the audit: that of the environment, else of the system's user.
fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(environment).or_else(system_user);
    named.and_then(|name| super::parse::person(&name).ok()).unwrap_or_else(|| "cli".to_owned())
}

/// The name of the user that runs this process: cron and containers set no variable for it.
#[cfg(unix)]
fn system_user() -> Option<String> {
    uzers::get_current_username()?.into_string().ok()
}

#[cfg(not(unix))]
fn system_user() -> Option<String> {
    None
}

/// The language of errors. With --json it is English, since programs read them.
pub(super) fn language_of_errors(globals: &Globals) -> Language {
    if globals.json { Language::En } else { globals.lang.unwrap_or_else(language) }
}

fn language() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(environment);
    locale.map_or(Language::En, |locale| Language::of_locale(&locale))
}

fn colour(wish: Colour) -> bool {
    match wish {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => environment("NO_COLOR").is_none() && std::io::stdout().is_terminal(),
    }
}

/// The terminal's width, if standard output is one.
fn width() -> Option<u16> {
    comfy_table::Table::new().width()
}
