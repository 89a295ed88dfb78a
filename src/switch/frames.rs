//! The event socket's frames: what FreeSWITCH sends on a caller's socket and on a link.
//!
//! In: a connection. Out: [`Frame`]s; what is written. A buffer exists only while something is being read.
//! **Invariants:** anything that is not a frame of FreeSWITCH ends the connection; a peer can make us hold no more than
//! the limit of one frame; [`Frames::next`] is cancel-safe.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;

use super::event::{Event, value};
use super::text;

/// Why a connection cannot be used any more, or a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    /// FreeSWITCH refused the command. The connection can be used.
    #[error("FreeSWITCH refused the command: {0}")]
    Refused(String),
    /// No answer came in time. A late answer could not be told from the next one.
    #[error("FreeSWITCH did not answer in time")]
    TimedOut,
    /// The peer closed it, perhaps after a disconnect notice.
    #[error("FreeSWITCH closed the socket")]
    Closed,
    /// The system reported an error.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
    /// The peer does not read: what is written does not fit the kernel's buffer.
    #[error("FreeSWITCH does not read")]
    Full,
    /// Nothing was heard for too long.
    #[error("FreeSWITCH has sent nothing for too long")]
    Silent,
    /// The peer does not let us log in.
    #[error("FreeSWITCH's access list does not allow our address")]
    NotAllowed,
    /// The peer sent something that is not expected here.
    #[error("this is not what FreeSWITCH sends here: {0}")]
    Malformed(&'static str),
}

impl From<Elapsed> for SocketError {
    fn from(_: Elapsed) -> Self {
        Self::TimedOut
    }
}

/// What FreeSWITCH sends.
#[derive(Debug)]
pub(super) enum Frame {
    /// The answer to a command.
    Reply(String),
    /// An event.
    Event(Event),
    /// The channel is gone, and the socket stays open for a while.
    Lingers,
    /// FreeSWITCH is about to close the connection.
    Leave,
    /// FreeSWITCH wants the password.
    LoginWanted,
    /// FreeSWITCH's access list does not have our address.
    NotAllowed,
}

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameLimits {
    /// How much at a time, in bytes.
    pub at_a_time: usize,
    /// Longest header block or body, in bytes.
    pub frame: usize,
}

/// A connection, read frame by frame.
#[derive(Debug)]
pub(super) struct Frames {
    stream: TcpStream,
    read: Vec<u8>,
    limits: FrameLimits,
}

impl Frames {
    /// `residual` is what was read already.
    pub(super) fn new(stream: TcpStream, residual: Vec<u8>, limits: FrameLimits) -> Self {
        Self { stream, read: residual, limits }
    }

    /// The next frame. Cancel-safe: what was read stays.
    pub(super) async fn next(&mut self) -> Result<Frame, SocketError> {
        let mut searched = 0;
        loop {
            if let Some(end) = end_of_block(&self.read, searched) {
                if let Some(frame) = self.cut(end)? {
                    return Ok(frame);
                }
            } else if self.read.len() > self.limits.frame {
                return Err(SocketError::Malformed("a header without end"));
            } else {
                searched = self.read.len().saturating_sub(1);
            }
            self.fill().await?;
        }
    }

    /// Takes the frame whose header block ends at `end` out of what was read, if it is complete.
    fn cut(&mut self, end: usize) -> Result<Option<Frame>, SocketError> {
        let block = self.read.get(..end).and_then(|block| std::str::from_utf8(block).ok());
        let block = block.ok_or(SocketError::Malformed("a header that is not text"))?;
        if block.lines().any(|line| !line.is_empty() && !line.contains(':')) {
            return Err(SocketError::Malformed("a header line without a colon"));
        }
        let length = value(block, "Content-Length").map_or(Ok(0), str::parse::<usize>);
        let length = length.ok().filter(|length| *length <= self.limits.frame);
        let length = length.ok_or(SocketError::Malformed("an odd Content-Length"))?;
        let Some(body) = self.read.get(end..end + length) else { return Ok(None) };
        let frame = read_frame(block, body)?;
        self.read.drain(..end + length);
        if self.read.is_empty() {
            self.read = Vec::new();
        }
        Ok(Some(frame))
    }

    /// Reads what has come. The buffer is allocated only when something has.
    async fn fill(&mut self) -> Result<(), SocketError> {
        loop {
            self.stream.readable().await?;
            self.read.reserve(self.limits.at_a_time);
            match self.stream.try_read_buf(&mut self.read) {
                Ok(0) => return Err(SocketError::Closed),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether nothing has come that was not taken, and the connection is open as far as we know.
    pub(super) fn is_quiet(&self) -> bool {
        let nothing = self.stream.try_read(&mut [0; 1]).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
        nothing && self.read.is_empty()
    }

    /// How much memory the buffer takes, in bytes.
    #[cfg(test)]
    pub(super) fn buffer(&self) -> usize {
        self.read.capacity()
    }

    /// Writes text. Must not be dropped half-way.
    pub(super) async fn write(&mut self, text: &str) -> Result<(), SocketError> {
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }

    /// Writes text without waiting. If it does not fit, the connection cannot be used any more.
    pub(super) fn write_now(&self, text: &str) -> Result<(), SocketError> {
        match self.stream.try_write(text.as_bytes()) {
            Ok(written) if written == text.len() => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error.into()),
            Ok(_) | Err(_) => Err(SocketError::Full),
        }
    }

    /// Closes the connection.
    pub(super) async fn close(mut self) {
        // Fails only if it is closed already.
        let _ = self.stream.shutdown().await;
    }
}

fn read_frame(block: &str, body: &[u8]) -> Result<Frame, SocketError> {
    match value(block, "Content-Type").unwrap_or_default() {
        "command/reply" => {
            Ok(Frame::Reply(value(block, "Reply-Text").unwrap_or_default().trim_end().to_owned()))
        }
        "api/response" => Ok(Frame::Reply(String::from_utf8_lossy(body).trim_end().to_owned())),
        "text/event-plain" => Ok(Frame::Event(Event::read(body))),
        "text/disconnect-notice" if value(block, "Content-Disposition") == Some("linger") => {
            Ok(Frame::Lingers)
        }
        "text/disconnect-notice" => Ok(Frame::Leave),
        "auth/request" => Ok(Frame::LoginWanted),
        "text/rude-rejection" => Ok(Frame::NotAllowed),
        _ => Err(SocketError::Malformed("a frame of a kind that is not expected")),
    }
}

/// Reads an answer: FreeSWITCH may have refused.
pub(super) fn outcome(said: String) -> Result<String, SocketError> {
    if said.starts_with("-ERR") || said.starts_with("-USAGE") {
        return Err(SocketError::Refused(text::printable(&said, 120)));
    }
    Ok(said)
}

/// Checks that a command is one line: text after a line's end would be another command.
pub(super) fn check_line(command: &str) -> Result<(), SocketError> {
    if command.contains(['\n', '\r', '\0']) {
        return Err(SocketError::Refused("not sent: a command must be one line".to_owned()));
    }
    Ok(())
}

/// Where the blank line ends that closes a header block, if it has come. The search starts at `from`.
pub(super) fn end_of_block(read: &[u8], from: usize) -> Option<usize> {
    let tail = read.get(from..)?;
    tail.windows(2).position(|pair| pair == b"\n\n").map(|at| from + at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_frames_are_told_apart() {
        let kind = |block: &str| format!("{:?}", read_frame(block, b"-ERR no\n"));
        assert_eq!(kind("Content-Type: api/response\n"), "Ok(Reply(\"-ERR no\"))");
        assert_eq!(kind("Content-Type: command/reply\nReply-Text: +OK x\n"), "Ok(Reply(\"+OK x\"))");
        assert_eq!(
            kind("Content-Type: text/disconnect-notice\nContent-Disposition: linger\n"),
            "Ok(Lingers)"
        );
        assert_eq!(kind("Content-Type: text/disconnect-notice\n"), "Ok(Leave)");
        for bad in ["", "Content-Type: text/event-json\n", "Content-Type: log/data\n"] {
            assert!(kind(bad).starts_with("Err"), "{bad}");
        }
    }
}
