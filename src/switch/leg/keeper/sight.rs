//! What it means for a leg that the link to its node went or came.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::switch::{cause, dial, text};

use super::{Cancel, Keeper, LegEvent};

/// How long after it was given up a leg may still be found and ended.
const GHOST: Duration = Duration::from_secs(600);

impl Keeper {
    /// The link went or came: jobs of an earlier session are lost, and nothing is believed unasked. After a
    /// restart nothing is left to ask for.
    pub(super) fn see(&mut self) -> Option<LegEvent> {
        let before = std::mem::replace(&mut self.seen, *self.sight.borrow_and_update());
        let now = Instant::now();
        if before.core.is_some() && self.seen.core != before.core {
            self.lost_at = None;
            return Some(self.given_up(cause::SWITCH_RESTARTED));
        }
        if self.seen.session != before.session {
            self.orphaned = true;
            if self.confirm && !self.track.is_answered() {
                // whether the key was pressed cannot be known any more
                self.cancel(Cancel::OriginatorCancel);
            }
        }
        if self.seen.session != before.session || self.seen.missed != before.missed {
            self.doubted = false;
            self.look_at = now;
        }
        // A talk goes on whether or not we see it.
        let blind = !self.seen.up && !self.wishes.borrow().in_talk;
        self.lost_at = blind.then(|| self.lost_at.unwrap_or(now + self.hub.settings.lost_leg));
        None
    }

    /// The last event of a leg that is out of sight.
    pub(super) fn given_up(&self, why: &str) -> LegEvent {
        match self.track.ending() {
            LegEvent::Ended { answered, picked_up, rang, .. } => {
                LegEvent::Ended { cause: text::word(why), answered, picked_up, rang }
            }
            other => other,
        }
    }

    /// The leg was given up while the link was down: if it is back in time, what is left of the leg is ended,
    /// unless it was in a talk.
    pub(super) async fn haunt(&mut self) {
        let back = self.sight.wait_for(|sight| sight.up);
        let in_talk = self.wishes.borrow().in_talk;
        if in_talk || !matches!(timeout(GHOST, back).await, Ok(Ok(_))) {
            return;
        }
        let cause = self.cancel.unwrap_or(Cancel::OriginatorCancel);
        self.ask(format!("hupall {cause} {} {}", dial::LEG_ID, self.leg)).await;
    }
}
