//! A login to a node's event socket, with the guards that the crate needs. The only file that names the crate.
//!
//! In: an address. Out: [`Wire`] for commands, [`WireEvents`] for events.
//! **Invariants:** one command at a time and never a dropped future (the crate is not cancel-safe, replies carry
//! no identity), so commands take `&mut self` and are called from the task that owns the connection; after any
//! error but a refusal the connection must be closed; closing also ends the crate's reader.

use std::time::Duration;

use super::text;
use crate::config::switch::NodeSettings;
use freeswitch_esl_tokio::{
    AuthMethod, ConnectionStatus, DisconnectReason, EslClient, EslCommand, EslConnectOptions, EslError,
    EslEvent, EslEventStream, EslResponse, EventFormat,
};

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// FreeSWITCH refused the command. The connection can be used.
    #[error("FreeSWITCH refused the command: {0}")]
    Refused(String),
    /// No answer came in time. A late answer could not be told from the next one, so the connection must be closed.
    #[error("FreeSWITCH did not answer in time")]
    TimedOut,
    /// The connection is gone.
    #[error("no connection: {0}")]
    Closed(String),
}

impl WireError {
    fn read(error: &EslError) -> Self {
        match error {
            EslError::Timeout { .. } => Self::TimedOut,
            EslError::CommandFailed { reply_text } | EslError::UnexpectedReply { reply_text } => {
                Self::Refused(text::printable(reply_text, 120))
            }
            other => Self::Closed(text::printable(&other.to_string(), 120)),
        }
    }

    /// Whether the connection can go on being used.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// Where and how to log in.
pub(super) struct Login<'a> {
    host: &'a str,
    port: u16,
    password: &'a str,
    connect_timeout: Duration,
    command_timeout: Duration,
    event_queue: usize,
}

impl<'a> Login<'a> {
    /// The login to this node, with room for so many events.
    pub(super) fn to(node: &'a NodeSettings, event_queue: usize) -> Self {
        Self {
            host: &node.host,
            port: node.port,
            password: &node.password,
            connect_timeout: node.connect_timeout,
            command_timeout: node.command_timeout,
            event_queue,
        }
    }
}

/// The commands of one connection.
pub(super) struct Wire {
    client: EslClient,
}

/// The events of one connection.
pub(super) struct WireEvents {
    stream: EslEventStream,
}

/// An event, as far as it was decoded.
pub(super) struct Event(EslEvent);

impl Event {
    /// The value of a header, decoded.
    pub(super) fn get(&self, header: &str) -> Option<&str> {
        self.0.header_str(header)
    }

    /// Its kind, such as `CHANNEL_ANSWER`.
    pub(super) fn kind(&self) -> &str {
        self.get("Event-Name").unwrap_or_default()
    }

    /// What follows the headers, such as a job's result.
    pub(super) fn body(&self) -> &str {
        self.0.body().unwrap_or_default()
    }

    /// Makes an event out of what FreeSWITCH sent, for tests.
    #[cfg(test)]
    pub(super) fn new(headers: &[(&str, &str)], body: Option<&str>) -> Self {
        let mut event = EslEvent::new();
        for (name, value) in headers {
            event.set_header(*name, *value);
        }
        if let Some(body) = body {
            event.set_body(body);
        }
        Self(event)
    }
}

impl Wire {
    /// Connects and logs in.
    pub(super) async fn connect(login: &Login<'_>) -> Result<(Self, WireEvents), WireError> {
        let options = EslConnectOptions::new()
            .with_event_queue_size(login.event_queue)
            .with_connect_timeout(login.connect_timeout);
        let method = AuthMethod::password(login.password);
        let connecting = EslClient::connect_with_auth(login.host, login.port, method, options);
        let (client, stream) = Box::pin(connecting).await.map_err(|e| WireError::read(&e))?;
        client.set_command_timeout(login.command_timeout);
        Ok((Self { client }, WireEvents { stream }))
    }

    /// Counts the connection as dead after this long without a byte from FreeSWITCH.
    pub(super) fn end_after_silence(&self, limit: Duration) {
        self.client.set_liveness_timeout(limit);
    }

    /// Runs an API command and returns its output, without the line's end.
    pub(super) async fn api(&mut self, command: &str) -> Result<String, WireError> {
        check_line(command)?;
        let reply = self.client.api(command).await.map_err(|e| WireError::read(&e))?;
        printed(&reply)
    }

    /// Starts an API command in a thread of its own; its result comes as an event.
    pub(super) async fn bgapi(&mut self, command: &str) -> Result<String, WireError> {
        check_line(command)?;
        let reply = self.client.bgapi(command).await.map_err(|e| WireError::read(&e))?;
        printed(&reply)
    }

    /// Makes FreeSWITCH send its events now: its listener wakes at once for a command, and for an event only every 20 ms
    /// (mod_event_socket.c, read_packet). The command does nothing; FreeSWITCH may answer that it does not know it.
    pub(super) async fn poll(&mut self) -> Result<(), WireError> {
        match self.send(EslCommand::NoOp).await {
            Err(WireError::Refused(_)) => Ok(()),
            answer => answer,
        }
    }

    /// Asks for events of these kinds, in addition to those asked for before.
    pub(super) async fn events(&mut self, kinds: &str) -> Result<(), WireError> {
        self.send(EslCommand::Events { format: EventFormat::Plain.to_string(), events: kinds.to_owned() })
            .await
    }

    /// Lets through events whose header has this value. An event that passes one of several filters is let through.
    pub(super) async fn filter(&mut self, header: &str, value: &str) -> Result<(), WireError> {
        self.send(EslCommand::Filter { header: header.to_owned(), value: value.to_owned() }).await
    }

    /// How many events were lost since the queue was full.
    pub(super) fn dropped(&self) -> u64 {
        self.client.dropped_event_count()
    }

    /// Closes the connection. The crate's reader ends even if the peer keeps its side open: from now on any silence counts
    /// as a dead connection.
    pub(super) async fn close(self, events: Option<WireEvents>) {
        drop(events);
        self.client.set_liveness_timeout(Duration::from_millis(1));
        // Fails only if the socket is closed already.
        let _ = self.client.disconnect().await;
    }

    async fn send(&mut self, command: EslCommand) -> Result<(), WireError> {
        let reply = self.client.send_command(command).await.map_err(|e| WireError::read(&e))?;
        printed(&reply).map(drop)
    }
}

/// Checks that a command is one line: text after a line's end would be another command.
fn check_line(command: &str) -> Result<(), WireError> {
    if command.contains(['\n', '\r', '\0']) {
        return Err(WireError::Refused("not sent: a command must be one line".to_owned()));
    }
    Ok(())
}

/// What a reply says: its body if it has one, else its `Reply-Text`; an error if it begins with a no.
fn printed(reply: &EslResponse) -> Result<String, WireError> {
    let said = reply.body().or_else(|| reply.reply_text()).unwrap_or_default().trim_end();
    if said.starts_with("-ERR") || said.starts_with("-USAGE") {
        return Err(WireError::Refused(text::printable(said, 120)));
    }
    Ok(said.to_owned())
}

impl WireEvents {
    /// The next event; none once the connection has ended. Notices of lost events are skipped, since not every lost event
    /// has one: [`Wire::dropped`] counts them all. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            match self.stream.recv().await? {
                Ok(event) => return Some(Event(event)),
                Err(EslError::QueueFull) => {}
                Err(_) => return None,
            }
        }
    }

    /// Why the connection ended, fit for a log line.
    pub(super) fn ending(&self) -> String {
        match self.stream.status() {
            ConnectionStatus::Disconnected(DisconnectReason::ServerNotice { .. }) => {
                "FreeSWITCH closed the connection".to_owned()
            }
            ConnectionStatus::Disconnected(reason) => text::printable(&reason.to_string(), 120),
            _ => "an event could not be read".to_owned(),
        }
    }
}
