//! Agents in calls that dozvon does not control: what that means for the board and for ringing phones, and the rows
//! that show it.

use std::collections::BTreeSet;

use tokio::sync::watch;

use super::DispatcherTask;
use crate::dispatch::context::DispatchContext;
use crate::ids::{AgentName, NodeName};
use crate::queue::elsewhere::Change;
use crate::store::elsewhere as rows;
use crate::switch::{Cancel, DirectoryUser};

impl DispatcherTask {
    /// Users of a node began or ended calls. `domain` is the one that the node adds to a contact without a domain.
    pub(super) fn hear_elsewhere(
        &mut self,
        node: &NodeName,
        domain: Option<&str>,
        users: &[(DirectoryUser, bool)],
    ) {
        let changes = self.elsewhere.resolves(node, domain);
        self.follow_elsewhere(&changes);
        for (user, talks) in users {
            let changes = self.elsewhere.hear(node, (&user.user, &user.domain), *talks);
            self.follow_elsewhere(&changes);
        }
    }

    /// Agents began or ended such calls. An agent who began one is not rung any longer, except for queues with
    /// `call_waiting`.
    pub(super) fn follow_elsewhere(&mut self, changes: &[Change]) {
        for (agent, begins) in changes {
            tracing::debug!(%agent, begins, "the agent begins or ends a call that dozvon does not control");
            self.board.elsewhere(agent, *begins);
            if *begins {
                self.stop_ringing_elsewhere(agent);
            }
        }
        if !changes.is_empty() {
            self.show_elsewhere.send_replace(self.elsewhere.busy().clone());
        }
    }

    fn stop_ringing_elsewhere(&mut self, agent: &AgentName) {
        for ((call, _), live) in self.offers.iter_mut().filter(|(_, live)| live.agent == *agent) {
            let queue = self.callers.get(call).and_then(|queued| self.rules.queues.get(&queued.queue));
            if !queue.is_some_and(|queue| queue.call_waiting) {
                live.stop(Cancel::OriginatorCancel);
            }
        }
    }
}

/// Records who is in another call, for `agent list`, until the dispatcher ends.
pub(super) async fn record(context: DispatchContext, mut shown: watch::Receiver<BTreeSet<AgentName>>) {
    write(&context, None).await;
    let mut known = BTreeSet::new();
    while shown.changed().await.is_ok() {
        let now = shown.borrow_and_update().clone();
        let began = now.difference(&known).map(|name| (name.clone(), true));
        let ended = known.difference(&now).map(|name| (name.clone(), false));
        write(&context, Some(began.chain(ended).collect())).await;
        known = now;
    }
    write(&context, None).await;
}

/// Records these changes. None empties the table, since nothing is known about other calls.
async fn write(context: &DispatchContext, changes: Option<Vec<Change>>) {
    let at = context.clock.now();
    let written = context.store.record("elsewhere", move |c| match changes {
        Some(changes) => rows::record(c, &changes, at),
        None => rows::forget(c),
    });
    if let Err(error) = written.await {
        tracing::error!(%error, "agents in other calls are not recorded: `agent list` does not show them");
    }
}
