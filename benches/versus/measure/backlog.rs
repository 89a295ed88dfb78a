//! More callers than agents: how long an agent who becomes free waits for the next caller.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Bench, HABITS, PATIENCE, at};
use crate::figures::table::Figure;

const AGENTS: u32 = 10;
const CALLERS: u32 = 100;
/// Callers who come in a second, so that all wait before many agents have become free.
const RATE: u32 = 50;

/// All callers come at once, and are served one after the other.
pub async fn run(bench: Bench<'_>) -> Result<Vec<Figure>> {
    let mut world = bench.world(AGENTS, HABITS).await?;
    let wave = world.call(CALLERS, RATE, 2 * PATIENCE)?;
    wave.until_over(3 * PATIENCE).await?;
    world.watch.is_quiet(Duration::from_secs(10)).await?;
    let calls = world.watch.calls();
    let all_wait_us = calls.came_us().last().copied().context("no caller came")?;
    let row = format!("{AGENTS} agents, {CALLERS} wait: agent freed to next INVITE");
    let figures = at(&row, &calls.freed_ms(all_wait_us), [("p50", 0.5), ("max", 1.0)]);
    world.stop().await?;
    Ok(figures)
}
