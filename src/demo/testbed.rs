//! A controller and a FreeSWITCH stand-in, connected over loopback.
//!
//! In: a scenario and a folder or database. Out: both running, rules applied, agents logged in. The demo, the seeded
//! simulation and the benches use it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::app::{self, AppError, Running};
use crate::clock::{Clock, UnixMs};
use crate::config::Settings;
use crate::config::database::DatabaseUrl;
use crate::config::switch::NodeSettings;
use crate::demo::scenario::Scenario;
use crate::queue::agent::Step;
use crate::rules::Rules;
use crate::sim::{Sim, SimError, SimSettings, Story};
use crate::store::agents::{StepRequest, step};
use crate::store::calls::{self, Wanted};
use crate::store::{Database, Store, StoreError, rules};

/// Why a test bed cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The controller.
    #[error(transparent)]
    App(#[from] AppError),
    /// The FreeSWITCH stand-in.
    #[error(transparent)]
    Sim(#[from] SimError),
}

/// A running test bed.
#[derive(Debug)]
pub struct Testbed {
    /// The controller.
    pub running: Running,
    /// The FreeSWITCH stand-in.
    pub sim: Arc<Sim>,
}

impl Testbed {
    /// Writes the rules of `scenario` into the database, logs all agents in, and starts both sides.
    ///
    /// # Errors
    /// [`TestbedError`] names the problem. A database with calls, or with other rules, is refused and stays as it is.
    pub async fn set(
        scenario: &Scenario,
        database: DatabaseUrl,
        seed: u64,
        clock: Clock,
    ) -> Result<Self, TestbedError> {
        Self::with(scenario, database, SimSettings { seed, clock, ..SimSettings::default() }).await
    }

    /// Does the same as [`Self::set`], with these settings of the stand-in.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub async fn with(
        scenario: &Scenario,
        database: DatabaseUrl,
        sim: SimSettings,
    ) -> Result<Self, TestbedError> {
        let clock = sim.clock;
        prepare(&database, scenario, clock.now()).await?;
        let sim = Sim::start(sim).await?;
        for (contact, behaviours) in &scenario.phones {
            sim.phone(&contact.to_string(), behaviours.clone()).await;
        }
        let running = app::start(settings_of(scenario, database, sim.node_address()), clock).await?;
        sim.set_controllers(&[running.listen]).await;
        running.app.nodes.wait_up().await;
        Ok(Self { running, sim: Arc::new(sim) })
    }

    /// Plays the callers of the scenario, each at the scheduled time. Calls `seen` after the end of each call.
    pub async fn play(&self, scenario: &Scenario, mut seen: impl FnMut(&Story)) -> Vec<Story> {
        let begun = tokio::time::Instant::now();
        let mut calls = JoinSet::new();
        for (at, script) in scenario.calls.clone() {
            let sim = Arc::clone(&self.sim);
            calls.spawn(async move {
                tokio::time::sleep_until(begun + at).await;
                sim.call(script).await.story().await
            });
        }
        let mut stories = Vec::with_capacity(scenario.calls.len());
        while let Some(story) = calls.join_next().await {
            if let Ok(Some(story)) = story {
                seen(&story);
                stories.push(story);
            }
        }
        self.running.quiet().await;
        stories
    }

    /// Ends both sides.
    pub async fn shut_down(self) {
        self.running.drain().await;
        if let Ok(sim) = Arc::try_unwrap(self.sim) {
            sim.stop().await;
        }
    }
}

async fn prepare(database: &DatabaseUrl, scenario: &Scenario, at: UnixMs) -> Result<(), StoreError> {
    let store = Store::open(database, crate::config::store::Settings::default()).await?;
    let _no_controller_works_here = store.take_lock().await?;
    store.migrate().await?;
    let (new, database) = (scenario.rules.clone(), database.to_string());
    store
        .write("prepare", move |c| {
            refuse_occupied(c, &new, &database)?;
            rules::replace(c, &new)?;
            for agent in new.agents.keys() {
                step(c, &StepRequest { agent, step: Step::LogIn, at, by: "demo", why: "the day begins" })?;
            }
            Ok(())
        })
        .await
}

/// Refuses a database that is in use, or in which a day was played.
fn refuse_occupied(c: &mut Database, new: &Rules, database: &str) -> Result<(), StoreError> {
    let refused = |holds: &str| {
        let remedy = "name a database that does not exist yet";
        Err(StoreError::Refused(format!("the database {database} holds {holds}: {remedy}")))
    };
    if !calls::list(c, &Wanted { limit: 1, ..Wanted::default() })?.is_empty() {
        return refused("calls already, which would be counted with the new ones");
    }
    let difference = rules::preview(c, new)?;
    match difference.removed.iter().chain(&difference.changed).next() {
        Some(rule) => refused(&format!("other rules ({rule}), which would be replaced")),
        None => Ok(()),
    }
}

/// The settings of a controller beside the FreeSWITCH stand-in at `node`: its ports are on loopback, and the system
/// chooses them.
#[must_use]
pub fn settings(database: DatabaseUrl, node: SocketAddr) -> Settings {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut settings = Settings { database, ..Settings::default() };
    settings.switch.listen = any_port;
    settings.switch.nodes = vec![NodeSettings { port: node.port(), ..NodeSettings::default() }];
    settings.web.listen = any_port;
    settings.status.listen = any_port;
    // The day is short, and so is the callers' patience.
    settings.callback.min_wait = Duration::ZERO;
    settings
}

fn settings_of(scenario: &Scenario, database: DatabaseUrl, node: SocketAddr) -> Settings {
    let mut settings = settings(database, node);
    settings.calls.drain_timeout = Duration::from_secs(2);
    if let Some(trunk) = &scenario.trunk {
        settings.callback.max_dials_per_second = trunk.max_dials_per_second;
        settings.callback.trunks = vec![trunk.clone()];
    }
    // The first queue calls back callers of the closed office.
    settings.callback.queue = scenario.rules.queues.keys().next().cloned();
    settings.callback.confirm = false;
    settings.callback.poll_interval = Duration::from_millis(100);
    settings
}
