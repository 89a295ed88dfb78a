//! The rows of agents in the database, and what follows from them for the board.

use std::time::Duration;

use super::DispatcherTask;
use crate::dispatch::context::DispatchContext;
use crate::dispatch::dispatcher::Dispatcher;
use crate::ids::AgentName;
use crate::queue::agent::{Activity, Status, Step};
use crate::queue::offer::{Outcome, is_failure};
use crate::store;
use crate::store::agents::AgentRow;
use crate::switch::Cancel;

/// How soon the row of an agent who has to record a disposition is read again.
const REREAD_PAUSE: Duration = Duration::from_secs(1);

impl DispatcherTask {
    /// Counts the failed offers to an agent in a row. An offer that was cancelled on our side changes nothing.
    pub(super) fn count_failure(&mut self, agent: &AgentName, outcome: Outcome) {
        match outcome {
            Outcome::Cancelled | Outcome::LostRace => {}
            _ if is_failure(outcome) => {
                let failures = self.failures.entry(agent.clone()).or_default();
                *failures = failures.saturating_add(1);
            }
            _ => drop(self.failures.remove(agent)),
        }
    }

    /// Takes over an agent's row, unless a newer one is known already.
    pub(super) fn learn(&mut self, row: AgentRow) {
        let name = row.name.clone();
        let row = match self.agents.get(&name) {
            // While an offer held the agent, the newer row may not have changed the board.
            Some(known) if known.version > row.version => known.clone(),
            _ => row,
        };
        if let Some(known) = self.agents.get(&name) {
            self.wrap_ups.remove(&(known.ready_at, name.clone()));
            log_status(known, &row);
            if is_available_again(known, &row) {
                self.failures.remove(&name);
            }
        }
        if row.activity == Activity::WrappingUp {
            self.wrap_ups.insert((row.ready_at, name.clone()));
        }
        if row.status == Status::Available && row.activity == Activity::Idle {
            self.board.ready(&name, row.idle_since_at, row.ready_at);
        } else {
            self.board.unready(&name);
        }
        if row.status != Status::Available && row.activity == Activity::Ringing {
            self.stop_ringing(&name);
        }
        self.agents.insert(name, row);
    }

    /// Forgets an agent, who is not rung until the row is read again.
    pub(super) fn forget(&mut self, agent: &AgentName) {
        self.board.unready(agent);
        if let Some(known) = self.agents.remove(agent) {
            self.wrap_ups.remove(&(known.ready_at, agent.clone()));
        }
    }

    /// Stops ringing an agent who logged out or went on break.
    pub(super) fn stop_ringing(&mut self, agent: &AgentName) {
        for live in self.offers.values_mut().filter(|live| live.agent == *agent) {
            live.stop(Cancel::OriginatorCancel);
        }
    }

    /// Ends every wrap-up whose time has come; the database answers with the agent's new row.
    pub(super) fn end_wrap_ups(&mut self) {
        let now = self.context.clock.now();
        while let Some((at, agent)) = self.wrap_ups.first().cloned() {
            if at > now {
                return;
            }
            self.wrap_ups.remove(&(at, agent.clone()));
            self.step(agent, Step::EndWrapUp, "wrap-up is over");
        }
    }

    pub(super) fn step(&self, agent: AgentName, step: Step, why: &'static str) {
        let Some(dispatcher) = self.handle() else { return };
        let context = self.context.clone();
        self.tasks.spawn(async move {
            let at = context.clock.now();
            let name = agent.clone();
            let made = context.store.record("end_wrap_up", move |c| {
                store::agents::step(
                    c,
                    &store::agents::StepRequest { agent: &name, step, at, by: "system", why },
                )
            });
            match made.await {
                Ok(row) => dispatcher.agent(row).await,
                Err(error) => {
                    // The agent has to record a disposition first, or somebody else changed the row: read again in a
                    // moment.
                    tracing::debug!(%agent, %error, "the agent's wrap-up does not end yet");
                    tokio::time::sleep(REREAD_PAUSE).await;
                    reread(&context, dispatcher, agent).await;
                }
            }
        });
    }

    /// Reads an agent's row from the database.
    pub(super) fn refresh(&self, agent: AgentName) {
        let Some(dispatcher) = self.handle() else { return };
        let context = self.context.clone();
        self.tasks.spawn(async move { reread(&context, dispatcher, agent).await });
    }
}

/// Reads an agent's row and sends it to the dispatcher.
async fn reread(context: &DispatchContext, dispatcher: Dispatcher, agent: AgentName) {
    let name = agent.clone();
    match context.store.recall("agent", move |c| store::agents::get(c, &name)).await {
        Ok(row) => dispatcher.agent(row).await,
        Err(error) => tracing::error!(%agent, %error, "the agent's row cannot be read"),
    }
}

/// Logs that an agent logged in or out, went on break or is back.
fn log_status(before: &AgentRow, now: &AgentRow) {
    if (before.status, &before.break_reason) != (now.status, &now.break_reason) {
        let reason = now.break_reason.as_ref().map(tracing::field::display);
        tracing::info!(agent = %now.name, status = %now.status, reason, misses = now.misses, "the agent's status has changed");
    }
}

/// Whether an agent has logged in, is back from a break, or had their pause ended. Earlier failures say nothing about
/// the phone any more.
fn is_available_again(before: &AgentRow, now: &AgentRow) -> bool {
    let idle = |row: &AgentRow| row.activity == Activity::Idle;
    let pause_ended = idle(before) && idle(now) && now.ready_at < before.ready_at;
    now.status == Status::Available && (before.status != Status::Available || pause_ended)
}
