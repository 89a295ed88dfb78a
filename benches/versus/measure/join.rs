//! Calls at a rate, with agents to spare.

use anyhow::Result;

use super::{Bench, HABITS, cpu_a_call, memory, spread, wave};
use crate::figures::table::{Figure, Unit};

/// Callers come at this rate to so many agents.
pub async fn run(bench: Bench<'_>, rate: u32, agents: u32, row: &str) -> Result<Vec<Figure>> {
    let mut world = bench.world(agents, HABITS).await?;
    let calls = rate * bench.seconds;
    let before = world.used()?;
    wave(&mut world, rate, bench.seconds).await?;
    let spent = world.used()?.since(&before);
    let served = world.watch.calls().served();
    let rung: Vec<f64> = served.iter().map(|call| call.rung_ms).collect();
    let bridged: Vec<f64> = served.iter().map(|call| call.bridged_ms).collect();
    let mut figures = spread(&format!("{row}: INVITE to agent's INVITE"), &rung);
    figures.extend(spread(&format!("{row}: answer to bridge"), &bridged));
    let lost = f64::from(calls) - served.len() as f64;
    figures.push(Figure::new(format!("{row}: callers not connected"), Unit::Count, lost));
    figures.extend(cpu_a_call(row, spent, calls));
    figures.extend(memory(row, &world)?);
    world.stop().await?;
    Ok(figures)
}
