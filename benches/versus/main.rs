//! dozvon beside mod_callcenter, turn about on the same work: a real FreeSWITCH, started afresh for each run, with SIP
//! callers and phones. It prints one table.
//!
//! Run with `DOZVON_FREESWITCH=/usr cargo bench --bench versus`, where the variable is the prefix of an installed
//! FreeSWITCH with mod_callcenter. sipp is needed, too. Without them it says what is missing, and ends well.
//! `cargo bench --bench versus -- --help` shows how to measure less.

mod figures;
mod measure;
mod options;
mod sipp;
mod systems;
mod watch;
mod world;

#[path = "../../tests/live/esl.rs"]
#[expect(dead_code, reason = "the live tests use all of it")]
mod esl;
#[path = "../../tests/live/node.rs"]
mod node;
#[path = "../../tests/live/process.rs"]
#[expect(dead_code, reason = "the live tests use all of it")]
mod process;
#[path = "../../tests/live/program.rs"]
mod program;
#[path = "../../tests/live/wait.rs"]
#[expect(dead_code, reason = "the live tests use all of it")]
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser as _;

use crate::figures::table::{Figure, Table};
use crate::options::{Measurement, Options, System};
use crate::world::Installed;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("versus skipped: it is measured by `cargo bench --bench versus`");
        return ExitCode::SUCCESS;
    }
    let installed = match installed(&options) {
        Ok(installed) => installed,
        Err(missing) => {
            println!("versus skipped: {missing}");
            return ExitCode::SUCCESS;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result =
        runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(&options, &installed)));
    match result {
        Ok(table) => {
            println!("{}", table.markdown());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("versus: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is installed, or what is missing.
fn installed(options: &Options) -> Result<Installed, String> {
    let prefix = std::env::var_os("DOZVON_FREESWITCH").map(PathBuf::from);
    let freeswitch = prefix.ok_or("set DOZVON_FREESWITCH to the prefix of a FreeSWITCH 1.10 or later")?;
    for file in ["bin/freeswitch", "lib/freeswitch/mod/mod_callcenter.so"] {
        let path = freeswitch.join(file);
        if !path.is_file() {
            return Err(format!("{} is not there", path.display()));
        }
    }
    let sipp = sipp::installed().ok_or("sipp is not in the path (Debian: apt install sip-tester)")?;
    let dozvon = options.dozvon.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_dozvon").into());
    Ok(Installed { freeswitch, sipp, dozvon })
}

async fn run(options: &Options, installed: &Installed) -> Result<Table> {
    let systems = options.systems();
    let mut table = Table::new(systems.iter().map(|system| system.name()).collect());
    for round in 1..=options.rounds {
        for what in options.measurements() {
            for (column, system) in systems.iter().enumerate() {
                eprintln!("round {round}: {what:?}, {}", system.name());
                table.add(column, &measure(options, installed, what, *system).await?);
            }
        }
    }
    Ok(table)
}

async fn measure(
    options: &Options,
    installed: &Installed,
    what: Measurement,
    system: System,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    match what {
        Measurement::Join => {
            for rate in &options.rate {
                figures.extend(measure::join::run(installed, system, *rate, options.seconds).await?);
            }
        }
    }
    Ok(figures)
}
