//! The highest rate at which all callers are connected, and phones ring soon enough.

use anyhow::Result;

use super::{AGENTS, Bench, HABITS, memory, wave};
use crate::figures::plot::{Point, TOO_LATE_MS};
use crate::figures::quantile::quantile;
use crate::figures::table::{Figure, Unit};
use crate::world::World;

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

/// How often a rate is tried before it counts as too high: something else may have used the machine for a moment.
const TRIES: u32 = 2;

/// Raises the rate until it is too high. All steps are on one FreeSWITCH.
pub async fn run(bench: Bench<'_>, steps: Steps) -> Result<Found> {
    let mut world = bench.world(AGENTS, HABITS).await?;
    let (mut sustained, mut points) = (0, Vec::new());
    for rate in (steps.from..=steps.to).step_by(steps.by.max(1) as usize) {
        if !is_sustained(&mut world, rate, bench.seconds, &mut points).await? {
            break;
        }
        sustained = rate;
    }
    let row = "highest rate: all connected, p99 below 200 ms";
    let mut figures = vec![Figure::new(row, Unit::PerSecond, sustained.into())];
    figures.extend(memory("after all rates", &world)?);
    world.stop().await?;
    Ok(Found { rate: sustained, points, figures })
}

/// Whether all callers are connected at this rate, and phones ring soon enough.
async fn is_sustained(world: &mut World, rate: u32, seconds: u32, points: &mut Vec<Point>) -> Result<bool> {
    for _ in 0..TRIES {
        world.watch_anew().await?;
        wave(world, rate, seconds).await?;
        let calls = world.watch.calls();
        let served = calls.served();
        let rung: Vec<f64> = served.iter().map(|call| call.rung_ms).collect();
        let (Some(p50_ms), Some(p99_ms)) = (quantile(&rung, 0.5), quantile(&rung, 0.99)) else { continue };
        let (count, callers, over_s) = (served.len(), rate * seconds, calls.came_over_s());
        eprintln!(
            "  {rate}/s: {count} of {callers} connected, who came in {over_s:.1} s: p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms"
        );
        points.push(Point { rate, p50_ms, p99_ms });
        // On a full machine sipp itself falls behind: then this was not the rate.
        let came = over_s < f64::from(seconds) * 1.1;
        if came && count == callers as usize && p99_ms <= TOO_LATE_MS {
            return Ok(true);
        }
    }
    Ok(false)
}
