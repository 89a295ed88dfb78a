//! Live tests: a real FreeSWITCH, the real `dozvon serve`, SIP callers and SIP phones.
//!
//! In: the environment variable `DOZVON_FREESWITCH`, the prefix where FreeSWITCH is installed; without it nothing runs,
//! and the test passes. An argument restricts the stories to those whose names contain it. Out: one or more lines for
//! each story, with what FreeSWITCH's events and dozvon's rows say. **Invariant:** everything is limited in time and
//! number; every process that was started is ended, also on failure.

mod controller;
mod esl;
mod floor;
mod freeswitch;
mod log;
mod media;
mod node;
mod observer;
mod process;
mod program;
mod sip;
mod stories;
mod team;
mod tone;
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use crate::stories::{Live, Story};
use crate::wait::within;

/// What one story may take.
const STORY_LIMIT: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    let Some(prefix) = std::env::var_os("DOZVON_FREESWITCH").map(PathBuf::from) else {
        println!("live tests skipped: set DOZVON_FREESWITCH to the prefix of a FreeSWITCH 1.10 or later");
        return ExitCode::SUCCESS;
    };
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    log::keep();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(prefix, &wanted)));
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("{failed} live stories failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("live tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the stories whose names contain one of `wanted` (all without any); gives how many failed.
async fn run(prefix: PathBuf, wanted: &[String]) -> Result<usize> {
    let chosen: Vec<Story> = stories::all()
        .into_iter()
        .filter(|story| wanted.is_empty() || wanted.iter().any(|part| story.name.contains(part.as_str())))
        .collect();
    let begun = Instant::now();
    let live = Live::start(&prefix).await?;
    println!(
        "FreeSWITCH: {} ({} ms to start)",
        live.switch.api("version").await?,
        begun.elapsed().as_millis()
    );
    let mut failed = 0;
    for story in &chosen {
        log::clear();
        failed += usize::from(!tell(story, &live).await);
        live.switch.clear().await?;
    }
    println!("{} of {} live stories passed in {:?}", chosen.len() - failed, chosen.len(), begun.elapsed());
    live.switch.stop().await?;
    Ok(failed)
}

/// Runs one story and prints how it went.
async fn tell(story: &Story, live: &Live) -> bool {
    let begun = Instant::now();
    let outcome = within(STORY_LIMIT, story.name, (story.run)(live)).await.and_then(|result| result);
    let took_ms = begun.elapsed().as_millis();
    match &outcome {
        Ok(said) => println!("ok     {} ({took_ms} ms){}", story.name, indented(said)),
        Err(error) => println!("FAILED {} ({took_ms} ms){}", story.name, indented(&causes(error))),
    }
    outcome.is_ok()
}

/// Why it failed, from the cause to what it led to.
fn causes(error: &anyhow::Error) -> String {
    let mut causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.reverse();
    causes.join("\n")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n         {line}")).collect()
}
