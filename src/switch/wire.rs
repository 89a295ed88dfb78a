//! A login to a node's event socket for queries, with the guards that the crate needs. The only file that names the crate.
//!
//! In: an address. Out: [`Wire`] for commands, [`WireEnd`] for the end of the connection.
//! **Invariants:** one command at a time and never a dropped future (the crate is not cancel-safe, replies carry
//! no identity), so commands take `&mut self` and are called from the task that owns the connection; after any
//! error but a refusal the connection must be closed; closing also ends the crate's reader.

use std::time::Duration;

use super::frames::{SocketError, check_line, outcome};
use super::text;
use crate::config::switch::NodeSettings;
use freeswitch_esl_tokio::{
    AuthMethod, ConnectionStatus, DisconnectReason, EslClient, EslConnectOptions, EslError, EslEventStream,
    EslResponse,
};

/// How many events may wait to be taken: none come where nobody subscribes.
const EVENT_QUEUE: usize = 64;

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

impl From<&SocketError> for WireError {
    fn from(error: &SocketError) -> Self {
        match error {
            SocketError::TimedOut => Self::TimedOut,
            SocketError::Refused(why) => Self::Refused(why.clone()),
            other => Self::Closed(text::printable(&other.to_string(), 120)),
        }
    }
}

impl From<SocketError> for WireError {
    fn from(error: SocketError) -> Self {
        Self::from(&error)
    }
}

/// The commands of one connection.
pub(super) struct Wire {
    client: EslClient,
}

/// The other half of a connection, which tells when it ends.
pub(super) struct WireEnd {
    stream: EslEventStream,
}

impl Wire {
    /// Connects to a node and logs in.
    pub(super) async fn connect(node: &NodeSettings) -> Result<(Self, WireEnd), WireError> {
        let options = EslConnectOptions::new()
            .with_event_queue_size(EVENT_QUEUE)
            .with_connect_timeout(node.connect_timeout);
        let method = AuthMethod::password(node.password.as_str());
        let connecting = EslClient::connect_with_auth(&node.host, node.port, method, options);
        let (client, stream) = Box::pin(connecting).await.map_err(|e| WireError::read(&e))?;
        client.set_command_timeout(node.command_timeout);
        Ok((Self { client }, WireEnd { stream }))
    }

    /// Runs an API command and returns its output, without the line's end.
    pub(super) async fn api(&mut self, command: &str) -> Result<String, WireError> {
        check_line(command)?;
        let reply = self.client.api(command).await.map_err(|e| WireError::read(&e))?;
        printed(&reply)
    }

    /// Starts an API command in a thread of its own. Its result goes to those who have subscribed.
    pub(super) async fn bgapi(&mut self, command: &str) -> Result<String, WireError> {
        check_line(command)?;
        let reply = self.client.bgapi(command).await.map_err(|e| WireError::read(&e))?;
        printed(&reply)
    }

    /// Closes the connection. The crate's reader ends even if the peer keeps its side open: from now on any silence counts
    /// as a dead connection.
    pub(super) async fn close(self, end: Option<WireEnd>) {
        drop(end);
        self.client.set_liveness_timeout(Duration::from_millis(1));
        // Fails only if the socket is closed already.
        let _ = self.client.disconnect().await;
    }
}

/// What a reply says: its body if it has one, else its `Reply-Text`; an error if FreeSWITCH refused.
fn printed(reply: &EslResponse) -> Result<String, WireError> {
    let said = reply.body().or_else(|| reply.reply_text()).unwrap_or_default().trim_end();
    Ok(outcome(said.to_owned())?)
}

impl WireEnd {
    /// Waits until the connection has ended, and returns why, fit for a log line. Cancel-safe.
    pub(super) async fn ended(&mut self) -> String {
        // No events come, since nobody subscribes.
        while let Some(Ok(_) | Err(EslError::QueueFull)) = self.stream.recv().await {}
        self.why()
    }

    fn why(&self) -> String {
        match self.stream.status() {
            ConnectionStatus::Disconnected(DisconnectReason::ServerNotice { .. }) => {
                "FreeSWITCH closed the connection".to_owned()
            }
            ConnectionStatus::Disconnected(reason) => text::printable(&reason.to_string(), 120),
            _ => "an event could not be read".to_owned(),
        }
    }
}
