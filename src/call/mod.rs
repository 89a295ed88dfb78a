//! What happens to a caller: one task and one story a call, read from top to bottom in [`story`].
//!
//! In: an [`Incoming`](crate::switch::Incoming) socket. Out: rows in the store, and a caller who was connected, heard a
//! message, was forwarded, or has a case.
//! **Invariant:** an arrival is a committed row before the caller hears anything.
//! **Invariant:** `Call::next` is the only place that knows hangup, a lost socket, the controller's stop, and being
//! taken by somebody else. It returns them as errors, which unwind the story.
//! **Invariant:** `record::ending` runs for every call whose arrival was recorded, except when the caller's socket
//! breaks or the controller stops. Then the caller is expected back, and the same call continues.
//! *Deliberately absent:* who rings for whom (queue) and where a call should go (routing).

pub mod attempt;
pub mod callback;
pub mod duty;
pub mod extension;
pub mod facts;
pub mod flow;
pub mod forward;
pub mod hang_up;
mod heard;
pub mod manual_dial;
pub mod menu;
pub mod message;
mod prompts;
pub mod record;
pub mod story;
mod survey;
pub mod talk;
pub mod voicemail;
pub mod wait;
mod waiting;
pub mod winner;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMs;
use crate::context::App;
use crate::ids::{AgentName, CallId, QueueName};
use crate::missed::ending::{Ending, Stage};
use crate::sound::Sound;
use crate::switch::{Caller, CallerError, CallerEvent, Loops, Node, PlayId, Recording, Variable};
use facts::Facts;
use flow::Flow;

/// A call in progress: who calls, on which channel, and how far the call has come.
pub(crate) struct Call {
    /// The shared context.
    pub app: Arc<App>,
    /// The id of the call.
    pub id: CallId,
    /// The caller's socket.
    pub caller: Caller,
    /// The FreeSWITCH that holds the caller, for ringing others.
    pub node: Node,
    /// Who calls whom.
    pub facts: Facts,
    /// When the caller arrived.
    pub arrived_at: UnixMs,
    /// Since when the caller stands in queues: since their arrival, or that of an earlier call whose place they took over.
    pub place_at: UnixMs,
    /// Since when the caller is with this process.
    pub here_since: Instant,
    /// Whether the caller was with an earlier run of the controller, or came back after the socket broke.
    pub is_back: bool,
    /// The queue that the caller was in last.
    pub queue: Option<QueueName>,
    /// How far the call has come.
    pub stage: Stage,
    /// What one verb leaves to the next.
    pub flow: Flow,
}

impl Call {
    /// Answers the call, so that the caller can hear us.
    pub(crate) async fn answer(&mut self) -> Result<(), Gone> {
        if self.flow.is_answered {
            return Ok(());
        }
        let done = self.node.load().during(self.caller.answer()).await;
        self.or_gone(done).await?;
        self.flow.is_answered = true;
        Ok(())
    }

    /// Lets the caller hear us by early media, unless the call is answered.
    pub(crate) async fn pre_answer(&mut self) -> Result<(), Gone> {
        if self.flow.is_answered {
            return Ok(());
        }
        let done = self.node.load().during(self.caller.pre_answer()).await;
        self.or_gone(done).await
    }

    /// Sets a variable of ours on the caller's channel.
    pub(crate) async fn set(&mut self, variable: Variable, value: &str) -> Result<(), Gone> {
        let done = self.caller.set(variable, value).await;
        self.or_gone(done).await
    }

    /// Decides if a key ends the sound that the caller hears.
    pub(crate) async fn listen(&mut self, keys_end_sounds: bool) -> Result<(), Gone> {
        let done = self.caller.listen(keys_end_sounds, self.app.settings.calls.in_band_digits).await;
        self.or_gone(done).await
    }

    /// Stops whatever the caller hears.
    pub(crate) async fn stop(&mut self) -> Result<(), Gone> {
        let done = self.caller.stop().await;
        self.or_gone(done).await
    }

    /// Plays a sound to the caller.
    pub(crate) async fn play(&mut self, sound: &Sound, loops: Loops) -> Result<PlayId, Gone> {
        let done = self.node.load().during(self.caller.play(sound, loops)).await;
        self.or_gone(done).await
    }

    /// Records what the caller says.
    pub(crate) async fn record(&mut self, recording: Recording) -> Result<PlayId, Gone> {
        let done = self.caller.record(recording).await;
        self.or_gone(done).await
    }

    /// Returns the next event of the caller. If the caller is gone or the controller stops, returns an error, which
    /// ends whatever is being done with the caller. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<CallerEvent, Gone> {
        let draining = self.app.draining.clone();
        tokio::select! {
            biased;
            event = self.next_in_talk() => event,
            () = draining.cancelled() => Err(Gone::Drained),
        }
    }

    /// Like `next`, for a caller who talks or is being connected: such a caller stays connected when the controller
    /// stops.
    pub(crate) async fn next_in_talk(&mut self) -> Result<CallerEvent, Gone> {
        match self.caller.event().await {
            CallerEvent::HungUp { cause } => Err(Gone::HungUp(cause)),
            CallerEvent::Lost => Err(Gone::Lost),
            CallerEvent::Taken => Err(Gone::Taken),
            event => Ok(event),
        }
    }

    /// Waits until the caller is gone or the controller stops, and returns which of them. Cancel-safe.
    pub(crate) async fn until_gone(&mut self) -> Gone {
        loop {
            if let Err(gone) = self.next().await {
                return gone;
            }
        }
    }

    /// Returns what a command gave, or why the caller is gone.
    async fn or_gone<T>(&mut self, done: Result<T, CallerError>) -> Result<T, Gone> {
        match done {
            Ok(done) => Ok(done),
            Err(_) => Err(self.gone().await),
        }
    }

    /// Returns why the caller is gone, after a command failed. When a channel hangs up, FreeSWITCH refuses commands
    /// first, and sends the event for the hangup a little later.
    async fn gone(&mut self) -> Gone {
        let last = async {
            loop {
                if let Err(gone) = self.next_in_talk().await {
                    return gone;
                }
            }
        };
        tokio::time::timeout(REASON_LIMIT, last).await.unwrap_or(Gone::Lost)
    }
}

/// Why the call can no longer act on its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The channel hung up, with FreeSWITCH's cause.
    HungUp(String),
    /// The socket broke: the channel may be alive, but we cannot control it.
    Lost,
    /// The controller stops: the dialplan takes the caller back.
    Drained,
    /// Somebody else took the caller, by a transfer, an intercept or a pickup.
    Taken,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The ending that is counted.
    pub ending: Ending,
    /// Where the caller was.
    pub stage: Stage,
    /// FreeSWITCH's cause, or ours.
    pub cause: String,
    /// Since when the caller talked to somebody.
    pub answered_at: Option<UnixMs>,
    /// The agent who talked to the caller.
    pub agent: Option<AgentName>,
}

/// The cause of a call whose caller was taken by somebody else.
pub(crate) const TAKEN: &str = "TAKEN";
/// How long to wait for the event that says why a caller is gone.
const REASON_LIMIT: Duration = Duration::from_secs(2);
/// How long to wait for the link to the FreeSWITCH that has the call.
const LINK_LIMIT: Duration = Duration::from_secs(2);

/// Returns the end of a call without a talk.
fn over(ending: Ending, stage: Stage, cause: &str) -> Ended {
    Ended { ending, stage, cause: cause.to_owned(), answered_at: None, agent: None }
}
