//! The measurements: each starts a world of its own, puts work on it, and gives figures.

pub mod join;

use std::time::Duration;

use crate::figures::quantile::quantile;
use crate::figures::table::{Figure, Unit};
use crate::sipp::Habits;
use crate::world::{Spent, World};

/// Agents, where there are more than needed.
pub const AGENTS: u32 = 300;
/// How phones behave unless a measurement says otherwise.
pub const HABITS: Habits = Habits { ring: Duration::from_millis(500), talk: Duration::from_secs(3) };
/// How long a caller waits.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A median and the 99th percentile.
pub fn spread(row: &str, values: &[f64]) -> Vec<Figure> {
    [("p50", 0.5), ("p99", 0.99)]
        .into_iter()
        .filter_map(|(name, share)| {
            Some(Figure::new(format!("{row}, {name}"), Unit::Ms, quantile(values, share)?))
        })
        .collect()
}

/// CPU time a call of both processes.
pub fn cpu_a_call(row: &str, spent: Spent, calls: u32) -> Vec<Figure> {
    let each = |time: Duration| time.as_secs_f64() * 1000.0 / f64::from(calls);
    let controller = each(spent.controller.unwrap_or_default());
    vec![
        Figure::new(format!("{row}, CPU a call: controller"), Unit::Ms, controller),
        Figure::new(format!("{row}, CPU a call: FreeSWITCH"), Unit::Ms, each(spent.switch)),
    ]
}

/// The most memory that both processes had.
pub fn memory(row: &str, world: &World) -> anyhow::Result<Vec<Figure>> {
    let mib = |kib: u64| kib as f64 / 1024.0;
    let (controller, switch) = world.memory()?;
    let controller = controller.map_or(0.0, |memory| mib(memory.peak_kib));
    Ok(vec![
        Figure::new(format!("{row}, memory: controller"), Unit::MiB, controller),
        Figure::new(format!("{row}, memory: FreeSWITCH"), Unit::MiB, mib(switch.peak_kib)),
    ])
}
