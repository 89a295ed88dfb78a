//! Accepts callers' sockets.
//!
//! In: connections from FreeSWITCH's `socket` application. Out: [`Incoming`] callers, and counts of refusals.
//! **Invariants:** the allow-list is checked first; no peer can delay another (handshakes run side by side, under a limit
//! of their own); when file descriptors run out, the listener waits and tries again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::vital::Beat;

use super::caller::{Caller, CallerSetup, Visits};
use super::facts::{ChannelFacts, InvalidFacts};
use super::handshake::{self, HandshakeError};
use super::listener_stats::{ConnectionPermit, ListenerStats, count};
use super::socket::Socket;
use crate::config::switch::Settings;

/// Why the controller cannot accept callers at all.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The address for callers' sockets cannot be used.
    #[error(
        "cannot listen on {address} for FreeSWITCH's callers: {source}; choose another [switch] listen, or stop what uses it"
    )]
    Listen {
        /// The address of the settings.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

/// A caller who has just arrived.
#[derive(Debug)]
pub struct Incoming {
    /// The handle of the caller.
    pub caller: Caller,
    /// What the channel's data say.
    pub facts: ChannelFacts,
    /// When the connection was accepted.
    pub since: Instant,
}

/// Listens, with a backlog of `max_connections`: after a restart all callers come at once, and a connection that the system
/// drops costs its caller 25 s (FreeSWITCH takes it for connected, and waits for a command). Linux limits the backlog to
/// `net.core.somaxconn`, 4096 by default.
fn listen(settings: &Settings) -> io::Result<TcpListener> {
    let socket = if settings.listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(settings.listen)?;
    socket.listen(u32::try_from(settings.max_connections).unwrap_or(u32::MAX))
}

/// Accepts callers until it is dropped: then FreeSWITCH's connections are refused, and its dialplan goes on.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    incoming: mpsc::Receiver<Incoming>,
    stats: Arc<ListenerStats>,
    beat: Beat,
    _stop_on_drop: DropGuard,
}

impl Listener {
    /// Listens on the address of the settings, and accepts callers from now on.
    ///
    /// # Errors
    /// If the address cannot be used, for instance because the port is in use.
    pub async fn bind(settings: &Settings) -> Result<Self, SwitchError> {
        let address = settings.listen;
        let fail = |source| SwitchError::Listen { address, source };
        let socket = listen(settings).map_err(fail)?;
        let address = socket.local_addr().map_err(fail)?;
        let (found, incoming) = mpsc::channel(settings.max_handshakes.max(1));
        let stats = Arc::new(ListenerStats::default());
        let stop = CancellationToken::new();
        let beat = Beat::new("listener");
        let acceptor = Acceptor {
            beat: beat.clone(),
            settings: settings.clone(),
            connections: Arc::new(Semaphore::new(settings.max_connections)),
            handshakes: Arc::new(Semaphore::new(settings.max_handshakes)),
            stats: Arc::clone(&stats),
            visits: Visits::default(),
            found,
        };
        tokio::spawn(Arc::new(acceptor).run(socket, stop.clone()));
        tracing::info!(%address, "listening for callers");
        Ok(Self { address, incoming, stats, beat, _stop_on_drop: stop.drop_guard() })
    }

    /// The next caller; none if the accepting task has ended and the last accepted caller was returned. Cancel-safe.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.incoming.recv().await
    }

    /// Where it listens, with the real port if the settings have port 0.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether the accepting task is working: it counts as working while it cannot accept.
    #[must_use]
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// The counts of connections so far.
    #[must_use]
    pub fn stats(&self) -> Arc<ListenerStats> {
        Arc::clone(&self.stats)
    }
}

/// Accepts connections within the limits.
struct Acceptor {
    beat: Beat,
    settings: Settings,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    stats: Arc<ListenerStats>,
    visits: Visits,
    found: mpsc::Sender<Incoming>,
}

/// Shortest and longest wait after accepting failed.
const ACCEPT_WAIT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

impl Acceptor {
    async fn run(self: Arc<Self>, socket: TcpListener, stop: CancellationToken) {
        let mut wait = ACCEPT_WAIT.0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    wait = ACCEPT_WAIT.0;
                    self.beat.rests();
                    self.admit(stream, peer);
                }
                Err(error) => {
                    count(&self.stats.accept_failed);
                    if self.beat.busy_for().is_none() {
                        self.beat.works();
                    }
                    tracing::warn!(%error, wait_ms = wait.as_millis(), "cannot accept a caller; waiting");
                    sleep(wait).await;
                    wait = (wait * 2).min(ACCEPT_WAIT.1);
                }
            }
        }
        drop(socket);
        tracing::info!("no longer listening for callers");
    }

    /// Checks the peer and the limits; a refused connection is closed, so that its dialplan goes on.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        count(&self.stats.accepted);
        if !self.settings.allows(peer.ip()) {
            return self.refuse(
                &self.stats.not_allowed,
                peer,
                "its address is in no network of [switch] `allow`",
            );
        }
        let Ok(connection) = Arc::clone(&self.connections).try_acquire_owned() else {
            return self.refuse(
                &self.stats.over_connections,
                peer,
                "as many callers as [switch] `max_connections` are connected already",
            );
        };
        let Ok(handshake) = Arc::clone(&self.handshakes).try_acquire_owned() else {
            return self.refuse(
                &self.stats.over_handshakes,
                peer,
                "as many handshakes as [switch] `max_handshakes` are going on already",
            );
        };
        let acceptor = Arc::clone(self);
        tokio::spawn(async move { acceptor.handshake(stream, peer, connection, handshake).await });
    }

    /// Counts a refusal; logs those whose count is a power of two, so that a flood cannot fill the disk.
    fn refuse(&self, counter: &AtomicU64, peer: SocketAddr, why: &str) {
        let times = count(counter);
        if times.is_power_of_two() {
            tracing::warn!(%peer, why, times, "connection refused");
        }
    }

    async fn handshake(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        connection: OwnedSemaphorePermit,
        permit: OwnedSemaphorePermit,
    ) {
        let (since, limit) = (Instant::now(), self.settings.handshake_timeout);
        let handshake = match timeout(limit, handshake::handshake(&mut stream)).await {
            Err(_) => return self.refuse(&self.stats.timed_out, peer, "it did not answer connect in time"),
            Ok(Err(error)) => return self.refuse(self.counter(&error), peer, &error.to_string()),
            Ok(Ok(handshake)) => handshake,
        };
        let socket = Socket::new(stream, handshake.residual, self.settings.command_timeout);
        let open = ConnectionPermit::new(&self.stats, connection);
        let setup = CallerSetup {
            linger: self.settings.linger,
            check: self.settings.keepalive_interval,
            visit: self.visits.begin(handshake.facts.channel).await,
            begins_at: handshake.begins_at,
            is_leg: handshake.is_leg,
        };
        match Caller::take(handshake.facts.channel, socket, setup, open).await {
            Ok(caller) => self.hand_over(Incoming { caller, facts: handshake.facts, since }).await,
            Err(error) => self.refuse(&self.stats.setup_failed, peer, &error.to_string()),
        }
        drop(permit);
    }

    async fn hand_over(&self, incoming: Incoming) {
        count(&self.stats.callers);
        tracing::debug!(channel = %incoming.facts.channel, "caller arrived");
        if self.found.send(incoming).await.is_err() {
            tracing::warn!("a caller arrived while the controller stops: the dialplan takes them back");
        }
    }

    fn counter(&self, error: &HandshakeError) -> &AtomicU64 {
        match error {
            HandshakeError::Closed | HandshakeError::Io(_) => &self.stats.closed_early,
            HandshakeError::Bad(InvalidFacts::WrongMode) => &self.stats.wrong_mode,
            HandshakeError::TooLong | HandshakeError::Bad(_) => &self.stats.malformed,
        }
    }
}
