//! Calls at a rate, with agents to spare.

use std::time::Duration;

use anyhow::Result;

use super::{AGENTS, HABITS, PATIENCE, cpu_a_call, memory, spread};
use crate::figures::table::{Figure, Unit};
use crate::options::System;
use crate::world::{Installed, World};

/// Callers come at this rate for so long.
pub async fn run(installed: &Installed, system: System, rate: u32, seconds: u32) -> Result<Vec<Figure>> {
    let mut world = World::start(installed, system, AGENTS, true, HABITS).await?;
    let calls = rate * seconds;
    let before = world.used()?;
    let wave = world.call(calls, rate, PATIENCE)?;
    wave.is_over(Duration::from_secs(u64::from(seconds)) + 2 * PATIENCE).await?;
    world.watch.is_quiet(PATIENCE).await?;
    let spent = world.used()?.since(&before);
    let served = world.watch.calls().served();
    let row = format!("{rate}/s");
    let rung: Vec<f64> = served.iter().map(|call| call.rung_ms).collect();
    let bridged: Vec<f64> = served.iter().map(|call| call.bridged_ms).collect();
    let mut figures = spread(&format!("{row}: INVITE to agent's INVITE"), &rung);
    figures.extend(spread(&format!("{row}: answer to bridge"), &bridged));
    let lost = f64::from(calls) - served.len() as f64;
    figures.push(Figure::new(format!("{row}: callers not connected"), Unit::Count, lost));
    figures.extend(cpu_a_call(&row, spent, calls));
    figures.extend(memory(&row, &world)?);
    world.stop().await?;
    Ok(figures)
}
