//! What the log says to the thread that listens: one subscriber for the whole process, so that no test's decides what
//! another one's may hear.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

thread_local! {
    static LISTENER: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// Who listens to every thread.
static EVERYWHERE: Mutex<Vec<Lines>> = Mutex::new(Vec::new());

/// The lines of a log, from `info` up.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn subscribe() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let log = tracing_subscriber::fmt().with_ansi(false).with_writer(|| ToListener).finish();
            tracing::subscriber::set_global_default(log).unwrap();
        });
    }

    /// Keeps what every thread logs from now on: also what a controller with a runtime of its own says.
    #[allow(dead_code, reason = "not every test has a controller")]
    pub fn listen_everywhere(&self) {
        Self::subscribe();
        EVERYWHERE.lock().unwrap().push(self.clone());
    }

    /// Keeps what this thread logs from now on.
    #[allow(dead_code, reason = "not every test runs on one thread")]
    pub fn listen(&self) {
        Self::subscribe();
        LISTENER.with(|listener| *listener.borrow_mut() = Some(self.clone()));
    }

    /// The first line with all of these words.
    pub fn find(&self, words: &[&str]) -> Option<String> {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        all.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
    }

    /// Everything.
    pub fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

struct ToListener;

impl Write for ToListener {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for lines in EVERYWHERE.lock().unwrap().iter() {
            lines.0.lock().unwrap().extend_from_slice(bytes);
        }
        LISTENER.with(|listener| {
            if let Some(lines) = &*listener.borrow() {
                lines.0.lock().unwrap().extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
