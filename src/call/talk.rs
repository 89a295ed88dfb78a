//! A talk: two people are connected, and stay so until one of them is gone.
//!
//! In: a caller and a leg that answered, or two legs. Out: `Talk`, which begins when FreeSWITCH says that the two are
//! connected, and `TalkOver` when it ends.
//!
//! **Every talk begins in `Talk::begins` and ends in `Talk::ends`**: of a caller with an agent, of a caller who was
//! forwarded, of a customer who was called back or whom an agent dialled, and one that an earlier run left behind. What
//! belongs to every talk (recording, listening in, "busy elsewhere", the talk's row) hangs there and nowhere else.
//! When an agent is free again is another matter: that follows from the end of the agent's own leg, and from the claim
//! on it ([`until_talk_ends`](crate::dispatch::offer::until_talk_ends)).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{Call, Gone, TAKEN};
use crate::clock::UnixMs;
use crate::context::App;
use crate::ids::{AttemptId, CallId, ChannelId, OfferId};
use crate::store::offers::Answer;
use crate::store::{Awaited, Database, StoreError, callbacks, calls, manual_dial, offers};
use crate::switch::{AfterTalk, CallerEvent, Leg, Node};

/// How long FreeSWITCH may take from `uuid_bridge` to the bridge.
const BRIDGE_LIMIT: Duration = Duration::from_secs(3);

/// A talk that goes on.
#[must_use = "a talk ends by one of its methods"]
pub(crate) struct Talk {
    app: Arc<App>,
    call: CallId,
    since: UnixMs,
}

/// A talk that has ended.
#[derive(Debug)]
pub(crate) struct TalkOver {
    /// Since when the two talked.
    pub since: UnixMs,
    /// FreeSWITCH's cause, or one of ours.
    pub cause: String,
}

/// Who talks, and so which rows record the talk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Between {
    /// A caller and the agent of this offer.
    CallerAndAgent(OfferId),
    /// A caller and a contact outside the queues.
    CallerAndContact,
    /// An agent, and a customer whom the agent dialled.
    AgentAndDialled,
    /// A customer who was called back, and the agent of this offer.
    CustomerAndAgent(AttemptId, OfferId),
}

impl Talk {
    /// Connects the caller with `leg`, and waits until FreeSWITCH reports the bridge, since its `+OK` proves nothing.
    /// None if FreeSWITCH refused the bridge or did not report it in time: the caller then waits as before.
    /// `after` says what follows when the leg hangs up.
    pub(crate) async fn with_caller(
        call: &mut Call,
        leg: ChannelId,
        after: AfterTalk,
    ) -> Result<Option<Self>, Gone> {
        if let Err(error) = call.caller.bridge(leg, after).await {
            tracing::warn!(%leg, %error, "the bridge was refused");
            call.caller.unbridge_failed().await;
            return Ok(None);
        }
        let limit = sleep(BRIDGE_LIMIT);
        tokio::pin!(limit);
        loop {
            tokio::select! {
                biased;
                event = call.next_in_talk() => if event? == (CallerEvent::Bridged { other: leg }) {
                    return Ok(Some(Self::begins(&call.app, call.id, call.app.clock.now())));
                },
                () = &mut limit => {
                    tracing::warn!(%leg, limit = ?BRIDGE_LIMIT, "FreeSWITCH did not report the bridge in time");
                    call.caller.unbridge_failed().await;
                    return Ok(None);
                }
            }
        }
    }

    /// Connects two legs that have answered; the first carries the bridge. None when FreeSWITCH did not connect them.
    pub(crate) async fn of_legs(
        app: &Arc<App>,
        call: CallId,
        node: &Node,
        (first, second): (ChannelId, ChannelId),
    ) -> Option<Self> {
        let connected = node.connect(first, second, BRIDGE_LIMIT).await;
        if !matches!(connected, Ok(true)) {
            tracing::warn!(?connected, "the two legs could not be connected");
            return None;
        }
        Some(Self::begins(app, call, app.clock.now()))
    }

    /// Returns a talk that began in an earlier run of the controller and still goes on.
    pub(crate) fn found(app: &Arc<App>, call: CallId, since: UnixMs) -> Self {
        Self::begins(app, call, since)
    }

    /// The one place where a talk begins.
    fn begins(app: &Arc<App>, call: CallId, since: UnixMs) -> Self {
        Self { app: Arc::clone(app), call, since }
    }

    /// The one place where a talk ends.
    fn ends(self, cause: String) -> TalkOver {
        TalkOver { since: self.since, cause }
    }

    /// Since when the two talk.
    pub(crate) const fn since(&self) -> UnixMs {
        self.since
    }

    /// Records the talk, and repeats that until its fate is known.
    ///
    /// # Errors
    /// What the database refuses for good. The end of the talk is still recorded.
    pub(crate) async fn record(&self, between: Between) -> Result<(), StoreError> {
        let (call, at) = (self.call, self.since);
        self.write(move |c| match between {
            Between::CallerAndAgent(offer) => offers::bridged(c, offer, call, at),
            Between::CallerAndContact => calls::forwarded(c, call, at),
            Between::AgentAndDialled => manual_dial::talk(c, call, at),
            Between::CustomerAndAgent(attempt, offer) => callbacks::talk(c, attempt, offer, call, at),
        })
        .await
    }

    /// Records the talk of a caller with an agent who has just answered: their offer wins the call by this. Returns false
    /// if the two may not talk: another agent has won the call, or the offer or the call has ended.
    ///
    /// # Errors
    /// As [`Talk::record`].
    pub(crate) async fn win(&self, offer: OfferId, answer: Answer) -> Result<bool, StoreError> {
        let (call, at) = (self.call, self.since);
        self.write(move |c| offers::connected(c, offer, call, answer, at)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, StoreError> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        let recorded = self.app.store.record_awaited("talk", Awaited::ByNobody, work).await;
        recorded.inspect_err(|error| {
            tracing::error!(%error, call.id = %self.call, "the talk is not recorded yet; its end will be");
        })
    }

    /// Waits until the caller's channel ends, or comes back to us as another call. If the caller is passed on to
    /// somebody else, the talk goes on.
    pub(crate) async fn until_caller_leaves(self, call: &mut Call) -> TalkOver {
        call.caller.close_socket(&call.node, call.id).await;
        let gone = loop {
            if let Err(gone) = call.next_in_talk().await {
                break gone;
            }
        };
        match gone {
            Gone::HungUp(cause) => self.ends(cause),
            Gone::Taken => self.ends(TAKEN.to_owned()),
            Gone::Lost | Gone::Drained => {
                // The talk goes on whether or not the caller's socket does.
                call.node.until_gone(call.caller.channel()).await;
                self.ends("SOCKET_LOST".to_owned())
            }
        }
    }

    /// Waits until the leg ends.
    pub(crate) async fn until_leg_ends(self, leg: &mut Leg) -> TalkOver {
        let cause = leg.ended().await;
        self.ends(cause)
    }

    /// Waits until a channel is gone, when no event will report its end. `cause` is what is recorded.
    pub(crate) async fn until_channel_ends(self, node: &Node, channel: ChannelId, cause: &str) -> TalkOver {
        node.until_gone(channel).await;
        self.ends(cause.to_owned())
    }
}
