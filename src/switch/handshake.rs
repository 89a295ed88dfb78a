//! The handshake on a caller's socket: we send `connect`, and FreeSWITCH answers with the channel's data.
//!
//! In: a socket from a peer on the allow-list. Out: its [`ChannelFacts`], and what was read beyond them.
//! **Invariants:** a peer that has not sent channel data costs at most [`MAX_BLOCK`] bytes; nothing it sends can panic.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::facts::{ChannelFacts, InvalidFacts};
use super::frames::end_of_block;
use super::leg_request::{LEG_ROLE, LegRole};

/// Longest answer to `connect`, in bytes. A real one has 9,000; long SDP and many variables make it longer.
pub(super) const MAX_BLOCK: usize = 512 * 1024;

/// Why a connection did not become a caller.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    /// The peer left.
    #[error("closed before the answer to connect")]
    Closed,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
    /// The answer is too long.
    #[error("the answer to connect is longer than {MAX_BLOCK} bytes")]
    TooLong,
    /// The answer cannot be used.
    #[error(transparent)]
    Bad(#[from] InvalidFacts),
}

/// The channel's data, and the bytes that came after.
pub(super) struct Handshake {
    pub facts: ChannelFacts,
    pub residual: Vec<u8>,
    /// The sequence number of the answer; 0 if it has none.
    pub begins_at: u64,
    /// Whether the channel is a leg of ours: somebody who was rung, and then sent to a number of ours.
    pub is_leg: bool,
}

/// Sends `connect` and reads the answer. The time limit is up to the caller of this function.
pub(super) async fn handshake(stream: &mut TcpStream) -> Result<Handshake, HandshakeError> {
    stream.set_nodelay(true)?;
    stream.write_all(b"connect\n\n").await?;
    let mut read = Vec::with_capacity(16 * 1024);
    let mut searched = 0_usize;
    loop {
        if let Some(end) = end_of_block(&read, searched) {
            let residual = read.split_off(end);
            let block = String::from_utf8_lossy(&read);
            let (begins_at, is_leg) = (sequence(&block), is_leg(&block));
            return Ok(Handshake { facts: ChannelFacts::read(&block)?, residual, begins_at, is_leg });
        }
        searched = read.len().saturating_sub(1);
        if read.len() >= MAX_BLOCK {
            return Err(HandshakeError::TooLong);
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(HandshakeError::Closed);
        }
    }
}

/// Reads the sequence number, which FreeSWITCH also puts into its answer to `connect`.
fn sequence(block: &str) -> u64 {
    let number = |line: &str| line.strip_prefix("Event-Sequence: ")?.trim().parse().ok();
    block.lines().find_map(number).unwrap_or(0)
}

/// Whether the channel carries the mark of a leg.
fn is_leg(block: &str) -> bool {
    let mark = format!("variable_{LEG_ROLE}: ");
    let role = block.lines().find_map(|line| line.strip_prefix(mark.as_str()));
    role.is_some_and(|role| role.trim().parse::<LegRole>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::facts::tests::recorded;
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, peer)
    }

    #[tokio::test]
    async fn whom_a_connection_brings_is_told() {
        let (mut ours, mut peer) = pair().await;
        let text = format!("{}Content-Type: command/reply\n", recorded());
        peer.write_all(text.as_bytes()).await.unwrap();
        let handshake = handshake(&mut ours).await.unwrap();
        assert_eq!(handshake.facts.dialled, "7001");
        assert!(handshake.begins_at > 0);
        assert_eq!(handshake.residual, b"Content-Type: command/reply\n");
        let mut said = [0; 9];
        peer.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"connect\n\n");
    }

    #[test]
    fn a_leg_of_ours_is_told_from_a_caller() {
        for (role, leg) in [("customer", true), ("agent", true), ("caller", false), ("", false)] {
            assert_eq!(is_leg(&format!("{}variable_dozvon_leg: {role}\n", recorded())), leg, "{role}");
        }
        assert!(!is_leg(&recorded()));
    }

    #[tokio::test]
    async fn the_answer_may_come_byte_by_byte() {
        let (mut ours, mut peer) = pair().await;
        let text = recorded();
        let sending = async {
            for byte in text.as_bytes().chunks(1) {
                peer.write_all(byte).await.unwrap();
            }
        };
        let (handshake, ()) = tokio::join!(handshake(&mut ours), sending);
        assert_eq!(handshake.unwrap().residual, b"");
    }

    #[tokio::test]
    async fn twenty_megabytes_of_header_are_not_kept() {
        let (mut ours, mut peer) = pair().await;
        let flood = tokio::spawn(async move {
            let line = format!("X: {}\n", "y".repeat(1000));
            for _ in 0..20_000 {
                if peer.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        assert!(matches!(handshake(&mut ours).await, Err(HandshakeError::TooLong)));
        drop(ours);
        flood.await.unwrap();
    }

    #[tokio::test]
    async fn a_peer_may_leave_at_any_point() {
        let text = recorded();
        for sent in [0, 1, 20, 5000, text.len() - 1] {
            let (mut ours, mut peer) = pair().await;
            peer.write_all(&text.as_bytes()[..sent]).await.unwrap();
            drop(peer);
            assert!(handshake(&mut ours).await.is_err(), "{sent}");
        }
    }
}
