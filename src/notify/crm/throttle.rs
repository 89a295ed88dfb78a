//! Limits the requests to a CRM: their rate, and pauses that the CRM asked for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, UnixMs};
use crate::config::crm::Settings;
use crate::notify::Trouble;
use crate::notify::bucket::Bucket;

/// Lets requests to one account through.
#[derive(Debug)]
pub struct Throttle {
    clock: Clock,
    bucket: Bucket,
    patience: Duration,
    /// The pause under way: since when, and for how long.
    quiet: Mutex<Option<(UnixMs, Duration)>>,
}

impl Throttle {
    /// A throttle with the limits of the settings.
    #[must_use]
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        let (rate, burst) = settings.limits();
        Self {
            clock,
            bucket: Bucket::new(rate, burst),
            patience: settings.max_queue_time,
            quiet: Mutex::new(None),
        }
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// Passing if the wait would be too long, or during a pause.
    pub async fn turn(&self) -> Result<(), Trouble> {
        if let Some(left) = self.quiet_left() {
            let reason = "the CRM asked for a pause".to_owned();
            return Err(Trouble::Passing { reason, wait: Some(left) });
        }
        self.bucket.turn(self.patience).await.map_err(|wait| Trouble::Passing {
            reason: "more requests are waiting than [crm] rate and burst allow".to_owned(),
            wait: Some(wait),
        })
    }

    /// Sends nothing for `span`.
    pub fn pause(&self, span: Duration) {
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock.now(), span));
    }

    /// How long the pause still lasts. A clock that was set back ends it.
    fn quiet_left(&self) -> Option<Duration> {
        let (since, span) = (*self.quiet.lock().unwrap_or_else(PoisonError::into_inner))?;
        let now = self.clock.now();
        let left = span.saturating_sub(now.since(since));
        (now >= since && !left.is_zero()).then_some(left)
    }
}
