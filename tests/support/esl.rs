//! The event socket as a controller sees it: frames, and a connection on which commands are sent and events arrive.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The longest that a command or an event may take.
const LIMIT: Duration = Duration::from_secs(300);

/// One frame: headers, and what follows them. An event inside a frame is a frame, too.
#[derive(Debug, Clone)]
pub struct Frame {
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Frame {
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
        let headers = head.lines().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim_start().to_owned())).collect();
        Self { headers, body: body.to_owned() }
    }

    /// A header as it was sent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn kind(&self) -> &str {
        self.get("Content-Type").unwrap_or_default()
    }

    /// The event inside, if it is one.
    pub fn event(&self) -> Option<Self> {
        (self.kind() == "text/event-plain").then(|| Self::parse(&self.body))
    }

    /// A header of the event inside, or of the frame; decoded.
    pub fn value(&self, name: &str) -> Option<String> {
        let event = self.event();
        let inside = event.as_ref().and_then(|event| event.get(name));
        let value = inside.or_else(|| self.get(name))?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    /// The name of the event inside.
    pub fn name(&self) -> String {
        self.value("Event-Name").unwrap_or_default()
    }
}

/// The next frame; nothing when the connection has ended.
pub async fn next_frame(read: &mut BufReader<OwnedReadHalf>) -> Option<Frame> {
    let mut head = String::new();
    while !head.ends_with("\n\n") {
        if read.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let mut frame = Frame::parse(&head);
    let length = frame.get("Content-Length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    read.read_exact(&mut body).await.ok()?;
    frame.body = String::from_utf8(body).ok()?;
    Some(frame)
}

/// A connection to a FreeSWITCH, or one that came from it.
pub struct Link {
    write: OwnedWriteHalf,
    frames: mpsc::UnboundedReceiver<Frame>,
    events: VecDeque<Frame>,
}

impl Link {
    pub fn new(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        let (told, frames) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut read = BufReader::new(read);
            while let Some(frame) = next_frame(&mut read).await {
                told.send(frame).ok();
            }
        });
        Self { write, frames, events: VecDeque::new() }
    }

    /// Connects to the event socket and logs in.
    pub async fn log_in(address: SocketAddr, password: &str) -> Self {
        let mut link = Self::new(TcpStream::connect(address).await.unwrap());
        assert_eq!(link.frame().await.expect("the connection is closed").kind(), "auth/request");
        assert_eq!(link.ask(&format!("auth {password}")).await, "+OK accepted");
        link
    }

    /// The next frame; nothing when the connection has ended.
    pub async fn frame(&mut self) -> Option<Frame> {
        timeout(LIMIT, self.frames.recv()).await.expect("nothing was heard for five minutes")
    }

    pub async fn send(&mut self, text: &str) {
        self.write.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends a command, and gives the reply's text or the answer's body.
    pub async fn ask(&mut self, command: &str) -> String {
        self.send(&format!("{command}\n\n")).await;
        loop {
            let frame = self.frame().await.expect("the connection is closed");
            match frame.kind() {
                "command/reply" => return frame.value("Reply-Text").unwrap_or_default(),
                "api/response" => return frame.body,
                _ => self.events.push_back(frame),
            }
        }
    }

    pub async fn api(&mut self, command: &str) -> String {
        self.ask(&format!("api {command}")).await.trim_end().to_owned()
    }

    /// The next event of that name; others are skipped.
    pub async fn event(&mut self, name: &str) -> Frame {
        loop {
            let frame = match self.events.pop_front() {
                Some(frame) => frame,
                None => self.frame().await.unwrap_or_else(|| panic!("closed before {name}")),
            };
            if frame.name() == name {
                return frame;
            }
        }
    }

    /// The names of events heard until nothing is heard for that long; with the application, where there is one.
    pub async fn names(&mut self, quiet: Duration) -> Vec<String> {
        while let Ok(Some(frame)) = timeout(quiet, self.frames.recv()).await {
            self.events.push_back(frame);
        }
        let name = |frame: &Frame| match frame.value("Application") {
            Some(app) => format!("{} {app}", frame.name().trim_start_matches("CHANNEL_")),
            None => frame.name().trim_start_matches("CHANNEL_").to_owned(),
        };
        self.events.drain(..).map(|frame| name(&frame)).collect()
    }

    /// Everything until the connection closes.
    pub async fn rest(mut self) -> Vec<Frame> {
        let mut all: Vec<_> = self.events.drain(..).collect();
        while let Some(frame) = self.frame().await {
            all.push(frame);
        }
        all
    }

    pub async fn execute(&mut self, app: &str, arg: &str, more: &str) -> String {
        let more = if more.is_empty() { String::new() } else { format!("\n{more}") };
        self.ask(&format!(
            "sendmsg\ncall-command: execute\nexecute-app-name: {app}\nexecute-app-arg: {arg}{more}"
        ))
        .await
    }
}
