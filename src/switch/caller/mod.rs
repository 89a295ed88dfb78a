//! A caller's own socket: what we do with him, and what becomes of him.
//!
//! In: a socket on which `connect` was answered. Out: [`Caller`], the story's hold of one caller.
//! One task owns the connection, carries out one command at a time and passes events on; the story talks to it
//! through bounded channels, so that a dropped future of the story never cuts a command in two.
//! **Invariants:** the task never waits for the story; it ends at the first doubt about the connection, and then
//! says so once ([`CallerEvent::HungUp`], [`CallerEvent::Lost`] or [`CallerEvent::Taken`] is always the last event).
//! Dropping the [`Caller`] closes the socket: the dialplan goes on with a waiting caller, a talk is left alone. The
//! socket of a caller who was taken by somebody else stays open until their channel ends: to close it would take the
//! channel out of the hands of whoever has it (docs/architecture/freeswitch.md, "When the controller goes away").
//!
//! Here is the story's hold; it asks for a `command` and hears an `event`. On the other side, `subscribe` says what
//! FreeSWITCH is to tell us, and `task` is the task.

mod command;
mod event;
mod subscribe;
mod task;
mod visits;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::ids::ChannelId;

use self::command::{CallerCommand, CallerRequest, is_sound, is_value};
use self::subscribe::subscribe;
use self::task::CallerTask;
use super::listener_stats::ConnectionPermit;
use super::socket::{Socket, SocketError};
use super::text;
use crate::cause::HangupCause;

use super::variable::Variable;
pub use command::{Loops, PlayId};
pub use event::CallerEvent;
pub(super) use visits::{Visit, Visits};

/// Why something could not be done with a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// He hung up, or his socket died: [`Caller::event`] says which.
    #[error("the caller is gone")]
    Gone,
    /// FreeSWITCH said no, or we would not ask it.
    #[error("cannot {what}: {why}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What FreeSWITCH said.
        why: String,
    },
}

/// The story's hold of one caller.
#[derive(Debug)]
pub struct Caller {
    channel: ChannelId,
    requests: mpsc::Sender<CallerRequest>,
    events: mpsc::Receiver<CallerEvent>,
    last: Option<CallerEvent>,
}

impl Caller {
    /// His channel.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Takes the call, so that he can hear us and is charged for it. Returns when FreeSWITCH has the order.
    ///
    /// # Errors
    /// If he is gone or FreeSWITCH refuses.
    pub async fn answer(&self) -> Result<(), CallerError> {
        self.ask(CallerCommand::Answer).await
    }

    /// Plays a sound: a file of FreeSWITCH, or a `tone_stream://`, `local_stream://` or `silence_stream://`.
    ///
    /// # Errors
    /// If he is gone, FreeSWITCH refuses, or the source could do more than sound.
    pub async fn play(&self, source: &str, loops: Loops) -> Result<PlayId, CallerError> {
        if !is_sound(source) {
            let why = format!("{} is not plainly a sound", text::Shown(source));
            return Err(CallerError::Refused { what: "play", why });
        }
        let id = PlayId(Uuid::new_v4());
        self.ask(CallerCommand::Play { id, source: source.to_owned(), loops }).await?;
        Ok(id)
    }

    /// Stops whatever is played or waits to be played.
    pub async fn stop(&self) {
        // refused only if he is gone, which his last event says
        let _ = self.ask(CallerCommand::Stop).await;
    }

    /// Sets a variable of ours on his channel; the value of letters, digits and `_ . : @ + -`, at most 128.
    ///
    /// # Errors
    /// If he is gone, FreeSWITCH refuses, or the value holds anything else.
    pub async fn set(&self, variable: Variable, value: &str) -> Result<(), CallerError> {
        if !is_value(value) {
            let why = format!("{} is not a fit value", text::Shown(value));
            return Err(CallerError::Refused { what: "set a variable", why });
        }
        self.ask(CallerCommand::Set { variable, value: value.to_owned() }).await
    }

    /// Connects him with a leg that was answered. From now on our death leaves the talk alone, and the end of
    /// the talk is the end of his call.
    ///
    /// Success means only that FreeSWITCH has begun: wait for [`CallerEvent::Bridged`], and after about three
    /// seconds without it call [`Caller::unbridge_failed`]. One at a time: a second one while the first is
    /// undecided leaves a leg that is connected with nobody (docs/architecture/freeswitch.md, "Legs and bridges").
    ///
    /// # Errors
    /// If either of them is gone or FreeSWITCH refuses; he is then as safe as before.
    pub async fn bridge(&self, leg: ChannelId) -> Result<(), CallerError> {
        self.ask(CallerCommand::Bridge { leg }).await
    }

    /// Says that a bridge did not come about: our death gives him to the dialplan again.
    pub async fn unbridge_failed(&self) {
        // refused only if he is gone, which his last event says
        let _ = self.ask(CallerCommand::Resume).await;
    }

    /// Ends his call. [`CallerEvent::HungUp`] follows.
    pub async fn hangup(&self, cause: HangupCause) {
        // refused only if he is gone, which his last event says
        let _ = self.ask(CallerCommand::HangUp { cause }).await;
    }

    /// Gives him back to the dialplan, which goes on after `socket` and finds `reason` in `dozvon_state`.
    /// A `reason` that is no fit value of a variable is left out.
    pub async fn hand_back(self, reason: &str) {
        let reason = is_value(reason).then(|| reason.to_owned());
        // refused only if he is gone: then there is nobody to give back
        let _ = self.ask(CallerCommand::HandBack { reason }).await;
    }

    /// The next event. The last one is given again and again. Cancel-safe.
    pub async fn event(&mut self) -> CallerEvent {
        if let Some(last) = &self.last {
            return last.clone();
        }
        let event = self.events.recv().await.unwrap_or(CallerEvent::Lost);
        if event.is_last() {
            self.last = Some(event.clone());
        }
        event
    }

    async fn ask(&self, command: CallerCommand) -> Result<(), CallerError> {
        let (done, answer) = oneshot::channel();
        self.requests.send(CallerRequest { command, done }).await.map_err(|_| CallerError::Gone)?;
        answer.await.unwrap_or(Err(CallerError::Gone))
    }

    /// Tells FreeSWITCH what we want to hear, and starts the task that owns the connection.
    pub(super) async fn take(
        channel: ChannelId,
        mut socket: Socket,
        setup: CallerSetup,
        open: ConnectionPermit,
    ) -> Result<Self, SocketError> {
        if let Err(error) = subscribe(&mut socket, channel, &setup).await {
            socket.close().await;
            return Err(error);
        }
        let (sender, requests) = mpsc::channel(4);
        let (events_in, events) = mpsc::channel(8);
        let task = CallerTask::new(channel, socket, requests, setup);
        let span = tracing::info_span!("caller", %channel);
        tokio::spawn(task.run(events_in, open).instrument(span));
        Ok(Self { channel, requests: sender, events, last: None })
    }
}

/// What the settings say about callers' sockets, and which visit it is.
pub(super) struct CallerSetup {
    pub linger: Duration,
    pub check: Duration,
    pub visit: Visit,
    /// The number of FreeSWITCH's event with which the visit begins: what has a lower one belongs to a visit before.
    pub begins_at: u64,
}
