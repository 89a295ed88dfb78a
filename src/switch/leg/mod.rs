//! One originated call leg, from the originate until it is certainly gone.
//!
//! In: a request, signals of its node, the owner's commands. Out: [`LegEvent`]s, the last one exactly once.
//! Each leg has a task: it sends the originate, cancels until both the job's result and the end of every channel are known,
//! and asks FreeSWITCH whenever the signals do not add up.
//! **Invariants:** a leg without an owner is ended, even if FreeSWITCH has yet to create it; a leg in a talk goes on; after
//! the link was down nothing is trusted before FreeSWITCH was asked; every wait has a limit.
//!
//! This file is the owner's handle. `ringing` rings legs until somebody answers, `command` is what the owner may order, and
//! `task` is the task.

mod command;
mod deadlines;
mod ringing;
mod task;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::DropGuard;
use tracing::Instrument as _;

use crate::ids::LegId;

use self::command::LegCommand;
use self::task::LegTask;
use super::hub::Hub;
use super::leg_request::Begin;
use crate::cause;

use super::leg_event::LegEvent;
use super::leg_request::{LegInTalk, LegRequest};
pub use command::Cancel;
pub use ringing::{Answer, RingLimits, Rung, Unanswered, hang_up, until_answered};

/// The owner's handle of one leg. Dropping it ends the leg, unless it is in a talk.
#[derive(Debug)]
pub struct Leg {
    id: LegId,
    events: mpsc::Receiver<LegEvent>,
    command: watch::Sender<LegCommand>,
    last: Option<LegEvent>,
}

impl Leg {
    /// The leg's identity.
    #[must_use]
    pub const fn id(&self) -> LegId {
        self.id
    }

    /// The next event. The last one is given again and again. Cancel-safe.
    pub async fn event(&mut self) -> LegEvent {
        if let Some(last) = &self.last {
            return last.clone();
        }
        let lost = || LegEvent::Ended {
            cause: cause::UNKNOWN.to_owned(),
            answered: false,
            picked_up: false,
            rang: false,
        };
        let event = self.events.recv().await.unwrap_or_else(lost);
        if matches!(event, LegEvent::Ended { .. }) {
            self.last = Some(event.clone());
        }
        event
    }

    /// Waits for the end of the leg, and returns its cause. Cancel-safe.
    pub async fn ended(&mut self) -> String {
        loop {
            if let LegEvent::Ended { cause, .. } = self.event().await {
                return cause;
            }
        }
    }

    /// Ends the leg, waits until nothing of it is left, and returns the cause.
    pub async fn hang_up(mut self, cancel: Cancel) -> String {
        self.cancel(cancel);
        self.ended().await
    }

    /// Ends the leg. [`LegEvent::Ended`] follows when nothing of it is left. An `Answered` that has not come yet does
    /// not come any more. Only the first cause counts.
    pub fn cancel(&self, cause: Cancel) {
        self.command.send_if_modified(|command| {
            let first = command.cancel.is_none();
            command.cancel.get_or_insert(cause);
            first
        });
    }

    /// Marks the leg as being in a talk: from now on dropping this handle does not end it.
    pub fn in_talk(&self) {
        self.command.send_modify(|command| command.in_talk = true);
    }

    pub(super) fn start(hub: Arc<Hub>, links: Arc<DropGuard>, request: LegRequest) -> Self {
        Self::keep(hub, links, Begin::Ring(Box::new(request)))
    }

    /// Watches a channel in a talk that this run of the controller did not ring.
    pub(super) fn adopt(hub: Arc<Hub>, links: Arc<DropGuard>, talk: LegInTalk) -> Self {
        Self::keep(hub, links, Begin::InTalk(talk))
    }

    fn keep(hub: Arc<Hub>, links: Arc<DropGuard>, begin: Begin) -> Self {
        let (id, call) = begin.names();
        let (events_in, events) = mpsc::channel(4);
        let in_talk = matches!(begin, Begin::InTalk(_));
        let (command, commands) = watch::channel(LegCommand { cancel: None, in_talk });
        let span = tracing::info_span!("leg", leg = %id, call.id = %call, node = %hub.settings.name);
        let task = LegTask::new(hub, &begin, events_in, commands);
        let keeping = async move {
            task.run(begin).await;
            drop(links);
        };
        tokio::spawn(keeping.instrument(span));
        Self { id, events, command, last: None }
    }
}
