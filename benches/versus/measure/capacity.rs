//! The highest rate at which all callers are connected, and phones ring soon enough.

use anyhow::Result;

use super::{AGENTS, Bench, HABITS, TOO_LATE_MS, memory, wave};
use crate::figures::plot::Point;
use crate::figures::quantile::quantile;
use crate::figures::table::{Figure, Unit};

/// The rates that are tried.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    /// The first.
    pub from: u32,
    /// From one to the next.
    pub by: u32,
    /// The last.
    pub to: u32,
}

/// What was found.
pub struct Found {
    /// The highest rate that was sustained; 0 if none was.
    pub rate: u32,
    /// Latency at each rate.
    pub points: Vec<Point>,
    /// What the table is told.
    pub figures: Vec<Figure>,
}

/// Raises the rate until it is too high. All steps are on one FreeSWITCH.
pub async fn run(bench: Bench<'_>, steps: Steps) -> Result<Found> {
    let mut world = bench.world(AGENTS, HABITS).await?;
    let (mut sustained, mut points, mut figures) = (0, Vec::new(), Vec::new());
    for rate in (steps.from..=steps.to).step_by(steps.by.max(1) as usize) {
        world.watch_anew().await?;
        wave(&mut world, rate, bench.seconds).await?;
        let served = world.watch.calls().served();
        let rung: Vec<f64> = served.iter().map(|call| call.rung_ms).collect();
        let p99_ms = quantile(&rung, 0.99).unwrap_or(f64::INFINITY);
        let all = served.len() == (rate * bench.seconds) as usize;
        eprintln!("  {rate}/s: {} of {} connected, p99 {p99_ms:.0} ms", served.len(), rate * bench.seconds);
        if let Some(p50_ms) = quantile(&rung, 0.5) {
            points.push(Point { rate, p50_ms, p99_ms });
        }
        if !all || p99_ms > TOO_LATE_MS {
            break;
        }
        sustained = rate;
    }
    figures.push(Figure::new(
        "highest rate, all connected, p99 below 200 ms",
        Unit::PerSecond,
        sustained.into(),
    ));
    figures.extend(memory("after all rates", &world)?);
    world.stop().await?;
    Ok(Found { rate: sustained, points, figures })
}
