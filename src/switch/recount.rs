//! Keeping the list of other calls correct: FreeSWITCH is asked after a link came up, and after events were lost.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::channels::channels;
use super::leg_request::LEG_ROLE;
use super::talks::{is_known_from_offer, names_in};
use super::{DirectoryUser, Node, QueryError};
use crate::ids::ChannelId;

/// How long after a failure FreeSWITCH is asked again, at first; then twice as long, and so on.
const AGAIN: Duration = Duration::from_millis(500);

/// How long until calls are counted again after `failures` failures in a row.
fn pause(usual: Duration, failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => usual,
        Some(before) => AGAIN.saturating_mul(2_u32.saturating_pow(before)).min(usual),
    }
}

impl Node {
    /// Grows when a directory user begins or ends calls that dozvon does not control.
    #[must_use]
    pub fn talks_changed(&self) -> watch::Receiver<u64> {
        self.hub.talks.changed()
    }

    /// The users whose state changed since the last call of this, and whether they are in such a call now.
    #[must_use]
    pub fn take_talk_changes(&self) -> Vec<(DirectoryUser, bool)> {
        self.hub.talks.take_changes()
    }

    /// Whether FreeSWITCH has been asked for the calls whose beginning was missed.
    #[must_use]
    pub fn talks_are_counted(&self) -> bool {
        self.hub.talks.are_counted()
    }

    /// The domain that this FreeSWITCH adds to a contact without one (its global variable `domain`); none if it is not known, or
    /// there is none.
    #[must_use]
    pub fn usual_domain(&self) -> Option<String> {
        self.hub.talks.domain()
    }

    /// Keeps the list of such calls correct, for ever. If an event of a channel is lost, its end is found by asking. When the
    /// link is down for long, the list is forgotten.
    pub async fn keep_talks_true(&self) {
        let mut link_state = self.hub.link_state();
        let (mut counted, mut failures) = (None, 0_u32);
        loop {
            let seen = *link_state.borrow_and_update();
            let looks_at = Some((seen.session, seen.missed));
            let done = if !seen.up {
                Ok(())
            } else if counted == looks_at {
                self.verify().await
            } else {
                self.recount().await
            };
            match done {
                Ok(()) if seen.up => {
                    (counted, failures) = (looks_at, 0);
                    self.hub.talks.set_counted();
                }
                Ok(()) => failures = 0,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::debug!(%error, "cannot ask FreeSWITCH yet for the calls that dozvon does not control");
                }
            }
            let settings = &self.hub.settings;
            let patience = if seen.up {
                pause(settings.leg_check_interval, failures)
            } else {
                settings.leg_loss_timeout
            };
            let changed = timeout(patience, link_state.changed()).await;
            if !seen.up && changed.is_err() {
                self.hub.talks.forget();
            }
            if matches!(changed, Ok(Err(_))) {
                // The node's links are gone.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Finds calls whose beginning or end was missed.
    async fn recount(&self) -> Result<(), QueryError> {
        self.verify().await?;
        self.ask_usual_domain().await?;
        for (channel, direction) in channels(&self.query_apart("show channels").await?) {
            if !self.hub.talks.found(channel) {
                continue;
            }
            let user = self.other_call_of(channel, direction).await;
            self.hub.talks.learnt(channel, user.as_ref().ok().cloned().flatten());
            user?;
        }
        Ok(())
    }

    async fn ask_usual_domain(&self) -> Result<(), QueryError> {
        let domain = match self.query("global_getvar domain").await {
            Ok(domain) => Some(domain.trim().to_owned()).filter(|domain| !domain.is_empty()),
            // The variable is not set.
            Err(QueryError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        self.hub.talks.resolves(domain);
        Ok(())
    }

    /// Forgets the calls that are over.
    async fn verify(&self) -> Result<(), QueryError> {
        for channel in self.hub.talks.channels() {
            if !self.exists(channel).await? {
                self.hub.talks.ended(channel);
            }
        }
        Ok(())
    }

    /// The user whose call a channel is; none if it is ours, not of a directory user, or a phone that only rings.
    async fn other_call_of(
        &self,
        channel: ChannelId,
        direction: &str,
    ) -> Result<Option<DirectoryUser>, QueryError> {
        let Some((user, domain)) = names_in(direction) else { return Ok(None) };
        let Some(user) = self.variable(channel, user).await? else { return Ok(None) };
        if is_known_from_offer(self.variable(channel, LEG_ROLE).await?.as_deref()) {
            return Ok(None);
        }
        if direction != "inbound" && !self.is_answered(channel).await? {
            return Ok(None);
        }
        let domain = self.variable(channel, domain).await?.unwrap_or_default();
        Ok(Some(DirectoryUser { user, domain }))
    }

    async fn is_answered(&self, channel: ChannelId) -> Result<bool, QueryError> {
        match self.query(&format!("uuid_dump {channel}")).await {
            Ok(dump) => Ok(dump.lines().any(|line| line.trim_end() == "Answer-State: answered")),
            Err(QueryError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_counted_is_counted_soon_and_ever_more_seldom() {
        let pauses = [0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|failures| pause(Duration::from_secs(10), failures));
        assert_eq!(
            pauses.map(|pause| pause.as_millis()),
            [10_000, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
        );
    }
}
