//! A caller's own socket: commands for the caller's channel, and its events.
//!
//! In: a socket on which `connect` was answered. Out: [`Caller`], the story's handle of one caller.
//! One task owns the connection, carries out one command at a time and passes events on. The story talks to it through
//! bounded channels, so that a dropped future of the story never cuts a command in two.
//! **Invariants:** the task never waits for the story. It ends at the first doubt about the connection, and reports that
//! once: [`CallerEvent::HungUp`], [`CallerEvent::Lost`] or [`CallerEvent::Taken`] is always the last event. Dropping the
//! [`Caller`] closes the socket: the dialplan continues with a waiting caller, and a talk goes on. A talk holds no socket,
//! unless the channel is a leg of ours or the node's link was down when it began. The socket of a caller
//! who was taken by somebody else stays open until their channel ends, since closing it would take the channel away from
//! whoever has it (docs/architecture/freeswitch.md, "When the controller goes away").
//!
//! This file is the story's handle; it sends a `command` and receives an `event`. `subscribe` asks FreeSWITCH for events,
//! and `task` is the task.

mod command;
mod event;
mod subscribe;
mod task;
mod visits;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::ids::{CallId, ChannelId};
use crate::inbox;
use crate::sound::Sound;

use self::command::{CallerCommand, CallerRequest, is_value};
use self::subscribe::subscribe;
use self::task::CallerTask;
use super::frames::SocketError;
use super::listener_stats::ConnectionPermit;
use super::node::Node;
use super::socket::Socket;
use super::text;
use crate::cause::HangupCause;

use super::variable::Variable;
pub use command::{AfterTalk, Loops, PlayId, Recording};
pub use event::{CallerEvent, DigitSource, RecordEnd};
pub(super) use visits::{Visit, Visits};

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// The channel hung up or the socket broke: [`Caller::event`] says which.
    #[error("the caller is gone")]
    Gone,
    /// FreeSWITCH refused the command, or it was not sent because a value is not allowed.
    #[error("cannot {what}: {why}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The reason.
        why: String,
    },
}

/// The story's handle of one caller.
#[derive(Debug)]
pub struct Caller {
    channel: ChannelId,
    requests: mpsc::Sender<CallerRequest>,
    events: mpsc::Receiver<CallerEvent>,
    last: Option<CallerEvent>,
}

impl Caller {
    /// The caller's channel.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Answers the call, so that the caller can hear us. Returns when FreeSWITCH has the command.
    ///
    /// # Errors
    /// If the caller is gone or FreeSWITCH refuses.
    pub async fn answer(&self) -> Result<(), CallerError> {
        self.ask(CallerCommand::Answer).await
    }

    /// Lets the caller hear us by early media, which costs them nothing, without an answer. A bridge answers the call.
    ///
    /// # Errors
    /// If the caller is gone or FreeSWITCH refuses.
    pub async fn pre_answer(&self) -> Result<(), CallerError> {
        self.ask(CallerCommand::PreAnswer).await
    }

    /// Plays a sound.
    ///
    /// # Errors
    /// If the caller is gone or FreeSWITCH refuses.
    pub async fn play(&self, sound: &Sound, loops: Loops) -> Result<PlayId, CallerError> {
        let id = PlayId(Uuid::new_v4());
        self.ask(CallerCommand::Play { id, sound: sound.clone(), loops }).await?;
        Ok(id)
    }

    /// Records what the caller says. [`CallerEvent::Recorded`] follows, also before [`CallerEvent::HungUp`]. FreeSWITCH hangs
    /// up on a caller whose file it cannot make (docs/architecture/freeswitch.md, "Recordings").
    ///
    /// # Errors
    /// If the caller is gone or FreeSWITCH refuses.
    pub async fn record(&self, recording: Recording) -> Result<PlayId, CallerError> {
        let id = PlayId(Uuid::new_v4());
        self.ask(CallerCommand::Record { id, recording }).await?;
        Ok(id)
    }

    /// Stops everything that is played and that waits to be played. No [`CallerEvent::Played`] comes for it any more. A
    /// recording ends, and [`CallerEvent::Recorded`] says how long it is.
    ///
    /// # Errors
    /// If the caller is gone or FreeSWITCH refuses.
    pub async fn stop(&self) -> Result<(), CallerError> {
        self.ask(CallerCommand::Stop).await
    }

    /// Decides what a key does to the sound that is played. FreeSWITCH ends it at any key, which is quicker than
    /// [`Caller::stop`] alone, or at none. Without this, it does so at `*`. If `in_band` is set, FreeSWITCH also searches the
    /// caller's audio for the tones of keys, which costs CPU.
    ///
    /// # Errors
    /// If the caller is gone or FreeSWITCH refuses.
    pub async fn listen(&self, keys_end_sounds: bool, in_band: bool) -> Result<(), CallerError> {
        self.ask(CallerCommand::Listen { keys_end_sounds, in_band }).await
    }

    /// Sets a variable of ours on the channel. The value may hold letters, digits and `_ . : @ + -`, at most 128.
    ///
    /// # Errors
    /// If the caller is gone, FreeSWITCH refuses, or the value holds anything else.
    pub async fn set(&self, variable: Variable, value: &str) -> Result<(), CallerError> {
        if !is_value(value) {
            let why = format!("{} is not an allowed value", text::Shown(value));
            return Err(CallerError::Refused { what: "set a variable", why });
        }
        self.ask(CallerCommand::Set { variable, value: value.to_owned() }).await
    }

    /// Connects the caller with a leg that answered. A caller in early media is answered. From now on the talk survives the
    /// controller. `after` says what follows when the leg hangs up.
    ///
    /// Success means only that FreeSWITCH has begun: wait for [`CallerEvent::Bridged`], and after about three seconds without
    /// it call [`Caller::unbridge_failed`]. Only one bridge may be undecided at a time: a second one leaves a leg that is
    /// connected with nobody (docs/architecture/freeswitch.md, "Legs and bridges").
    ///
    /// # Errors
    /// If either channel is gone or FreeSWITCH refuses; the dialplan then takes the caller back as before.
    pub async fn bridge(&self, leg: ChannelId, after: AfterTalk) -> Result<(), CallerError> {
        self.ask(CallerCommand::Bridge { leg, after }).await
    }

    /// Gives up a bridge that did not come about: the dialplan takes the caller back again if the controller dies.
    pub async fn unbridge_failed(&self) {
        // Refused only if the caller is gone, which the last event reports.
        let _ = self.ask(CallerCommand::Resume).await;
    }

    /// Closes the socket of a caller who talks, if the talk needs none: the node's link reports the end of their channel. From
    /// then on no command reaches the caller, and no further [`CallerEvent::Bridged`] comes.
    pub async fn close_socket(&self, node: &Node, call: CallId) {
        // Refused only if the caller is gone, which the last event reports.
        let _ = self.ask(CallerCommand::CloseSocket { node: node.clone(), call }).await;
    }

    /// Ends the call. [`CallerEvent::HungUp`] follows.
    pub async fn hangup(&self, cause: HangupCause) {
        // Refused only if the caller is gone, which the last event reports.
        let _ = self.ask(CallerCommand::HangUp { cause }).await;
    }

    /// Gives the caller back to the dialplan, which continues after `socket` and finds `reason` in `dozvon_state`. A `reason`
    /// that is not allowed as a value is left out.
    pub async fn hand_back(&self, reason: &str) {
        let reason = is_value(reason).then(|| reason.to_owned());
        // Refused only if the caller is gone: then there is nobody to give back.
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

    /// Subscribes to the caller's events, and starts the task that owns the connection.
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
        let (sender, requests) = inbox::channel(4);
        let (events_in, events) = mpsc::channel(8);
        let task = CallerTask::new(channel, socket, requests, setup);
        let span = tracing::info_span!("caller", %channel);
        tokio::spawn(task.run(events_in, open).instrument(span));
        Ok(Self { channel, requests: sender, events, last: None })
    }
}

/// The settings of callers' sockets, and the visit.
pub(super) struct CallerSetup {
    pub linger: Duration,
    pub check: Duration,
    pub visit: Visit,
    /// The sequence number with which the visit begins: events with a lower one belong to an earlier visit.
    pub begins_at: u64,
    /// Whether the channel is a leg of ours.
    pub is_leg: bool,
}
