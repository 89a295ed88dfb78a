//! Before each request: a turn in the bucket, and silence where the CRM asked for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, UnixMs};
use crate::config::crm::Settings;
use crate::notify::Trouble;
use crate::notify::bucket::Bucket;

/// Lets requests through to one account.
#[derive(Debug)]
pub struct Gate {
    clock: Clock,
    bucket: Bucket,
    patience: Duration,
    /// Since when and for how long nothing is sent.
    quiet: Mutex<Option<(UnixMs, Duration)>>,
}

impl Gate {
    /// A gate with the limits of the settings.
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
    /// Passing when it would take too long, or the CRM wants to be left alone.
    pub async fn turn(&self) -> Result<(), Trouble> {
        if let Some(left) = self.quiet_left() {
            let reason = "the CRM wants to be left alone".to_owned();
            return Err(Trouble::Passing { reason, wait: Some(left) });
        }
        self.bucket.turn(self.patience).await.map_err(|wait| Trouble::Passing {
            reason: "more is to be told than the CRM takes ([crm] rate and burst)".to_owned(),
            wait: Some(wait),
        })
    }

    /// Sends nothing for so long.
    pub fn hush(&self, span: Duration) {
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock.now(), span));
    }

    /// How long nothing is sent yet. A clock that was set back ends the silence.
    fn quiet_left(&self) -> Option<Duration> {
        let (since, span) = (*self.quiet.lock().unwrap_or_else(PoisonError::into_inner))?;
        let now = self.clock.now();
        let left = span.saturating_sub(now.since(since));
        (now >= since && !left.is_zero()).then_some(left)
    }
}
