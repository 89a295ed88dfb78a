//! More calls than the machine can carry, then half as many as it can: how it bends, and how soon all is well again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{AGENTS, Bench, HABITS, PATIENCE, spread};
use crate::figures::plot::TOO_LATE_MS;
use crate::figures::table::{Figure, Unit};

/// Callers come at 1.5 times the rate that is sustained, then at half of it.
pub async fn run(bench: Bench<'_>, sustained: u32) -> Result<Vec<Figure>> {
    ensure!(sustained > 0, "no rate was sustained that could be exceeded");
    let mut world = bench.world(AGENTS, HABITS).await?;
    let (high, low) = (sustained * 3 / 2, (sustained / 2).max(1));
    let (burst, after) = (high * bench.seconds, low * bench.seconds);
    let time = Duration::from_secs(bench.seconds.into());
    let first = world.call(burst, high, PATIENCE)?;
    tokio::time::sleep(time).await;
    let second = world.call(after, low, PATIENCE)?;
    second.until_over(time + 3 * PATIENCE).await?;
    first.until_over(3 * PATIENCE).await?;
    world.watch.is_quiet(2 * PATIENCE).await?;
    let calls = world.watch.calls();
    let came = calls.came_us();
    let burst = burst as usize;
    let end_us = *came.get(burst.min(came.len()).saturating_sub(1)).context("no caller came")?;
    let (served, not_served) = (calls.served(), calls.not_served_us());
    let rung: Vec<f64> =
        served.iter().filter(|call| call.came_us <= end_us).map(|call| call.rung_ms).collect();
    let late = served.iter().filter(|call| call.rung_ms > TOO_LATE_MS).map(|call| call.came_us);
    let last_late_us = late.chain(not_served.iter().copied()).filter(|at| *at > end_us).max();
    let recovery = last_late_us.map_or(0.0, |at| (at - end_us) as f64 / 1_000_000.0);
    let lost = not_served.len() - calls.handed_back();
    let row = |what: &str| format!("1.5 x that rate: {what}");
    let count = |what: &str, value: usize| Figure::new(row(what), Unit::Count, value as f64);
    let share = 100.0 * rung.len() as f64 / burst as f64;
    let mut figures = vec![
        Figure::new("1.5 x that rate", Unit::PerSecond, high.into()),
        Figure::new(row("callers served"), Unit::Percent, share),
    ];
    figures.extend(spread(&row("INVITE to INVITE"), &rung));
    figures.push(count("handed back", calls.handed_back()));
    figures.push(count("lost", lost));
    figures.push(count("picked up for nobody", calls.picked_up_for_nobody()));
    figures.push(Figure::new(row("until all is well"), Unit::Seconds, recovery));
    world.stop().await?;
    Ok(figures)
}
