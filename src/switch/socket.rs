//! A caller's socket: frames, commands and events, with a buffer only while something is being read.
//!
//! In: a socket on which `connect` was answered. Out: answers to commands, events.
//! *Why not the event socket crate here:* it keeps two buffers of 64 KiB for every connection (150 KiB a caller,
//! measured with 2,000) and decodes all of the 200 headers of an event, of which we read a few.
//! **Invariants:** one command at a time; anything that is not a valid frame of FreeSWITCH ends the connection; a
//! peer can make us hold no more than [`MAX_FRAME`] bytes and [`MAX_EVENTS`] events. [`Socket::next`] is
//! cancel-safe, [`Socket::command`] must not be dropped half-way.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{error::Elapsed, timeout};

use super::text;

/// Longest header block or body, in bytes. The longest event recorded has 12,000.
const MAX_FRAME: usize = 512 * 1024;
/// Events that may come while a command is being answered.
const MAX_EVENTS: usize = 64;
/// How much is read at a time, in bytes.
const READ: usize = 4096;
/// Longest header value that is looked at, in bytes.
const VALUE_BYTES: usize = 512;

/// Why a caller's socket cannot be used any more, or a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    /// FreeSWITCH refused the command. The socket can be used.
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
    /// The peer sent something that is not expected here.
    #[error("this is not what FreeSWITCH sends here: {0}")]
    Malformed(&'static str),
}

impl From<Elapsed> for SocketError {
    fn from(_: Elapsed) -> Self {
        Self::TimedOut
    }
}

/// An event: its header lines, as received.
#[derive(Debug)]
pub(super) struct Event(String);

impl Event {
    /// The value of a header, decoded.
    pub(super) fn get(&self, header: &str) -> Option<String> {
        let value = value(&self.0, header)?;
        Some(text::percent_decoded(value, VALUE_BYTES))
    }

    /// Its kind, such as `CHANNEL_BRIDGE`.
    pub(super) fn kind(&self) -> &str {
        value(&self.0, "Event-Name").unwrap_or_default()
    }
}

/// The value of a header in a block of lines, as received.
fn value<'a>(block: &'a str, header: &str) -> Option<&'a str> {
    block.lines().find_map(|line| line.strip_prefix(header)?.strip_prefix(':').map(str::trim_start))
}

#[derive(Debug)]
enum Frame {
    Reply(String),
    Event(Event),
    Lingers,
    Leave,
}

/// A caller's socket.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
    events: VecDeque<Event>,
    limit: Duration,
}

/// An application to run on the caller's channel.
pub(super) struct Execute<'a> {
    pub app: &'a str,
    pub arg: &'a str,
    /// Comes back as `Application-UUID`.
    pub id: &'a str,
    /// Whether later ones wait until this one is done, instead of interrupting it.
    pub lock: bool,
    /// Whether it is repeated until it is broken off.
    pub forever: bool,
}

impl Socket {
    /// `residual` is what was read beyond the answer to `connect`; `limit` is for the answer to one command.
    pub(super) fn new(stream: TcpStream, residual: Vec<u8>, limit: Duration) -> Self {
        Self { stream, read: residual, events: VecDeque::new(), limit }
    }

    /// The next event; fails once the socket cannot be used. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Event, SocketError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        loop {
            match self.frame().await? {
                Frame::Event(event) => return Ok(event),
                Frame::Lingers => {}
                Frame::Leave => return Err(SocketError::Closed),
                Frame::Reply(_) => return Err(SocketError::Malformed("an answer that nobody asked for")),
            }
        }
    }

    /// Runs an API command and returns its output, without the line's end.
    pub(super) async fn api(&mut self, command: &str) -> Result<String, SocketError> {
        check_line(command)?;
        self.command(&format!("api {command}\n\n")).await
    }

    /// Sends several commands at once and returns the answers, or refusals, in their order: one round trip instead of many.
    pub(super) async fn all(
        &mut self,
        commands: &[String],
    ) -> Result<Vec<Result<String, String>>, SocketError> {
        for command in commands {
            check_line(command)?;
        }
        let mut text = commands.join("\n\n");
        text.push_str("\n\n");
        timeout(self.limit, async {
            self.stream.write_all(text.as_bytes()).await?;
            let mut answers = Vec::with_capacity(commands.len());
            for _ in commands {
                match self.answer().await {
                    Ok(said) => answers.push(Ok(said)),
                    Err(SocketError::Refused(why)) => answers.push(Err(why)),
                    Err(error) => return Err(error),
                }
            }
            Ok(answers)
        })
        .await?
    }

    /// Queues an application on the caller's channel; success means queued, not done.
    pub(super) async fn execute(&mut self, execute: &Execute<'_>) -> Result<(), SocketError> {
        check_line(execute.arg)?;
        let mut message = format!("sendmsg\ncall-command: execute\nexecute-app-name: {}\n", execute.app);
        let mut header = |name: &str, value: &str| {
            if !value.is_empty() {
                message.extend([name, ": ", value, "\n"]);
            }
        };
        header("execute-app-arg", execute.arg);
        header("Event-UUID", execute.id);
        header("event-lock", if execute.lock { "true" } else { "" });
        header("loops", if execute.forever { "-1" } else { "" });
        message.push('\n');
        self.command(&message).await.map(drop)
    }

    /// Closes it.
    pub(super) async fn close(mut self) {
        // Fails only if it is closed already.
        let _ = self.stream.shutdown().await;
    }

    async fn command(&mut self, text: &str) -> Result<String, SocketError> {
        timeout(self.limit, async {
            self.stream.write_all(text.as_bytes()).await?;
            self.answer().await
        })
        .await?
    }

    /// Waits for a command's answer; events that come before it are kept for later.
    async fn answer(&mut self) -> Result<String, SocketError> {
        loop {
            match self.frame().await? {
                Frame::Reply(said) if said.starts_with("-ERR") || said.starts_with("-USAGE") => {
                    return Err(SocketError::Refused(text::printable(&said, 120)));
                }
                Frame::Reply(said) => return Ok(said),
                Frame::Event(event) if self.events.len() < MAX_EVENTS => self.events.push_back(event),
                Frame::Event(_) => return Err(SocketError::Malformed("events without end")),
                Frame::Lingers => {}
                Frame::Leave => return Err(SocketError::Closed),
            }
        }
    }

    /// The next frame. Cancel-safe: what was read stays.
    async fn frame(&mut self) -> Result<Frame, SocketError> {
        let mut searched = 0;
        loop {
            if let Some(end) = end_of_block(&self.read, searched) {
                if let Some(frame) = self.cut(end)? {
                    return Ok(frame);
                }
            } else if self.read.len() > MAX_FRAME {
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
        let length = length.ok().filter(|length| *length <= MAX_FRAME);
        let length = length.ok_or(SocketError::Malformed("an odd Content-Length"))?;
        let Some(body) = self.read.get(end..end + length) else { return Ok(None) };
        let frame = read_frame(block, &String::from_utf8_lossy(body))?;
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
            self.read.reserve(READ);
            match self.stream.try_read_buf(&mut self.read) {
                Ok(0) => return Err(SocketError::Closed),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn read_frame(block: &str, body: &str) -> Result<Frame, SocketError> {
    match value(block, "Content-Type").unwrap_or_default() {
        "command/reply" => {
            Ok(Frame::Reply(value(block, "Reply-Text").unwrap_or_default().trim_end().to_owned()))
        }
        "api/response" => Ok(Frame::Reply(body.trim_end().to_owned())),
        "text/event-plain" => Ok(Frame::Event(Event(body.to_owned()))),
        "text/disconnect-notice" if value(block, "Content-Disposition") == Some("linger") => {
            Ok(Frame::Lingers)
        }
        "text/disconnect-notice" => Ok(Frame::Leave),
        _ => Err(SocketError::Malformed("a frame of a kind that is not expected")),
    }
}

/// Checks that a command is one line: text after a line's end would be another command.
fn check_line(command: &str) -> Result<(), SocketError> {
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
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    async fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (Socket::new(stream, Vec::new(), Duration::from_secs(5)), peer)
    }

    fn event(text: &str) -> String {
        format!("Content-Length: {}\nContent-Type: text/event-plain\n\n{text}", text.len())
    }

    #[tokio::test]
    async fn events_before_an_answer_are_kept() {
        let (mut socket, mut peer) = pair().await;
        let (one, two) = (event("Event-Name: ONE\nX: %D0%B0\n\n"), event("Event-Name: TWO\n\n"));
        let answer = "Content-Type: api/response\nContent-Length: 5\n\ntrue\n";
        peer.write_all(format!("{one}{two}{answer}").as_bytes()).await.unwrap();
        assert_eq!(socket.api("uuid_exists x").await.unwrap(), "true");
        let event = socket.next().await.unwrap();
        assert_eq!((event.kind(), event.get("X").as_deref(), event.get("Y")), ("ONE", Some("а"), None));
        assert_eq!(socket.next().await.unwrap().kind(), "TWO");
        assert_eq!(socket.read.capacity(), 0, "no buffer while nothing is read");
        drop(peer);
        assert!(socket.next().await.is_err());
    }

    #[tokio::test]
    async fn several_commands_get_their_answers_in_order() {
        let (mut socket, mut peer) = pair().await;
        let reply = |said: &str| format!("Content-Type: command/reply\nReply-Text: {said}\n\n");
        let text = format!("{}{}{}", reply("+OK one"), event("Event-Name: X\n\n"), reply("-ERR two"));
        peer.write_all(text.as_bytes()).await.unwrap();
        let answers = socket.all(&["linger 10".into(), "api x".into()]).await.unwrap();
        assert_eq!(answers, [Ok("+OK one".into()), Err("-ERR two".into())]);
        assert_eq!(socket.next().await.unwrap().kind(), "X");
    }

    #[tokio::test]
    async fn a_dropped_wait_loses_nothing() {
        let (mut socket, mut peer) = pair().await;
        let text = event("Event-Name: SLOW\n\n");
        for byte in text.as_bytes().chunks(7) {
            peer.write_all(byte).await.unwrap();
            let wait = timeout(Duration::from_millis(5), socket.next()).await;
            if let Ok(event) = wait {
                assert_eq!(event.unwrap().kind(), "SLOW");
                return;
            }
        }
        assert_eq!(socket.next().await.unwrap().kind(), "SLOW");
    }

    #[tokio::test]
    async fn what_cannot_be_one_command_is_not_sent() {
        let (mut socket, _peer) = pair().await;
        assert!(socket.api("a\n\napi b").await.is_err_and(|error| matches!(error, SocketError::Refused(_))));
        assert!(
            socket.all(&["a\rb".into()]).await.is_err_and(|error| matches!(error, SocketError::Refused(_)))
        );
        let odd = Execute { app: "playback", arg: "a\nb: c", id: "", lock: false, forever: false };
        assert!(socket.execute(&odd).await.is_err_and(|error| matches!(error, SocketError::Refused(_))));
    }

    #[test]
    fn kinds_of_frames_are_told_apart() {
        let kind = |block: &str| format!("{:?}", read_frame(block, "-ERR no\n"));
        assert_eq!(kind("Content-Type: api/response\n"), "Ok(Reply(\"-ERR no\"))");
        assert_eq!(kind("Content-Type: command/reply\nReply-Text: +OK x\n"), "Ok(Reply(\"+OK x\"))");
        assert_eq!(
            kind("Content-Type: text/disconnect-notice\nContent-Disposition: linger\n"),
            "Ok(Lingers)"
        );
        assert_eq!(kind("Content-Type: text/disconnect-notice\n"), "Ok(Leave)");
        for bad in [
            "",
            "Content-Type: auth/request\n",
            "Content-Type: text/event-json\n",
            "Content-Type: log/data\n",
        ] {
            assert!(kind(bad).starts_with("Err"), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_can_hang_or_panic_it(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0..300_usize) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (mut socket, mut peer) = pair().await;
                peer.write_all(&bytes).await.unwrap();
                let whole = event("Event-Name: X\n\n");
                peer.write_all(&whole.as_bytes()[..cut.min(whole.len())]).await.unwrap();
                drop(peer);
                while socket.next().await.is_ok() {}
            });
        }
    }
}
