//! One connection to a FreeSWITCH node, kept up: connect, serve, lose, wait, connect again.
//!
//! In: commands through a bounded channel. Out: their answers; events to the node's hub.
//! A node has two links: one for events and background jobs, one for queries, since a command delays events and other
//! commands on its connection (docs/architecture/freeswitch.md, "The event socket").
//! **Invariants:** the task that takes events only passes them on and never waits; while the link is down every command is
//! answered at once with [`CommandError::Down`]; waits between attempts double and are jittered, and start anew only after
//! a login, a subscription and an answer of FreeSWITCH.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::ids::CoreId;
use crate::inbox::Inbox;
use crate::vital::Beat;

use super::hub::Hub;
use super::leg_request::{CALLER, LEG_ROLE, LegRole};
use super::link_commands::{Command, CommandError, LinkRequest, Role};
use super::node_stats::count;
use super::talks::USERS;
use super::wire::{Login, Wire, WireError, WireEvents};
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
        let connecting = open(self.role, &self.node);
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
        let Session { mut wire, events, core } = session;
        if self.role == Role::Events {
            self.hub.session_begins(core);
        }
        self.hub.link_up(self.role);
        tracing::info!(node = %self.node.name, role = ?self.role, "link to FreeSWITCH up");
        let mut taking = tokio::spawn(take_events(events, self.role, Arc::clone(&self.hub)));
        let why = self.converse(&mut wire, &mut taking).await;
        wire.close(None).await;
        taking.abort();
        why
    }

    async fn converse(&mut self, wire: &mut Wire, taking: &mut JoinHandle<String>) -> String {
        let mut watch = interval(Duration::from_secs(1));
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut poll = interval(self.node.poll_interval.max(Duration::from_millis(1)));
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let polls = self.role == Role::Events && !self.node.poll_interval.is_zero();
        let mut dropped = 0;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return "we stop".to_owned(),
                why = &mut *taking => return why.unwrap_or_else(|_| "its reader failed".to_owned()),
                ask = self.requests.recv() => {
                    let Some(ask) = ask else { return "the controller has dropped this node".to_owned() };
                    if let Err(error) = self.beat.during(self.obey(wire, ask)).await {
                        return error.to_string();
                    }
                }
                _ = poll.tick(), if polls && self.hub.has_legs() => if let Err(error) = wire.poll().await {
                    return error.to_string();
                },
                _ = watch.tick(), if self.role == Role::Events => {
                    dropped = self.hub.note_dropped(dropped, wire.dropped());
                    self.hub.check_heartbeat(Instant::now(), self.node.heartbeat_timeout);
                }
            }
        }
    }

    /// Carries out a command; an error means doubt about the connection.
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
struct Session {
    wire: Wire,
    events: WireEvents,
    /// The run of FreeSWITCH, if it was asked and answered.
    core: Option<CoreId>,
}

/// Connects and logs in; the link for events also subscribes and asks for the run of FreeSWITCH.
async fn open(role: Role, node: &NodeSettings) -> Result<Session, WireError> {
    let login = Login::to(node, event_queue(role, node));
    let (mut wire, events) = Wire::connect(&login).await?;
    if role == Role::Queries {
        return Ok(Session { wire, events, core: None });
    }
    match begin(&mut wire, node.link_timeout).await {
        Ok(core) => Ok(Session { wire, events, core }),
        Err(error) => {
            wire.close(Some(events)).await;
            Err(error)
        }
    }
}

/// Sends one query on a connection of its own.
pub(super) async fn query_on_new_connection(node: &NodeSettings, command: &str) -> Result<String, WireError> {
    let (mut wire, events) = Wire::connect(&Login::to(node, event_queue(Role::Queries, node))).await?;
    let answer = wire.api(command).await;
    wire.close(Some(events)).await;
    answer
}

/// How many events may wait to be taken. A burst that does not fit is lost, most of it without notice.
fn event_queue(role: Role, node: &NodeSettings) -> usize {
    match role {
        Role::Events => node.event_queue.max(65_536),
        Role::Queries => 64,
    }
}

async fn begin(wire: &mut Wire, silence: Duration) -> Result<Option<CoreId>, WireError> {
    subscribe(wire).await?;
    wire.end_after_silence(silence);
    match wire.api("global_getvar core_uuid").await {
        Ok(core) => Ok(core.trim().parse().ok()),
        Err(WireError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Subscribes only to events that are used, of our own legs, of callers who talk and of directory users (who are not rung while they talk): each
/// event takes about 50 µs to read, and other applications may use the node too.
async fn subscribe(wire: &mut Wire) -> Result<(), WireError> {
    for role in LegRole::ALL.iter().map(|role| role.as_str()).chain([CALLER]) {
        wire.filter(&format!("variable_{LEG_ROLE}"), role).await?;
    }
    for user in USERS {
        wire.filter(&format!("variable_{user}"), "/./").await?;
    }
    wire.filter("Event-Name", "BACKGROUND_JOB").await?;
    wire.filter("Event-Name", "HEARTBEAT").await?;
    wire.events("CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE BACKGROUND_JOB HEARTBEAT").await
}

/// Passes events on until the connection ends, and returns why it did. Never waits for anything but the socket.
async fn take_events(mut events: WireEvents, role: Role, hub: Arc<Hub>) -> String {
    while let Some(event) = events.next().await {
        if role == Role::Events {
            hub.take(&event, Instant::now());
        }
    }
    events.ending()
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

    #[test]
    fn a_burst_of_events_has_room() {
        let node = |event_queue| NodeSettings { event_queue, ..NodeSettings::default() };
        assert_eq!(event_queue(Role::Events, &node(1)), 65_536);
        assert_eq!(event_queue(Role::Events, &node(100_000)), 100_000);
        assert!(event_queue(Role::Queries, &node(100_000)) < 1000, "none come there");
    }
}
