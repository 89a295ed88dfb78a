//! A stand-in for FreeSWITCH 1.11.1, for the demo, the tests and the benches.
//!
//! In: callers' scripts, agents' behaviour, and a controller's bytes over TCP. Out: FreeSWITCH's bytes, on both sides
//! of the event socket; callers' [`Story`]s; [`Counts`]. It runs in the controller's process but shares nothing with
//! it except the loopback interface. It has its own implementation of the protocol, not the controller's crate: each
//! checks the other. `tests/parts/transcripts.rs` compares it with recordings of a real FreeSWITCH. **Invariants:**
//! all randomness comes from one seed; time is tokio's, so that tests can pause it; events are as large as
//! FreeSWITCH's; a waiting caller takes about 5 KiB. **Deliberately absent:** sound, SIP, more than one tenant.
//!
//! | file | what |
//! |---|---|
//! | `settings`, `behaviour`, `story`, `counts` | what goes in and comes out |
//! | `core`, `timers` | the one owner of all state |
//! | `connection`, `wire`, `kind`, `filter`, `template`, `events` | bytes, commands, events |
//! | `commands`, `api`, `show`, `originate` | what can be asked |
//! | `channel`, `session`, `apps`, `outbound`, `leg`, `bridge`, `dial_bridge`, `hangup`, `callers`, `keys`, `silence` | what happens |

mod api;
mod apps;
mod behaviour;
mod bridge;
mod callers;
mod channel;
mod commands;
mod connection;
mod core;
mod counts;
mod delivery;
mod dial_bridge;
mod events;
mod faults;
mod filter;
mod hangup;
mod ids;
mod keys;
mod kind;
mod leg;
mod originate;
mod outbound;
mod record;
mod session;
mod settings;
mod show;
mod silence;
mod story;
mod template;
mod timers;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::ids::ChannelId;

pub use behaviour::{Behaviour, Behaviours, CallerScript, Odds, Pickup, Talk};
pub use counts::Counts;
pub use faults::Faults;
pub use settings::{Action, SimSettings};
pub use story::{EndedBy, Happening, Story};

use behaviour::Phone;
use core::{Core, Input};
use ids::Key;

/// Inputs that may wait for the core; connections wait when it is full.
const INPUTS: usize = 1024;

/// Why a stand-in could not start.
#[derive(Debug, thiserror::Error)]
#[error("the stand-in cannot listen on {address}: {source}; choose another address, or port 0 for any")]
pub struct SimError {
    /// The address.
    pub address: SocketAddr,
    /// The system's error.
    pub source: std::io::Error,
}

/// A running stand-in. It ends when dropped.
#[derive(Debug)]
pub struct Sim {
    address: SocketAddr,
    password: String,
    inputs: mpsc::Sender<Input>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Sim {
    /// Starts a stand-in. Its callers find no controller before [`Self::set_controllers`].
    ///
    /// # Errors
    /// If the address is taken.
    pub async fn start(settings: SimSettings) -> Result<Self, SimError> {
        let failed = |source| SimError { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let password = settings.password.clone();
        let (inputs, received) = mpsc::channel(INPUTS);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let core = Core::new(settings, inputs.clone(), tasks.clone());
        tasks.spawn(core.run(listener, received, stop.clone()));
        Ok(Self { address, password, inputs, tasks, stop: stop.drop_guard() })
    }

    /// The address of the event socket.
    #[must_use]
    pub const fn node_address(&self) -> SocketAddr {
        self.address
    }

    /// The event socket's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Sets the controllers that the callers' dialplan tries in turn, from the next call on.
    pub async fn set_controllers(&self, controllers: &[SocketAddr]) {
        let controllers = controllers.iter().map(ToString::to_string).collect();
        self.ask(move |core| {
            core.settings.controllers = controllers;
            core.plan_calls();
        })
        .await;
    }

    /// Adds a phone, or changes its owner's behaviour from the next call on.
    pub async fn phone(&self, contact: &str, behaviours: impl Into<Behaviours>) {
        let (contact, behaviours) = (contact.to_owned(), behaviours.into());
        self.ask(move |core| match core.phones.get_mut(&contact) {
            Some(phone) => phone.behaviours = behaviours,
            None => drop(core.phones.insert(contact, Phone { behaviours, busy_with: None })),
        })
        .await;
    }

    /// Starts a call.
    pub async fn call(&self, script: CallerScript) -> CallerHandle {
        let (made, call) = oneshot::channel();
        // this function holds the receiver
        self.ask(move |core| drop(made.send(core.call(script)))).await;
        let (key, channel, story) = match call.await {
            Ok((key, channel, story)) => (key, channel, story),
            Err(_) => (Key(0), Uuid::nil(), oneshot::channel().1),
        };
        CallerHandle { key, channel, story, inputs: self.inputs.clone() }
    }

    /// Cuts every connection to the event socket, as a broken network does. Callers' sockets stay.
    pub async fn drop_link(&self) {
        self.ask(Core::drop_link).await;
    }

    /// Closes every new connection to the event socket at once, or accepts them again.
    pub async fn refuse_links(&self, refuse: bool) {
        self.ask(move |core| core.refuses_links = refuse).await;
    }

    /// FreeSWITCH dies and comes back with a new Core-UUID: all calls and connections are gone.
    pub async fn restart(&self) {
        self.ask(Core::restart).await;
    }

    /// FreeSWITCH does nothing for a while; its sockets stay open.
    pub async fn stall(&self, span: Duration) {
        self.ask(move |core| core.stalled_until = Some(core.now + span)).await;
    }

    /// Sets the faults from now on.
    pub async fn set_faults(&self, faults: Faults) {
        self.ask(move |core| core.faults = faults).await;
    }

    /// Returns the counts.
    pub async fn counts(&self) -> Counts {
        let (told, counts) = oneshot::channel();
        // this function holds the receiver
        self.ask(move |core| drop(told.send(core.counts()))).await;
        counts.await.unwrap_or_default()
    }

    /// Stops the stand-in: it closes every connection and forgets all calls.
    pub async fn stop(self) {
        drop(self.stop);
        drop(self.inputs);
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn ask(&self, what: impl FnOnce(&mut Core) + Send + 'static) {
        // the core ends only when this is dropped
        let _ = self.inputs.send(Input::Ask(Box::new(what))).await;
    }
}

/// A handle on one caller.
#[derive(Debug)]
pub struct CallerHandle {
    key: Key,
    channel: Uuid,
    story: oneshot::Receiver<Story>,
    inputs: mpsc::Sender<Input>,
}

impl CallerHandle {
    /// The caller's channel.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        ChannelId(self.channel)
    }

    /// The caller hangs up now.
    pub async fn hang_up(&self) {
        let key = self.key;
        self.ask(move |core| core.caller_hangs_up(key)).await;
    }

    /// The caller presses a key now.
    pub async fn press(&self, digit: char) {
        let key = self.key;
        self.ask(move |core| core.press(key, digit)).await;
    }

    /// Waits for the end of the call, and returns the caller's story. None if the stand-in ended first.
    pub async fn story(self) -> Option<Story> {
        self.story.await.ok()
    }

    async fn ask(&self, what: impl FnOnce(&mut Core) + Send + 'static) {
        // the stand-in may have ended
        let _ = self.inputs.send(Input::Ask(Box::new(what))).await;
    }
}

#[cfg(test)]
mod tests;
