//! Ending a leg: the command is repeated until the leg is over.

use std::time::Duration;

use tokio::time::Instant;

use crate::switch::leg_request::LEG_ID;

use super::{Cancel, EVENTS_APART, LegTask};

/// First and longest wait before a cancel is repeated.
pub(super) const CANCEL_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

impl LegTask {
    pub(super) fn cancel(&mut self, cause: Cancel) {
        if self.cancel.is_none() {
            self.cancel = Some(cause);
            self.cancel_at = Some(Instant::now());
        }
    }

    /// Ends the leg, if that is due (again).
    pub(super) async fn kill_when_due(&mut self, now: Instant) {
        if let Some(cause) = self.cancel.filter(|_| self.cancel_at.is_some_and(|at| at <= now)) {
            self.kill(cause).await;
            self.cancel_at = Some(Instant::now() + self.cancel_again);
            self.cancel_again = (self.cancel_again * 2).min(CANCEL_AGAIN.1);
            self.check_at = self.check_at.min(now + EVENTS_APART);
        }
    }

    /// Ends the leg's channels. They may not exist yet, so the cancel is repeated until the leg is over.
    pub(super) async fn kill(&self, cause: Cancel) {
        let suspects = self.state.suspects();
        for channel in &suspects {
            self.ask(format!("uuid_kill {channel} {cause}")).await;
        }
        if suspects.is_empty() && !self.state.all_gone() {
            self.ask(format!("hupall {cause} {LEG_ID} {}", self.leg)).await;
        }
    }
}
