//! The log: lines on standard error, as text for people or JSON for machines.
//!
//! **Invariant:** logging never waits for the reader of the log: a separate thread writes the lines. Otherwise a
//! stopped pager or a full pipe would stop the readers of FreeSWITCH's sockets, and with them FreeSWITCH. If more than
//! 16,384 lines wait to be written, the newest are dropped and counted.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// How many lines may wait to be written.
const WAITING_LINES: usize = 16_384;

/// Counts the lines that were dropped since the log began.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// The running log. Dropping it writes the waiting lines, for at most a second.
#[derive(Debug)]
pub struct Log {
    _writer: WorkerGuard,
}

/// How many log lines were dropped because nobody read earlier lines in time.
#[must_use]
pub fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |dropped| u64::try_from(dropped.dropped_lines()).unwrap_or(u64::MAX))
}

/// The format of log lines.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line per event, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The text of the filter cannot be read.
    #[error("{given:?} is not a log filter ({reason}); write a level such as info, or dozvon=debug,info")]
    InvalidFilter {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Logging has been set up already.
    #[error("the log was set up twice: {0}")]
    Twice(String),
}

/// Parses a filter.
///
/// # Errors
/// If it cannot be parsed.
pub fn levels(filter: &str) -> Result<EnvFilter, TelemetryError> {
    let bad = |reason: String| TelemetryError::InvalidFilter { given: filter.to_owned(), reason };
    EnvFilter::try_new(quiet(filter)).map_err(|error| bad(error.to_string()))
}

/// Sends log lines to standard error until the result is dropped. `filter` is a level or a list of `target=level`.
///
/// # Errors
/// When `filter` cannot be read, or logging was set up before.
pub fn start(format: LogFormat, filter: &str) -> Result<Log, TelemetryError> {
    let levels = levels(filter)?;
    let (writer, guard) = aside(std::io::stderr(), WAITING_LINES);
    let dropped = writer.error_counter();
    let lines = tracing_subscriber::fmt().with_env_filter(levels).with_writer(writer);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).try_init(),
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colours).with_target(false).try_init()
        }
    }
    .map_err(|error| TelemetryError::Twice(error.to_string()))?;
    DROPPED.get_or_init(|| dropped);
    Ok(Log { _writer: guard })
}

/// The event socket library logs each poll, hundreds per second. It is logged only at trace, or if the filter names
/// it.
const LIBRARY: &str = "freeswitch_esl_tokio";

/// Excludes the polls of the library from a filter, unless the filter names the library.
fn quiet(filter: &str) -> String {
    let wanted = filter.split(',').any(|part| part.trim().starts_with(LIBRARY) || part.trim() == "trace");
    if wanted { filter.to_owned() } else { format!("{filter},{LIBRARY}=error") }
}

/// Writes to `out` on a thread of its own. If more than `waiting` lines wait, the newest are dropped.
fn aside(out: impl Write + Send + 'static, waiting: usize) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().lossy(true).buffered_lines_limit(waiting).thread_name("log").finish(out)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A writer that blocks until it is told to go on.
    struct Stopped(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Stopped {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            // An error means that the test is over.
            let _ = self.0.recv();
            let _ = self.1.send(line.to_vec());
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_library_s_polls_are_not_logged_at_debug() {
        assert_eq!(quiet("debug"), "debug,freeswitch_esl_tokio=error");
        assert_eq!(quiet("dozvon=debug,info"), "dozvon=debug,info,freeswitch_esl_tokio=error");
        for wanted in ["trace", "info,freeswitch_esl_tokio=debug"] {
            assert_eq!(quiet(wanted), wanted);
        }
        assert!(EnvFilter::try_new(quiet("")).is_ok());
    }

    #[test]
    fn who_logs_never_waits_for_who_reads() {
        let ((reader, stopped), (written, lines)) = (mpsc::channel(), mpsc::channel());
        let (writer, guard) = aside(Stopped(stopped, written), 8);
        let dropped = writer.error_counter();
        let log = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(log, || {
            for line in 0..100 {
                tracing::info!(line, "said to nobody");
            }
        });
        assert!((91..=92).contains(&dropped.dropped_lines()), "{} dropped", dropped.dropped_lines());
        for _ in 0..8 {
            reader.send(()).unwrap();
        }
        let first = String::from_utf8(lines.recv().unwrap()).unwrap();
        assert!(first.contains("said to nobody line=0"), "{first}");
        drop(reader);
        drop(guard);
    }
}
