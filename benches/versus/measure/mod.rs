//! The measurements: each starts a world of its own, puts work on it, and gives figures.

pub mod backlog;
pub mod capacity;
pub mod join;
pub mod overload;
pub mod waiting;

use std::time::Duration;

use anyhow::Result;

use crate::figures::quantile::quantile;
use crate::figures::table::{Figure, Unit};
use crate::options::System;
use crate::sipp::Habits;
use crate::systems::Team;
use crate::world::{Installed, Spent, World};

/// Agents, where there are more than needed.
pub const AGENTS: u32 = 300;
/// How phones behave unless a measurement says otherwise.
pub const HABITS: Habits = Habits { ring: Duration::from_millis(500), talk: Duration::from_secs(3) };
/// How long a caller waits.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One system on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// What is installed.
    pub installed: &'a Installed,
    /// Who is measured.
    pub system: System,
    /// For how long callers come.
    pub seconds: u32,
}

impl Bench<'_> {
    /// A fresh world with agents at work.
    async fn world(&self, agents: u32, habits: Habits) -> Result<World> {
        World::start(self.installed, self.system, Team::of(agents, true), habits).await
    }
}

/// What is measured on what, and when.
pub async fn describe(installed: &Installed) -> Result<String> {
    let mut world = World::start(installed, System::Dozvon, Team::of(1, false), HABITS).await?;
    let described = world.describe().await?;
    world.stop().await?;
    Ok(described)
}

/// Lets callers come at a rate for some seconds, and waits until the last of them is gone.
async fn wave(world: &mut World, rate: u32, seconds: u32) -> Result<()> {
    let wave = world.call(rate * seconds, rate, PATIENCE)?;
    wave.until_over(Duration::from_secs(seconds.into()) + 2 * PATIENCE).await?;
    world.watch.is_quiet(PATIENCE).await
}

/// Values at some of their quantiles.
fn at(row: &str, values: &[f64], quantiles: [(&str, f64); 2]) -> Vec<Figure> {
    quantiles
        .into_iter()
        .filter_map(|(name, share)| {
            Some(Figure::new(format!("{row} {name}"), Unit::Ms, quantile(values, share)?))
        })
        .collect()
}

/// A median and the 99th percentile.
fn spread(row: &str, values: &[f64]) -> Vec<Figure> {
    at(row, values, [("p50", 0.5), ("p99", 0.99)])
}

/// CPU time a call of both processes.
fn cpu_a_call(row: &str, spent: Spent, calls: u32) -> Vec<Figure> {
    let each = |time: Duration| time.as_secs_f64() * 1000.0 / f64::from(calls);
    let controller = each(spent.controller.unwrap_or_default());
    vec![
        Figure::new(format!("{row}: CPU a call, controller"), Unit::Ms, controller),
        Figure::new(format!("{row}: CPU a call, FreeSWITCH"), Unit::Ms, each(spent.switch)),
    ]
}

/// Per cent of one core that both processes took.
fn cpu_share(row: &str, spent: Spent) -> Vec<Figure> {
    let share = |time: Duration| 100.0 * time.as_secs_f64() / spent.over.as_secs_f64();
    let controller = share(spent.controller.unwrap_or_default());
    vec![
        Figure::new(format!("{row}: of a core, controller"), Unit::Percent, controller),
        Figure::new(format!("{row}: of a core, FreeSWITCH"), Unit::Percent, share(spent.switch)),
    ]
}

/// The most memory that both processes have had.
fn memory(row: &str, world: &World) -> Result<Vec<Figure>> {
    let (controller, switch) = world.memory()?;
    Ok(vec![
        Figure::new(format!("{row}: memory, controller"), Unit::MiB, controller.unwrap_or_default()),
        Figure::new(format!("{row}: memory, FreeSWITCH"), Unit::MiB, switch),
    ])
}
