//! The task that owns a caller's connection.
//!
//! In: events of FreeSWITCH, commands of the story. Out: events for the story, commands to FreeSWITCH.
//! The other files hold methods of [`CallerTask`]: `sound` plays sounds, `bridge` connects the caller with a leg, `watched`
//! lets a talk go on without a socket, and `taken` handles a caller whom somebody else has.

mod bridge;
mod keys;
mod record;
mod sound;
mod taken;
mod watched;

use std::collections::VecDeque;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::cause;
use crate::ids::ChannelId;
use crate::inbox::Inbox;
use crate::switch::event::Event;
use crate::switch::frames::SocketError;
use crate::switch::leg::Leg;
use crate::switch::listener_stats::ConnectionPermit;
use crate::switch::socket::{Execute, Socket};
use crate::switch::text;

use self::sound::Music;
use self::watched::Watched;
use super::command::{CallerCommand, CallerRequest};
use super::{AfterTalk, CallerError, CallerEvent, CallerSetup, PlayId, Visit};
use crate::switch::variable::Variable;

/// How many events may wait for the story; beyond that the oldest are dropped.
const OUTBOX: usize = 64;

/// How long a controller must have had a caller for the dialplan to forget earlier failures. Controllers that keep dying
/// sooner make the dialplan fall back (fs-dialplan/dozvon.xml).
const SERVED_AFTER: Duration = Duration::from_secs(10);

/// How long the hangup's event may take once the channel is found gone.
const LATE_HANGUP: Duration = Duration::from_millis(500);

/// How long after a hangup command to check whether the channel is gone.
const AFTER_HANGUP: Duration = Duration::from_secs(2);

/// The task that owns the connection.
pub(super) struct CallerTask {
    channel: ChannelId,
    socket: Socket,
    requests: Inbox<CallerRequest>,
    outbox: VecDeque<CallerEvent>,
    /// Sounds that are played once and have not ended.
    plays: SmallVec<[PlayId; 2]>,
    music: Option<Music>,
    /// What is recorded.
    recording: Option<PlayId>,
    /// The keys that end sounds, in FreeSWITCH's words; none until the story has listened to keys or recorded.
    end_keys: Option<String>,
    /// Whether the caller's audio is searched for keys.
    in_band: bool,
    /// Whether the caller hears us without an answer.
    in_early_media: bool,
    check: Duration,
    check_at: Instant,
    /// When to set `dozvon_served`; none once that is done.
    served_at: Option<Instant>,
    /// The leg of a bridge that FreeSWITCH has not reported yet.
    bridging: Option<ChannelId>,
    /// The leg of the last bridge that was given up; FreeSWITCH may still carry it out.
    abandoned_leg: Option<ChannelId>,
    /// Whether `socket` has ended since the last bridge was asked for: the channel is not in our hands.
    released: bool,
    /// What was to follow the last bridge that was tried.
    bridge_tried: Option<AfterTalk>,
    /// The leg with which we have connected the caller.
    talks_with: Option<ChannelId>,
    visit: Visit,
    /// The sequence number with which the visit begins.
    begins_at: u64,
    /// Whether the channel is a leg of ours.
    is_leg: bool,
    /// What watches the channel once the caller talks without a socket.
    watch: Option<Leg>,
    gone: bool,
}

impl CallerTask {
    pub(super) fn new(
        channel: ChannelId,
        socket: Socket,
        requests: Inbox<CallerRequest>,
        setup: CallerSetup,
    ) -> Self {
        Self {
            channel,
            socket,
            requests,
            outbox: VecDeque::new(),
            plays: SmallVec::new(),
            music: None,
            recording: None,
            end_keys: None,
            in_band: false,
            in_early_media: false,
            check: setup.check,
            check_at: Instant::now(),
            served_at: Some(Instant::now() + SERVED_AFTER),
            bridging: None,
            abandoned_leg: None,
            released: false,
            bridge_tried: None,
            talks_with: None,
            visit: setup.visit,
            begins_at: setup.begins_at,
            is_leg: setup.is_leg,
            watch: None,
            gone: false,
        }
    }

    pub(super) async fn run(mut self, events: mpsc::Sender<CallerEvent>, open: ConnectionPermit) {
        let last = self.until_over(&events).await;
        let elsewhere = last == Some(CallerEvent::Taken) || self.released && self.talks_with.is_none();
        if last == Some(CallerEvent::Taken)
            && let Err(error) = self.leave_alone().await
        {
            tracing::warn!(%error, "cannot protect a caller whom somebody else has: if the controller stops now, it may cut their talk");
        }
        let Self { channel, socket, outbox, requests, check, visit, watch, .. } = self;
        // Commands from now on are refused.
        drop(requests);
        let push_all = push_all(&events, outbox.into_iter().chain(last));
        if let Some(leg) = watch {
            visit.close_before();
            socket.close().await;
            drop(open);
            push_all.await;
            let last = Watched { leg, visit }.until_over(&events).await;
            self::push_all(&events, last.into_iter()).await;
        } else if elsewhere {
            let only_open = OnlyOpen { channel, socket, check, visit };
            tokio::join!(push_all, only_open.until_over());
            drop(open);
        } else {
            visit.close_before();
            socket.close().await;
            drop((open, visit));
            push_all.await;
        }
    }

    /// Runs until the caller or the socket is gone, and returns which; none if the story lets go of the caller, or the talk
    /// goes on without the socket.
    async fn until_over(&mut self, events: &mpsc::Sender<CallerEvent>) -> Option<CallerEvent> {
        loop {
            if self.is_out_of_our_hands() {
                return Some(self.find_holder().await.unwrap_or_else(|error| lost(&error)));
            }
            tokio::select! {
                biased;
                heard = self.socket.next() => match heard {
                    Ok(event) => if let Some(last) = self.hear(&event) { return Some(last) },
                    Err(error) => return Some(lost(&error)),
                },
                () = self.visit.over() => return Some(CallerEvent::Taken),
                permit = events.reserve(), if !self.outbox.is_empty() => match (permit, self.outbox.pop_front()) {
                    (Ok(permit), Some(event)) => permit.send(event),
                    (Err(_), _) => return None,
                    (Ok(_), None) => {}
                },
                ask = self.requests.recv() => match self.carry_out(ask?).await {
                    Ok(Next::Go) => {}
                    Ok(Next::LetGo) => return None,
                    Err(error) => return Some(lost(&error)),
                },
                () = sleep_until(self.served_at.unwrap_or(self.check_at)), if self.served_at.is_some() => {
                    if let Err(error) = self.served().await { return Some(lost(&error)) }
                },
                () = sleep_until(self.check_at) => match self.check().await {
                    Ok(None) => {}
                    Ok(last) => return last,
                    Err(error) => return Some(lost(&error)),
                },
            }
        }
    }

    /// Takes in an event of FreeSWITCH. Returns the caller's last event if this one is it.
    fn hear(&mut self, event: &Event) -> Option<CallerEvent> {
        let own = event.get("Unique-ID").and_then(|id| id.parse().ok()) == Some(self.channel);
        match event.kind() {
            "CHANNEL_HANGUP_COMPLETE" if own => {
                self.hear_of_bridge(event);
                let cause = text::word(&event.get("Hangup-Cause").unwrap_or_default());
                return Some(CallerEvent::HungUp { cause });
            }
            "CHANNEL_BRIDGE" => {
                let other = self.other(event)?;
                return self.hear_bridged(other);
            }
            "CHANNEL_EXECUTE_COMPLETE" if own => {
                if event.get("Application").as_deref() == Some("socket") {
                    return self.hear_released(event);
                }
                self.hear_app_over(event);
            }
            "DTMF" if own => self.hear_digit(event),
            _ => {}
        }
        None
    }

    fn push(&mut self, event: CallerEvent) {
        if self.outbox.len() >= OUTBOX {
            self.outbox.pop_front();
            tracing::warn!(
                "the task of the call does not read this caller's events: the oldest one is dropped"
            );
        }
        self.outbox.push_back(event);
    }

    /// Carries out a command; an error means doubt about the connection.
    async fn carry_out(&mut self, ask: CallerRequest) -> Result<Next, SocketError> {
        let what = ask.command.what();
        let lets_go = matches!(ask.command, CallerCommand::HandBack { .. });
        let (answer, next) = match self.perform(ask.command).await {
            Ok(()) => (Ok(()), Ok(if lets_go || self.watch.is_some() { Next::LetGo } else { Next::Go })),
            Err(SocketError::Refused(why)) => {
                let next = if lets_go { Next::LetGo } else { Next::Go };
                (Err(CallerError::Refused { what, why }), Ok(next))
            }
            Err(error) => (Err(CallerError::Gone), Err(error)),
        };
        // Nobody waits for the answer if the story has gone on.
        let _ = ask.done.send(answer);
        next
    }

    async fn perform(&mut self, command: CallerCommand) -> Result<(), SocketError> {
        match command {
            CallerCommand::Answer => {
                self.in_early_media = false;
                self.execute("answer").await
            }
            CallerCommand::PreAnswer => {
                self.in_early_media = true;
                self.execute("pre_answer").await
            }
            CallerCommand::Play { id, sound, loops } => self.play(id, sound, loops).await,
            CallerCommand::Stop => self.stop().await,
            CallerCommand::Record { id, recording } => self.record(id, &recording).await,
            CallerCommand::Listen { keys_end_sounds, in_band } => self.listen(keys_end_sounds, in_band).await,
            CallerCommand::Set { variable, value } => self.set_variable(variable.as_str(), &value).await,
            CallerCommand::Bridge { leg, after } => {
                (self.bridging, self.bridge_tried) = (Some(leg), Some(after));
                (self.abandoned_leg, self.released) = (None, false);
                self.bridge(leg, after).await
            }
            CallerCommand::Resume => self.bridge_failed().await,
            CallerCommand::CloseSocket { node, call } => {
                self.watch = self.watch(&node, call).await?;
                Ok(())
            }
            CallerCommand::HangUp { cause } => {
                self.check_at = Instant::now() + AFTER_HANGUP;
                self.api(format!("uuid_kill {} {cause}", self.channel)).await
            }
            CallerCommand::HandBack { reason } => self.resume(reason.as_deref()).await,
        }
    }

    async fn set_variable(&mut self, name: &str, value: &str) -> Result<(), SocketError> {
        self.api(format!("uuid_setvar {} {name} {value}", self.channel)).await
    }

    async fn execute(&mut self, app: &str) -> Result<(), SocketError> {
        self.socket.execute(&Execute { app, arg: "", id: "", lock: false, forever: false }).await
    }

    async fn api(&mut self, command: String) -> Result<(), SocketError> {
        self.socket.api(&command).await.map(drop)
    }

    async fn served(&mut self) -> Result<(), SocketError> {
        self.served_at = None;
        match self.set_variable(Variable::Served.as_str(), "true").await {
            // Refused only if the caller is gone, which the last event reports.
            Err(SocketError::Refused(_)) => Ok(()),
            other => other,
        }
    }

    /// Asks whether the channel still exists, since events can be missed, such as a hangup between `connect` and our
    /// subscription. If it is gone, the hangup's event gets a moment to come, since it has the cause.
    async fn check(&mut self) -> Result<Option<CallerEvent>, SocketError> {
        if self.gone {
            return Ok(Some(CallerEvent::HungUp { cause: cause::UNKNOWN.to_owned() }));
        }
        match self.socket.api(&format!("uuid_exists {}", self.channel)).await {
            Ok(exists) => self.gone = exists == "false",
            Err(SocketError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        self.check_at = Instant::now() + if self.gone { LATE_HANGUP } else { self.check };
        Ok(None)
    }
}

enum Next {
    Go,
    LetGo,
}

async fn push_all(to: &mpsc::Sender<CallerEvent>, events: impl Iterator<Item = CallerEvent>) {
    for event in events {
        if to.send(event).await.is_err() {
            return;
        }
    }
}

/// A socket that is only kept open until the channel ends.
struct OnlyOpen {
    channel: ChannelId,
    socket: Socket,
    check: Duration,
    visit: Visit,
}

fn lost(error: &SocketError) -> CallerEvent {
    tracing::warn!(%error, "the socket of a caller failed: the controller gives the caller up");
    CallerEvent::Lost
}
