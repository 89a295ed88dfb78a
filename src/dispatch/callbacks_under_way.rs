//! Connects a caller with the agent who is about to call them back.
//!
//! In: callbacks that begin and end; callers. Out: the agent of the caller's callback, if one has accepted it.
//! Otherwise the callback is withdrawn, and the caller waits like any other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::dispatch::answered::AgentAnswered;
use crate::ids::QueueName;
use crate::inbox::{self, Inbox};
use crate::phone::E164;

/// A caller's request for the agent of their callback; dropped if there is none.
pub type AgentRequest = oneshot::Sender<AgentAnswered>;

/// The callbacks under way, by the number that is called. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CallbacksUnderWay(Arc<Mutex<LiveCallbacks>>);

type LiveCallbacks = BTreeMap<E164, (QueueName, mpsc::Sender<AgentRequest>)>;

/// One callback under way; dropping it removes the callback.
#[derive(Debug)]
pub struct CallbackGuard {
    callbacks: CallbacksUnderWay,
    number: E164,
}

impl CallbacksUnderWay {
    /// Adds a callback to this number in this queue. None if a callback to the number is under way already: only one
    /// agent calls a number at a time.
    #[must_use]
    pub fn enter(&self, number: &E164, queue: &QueueName) -> Option<(CallbackGuard, Inbox<AgentRequest>)> {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if live.contains_key(number) {
            return None;
        }
        let (sender, requests) = inbox::channel(1);
        live.insert(number.clone(), (queue.clone(), sender));
        Some((CallbackGuard { callbacks: self.clone(), number: number.clone() }, requests))
    }

    /// Returns how many callbacks are under way in each queue.
    #[must_use]
    pub fn by_queue(&self) -> BTreeMap<QueueName, usize> {
        let mut counts = BTreeMap::new();
        for (queue, _) in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            *counts.entry(queue.clone()).or_default() += 1;
        }
        counts
    }

    /// Somebody calls from this number. Returns the agent who is about to call it back, if one has accepted already.
    /// The callback ends in any case.
    pub async fn agent_for(&self, number: &E164) -> Option<AgentAnswered> {
        let callback = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(number)
            .map(|(_, sender)| sender.clone())?;
        let (request, agent) = oneshot::channel();
        // A callback that ends at this moment has no agent for the caller.
        callback.send(request).await.ok()?;
        agent.await.ok()
    }
}

impl Drop for CallbackGuard {
    fn drop(&mut self) {
        self.callbacks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}
