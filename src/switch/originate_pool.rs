//! Connections on which phones are rung, one for each phone that rings.
//!
//! In: `originate` commands, heartbeats. Out: their results.
//! FreeSWITCH answers `api originate` in the moment in which the originate succeeds or fails, and does nothing else on that
//! connection meanwhile. The result of a background job comes as an event, which waits up to 20 ms in FreeSWITCH.
//! A connection that is ready is taken. If there is none, the leg is rung by a background job, and another connection is
//! opened for the next phone. So nothing waits for a connection.
//! **Invariants:** there are at most as many connections as the settings allow; a connection without a command is quiet, or
//! is not used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::frames::{Frame, FrameLimits, Frames, SocketError};
use super::login::log_in;
use crate::config::switch::NodeSettings;

/// An originate's result is short.
const LIMITS: FrameLimits = FrameLimits { at_a_time: 1024, frame: 64 * 1024 };

/// How long a connection stays that is not used. One always stays.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// The connections of one node.
#[derive(Debug)]
pub(super) struct OriginatePool {
    free: Arc<Semaphore>,
    /// Each connection has a clone.
    open: Arc<()>,
    /// The one that was used last is taken first.
    idle: Mutex<Vec<(OriginateConnection, Instant)>>,
}

/// A connection that can ring one phone at a time.
#[derive(Debug)]
pub(super) struct OriginateConnection {
    frames: Frames,
    _open: Arc<()>,
    _permit: OwnedSemaphorePermit,
}

impl OriginatePool {
    pub(super) fn new(most: usize) -> Self {
        let free = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Self { free: Arc::new(free), open: Arc::default(), idle: Mutex::default() }
    }

    /// How many connections there are.
    pub(super) fn open_now(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }

    /// Sends an `originate` on a connection that is ready. None if there is none: nothing was sent then.
    pub(super) fn start(&self, originate: &str) -> Option<OriginateConnection> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.pop())
            .map(|(connection, _)| connection)
            .find(|it| it.frames.is_quiet() && it.send(originate).is_ok())
    }

    /// Opens a connection, unless there are as many as are allowed. It can be taken afterwards.
    pub(super) async fn open(&self, node: &NodeSettings) -> Result<(), SocketError> {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else { return Ok(()) };
        let frames = log_in(node, LIMITS).await?;
        self.put_back(OriginateConnection { frames, _open: Arc::clone(&self.open), _permit: permit });
        Ok(())
    }

    /// Returns a connection whose command was answered.
    pub(super) fn put_back(&self, connection: OriginateConnection) {
        self.idle().push((connection, Instant::now()));
    }

    /// Closes connections that were not used for a while, or that FreeSWITCH has closed.
    pub(super) fn trim(&self, now: Instant) {
        let mut idle = self.idle();
        idle.retain(|(connection, _)| connection.frames.is_quiet());
        let unused = idle.iter().take_while(|(_, since)| *since + IDLE_LIMIT <= now).count();
        let kept = usize::from(unused == idle.len());
        idle.drain(..unused.saturating_sub(kept));
    }

    /// Closes all connections that are idle.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(OriginateConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OriginateConnection {
    /// Sends an `originate` without waiting. FreeSWITCH carries out no part of a command that it did not get whole.
    fn send(&self, originate: &str) -> Result<(), SocketError> {
        self.frames.write_now(&format!("api {originate}\n\n"))
    }

    /// The result of what was sent. Cancel-safe.
    pub(super) async fn result(&mut self) -> Result<String, SocketError> {
        match self.frames.next().await? {
            Frame::Reply(said) => Ok(said),
            Frame::Leave => Err(SocketError::Closed),
            _ => Err(SocketError::Malformed("no answer to an originate")),
        }
    }
}
