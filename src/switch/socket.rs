//! A caller's socket: commands and events.
//!
//! In: a socket on which `connect` was answered. Out: answers to commands, events.
//! *Why not the event socket crate here:* it keeps two buffers of 64 KiB for every connection (150 KiB a caller,
//! measured with 2,000) and decodes all of the 200 headers of an event, of which we read a few.
//! **Invariants:** one command at a time; anything that is not a valid frame of FreeSWITCH ends the connection; a
//! peer can make us hold no more than one frame and [`MAX_EVENTS`] events. [`Socket::next`] is cancel-safe,
//! [`Socket::command`] must not be dropped half-way.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::event::Event;
use super::frames::{Frame, FrameLimits, Frames, SocketError, check_line, outcome};

/// Events that may come while a command is being answered.
const MAX_EVENTS: usize = 64;
/// The longest event recorded has 12,000 bytes.
const LIMITS: FrameLimits = FrameLimits { at_a_time: 4096, frame: 512 * 1024 };
/// Nobody logs in on a caller's socket.
const NOT_A_CALLER: SocketError = SocketError::Malformed("a frame of a link");

/// A caller's socket.
#[derive(Debug)]
pub(super) struct Socket {
    frames: Frames,
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
        Self { frames: Frames::new(stream, residual, LIMITS), events: VecDeque::new(), limit }
    }

    /// The next event; fails once the socket cannot be used. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Event, SocketError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        loop {
            match self.frames.next().await? {
                Frame::Event(event) => return Ok(event),
                Frame::Lingers => {}
                Frame::Leave => return Err(SocketError::Closed),
                Frame::Reply(_) => return Err(SocketError::Malformed("an answer that nobody asked for")),
                Frame::LoginWanted | Frame::NotAllowed => return Err(NOT_A_CALLER),
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
            self.frames.write(&text).await?;
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
    pub(super) async fn close(self) {
        self.frames.close().await;
    }

    async fn command(&mut self, text: &str) -> Result<String, SocketError> {
        timeout(self.limit, async {
            self.frames.write(text).await?;
            self.answer().await
        })
        .await?
    }

    /// Waits for a command's answer; events that come before it are kept for later.
    async fn answer(&mut self) -> Result<String, SocketError> {
        loop {
            match self.frames.next().await? {
                Frame::Reply(said) => return outcome(said),
                Frame::Event(event) if self.events.len() < MAX_EVENTS => self.events.push_back(event),
                Frame::Event(_) => return Err(SocketError::Malformed("events without end")),
                Frame::Lingers => {}
                Frame::Leave => return Err(SocketError::Closed),
                Frame::LoginWanted | Frame::NotAllowed => return Err(NOT_A_CALLER),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;
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
        assert_eq!(socket.frames.buffer(), 0, "no buffer while nothing is read");
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
