//! The essential tasks: whether each makes progress, and whether one has ended.
//!
//! In: tasks with their names. Out: [`Vital::faults`] for `/readyz`, and [`Vital::death`], after which the process
//! must end so that a standby takes over. **Invariant:** a vital task that ends or panics before the stop is a death.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The state of a task: it waits for work, or has been working on one thing since an instant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Beat {
    name: Arc<str>,
    since: Arc<Mutex<Option<Instant>>>,
}

impl Beat {
    /// Makes a task that waits for work.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), since: Arc::default() }
    }

    /// Notes that the task begins to work on something.
    pub fn works(&self) {
        *self.since() = Some(Instant::now());
    }

    /// Notes that the task waits for work.
    pub fn rests(&self) {
        *self.since() = None;
    }

    /// Runs one piece of work.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        // Also ends the work if its future is dropped.
        let _rest = Rest(self);
        self.works();
        work.await
    }

    /// How long the task has worked on one thing; none while it waits for work.
    #[must_use]
    pub fn busy_for(&self) -> Option<Duration> {
        self.since().map(|since| since.elapsed())
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a piece of work when dropped.
struct Rest<'a>(&'a Beat);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.rests();
    }
}

/// The essential tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vital(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: Duration,
    stop: CancellationToken,
    beats: Mutex<Vec<Beat>>,
    dead: watch::Sender<Option<Arc<str>>>,
}

impl Vital {
    /// Starts without tasks. A task that works on one thing for longer than `limit` is a fault. After `stop`, tasks may
    /// end.
    #[must_use]
    pub fn new(limit: Duration, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared { limit, stop, beats: Mutex::default(), dead: watch::channel(None).0 }))
    }

    /// Adds the state of another task.
    pub fn show(&self, beat: Beat) {
        self.beats().push(beat);
    }

    /// Makes and adds the state of a task.
    #[must_use]
    pub fn beat(&self, name: &str) -> Beat {
        let beat = Beat::new(name);
        self.show(beat.clone());
        beat
    }

    /// Runs a task in `tasks`. Its end before the stop is a death.
    pub fn run(&self, name: &str, tasks: &TaskTracker, work: impl Future<Output = ()> + Send + 'static) {
        let (vital, name) = (self.clone(), Arc::from(name));
        tasks.spawn(async move {
            // A panic is logged where it happens.
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            vital.ended(name, if ended.is_ok() { "ended" } else { "panicked" });
        });
    }

    /// Watches a task that runs elsewhere. The task has ended when `end` has.
    pub fn watch(&self, name: &str, tasks: &TaskTracker, end: impl Future<Output = ()> + Send + 'static) {
        let (vital, name) = (self.clone(), Arc::from(name));
        tasks.spawn(async move {
            if vital.0.stop.run_until_cancelled(end).await.is_some() {
                vital.ended(name, "ended");
            }
        });
    }

    fn ended(&self, name: Arc<str>, how: &str) {
        if self.0.stop.is_cancelled() {
            return;
        }
        tracing::error!(task = %name, how, "an essential task has ended; the controller stops and must be started again");
        self.0.dead.send_if_modified(|dead| {
            let first = dead.is_none();
            dead.get_or_insert(name);
            first
        });
    }

    /// Waits until a task dies, and returns the name of the first.
    pub async fn death(&self) -> Arc<str> {
        let mut dead = self.0.dead.subscribe();
        loop {
            if let Some(name) = dead.borrow_and_update().clone() {
                return name;
            }
            // The sender lives as long as `self`.
            if dead.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The faults: a task that has ended, and tasks that have worked on one thing for too long.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let dead = self.0.dead.borrow().as_ref().map(|name| format!("the task `{name}` has ended"));
        let limit = self.0.limit;
        let stalled = |beat: &Beat| {
            let busy = beat.busy_for().filter(|busy| *busy >= limit)?;
            Some(format!("the task `{}` has worked on one thing for {} s", beat.name, busy.as_secs()))
        };
        dead.into_iter().chain(self.beats().iter().filter_map(stalled)).collect()
    }

    fn beats(&self) -> MutexGuard<'_, Vec<Beat>> {
        self.0.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervised() -> (Vital, CancellationToken, TaskTracker) {
        let stop = CancellationToken::new();
        (Vital::new(Duration::from_secs(60), stop.clone()), stop, TaskTracker::new())
    }

    #[tokio::test]
    async fn a_task_that_ends_or_panics_is_dead_and_named() {
        let (vital, _stop, tasks) = supervised();
        vital.run("one that works", &tasks, std::future::pending());
        assert_eq!(vital.faults(), Vec::<String>::new());
        vital.run("one that panics", &tasks, async {
            drop(tokio::time::interval(Duration::ZERO));
        });
        assert_eq!(&*vital.death().await, "one that panics");
        vital.run("one that ends", &tasks, async {});
        vital.watch("one elsewhere", &tasks, async {});
        tokio::task::yield_now().await;
        assert_eq!(&*vital.death().await, "one that panics", "the first is the cause");
        assert_eq!(vital.faults(), ["the task `one that panics` has ended"]);

        for watched in [false, true] {
            let (vital, _stop, tasks) = supervised();
            if watched {
                vital.watch("x", &tasks, async {})
            } else {
                vital.run("x", &tasks, async {})
            }
            assert_eq!(&*vital.death().await, "x");
        }
    }

    #[tokio::test]
    async fn after_the_stop_tasks_may_end() {
        let (vital, stop, tasks) = supervised();
        let stopped = stop.clone();
        vital.run("a", &tasks, async move { stopped.cancelled().await });
        vital.watch("b", &tasks, std::future::pending());
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(vital.faults(), Vec::<String>::new());
        assert_eq!(vital.death().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_task_that_works_on_one_thing_for_too_long_is_named() {
        let vital = Vital::new(Duration::ZERO, CancellationToken::new());
        let (beat, other) = (vital.beat("callbacks"), vital.beat("outbox"));
        assert_eq!(beat.during(async { vital.faults().len() }).await, 1);
        assert_eq!(vital.faults(), Vec::<String>::new());
        other.works();
        assert_eq!(vital.faults(), ["the task `outbox` has worked on one thing for 0 s"]);
        other.rests();
        assert_eq!(other.busy_for(), None);
    }
}
