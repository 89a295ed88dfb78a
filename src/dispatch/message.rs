//! The messages to the dispatcher's task.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::dispatch::queued_caller::{Leaving, QueuedCaller};
use crate::ids::{AgentName, CallId, NodeName, OfferId, QueueName};
use crate::queue::expected_wait::Place;
use crate::queue::offer::Outcome;
use crate::rules::Rules;
use crate::store::agents::AgentRow;
use crate::switch::DirectoryUser;

/// A message to the dispatcher's task.
#[derive(Debug)]
pub(super) enum Message {
    Join(Box<QueuedCaller>, oneshot::Sender<Result<(), NoSuchQueue>>),
    Leave(CallId, Leaving, oneshot::Sender<bool>),
    Place(CallId, oneshot::Sender<Option<Place>>),
    Connecting(CallId, OfferId),
    WaitsAgain(CallId),
    Refused { call: CallId, offer: OfferId, agent: AgentName },
    Over { call: CallId, offer: OfferId, outcome: Outcome, of_link: bool, agent: Box<AgentRow> },
    Agent(Box<AgentRow>),
    Elsewhere(NodeName, Option<String>, Vec<(DirectoryUser, bool)>),
    Node(NodeName, bool),
    Counted(NodeName, bool),
    ExpectBack(BTreeSet<CallId>, Instant),
    Reload(Arc<Rules>, Vec<AgentRow>),
}

/// The rules do not have the queue that a caller was to join.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no queue {0}")]
pub struct NoSuchQueue(pub QueueName);
