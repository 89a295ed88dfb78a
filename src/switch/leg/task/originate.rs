//! The originate of a leg, and its result.

use std::sync::Arc;

use tokio::time::Instant;

use crate::cause;
use crate::switch::dial;
use crate::switch::frames::SocketError;
use crate::switch::hub::result_of;
use crate::switch::leg_state::LegSignal;
use crate::switch::link_commands::CommandError;
use crate::switch::node_stats::count;
use crate::switch::originate_pool::OriginateConnection;
use crate::switch::wire::WireError;

use super::{Cancel, LegRequest, LegTask};

/// The originate's result on the leg's own connection; none ever if there is no connection. Cancel-safe.
pub(super) async fn result_on(connection: &mut Option<OriginateConnection>) -> Result<String, SocketError> {
    match connection {
        Some(connection) => connection.result().await,
        None => std::future::pending().await,
    }
}

impl LegTask {
    /// Sends the originate: on a connection of the leg's own if one is ready, else as a background job.
    pub(super) async fn originate(&mut self, request: &LegRequest) {
        let command = dial::originate(request, &self.hub.settings);
        self.awaits_channel = Some(self.hub.load.begin());
        self.connection = self.hub.originates.start(&command);
        if self.connection.is_some() {
            return count(&self.hub.stats.commands);
        }
        let hub = Arc::clone(&self.hub);
        tokio::spawn(async move { hub.open_originate_connection().await });
        self.originate_as_job(command).await;
    }

    async fn originate_as_job(&mut self, command: String) {
        match self.hub.job(command).await {
            Ok(_) => {}
            Err(CommandError::Down) => self.feed(LegSignal::Failed(cause::LINK_LOST.to_owned())),
            Err(CommandError::Wire(WireError::Refused(why))) => self.refused(&why),
            Err(CommandError::Wire(error)) => {
                tracing::warn!(%error, "it is unknown whether FreeSWITCH got the originate");
                self.orphaned = true;
                self.cancel(Cancel::OriginatorCancel);
            }
        }
    }

    /// Takes in the originate's result on the leg's own connection.
    pub(super) fn take_result(&mut self, result: Result<String, SocketError>) {
        let connection = self.connection.take();
        match result {
            Ok(said) => {
                connection.into_iter().for_each(|connection| self.hub.originates.put_back(connection));
                match said.strip_prefix("-ERR permission denied") {
                    Some(_) => self.refused(&said),
                    None => self.feed(result_of(&said)),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the connection broke on which this leg was rung");
                self.lose_result();
            }
        }
    }

    /// The originate's result will not come: FreeSWITCH is asked what became of the leg.
    pub(super) fn lose_result(&mut self) {
        self.orphaned = true;
        self.in_doubt = false;
        self.check_at = Instant::now();
        if self.confirm && !self.state.is_answered() {
            // It cannot be known any more whether the key was pressed.
            self.cancel(Cancel::OriginatorCancel);
        }
    }

    fn refused(&mut self, why: &str) {
        tracing::error!(
            why,
            "FreeSWITCH refused to originate: allow this event socket login to run `originate` by `api` and `bgapi`"
        );
        self.feed(LegSignal::Failed(cause::UNKNOWN.to_owned()));
    }
}
