//! What a node, its links and its legs share.
//!
//! In: events and state of the links, commands of the legs. Out: signals for each leg, commands for the links.
//! The other files hold methods of [`Hub`]: `mailbox` delivers signals to legs, `leg_events` reads them from events,
//! `link_state` knows whether the links are up, `heartbeat` watches FreeSWITCH's heartbeat, and `awaited` knows whether
//! anybody waits for an event.

mod awaited;
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
use crate::ids::{CoreId, LegId};
use crate::switch::channel_event::{ChannelChange, ChannelEvent};
use crate::switch::event::Event;
use crate::switch::leg_state::LegSignal;
use crate::switch::link_commands::{Command, CommandError, CommandSender};
use crate::switch::load::Load;
use crate::switch::originate_pool::OriginatePool;
use crate::switch::talks::Talks;

use self::leg_events::{job_signal, signal_of};
use super::node_stats::{NodeStats, count};

pub(in crate::switch) use awaited::{Awaited, AwaitedLeg};
pub(in crate::switch) use leg_events::result_of;
pub(in crate::switch) use link_state::LinkState;

/// What the node, its links and its legs share.
#[derive(Debug)]
pub(in crate::switch) struct Hub {
    pub settings: NodeSettings,
    pub stats: NodeStats,
    main: CommandSender,
    pub(super) queries: CommandSender,
    legs: Mutex<HashMap<LegId, mpsc::Sender<LegSignal>>>,
    links: Mutex<[bool; 2]>,
    pub(super) up: watch::Sender<bool>,
    pub(super) core: watch::Sender<Option<CoreId>>,
    link_state: watch::Sender<LinkState>,
    last_heartbeat: Mutex<Instant>,
    alarmed: AtomicBool,
    pub(in crate::switch) talks: Talks,
    pub(in crate::switch) awaited: Awaited,
    pub(in crate::switch) load: Load,
    pub(in crate::switch) originates: OriginatePool,
}

impl Hub {
    pub(in crate::switch) fn new(
        settings: NodeSettings,
        main: CommandSender,
        queries: CommandSender,
    ) -> Self {
        Self {
            originates: OriginatePool::new(settings.originate_connections),
            settings,
            stats: NodeStats::default(),
            main,
            queries,
            legs: Mutex::default(),
            links: Mutex::default(),
            up: watch::Sender::new(false),
            core: watch::Sender::new(None),
            link_state: watch::Sender::default(),
            last_heartbeat: Mutex::new(Instant::now()),
            alarmed: AtomicBool::new(false),
            talks: Talks::default(),
            awaited: Awaited::default(),
            load: Load::default(),
        }
    }

    /// Starts a background job on the event link.
    pub(in crate::switch) async fn job(&self, command: String) -> Result<String, CommandError> {
        self.main.ask(Command::BgApi(command)).await
    }

    /// Opens a connection on which the next phone can be rung.
    pub(in crate::switch) async fn open_originate_connection(&self) {
        if let Err(error) = self.originates.open(&self.settings).await {
            let node = &self.settings.name;
            tracing::debug!(%node, %error, "no further connection for ringing: phones are rung by background jobs");
        }
    }

    /// Runs an API command on the link for queries, or if that is down on the other one.
    pub(in crate::switch) async fn api(&self, command: String) -> Result<String, CommandError> {
        match self.queries.ask(Command::Api(command.clone())).await {
            Err(CommandError::Down) => self.main.ask(Command::Api(command)).await,
            answer => answer,
        }
    }

    /// Takes in one event, and delivers it to its leg without waiting.
    pub(in crate::switch) fn take(&self, event: &Event, now: Instant) {
        count(&self.stats.events);
        if self.core.borrow().is_none()
            && let Some(core) = event.get("Core-UUID").and_then(|core| core.parse().ok())
        {
            self.learn_core(core);
        }
        match event.kind() {
            "HEARTBEAT" => {
                self.heartbeat(now);
                self.originates.trim(now);
            }
            "BACKGROUND_JOB" => {
                if let Some((leg, signal)) = job_signal(event) {
                    self.deliver(leg, signal);
                }
            }
            _ => {
                if let Some(event) = ChannelEvent::read(event) {
                    self.take_of_channel(&event);
                }
            }
        }
    }
}

impl Hub {
    fn take_of_channel(&self, event: &ChannelEvent<'_>) {
        self.talks.hear(event);
        let Some(leg) = event.leg else { return };
        if event.rang && event.change == ChannelChange::HungUp {
            self.deliver(leg, LegSignal::Rang(event.channel));
        }
        self.deliver(leg, signal_of(event));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
