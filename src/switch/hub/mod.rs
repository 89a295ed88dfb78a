//! What a node, its links and its legs share.
//!
//! In: what the links hear and how they fare, commands of the legs. Out: news for each leg, commands for the links.
//! The rest is in the other files, as methods of [`Hub`]: `mailbox` brings each leg its news, `sight` is whether
//! there is a link and to which run of FreeSWITCH, `heart` whether that one lives.

mod heartbeat;
mod leg_events;
mod link_state;
mod mailbox;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::switch::NodeSettings;
use crate::ids::{ChannelId, CoreId};
use crate::switch::ask::{AskError, Asker, Command};
use crate::switch::talks::Talks;
use crate::switch::track::Signal;
use crate::switch::wire::Event;

use self::leg_events::{news, rang};
use super::node_stats::{NodeStats, count};

pub(in crate::switch) use link_state::Sight;

/// What the node, its links and its legs share.
#[derive(Debug)]
pub(in crate::switch) struct Hub {
    pub settings: NodeSettings,
    pub stats: NodeStats,
    main: Asker,
    pub(super) queries: Asker,
    legs: Mutex<HashMap<ChannelId, mpsc::Sender<Signal>>>,
    links: Mutex<[bool; 2]>,
    pub(super) up: watch::Sender<bool>,
    pub(super) core: watch::Sender<Option<CoreId>>,
    sight: watch::Sender<Sight>,
    last_heartbeat: Mutex<Instant>,
    alarmed: AtomicBool,
    pub(in crate::switch) talks: Talks,
}

impl Hub {
    pub(in crate::switch) fn new(settings: NodeSettings, main: Asker, queries: Asker) -> Self {
        Self {
            settings,
            stats: NodeStats::default(),
            main,
            queries,
            legs: Mutex::default(),
            links: Mutex::default(),
            up: watch::Sender::new(false),
            core: watch::Sender::new(None),
            sight: watch::Sender::default(),
            last_heartbeat: Mutex::new(Instant::now()),
            alarmed: AtomicBool::new(false),
            talks: Talks::default(),
        }
    }

    /// Starts a background job on the event link.
    pub(in crate::switch) async fn job(&self, command: String) -> Result<String, AskError> {
        self.main.ask(Command::BgApi(command)).await
    }

    /// Runs an API command on the link for queries, or if that is down on the other one.
    pub(in crate::switch) async fn api(&self, command: String) -> Result<String, AskError> {
        match self.queries.ask(Command::Api(command.clone())).await {
            Err(AskError::Down) => self.main.ask(Command::Api(command)).await,
            answer => answer,
        }
    }

    /// Takes one event: to its leg's mailbox, without waiting.
    pub(in crate::switch) fn take(&self, event: &Event, now: Instant) {
        count(&self.stats.events);
        if event.kind() == "HEARTBEAT" {
            self.beat(now);
        }
        if self.core.borrow().is_none()
            && let Some(core) = event.get("Core-UUID").and_then(|core| core.parse().ok())
        {
            self.learn_core(core);
        }
        self.talks.hear(event);
        if let Some(leg) = rang(event) {
            self.deliver(leg.0, Signal::Rang(leg.1));
        }
        if let Some((leg, signal)) = news(event) {
            self.deliver(leg, signal);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
