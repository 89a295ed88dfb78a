//! One connection to a FreeSWITCH node, kept up: connect, serve, lose, wait, connect again.
//!
//! In: commands through a bounded channel. Out: their answers; events to the node's hub.
//! A node has two links: one for events and background jobs, one for queries, since a command delays events and other
//! commands on its connection (docs/architecture/freeswitch.md, "The event socket").
//! **Invariants:** while the link is down every command is answered at once with [`CommandError::Down`]; waits between
//! attempts double and are jittered, and start anew only after a login, a subscription and an answer of FreeSWITCH.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::inbox::Inbox;
use crate::vital::Beat;

use super::event_link::{EventLink, EventService};
use super::hub::Hub;
use super::link_commands::{Command, CommandError, LinkRequest, Role};
use super::node_stats::count;
use super::wire::{Wire, WireEnd, WireError};
use crate::config::switch::NodeSettings;

/// The task that keeps one link up.
pub(super) struct Link {
    pub role: Role,
    pub node: NodeSettings,
    pub hub: Arc<Hub>,
    pub requests: Inbox<LinkRequest>,
    pub beat: Beat,
    pub stop: CancellationToken,
}

impl Link {
    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        while !self.stop.is_cancelled() {
            match self.connect().await {
                Some(Ok(session)) => {
                    failures = 0;
                    let why = self.serve(session).await;
                    self.hub.link_down(self.role);
                    if !self.stop.is_cancelled() {
                        tracing::warn!(node = %self.node.name, role = ?self.role, why, "link to FreeSWITCH lost");
                    }
                }
                Some(Err(error)) => {
                    count(&self.hub.stats.connect_failures);
                    if failures.is_power_of_two() || failures == 0 {
                        let (host, port) = (&self.node.host, self.node.port);
                        tracing::warn!(
                            node = %self.node.name, role = ?self.role, %error, host, port, failures,
                            "no link to FreeSWITCH; check host, port, password and its access list"
                        );
                    }
                    failures = failures.saturating_add(1);
                }
                None => return,
            }
            self.wait(failures).await;
        }
    }

    /// Opens a session, and answers commands meanwhile. None if told to stop.
    async fn connect(&mut self) -> Option<Result<Session, WireError>> {
        let connecting = open(self.role, &self.node, &self.hub);
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                ready = &mut connecting => return Some(ready),
                ask = self.requests.recv() => answer_down(ask?),
            }
        }
    }

    /// Waits before the next attempt, and answers commands meanwhile.
    async fn wait(&mut self, failures: u32) {
        let over = sleep(wait_of(&self.node, failures, rand::random_range(0.0..1.0)));
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = &mut over => return,
                ask = self.requests.recv() => match ask {
                    Some(ask) => answer_down(ask),
                    None => return,
                },
            }
        }
    }

    /// Serves until the connection ends, and returns why it did.
    async fn serve(&mut self, session: Session) -> String {
        if let Session::Events(link) = &session {
            self.hub.session_begins(link.core);
        }
        self.hub.link_up(self.role);
        tracing::info!(node = %self.node.name, role = ?self.role, "link to FreeSWITCH up");
        match session {
            Session::Events(link) => {
                let Self { node, hub, requests, beat, stop, .. } = self;
                EventService { link, node, hub, requests, beat, stop }.run().await
            }
            Session::Queries(mut wire, mut end) => {
                let why = self.answer_queries(&mut wire, &mut end).await;
                wire.close(Some(end)).await;
                why
            }
        }
    }

    async fn answer_queries(&mut self, wire: &mut Wire, end: &mut WireEnd) -> String {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return "we stop".to_owned(),
                why = end.ended() => return why,
                ask = self.requests.recv() => {
                    let Some(ask) = ask else { return "the controller has dropped this node".to_owned() };
                    if let Err(error) = self.beat.during(self.obey(wire, ask)).await {
                        return error.to_string();
                    }
                }
            }
        }
    }

    /// Carries out a query; an error means doubt about the connection.
    async fn obey(&self, wire: &mut Wire, ask: LinkRequest) -> Result<(), WireError> {
        count(&self.hub.stats.commands);
        let result = match &ask.command {
            Command::Api(text) => wire.api(text).await,
            Command::BgApi(text) => wire.bgapi(text).await,
        };
        let doubt = result.as_ref().err().filter(|error| !error.is_refusal()).cloned();
        // Nobody waits for the answer if the sender has gone on.
        let _ = ask.done.send(result.map_err(CommandError::Wire));
        doubt.map_or(Ok(()), Err)
    }
}

/// How long to wait before the next attempt; `jitter` is random, from 0 to 1.
fn wait_of(node: &NodeSettings, failures: u32, jitter: f64) -> Duration {
    let doubled = node.reconnect_min.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(node.reconnect_max).mul_f64(0.5 + jitter / 2.0)
}

/// A connection that is ready to serve.
enum Session {
    Events(EventLink),
    Queries(Wire, WireEnd),
}

async fn open(role: Role, node: &NodeSettings, hub: &Hub) -> Result<Session, WireError> {
    match role {
        Role::Events => EventLink::open(node, hub).await.map(Session::Events),
        Role::Queries => Wire::connect(node).await.map(|(wire, end)| Session::Queries(wire, end)),
    }
}

/// Sends one query on a connection of its own.
pub(super) async fn query_on_new_connection(node: &NodeSettings, command: &str) -> Result<String, WireError> {
    let (mut wire, end) = Wire::connect(node).await?;
    let answer = wire.api(command).await;
    wire.close(Some(end)).await;
    answer
}

fn answer_down(ask: LinkRequest) {
    // Nobody waits for the answer if the sender has gone on.
    let _ = ask.done.send(Err(CommandError::Down));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_limit_and_are_jittered() {
        let node = NodeSettings::default();
        let longest: Vec<u128> = (0..9).map(|failures| wait_of(&node, failures, 1.0).as_millis()).collect();
        assert_eq!(longest, [200, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(wait_of(&node, u32::MAX, 1.0), node.reconnect_max);
        assert_eq!(wait_of(&node, 1, 0.0), node.reconnect_min / 2, "two that fail together part");
        assert_eq!(wait_of(&node, 1, 0.5), node.reconnect_min * 3 / 4);
        let endless = NodeSettings { reconnect_min: Duration::MAX, ..node };
        assert_eq!(wait_of(&endless, u32::MAX, 1.0), endless.reconnect_max);
    }
}
