//! The log lines of the current thread. One subscriber serves the whole process, so that no test changes what another
//! test sees.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::OptionalWriter;
use tracing_subscriber::prelude::*;

thread_local! {
    static LISTENER: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// The lines of a log, from `info` up or from the level that was asked for.
#[derive(Clone)]
pub struct Lines {
    level: Level,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self::from(Level::INFO)
    }
}

impl Lines {
    pub fn from(level: Level) -> Self {
        Self { level, text: Arc::default() }
    }

    fn subscribe() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let heard = dynamic_filter_fn(|event, _| listener(event).is_some());
            let log = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(ToListener);
            tracing::subscriber::set_global_default(
                tracing_subscriber::registry().with(log.with_filter(heard)),
            )
            .unwrap();
        });
    }

    /// Keeps what this thread logs from now on.
    pub fn listen(&self) {
        Self::subscribe();
        LISTENER.with(|listener| *listener.borrow_mut() = Some(self.clone()));
    }

    /// The first line with all of these words.
    #[allow(dead_code, reason = "not every test looks for a line")]
    pub fn find(&self, words: &[&str]) -> Option<String> {
        self.all().lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
    }

    /// Everything.
    pub fn all(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The listener of this thread, if it hears lines of that level.
fn listener(event: &Metadata<'_>) -> Option<Lines> {
    LISTENER.with(|listener| listener.borrow().clone()).filter(|lines| *event.level() <= lines.level)
}

struct ToListener;

impl<'a> MakeWriter<'a> for ToListener {
    type Writer = OptionalWriter<Lines>;

    fn make_writer(&'a self) -> Self::Writer {
        OptionalWriter::none()
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self::Writer {
        listener(event).map_or_else(OptionalWriter::none, OptionalWriter::some)
    }
}
