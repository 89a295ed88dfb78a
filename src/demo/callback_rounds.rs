//! The hours after a busy day, in which missed callers are called back. The clock is put forward from one round of
//! attempts to the next, and agents record the results of their talks.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::config::callback::{Dial, Trunk};
use crate::demo::scenario::Scenario;
use crate::demo::testbed::Testbed;
use crate::ids::{AgentName, CaseId};
use crate::missed::attempt::Disposition;
use crate::phone::E164;
use crate::queue::agent::{Status, Step};
use crate::sim::{Behaviours, Odds};
use crate::store::agents::{self, StepRequest};
use crate::store::callbacks::{self, GivenDisposition};
use crate::store::{StoreError, attempts, cases};

/// How far the clock is put forward before each round. A case waits a minute in case the caller rings again; then 30
/// and 90 minutes lie between two attempts; the last round is for technical failures.
const ROUNDS_MIN: [i64; 4] = [2, 31, 91, 91];
/// How often to check whether a round is over.
const LOOK: Duration = Duration::from_millis(50);
/// How many customers are dialled per second: everything happens ten times faster than in life.
const DIALS_A_SECOND: NonZeroU32 = NonZeroU32::new(50).unwrap();
/// How long a round may take.
const LONGEST: Duration = Duration::from_secs(120);

/// The trunk over which customers are dialled.
///
/// # Errors
/// Never: a test parses it.
pub fn trunk() -> Result<Trunk, String> {
    let dial = Dial::try_from("gateway/demo/{number}".to_owned())?;
    Ok(Trunk { name: "demo".to_owned(), max_dials_per_second: DIALS_A_SECOND, ..Trunk::new(dial) })
}

/// How customers behave when they are called back. Nobody lets the phone ring until it times out: that would take too
/// long here.
fn customer() -> Behaviours {
    let ring = Duration::from_millis(100)..=Duration::from_millis(500);
    let talk = Duration::from_millis(300)..=Duration::from_millis(1_500);
    Odds { answers: 55, no_answer: 0, rejects: 15, busy: 25, unreachable: 5, ring, talk }.into()
}

/// The phones of all callers with a number that can be called back.
fn phones(scenario: &Scenario) -> Vec<(String, Behaviours)> {
    let numbers = scenario.calls.iter().filter_map(|(_, script)| script.number.parse::<E164>().ok());
    numbers.map(|number| (format!("gateway/demo/{number}"), customer())).collect()
}

impl Testbed {
    /// Calls missed callers back, in a few rounds. `wrong_by` is how far the clock of this test bed is ahead.
    ///
    /// # Errors
    /// If the database fails, or a round does not end.
    pub async fn run_callback_rounds(
        &self,
        scenario: &Scenario,
        seed: u64,
        wrong_by: &AtomicI64,
    ) -> Result<(), CallbackRoundsError> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        for (contact, behaviours) in phones(scenario) {
            self.sim.phone(&contact, behaviours).await;
        }
        for minutes in ROUNDS_MIN {
            wrong_by.fetch_add(minutes * 60_000, Ordering::Relaxed);
            let round = self.until_all_have_been_called(&mut dice);
            tokio::time::timeout(LONGEST, round).await.map_err(|_| CallbackRoundsError::Endless)??;
        }
        self.running.quiet().await;
        Ok(())
    }

    async fn until_all_have_been_called(&self, dice: &mut ChaCha8Rng) -> Result<(), StoreError> {
        let app = &self.running.app;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = app.clock.now();
            let (owed, open) = app
                .store
                .read("callback_rounds", move |c| {
                    Ok((attempts::without_disposition(c)?, cases::in_hand(c, now)?))
                })
                .await?;
            self.end_breaks().await?;
            for row in &owed {
                self.say(row.case_id, row.agent.as_ref().map_or("system", AgentName::as_str), dice).await?;
            }
            if owed.is_empty() && open == 0 {
                return Ok(());
            }
        }
    }

    /// Ends the breaks of agents who were sent on break after missed offers.
    async fn end_breaks(&self) -> Result<(), StoreError> {
        let (app, at) = (&self.running.app, self.running.app.clock.now());
        let back = move |c: &mut _| {
            let away = agents::all(c)?.into_iter().filter(|row| row.status == Status::OnBreak);
            for agent in away.map(|row| row.name) {
                let resume =
                    StepRequest { agent: &agent, step: Step::Resume, at, by: "demo", why: "calls back" };
                agents::step(c, &resume)?;
            }
            Ok(())
        };
        let away = app.store.read("agents", agents::all).await?;
        if away.iter().any(|row| row.status == Status::OnBreak) {
            app.store.write("back", back).await?;
        }
        Ok(())
    }

    /// Records the result of a talk: mostly that the customer was reached.
    async fn say(&self, case: CaseId, agent: &str, dice: &mut ChaCha8Rng) -> Result<(), StoreError> {
        let result = match dice.random_range(0..10) {
            0 => Disposition::Voicemail,
            1 => Disposition::CallLater,
            _ => Disposition::Reached,
        };
        let app = &self.running.app;
        let (callback_rules, by, at) = (app.callback_rules(), agent.to_owned(), app.clock.now());
        let said = move |c: &mut _| {
            callbacks::record_disposition(
                c,
                &callback_rules,
                &GivenDisposition { case, disposition: result, later: None, note: None, by: &by, at },
            )
        };
        app.store.write("record_disposition", said).await.map(drop)
    }
}

/// Why the rounds did not end.
#[derive(Debug, thiserror::Error)]
pub enum CallbackRoundsError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A round takes too long.
    #[error("not everybody was called back within {LONGEST:?}")]
    Endless,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_company_can_dial() {
        super::trunk().unwrap();
    }
}
