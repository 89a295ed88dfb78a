//! One FreeSWITCH: its two links, the legs that ring on it, and what is known about its health.
//!
//! In: its settings; requests to ring. Out: [`Leg`]s, answers to queries, whether it is up, which run of FreeSWITCH it is,
//! counts.
//! **Invariants:** events reach a leg's mailbox without waiting (a full mailbox is counted and makes every leg check its
//! state); a leg has its mailbox from before its originate is sent until it is over.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ids::{CoreId, LegId, NodeName};
use crate::vital::Beat;

use super::hub::Hub;
use super::leg::Leg;
use super::leg_request::{LegInTalk, LegRequest};
use super::link::{Link, query_on_new_connection};
use super::link_commands::{Command, CommandError, CommandSender, Role};
use super::load::Load;
use super::node_stats::NodeStats;
use super::wire::WireError;
use crate::config::switch::NodeSettings;

/// A node cannot be used, since a link to it is down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("FreeSWITCH node {node} is down; see the log for why, and `dozvon check` for what to do")]
pub struct NodeDown {
    /// Which one.
    pub node: NodeName,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no connection.
    #[error(transparent)]
    Down(#[from] NodeDown),
    /// The connection broke, or no answer came in time.
    #[error("FreeSWITCH node {node} gave no answer: {why}")]
    NoAnswer {
        /// Which one.
        node: NodeName,
        /// What happened.
        why: String,
    },
    /// FreeSWITCH refused the query.
    #[error("FreeSWITCH node {node} refused: {why}")]
    Refused {
        /// Which one.
        node: NodeName,
        /// Its answer.
        why: String,
    },
}

/// One FreeSWITCH. Cheap to clone; its links end with the last clone and the last leg.
#[derive(Debug, Clone)]
pub struct Node {
    pub(super) hub: Arc<Hub>,
    /// Its links: whether their tasks are working, and their senders.
    links: [(Beat, CommandSender); 2],
    _stop_on_drop: Arc<DropGuard>,
}

impl Node {
    /// Starts the links. Returns at once; [`Node::up`] says when the node can be used.
    #[must_use]
    pub fn start(settings: NodeSettings) -> Self {
        let (main, main_asked) = CommandSender::new(settings.command_queue);
        let (queries, queries_asked) = CommandSender::new(settings.command_queue);
        let beat = |role| Beat::new(&format!("link to {} for {role}", settings.name));
        let links = [(beat(Role::Events), main.clone()), (beat(Role::Queries), queries.clone())];
        let hub = Arc::new(Hub::new(settings.clone(), main, queries));
        let stop = CancellationToken::new();
        let requests = [(Role::Events, main_asked), (Role::Queries, queries_asked)];
        for ((role, requests), (beat, _)) in requests.into_iter().zip(links.clone()) {
            let (node, hub, stop) = (settings.clone(), Arc::clone(&hub), stop.clone());
            tokio::spawn(Link { role, node, hub, requests, beat, stop }.run());
        }
        Self { hub, links, _stop_on_drop: Arc::new(stop.drop_guard()) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.hub.settings.name
    }

    /// Whether the tasks of its links are working.
    #[must_use]
    pub fn beats(&self) -> [Beat; 2] {
        self.links.clone().map(|(beat, _)| beat)
    }

    /// Waits until the task of one of its links is gone.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let [events, queries] = self.links.clone().map(|(_, asker)| asker);
        async move {
            tokio::select! {
                () = events.closed() => {}
                () = queries.closed() => {}
            }
        }
    }

    /// Whether both links are up, now and as it changes.
    #[must_use]
    pub fn up(&self) -> watch::Receiver<bool> {
        self.hub.up.subscribe()
    }

    /// How long an agent may take to press 1 after picking up.
    #[must_use]
    pub fn confirm_timeout(&self) -> std::time::Duration {
        self.hub.settings.confirm_timeout
    }

    /// The run of FreeSWITCH, if it is known, now and as it changes.
    #[must_use]
    pub fn core(&self) -> watch::Receiver<Option<CoreId>> {
        self.hub.core.subscribe()
    }

    /// How far it and the controller are behind.
    #[must_use]
    pub fn load(&self) -> &Load {
        &self.hub.load
    }

    /// How many connections it has on which phones are rung.
    #[must_use]
    pub fn originate_connections(&self) -> usize {
        self.hub.originates.open_now()
    }

    /// The counts so far.
    #[must_use]
    pub fn stats(&self) -> &NodeStats {
        &self.hub.stats
    }

    /// Rings a contact. The owner ends the ringing: see [`Leg::until_answered`].
    ///
    /// # Errors
    /// If the node is down. Everything else is reported by the leg's events.
    pub fn ring(&self, request: LegRequest) -> Result<Leg, NodeDown> {
        if !*self.hub.up.borrow() {
            return Err(NodeDown { node: self.name().clone() });
        }
        Ok(Leg::start(Arc::clone(&self.hub), Arc::clone(&self._stop_on_drop), request))
    }

    /// Watches a channel in a talk until its last event: a leg that an earlier run of the controller rang, or a caller.
    #[must_use]
    pub fn adopt(&self, talk: LegInTalk) -> Leg {
        Leg::adopt(Arc::clone(&self.hub), Arc::clone(&self._stop_on_drop), talk)
    }

    /// Whether a leg has a task in this process.
    #[must_use]
    pub fn keeps(&self, leg: LegId) -> bool {
        self.hub.has(leg)
    }

    /// Runs an API command on the link for queries, and returns its output. The command must not contain anything that a peer
    /// sent.
    ///
    /// # Errors
    /// If the node is down, does not answer in time, or refuses (`-ERR …`, `-USAGE …`).
    pub async fn query(&self, command: &str) -> Result<String, QueryError> {
        let answer = self.hub.queries.ask(Command::Api(command.to_owned())).await;
        answer.map_err(|error| match error {
            CommandError::Down => NodeDown { node: self.name().clone() }.into(),
            CommandError::Wire(error) => self.no_answer(error),
        })
    }

    /// Runs an API command like [`Node::query`], but on a connection of its own. An answer that is too long to read ends its
    /// connection; if that were one of the node's links, the node could not ring anybody until the link is up again.
    ///
    /// # Errors
    /// As [`Node::query`].
    pub async fn query_apart(&self, command: &str) -> Result<String, QueryError> {
        if !*self.hub.up.borrow() {
            return Err(NodeDown { node: self.name().clone() }.into());
        }
        query_on_new_connection(&self.hub.settings, command).await.map_err(|error| self.no_answer(error))
    }

    fn no_answer(&self, error: WireError) -> QueryError {
        let node = self.name().clone();
        match error {
            WireError::Refused(why) => QueryError::Refused { node, why },
            error => QueryError::NoAnswer { node, why: error.to_string() },
        }
    }
}
