//! What it costs when nothing happens: callers who wait for nobody, and one talk.

use std::time::Duration;

use anyhow::Result;

use super::{AGENTS, Bench, HABITS, cpu_share, memory};
use crate::figures::table::Figure;
use crate::sipp::Habits;
use crate::systems::{ANNOUNCED_EVERY_S, Team};
use crate::world::World;

/// Callers who come in a second.
const RATE: u32 = 25;
/// Until what begins has settled.
const SETTLE: Duration = Duration::from_secs(5);
/// Longer than the measurement.
const LONG: Duration = Duration::from_secs(600);
/// What starting takes at most.
const LIMIT: Duration = Duration::from_secs(120);

/// So many callers wait, and no agent is at work. Then the same with announcements.
pub async fn callers(bench: Bench<'_>, callers: u32) -> Result<Vec<Figure>> {
    let row = format!("{callers} wait for nobody");
    let silent = Team::of(AGENTS, false);
    let mut figures = wait(bench, silent, callers, &row).await?;
    let row = format!("{callers} wait, announcements each {ANNOUNCED_EVERY_S} s");
    figures.extend(wait(bench, Team { announced: true, ..silent }, callers, &row).await?);
    Ok(figures)
}

async fn wait(bench: Bench<'_>, team: Team, callers: u32, row: &str) -> Result<Vec<Figure>> {
    let mut world = World::start(bench.installed, bench.system, team, HABITS).await?;
    let wave = world.call(callers, RATE, LONG)?;
    world.watch.created(callers as usize, LIMIT).await?;
    let mut figures = over_time(&world, bench.seconds, row).await?;
    figures.extend(memory(row, &world)?);
    world.hang_up().await?;
    wave.until_over(LIMIT).await?;
    world.stop().await?;
    Ok(figures)
}

/// One caller talks with one agent.
pub async fn talk(bench: Bench<'_>) -> Result<Vec<Figure>> {
    let mut world = bench.world(1, Habits { talk: LONG, ..HABITS }).await?;
    let wave = world.call(1, 1, LONG)?;
    world.watch.bridged(1, LIMIT).await?;
    let figures = over_time(&world, bench.seconds, "one talk").await?;
    world.hang_up().await?;
    wave.until_over(LIMIT).await?;
    world.stop().await?;
    Ok(figures)
}

async fn over_time(world: &World, seconds: u32, row: &str) -> Result<Vec<Figure>> {
    tokio::time::sleep(SETTLE).await;
    let before = world.used()?;
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    Ok(cpu_share(row, world.used()?.since(&before)))
}
