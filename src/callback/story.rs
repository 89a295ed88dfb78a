//! The story of one callback, from the board to its end: an agent accepts, the customer is dialled, they talk.
//!
//! In: a case that was leased, with the row of its call. Out: [`End`], recorded on every path in one transaction with
//! what follows for the case.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::in_progress::{CALLER_IS_HERE, Callback};
use crate::call::attempt::{DRAINED, record};
use crate::context::App;
use crate::dispatch::answered::DOOR;
use crate::dispatch::meeting::{Entry, Meeting};
use crate::dispatch::queued_caller::Leaving;
use crate::dispatch::trunks::Place;
use crate::store::callbacks::{End, How, Terms, Work};
use crate::switch::Node;

/// Carries out one callback. `place` is its room on the trunks, `entry` and `meetings` its part among those under way.
pub async fn run(
    app: Arc<App>,
    terms: Terms,
    work: Work,
    node: Node,
    place: Place,
    (entry, meetings): (Entry, mpsc::Receiver<Meeting>),
) {
    let call = work.call;
    let hold = app.held.call(call);
    let span = tracing::info_span!("callback", call.id = %call, case.id = %work.case);
    let story = Callback { app, terms, work, node, place };
    async {
        let how = story.tell(meetings).await;
        story.app.dispatcher.leave(call, Leaving::Gone).await;
        story.end(how).await;
    }
    .instrument(span)
    .await;
    drop(entry);
    drop(hold);
}

impl Callback {
    /// Waits on the board for an agent, and has him talk to the customer.
    async fn tell(&self, mut meetings: mpsc::Receiver<Meeting>) -> How {
        if self.app.draining.is_cancelled() {
            return How::Released(DRAINED);
        }
        if self.app.settings.callback.customer_first
            && let Some(how) = self.customer_first(&mut meetings).await
        {
            return how;
        }
        let (knock, mut knocks) = mpsc::channel(DOOR);
        if let Err(error) = self.app.dispatcher.join(self.waiter(knock)).await {
            tracing::warn!(%error, "the callback cannot wait there");
            return How::Released("NO_QUEUE");
        }
        let lease = self.app.clock.instant_of(self.work.lease_until);
        let draining = self.app.draining.clone();
        loop {
            tokio::select! {
                biased;
                () = draining.cancelled() => return How::Released(DRAINED),
                // He is here himself: dropping what he asks with lets him wait like anybody.
                Some(_) = meetings.recv() => return How::Released(CALLER_IS_HERE),
                knock = knocks.recv() => match knock {
                    Some(knock) => match self.dial(knock, &mut meetings).await {
                        Some(how) => return how,
                        None => continue,
                    },
                    None => return How::Released("QUEUE_GONE"),
                },
                () = tokio::time::sleep_until(lease) => return How::Released("LEASE_OVER"),
            }
        }
    }

    /// Records the end, until it is recorded.
    async fn end(&self, how: How) {
        let end = End { case: self.work.case, call: self.work.call, how, at: self.app.clock.now() };
        record(&self.app, &self.terms, end).await;
    }
}

/// Gives a lease back at once.
pub(super) async fn withdraw(app: &App, terms: &Terms, work: &Work) {
    let how = How::Released("UNDER_WAY");
    record(app, terms, End { case: work.case, call: work.call, how, at: app.clock.now() }).await;
}
