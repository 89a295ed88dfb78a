//! The warnings of controllers that run in this process, for tests to look at.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Result, ensure};

/// The lines so far.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

static LINES: OnceLock<Lines> = OnceLock::new();

/// Keeps what is logged from now on.
pub fn keep() {
    let lines = LINES.get_or_init(Lines::default);
    let log = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || lines.clone());
    // A second call finds the subscriber installed.
    let _kept_already = log.try_init();
}

/// Forgets what was logged so far.
pub fn clear() {
    if let Some(lines) = LINES.get() {
        lines.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The only line that contains this.
pub fn only_line(words: &str) -> Result<String> {
    let all = all();
    let found: Vec<&str> = all.lines().filter(|line| line.contains(words)).collect();
    ensure!(found.len() == 1, "{} lines have {words:?} in:\n{all}", found.len());
    Ok(found[0].to_owned())
}

/// Every line.
pub fn all() -> String {
    let lines = LINES.get().cloned().unwrap_or_default();
    let bytes = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
