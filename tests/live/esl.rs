//! A minimal event socket client, independent of the one under test: commands, replies, events.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Where FreeSWITCH listens for event socket clients, and what it asks of them.
#[derive(Debug, Clone)]
pub struct Access {
    /// Its address.
    pub address: SocketAddr,
    /// Its password.
    pub password: String,
}

/// Header lines by name; the last of several wins.
pub type Headers = BTreeMap<String, String>;

/// One message from FreeSWITCH.
pub struct Message {
    /// What stands before the blank line, as sent.
    pub headers: Headers,
    /// What `Content-Length` announced.
    pub body: Vec<u8>,
}

/// An authenticated connection.
pub struct Esl {
    stream: BufReader<TcpStream>,
}

impl Esl {
    /// Connects and authenticates.
    pub async fn connect(access: &Access) -> Result<Self> {
        let stream = TcpStream::connect(access.address).await?;
        stream.set_nodelay(true)?;
        let mut esl = Self { stream: BufReader::with_capacity(1 << 18, stream) };
        esl.read().await?;
        let password = access.password.clone();
        esl.command(&format!("auth {password}")).await?;
        Ok(esl)
    }

    /// Sends a command that is answered with `command/reply`, and fails if it is refused.
    ///
    /// Not for a connection that receives events already.
    pub async fn command(&mut self, command: &str) -> Result<String> {
        let reply = self.exchange(command).await?;
        let text = reply.headers.get("Reply-Text").cloned().unwrap_or_default();
        ensure!(text.starts_with("+OK"), "{command}: {text}");
        Ok(text)
    }

    /// Runs an API command and gives its answer.
    pub async fn api(&mut self, command: &str) -> Result<String> {
        let reply = self.exchange(&format!("api {command}")).await?;
        Ok(String::from_utf8_lossy(&reply.body).trim().to_owned())
    }

    async fn exchange(&mut self, command: &str) -> Result<Message> {
        self.stream.get_mut().write_all(format!("{command}\n\n").as_bytes()).await?;
        self.read().await
    }

    /// The next message.
    pub async fn read(&mut self) -> Result<Message> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.stream.read_line(&mut head).await? == 0 {
                bail!("FreeSWITCH closed the event socket");
            }
            let blank = head.len() - before <= 1;
            if blank && before > 0 {
                break;
            }
            if blank {
                head.clear();
            }
        }
        let headers = headers(&head);
        let length: usize = headers.get("Content-Length").map_or(Ok(0), |text| text.parse())?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.context("body of an event socket message")?;
        Ok(Message { headers, body })
    }
}

/// Splits header lines; values stay as they were sent.
pub fn headers(text: &str) -> Headers {
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Undoes the percent encoding of an event's header value.
pub fn decoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = (byte == b'%').then(|| value.get(at + 1..at + 3)).flatten();
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(code) => {
                plain.push(code);
                at += 3;
            }
            None => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
