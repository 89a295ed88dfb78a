//! What the process says about itself: log lines on standard error, as text for people or JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line an event, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The log filter is not one.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The text of the filter cannot be read.
    #[error("{given:?} is not a log filter ({reason}); write a level such as info, or dozvon=debug,info")]
    BadFilter {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody has begun to log already.
    #[error("the log was set up twice: {0}")]
    Twice(String),
}

/// Sends log lines to standard error. `filter` is a level or a list of `target=level`.
///
/// # Errors
/// When `filter` cannot be read, or logging was set up before.
pub fn start(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let levels = EnvFilter::try_new(filter)
        .map_err(|error| TelemetryError::BadFilter { given: filter.to_owned(), reason: error.to_string() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(levels).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).try_init(),
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colours).with_target(false).try_init()
        }
    }
    .map_err(|error| TelemetryError::Twice(error.to_string()))
}
