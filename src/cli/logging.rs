//! What the program tells of itself while it runs, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log: what `filter` says, else what a service (`info`) or a short command (`error`) should tell.
pub(super) fn begin(filter: Option<&str>, format: Format, service: bool) {
    let usual = if service { "info" } else { "error" };
    let filter = EnvFilter::try_new(filter.unwrap_or(usual)).unwrap_or_else(|error| {
        eprintln!("dozvon: --log is not a filter ({error}); logging {usual}");
        EnvFilter::new(usual)
    });
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    match format {
        Format::Text => lines.init(),
        Format::Json => lines.json().init(),
    }
}
