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

use anyhow::{Context, Result, ensure};
use clap::Parser as _;

use crate::figures::plot::{self, Point};
use crate::figures::table::{Figure, Table};
use crate::measure::{AGENTS, Bench, backlog, capacity, join, overload, waiting};
use crate::options::{Measurement, Options, System};
use crate::world::Installed;

fn main() -> ExitCode {
    // Cargo says so when a bench is to run. `cargo test` starts benches, too, and may give arguments meant for tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("versus skipped: it is measured by `cargo bench --bench versus`");
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let installed = match installed(&options) {
        Ok(installed) => installed,
        Err(missing) => {
            println!("versus skipped: {missing}");
            return ExitCode::SUCCESS;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let findings =
        runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(&options, &installed)));
    match findings.and_then(|findings| findings.report(&options)) {
        Ok(()) => ExitCode::SUCCESS,
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

/// What all runs have found.
struct Findings {
    table: Table,
    /// Of each system, latency at each rate.
    points: Vec<Vec<Point>>,
    /// Of each system, the highest rate that was sustained in the last round.
    sustained: Vec<u32>,
    /// The measurements that did not succeed.
    failed: Vec<String>,
}

/// Fails only if nothing can be measured at all.
async fn run(options: &Options, installed: &Installed) -> Result<Findings> {
    println!("{}\n", measure::describe(installed).await?);
    let systems = options.systems();
    let mut findings = Findings::new(&systems, options);
    for round in 1..=options.rounds() {
        for what in options.measurements() {
            for (column, system) in systems.iter().enumerate() {
                let named = format!("round {round}: {what:?}, {}", system.name());
                eprintln!("{named}");
                let bench = Bench { installed, system: *system, seconds: options.seconds() };
                match findings.measure(options, bench, what, column).await {
                    Ok(figures) => findings.table.add(column, &figures),
                    Err(error) => findings.failed.push(format!("{named}: {error:#}")),
                }
            }
        }
    }
    Ok(findings)
}

impl Findings {
    fn new(systems: &[System], options: &Options) -> Self {
        let table = Table::new(systems.iter().map(|system| system.name()).collect());
        let sustained = vec![options.sustained; systems.len()];
        Self { table, points: vec![Vec::new(); systems.len()], sustained, failed: Vec::new() }
    }

    async fn measure(
        &mut self,
        options: &Options,
        bench: Bench<'_>,
        what: Measurement,
        column: usize,
    ) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        match what {
            Measurement::Join => {
                for rate in &options.rate {
                    figures.extend(join::run(bench, *rate, AGENTS, &format!("{rate}/s")).await?);
                }
            }
            Measurement::Backlog => figures = backlog::run(bench).await?,
            Measurement::Capacity => {
                let found = capacity::run(bench, options.steps()).await?;
                figures = found.figures;
                self.points[column].extend(found.points);
                self.sustained[column] = found.rate;
            }
            Measurement::Overload => figures = overload::run(bench, self.sustained[column]).await?,
            Measurement::Waiting => {
                figures = waiting::callers(bench, options.callers).await?;
                figures.extend(waiting::talk(bench).await?);
            }
            Measurement::Agents => {
                let row = format!("{} agents, 20/s", options.agents);
                figures = join::run(bench, 20, options.agents, &row).await?;
            }
        }
        Ok(figures)
    }

    /// Prints everything, and writes the plot where there is one.
    fn report(&self, options: &Options) -> Result<()> {
        println!("{}", self.table.markdown());
        if self.points.iter().any(|points| !points.is_empty()) {
            let names = options.systems().into_iter().map(System::name);
            let lines: Vec<_> = names.zip(self.points.iter().cloned()).collect();
            std::fs::write(&options.plot, plot::svg(&lines)).context("write the plot")?;
            println!("\nLatency over rate: {}", options.plot.display());
        }
        ensure!(self.failed.is_empty(), "not measured:\n{}", self.failed.join("\n"));
        Ok(())
    }
}
