//! One connection of the event socket: its state, and the task that transfers its bytes.
//!
//! In: the peer's bytes; frames of the core. Out: commands to the core; bytes. **Invariants:** one task per
//! connection, as FreeSWITCH has one thread: while it writes, it does not read. The core never waits for a connection:
//! frames that do not fit its queue are lost, and too many lost frames end it. An idle connection keeps no buffer.

use std::collections::VecDeque;

use smallvec::SmallVec;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::filter::Filters;
use super::ids::{Conn, Key};
use super::kind::Kinds;
use super::timers::TimerKey;
use super::wire::{Command, Frame, Parser};

/// The format of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Plain,
    Json,
}

impl Format {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
        }
    }
}

/// The direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// From FreeSWITCH to a controller, for that channel.
    Outbound(Key),
    /// From a controller to the event socket.
    Inbound { authed: bool },
}

/// `linger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linger {
    No,
    Seconds(u64),
    Forever,
}

/// What comes from a peer.
pub(super) enum FromPeer {
    /// The peer sent a command.
    Command(Conn, Command),
    /// The connection has ended.
    Closed(Conn),
}

/// The core's state of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub side: Side,
    pub out: mpsc::Sender<Frame>,
    /// The channel that it controls, or inbound the channel whose events it asked for.
    pub session: Option<Uuid>,
    /// `connect` was sent.
    pub connected: bool,
    /// Whether the next reply is not sent, as FreeSWITCH does with the first command's.
    pub mute: bool,
    pub kinds: Kinds,
    pub listening: bool,
    pub format: Format,
    pub filters: Filters,
    pub myevents: bool,
    pub linger: Linger,
    /// Whether the end of the channel was reported.
    pub told_down: bool,
    /// Set by the command `resume`, for ever.
    pub resume: bool,
    pub lost: u32,
    /// Whether an `api originate` is under way: FreeSWITCH reads nothing meanwhile.
    pub blocked: bool,
    pub backlog: VecDeque<Command>,
    pub timer: Option<TimerKey>,
    /// The only channels whose events it can get; none means all.
    pub scope: Option<SmallVec<[Uuid; 1]>>,
}

impl Connection {
    pub fn new(side: Side, session: Option<Uuid>, out: mpsc::Sender<Frame>) -> Self {
        Self {
            side,
            out,
            session,
            connected: false,
            mute: matches!(side, Side::Outbound(_)),
            kinds: Kinds::NONE,
            listening: false,
            format: Format::Plain,
            filters: Filters::default(),
            myevents: false,
            linger: Linger::No,
            told_down: false,
            resume: false,
            lost: 0,
            blocked: false,
            backlog: VecDeque::new(),
            timer: None,
            scope: None,
        }
    }

    pub const fn is_outbound(&self) -> bool {
        matches!(self.side, Side::Outbound(_))
    }
}

/// Transfers the bytes of one connection until either side ends it.
pub(super) async fn carry(
    mut stream: TcpStream,
    conn: Conn,
    mut frames: mpsc::Receiver<Frame>,
    core: mpsc::Sender<impl From<FromPeer>>,
) {
    let (read, mut write) = stream.split();
    let mut parser = Parser::default();
    loop {
        tokio::select! {
            biased;
            frame = frames.recv() => match frame {
                Some(frame) => if write.write_all(&frame).await.is_err() { break },
                None => break,
            },
            ready = read.readable() => {
                if ready.is_err() || !hear(&read, &mut parser) || !pass_frames_on(&mut parser, conn, &core).await {
                    break;
                }
            }
        }
    }
    flush(&mut write, frames).await;
    // the core ends only with the whole stand-in
    let _ = core.send(FromPeer::Closed(conn).into()).await;
}

/// Reads the bytes that have arrived; false at the end.
fn hear(read: &ReadHalf<'_>, parser: &mut Parser) -> bool {
    let mut buffer = [0_u8; 4096];
    match read.try_read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            parser.feed(&buffer[..count]);
            true
        }
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

async fn pass_frames_on(parser: &mut Parser, conn: Conn, core: &mpsc::Sender<impl From<FromPeer>>) -> bool {
    loop {
        match parser.next() {
            Ok(Some(command)) => {
                if core.send(FromPeer::Command(conn, command).into()).await.is_err() {
                    return false;
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Writes the frames that the core sent before it closed the connection.
async fn flush(write: &mut WriteHalf<'_>, mut frames: mpsc::Receiver<Frame>) {
    frames.close();
    while let Ok(frame) = frames.try_recv() {
        if write.write_all(&frame).await.is_err() {
            return;
        }
    }
    // the peer may have closed first
    let _ = write.shutdown().await;
}
