//! How far a FreeSWITCH and the controller are behind, and which new callers they can take.
//!
//! In: the waits for FreeSWITCH, as they begin and end. Out: the lag, and for each new caller whether they are taken in.
//! The lag is measured, so it does not matter what takes the machine's time: calls, another process, or a slow network.
//! `waits` measures the lag, and `thinning` decides how many callers are turned away.
//! **Invariant:** the more is asked of a node than it can do, the more callers are turned away at once, and the callers
//! who are taken in are served as fast as before.

mod thinning;
mod waits;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::thinning::Thinning;
use self::waits::Waits;

/// The load of one FreeSWITCH. A clone is cheap.
#[derive(Debug, Clone, Default)]
pub struct Load(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waits: Waits,
    thinning: Thinning,
}

/// A wait for FreeSWITCH that goes on. It ends when this is dropped.
#[derive(Debug)]
#[must_use = "the wait ends when this is dropped"]
pub(super) struct Wait {
    load: Load,
    id: u64,
}

impl Load {
    /// Begins a wait for something that takes FreeSWITCH a few milliseconds, unless it is overloaded.
    pub(super) fn begin(&self) -> Wait {
        let id = self.lock().waits.begin(Instant::now());
        Wait { load: self.clone(), id }
    }

    /// Waits for something that takes FreeSWITCH a few milliseconds, unless it is overloaded.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let _wait = self.begin();
        work.await
    }

    /// Takes in a wait that is over.
    pub fn waited(&self, since: Instant) {
        self.lock().waits.ended(since, Instant::now());
    }

    /// Returns how long FreeSWITCH and the controller take now for what takes milliseconds otherwise. Zero while there are
    /// too few calls to know.
    #[must_use]
    pub fn lag(&self) -> Duration {
        self.lock().waits.lag(Instant::now())
    }

    /// Whether a new caller is taken in. While the lag is longer than `limit`, a growing share of them is not.
    #[must_use]
    pub fn admits(&self, limit: Duration) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let lag = state.waits.lag(now).as_secs_f64() / limit.as_secs_f64();
        state.thinning.admits(lag, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.load.lock().waits.end(self.id, Instant::now());
    }
}
