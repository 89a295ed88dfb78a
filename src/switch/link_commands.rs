//! Commands for a link, and their answers.

use tokio::sync::{mpsc, oneshot};

use super::wire::WireError;
use crate::inbox::{self, Inbox};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Events and background jobs.
    Events,
    /// API commands.
    Queries,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Events => "events",
            Self::Queries => "queries",
        })
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CommandError {
    /// It was not sent: there is no connection.
    #[error("the link to FreeSWITCH is down")]
    Down,
    /// It was sent.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    /// Answered with its output.
    Api(String),
    /// Answered with the job's number; the result comes as an event.
    BgApi(String),
}

#[derive(Debug)]
pub(super) struct LinkRequest {
    pub command: Command,
    pub done: oneshot::Sender<Result<String, CommandError>>,
}

/// Sends commands to a link.
#[derive(Debug, Clone)]
pub(super) struct CommandSender(mpsc::Sender<LinkRequest>);

impl CommandSender {
    /// The sender, and the receiver for the link's task.
    pub(super) fn new(queue: usize) -> (Self, Inbox<LinkRequest>) {
        let (sender, requests) = inbox::channel(queue);
        (Self(sender), requests)
    }

    /// Waits until the link's task is gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }

    /// Sends a command and waits for the answer. The command is carried out even if the future is dropped.
    pub(super) async fn ask(&self, command: Command) -> Result<String, CommandError> {
        let (done, answer) = oneshot::channel();
        self.0.send(LinkRequest { command, done }).await.map_err(|_| CommandError::Down)?;
        answer.await.unwrap_or(Err(CommandError::Down))
    }
}
