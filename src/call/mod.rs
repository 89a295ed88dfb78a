//! What happens to a caller: one task and one story a call, read from top to bottom in [`story`].
//!
//! In: an [`Incoming`](crate::switch::Incoming) socket. Out: rows in the store, and a caller who was
//! answered, told, forwarded, or is owed a call back.
//! **Invariant:** an arrival is a committed row before the caller hears anything.
//! **Invariant:** hanging up, and being taken by somebody else, are errors that unwind the story (`Call::next`);
//! `record::ending` runs on every path, except for a caller who waits and whose line to us breaks: the caller is
//! expected back, and goes on with the same call.
//! *Deliberately absent:* who rings for whom (queue) and where a call should go (routing).

pub mod attempt;
pub mod facts;
pub mod forward;
pub mod manual_dial;
pub mod message;
pub mod record;
pub mod story;
pub mod talk;
pub mod wait;
pub mod winner;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMs;
use crate::context::App;
use crate::ids::{AgentName, CallId, QueueName};
use crate::missed::ending::{Ending, Stage};
use crate::switch::{Caller, CallerEvent, Loops, Node, PlayId, Variable};
use facts::Facts;

/// A call under way: who calls, on which channel, and where he is in his story.
pub(crate) struct Call {
    /// What it works with.
    pub app: Arc<App>,
    /// Its identity.
    pub id: CallId,
    /// The caller's socket.
    pub caller: Caller,
    /// The FreeSWITCH that holds the caller, for ringing others.
    pub node: Node,
    /// Who calls whom.
    pub facts: Facts,
    /// When he arrived.
    pub arrived_at: UnixMs,
    /// Since when they are with this process.
    pub here_since: Instant,
    /// Whether they were with an earlier run, or came back after their line broke.
    pub is_back: bool,
    /// The queue that he was in last.
    pub queue: Option<QueueName>,
    /// Where he is in his story.
    pub stage: Stage,
}

impl Call {
    /// Answers the caller, so that he can hear us.
    pub(crate) async fn answer(&mut self) -> Result<(), Gone> {
        match self.caller.answer().await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.gone().await),
        }
    }

    /// Sets a variable of ours on the caller's channel.
    pub(crate) async fn set(&mut self, variable: Variable, value: &str) -> Result<(), Gone> {
        match self.caller.set(variable, value).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.gone().await),
        }
    }

    /// Plays a sound to the caller.
    pub(crate) async fn play(&mut self, source: &str, loops: Loops) -> Result<PlayId, Gone> {
        match self.caller.play(source, loops).await {
            Ok(playing) => Ok(playing),
            Err(_) => Err(self.gone().await),
        }
    }

    /// What happens next to a caller who is in our hands. That they are not any more, or that we stop, is an error, so
    /// that it ends whatever we do with them. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<CallerEvent, Gone> {
        let draining = self.app.draining.clone();
        tokio::select! {
            biased;
            event = self.next_in_talk() => event,
            () = draining.cancelled() => Err(Gone::Drained),
        }
    }

    /// The same for a caller who talks or is being connected: our stop leaves them alone.
    pub(crate) async fn next_in_talk(&mut self) -> Result<CallerEvent, Gone> {
        match self.caller.event().await {
            CallerEvent::HungUp { cause } => Err(Gone::HungUp(cause)),
            CallerEvent::Lost => Err(Gone::Lost),
            CallerEvent::Taken => Err(Gone::Taken),
            event => Ok(event),
        }
    }

    /// Waits until the caller is no longer in our hands, or we stop, and returns why. Cancel-safe.
    pub(crate) async fn until_gone(&mut self) -> Gone {
        loop {
            if let Err(gone) = self.next().await {
                return gone;
            }
        }
    }

    /// What became of a caller with whom nothing can be done any more. FreeSWITCH refuses commands for a channel
    /// that hangs up before it says that it did.
    async fn gone(&mut self) -> Gone {
        let last = async {
            loop {
                if let Err(gone) = self.next_in_talk().await {
                    return gone;
                }
            }
        };
        tokio::time::timeout(LAST_NEWS, last).await.unwrap_or(Gone::Lost)
    }
}

/// The caller is not with us any more, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gone {
    /// He hung up, with FreeSWITCH's cause.
    HungUp(String),
    /// His socket broke: the channel may be alive, but not in our hands.
    Lost,
    /// We stop: the dialplan takes him back.
    Drained,
    /// Somebody else has the caller now.
    Taken,
}

/// How a story came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The ending, as it is counted.
    pub ending: Ending,
    /// Where the caller was.
    pub stage: Stage,
    /// FreeSWITCH's cause, or ours.
    pub cause: String,
    /// Since when he talked to somebody.
    pub answered_at: Option<UnixMs>,
    /// The agent he talked to.
    pub agent: Option<AgentName>,
}

/// The cause of a call whose caller somebody else has now.
pub(crate) const TAKEN: &str = "TAKEN";
/// How long the news may take why a caller is gone.
const LAST_NEWS: Duration = Duration::from_secs(2);
/// How long a FreeSWITCH whose link is not up yet is waited for.
const LINK_COMES: Duration = Duration::from_secs(2);

/// An end without a talk.
fn over(ending: Ending, stage: Stage, cause: &str) -> Ended {
    Ended { ending, stage, cause: cause.to_owned(), answered_at: None, agent: None }
}

/// Sleeps until a deadline; for ever if there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
