//! Reads the clock. No other code does: it gets instants as arguments.

#![expect(clippy::disallowed_methods, reason = "this is the one place that may read the wall clock")]

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

crate::stored! { BigInt:
    /// An instant: milliseconds since 1970-01-01 00:00 UTC.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct UnixMs(pub i64);
}

impl UnixMs {
    /// The instant as a UTC date and time.
    #[must_use]
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// How long after `earlier` this is, in milliseconds; 0 if it is not after.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// How long after `earlier` this is; zero if it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.since_ms(earlier).unsigned_abs())
    }
}

impl From<DateTime<Utc>> for UnixMs {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl Add<Duration> for UnixMs {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for UnixMs {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}

impl fmt::Debug for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The time by the machine's clock.
fn wall() -> UnixMs {
    UnixMs::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Tells the time: of the system, or from a chosen start, running with tokio's (perhaps paused) time.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Source);

#[derive(Debug, Clone, Copy)]
enum Source {
    System,
    From { start: UnixMs, begun: tokio::time::Instant },
    Wrong { by_ms: &'static AtomicI64 },
}

impl Clock {
    /// The machine's wall clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `start` now and runs with tokio's time, which is virtual if it is paused.
    #[must_use]
    pub fn starting_at(start: UnixMs) -> Self {
        Self(Source::From { start, begun: tokio::time::Instant::now() })
    }

    /// The machine's wall clock, wrong by so many milliseconds. When these change, the clock jumps.
    #[must_use]
    pub const fn wrong_by(by_ms: &'static AtomicI64) -> Self {
        Self(Source::Wrong { by_ms })
    }

    /// The present instant.
    #[must_use]
    pub fn now(self) -> UnixMs {
        match self.0 {
            Source::System => wall(),
            Source::From { start, begun } => start + begun.elapsed(),
            Source::Wrong { by_ms } => UnixMs(wall().0.saturating_add(by_ms.load(Ordering::Relaxed))),
        }
    }

    /// When tokio's clock will show the instant `at`: for `sleep_until`. At once if it has passed.
    #[must_use]
    pub fn instant_of(self, at: UnixMs) -> tokio::time::Instant {
        tokio::time::Instant::now() + at.since(self.now())
    }
}
