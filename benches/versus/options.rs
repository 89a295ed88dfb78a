//! What is measured, and how: the arguments after `cargo bench --bench versus --`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::measure::capacity::Steps;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Measurement {
    /// Calls at a rate with agents to spare: how fast phones ring and talks begin, CPU a call, memory
    Join,
    /// 100 callers wait for 10 agents: how long an agent who becomes free waits for the next call
    Backlog,
    /// The highest rate at which all are connected and phones ring soon
    Capacity,
    /// 1.5 times that rate, and what comes after
    Overload,
    /// Callers who wait for nobody; one talk and nothing else
    Waiting,
    /// Like `join` at 20 calls a second, with 10,000 agents
    Agents,
}

impl Measurement {
    /// All of them, in the order in which they run.
    const ALL: [Self; 6] =
        [Self::Join, Self::Backlog, Self::Capacity, Self::Overload, Self::Waiting, Self::Agents];
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum System {
    /// mod_callcenter, which runs inside FreeSWITCH.
    Callcenter,
    /// dozvon.
    Dozvon,
}

impl System {
    /// Both, in the order of the table's columns.
    pub const ALL: [Self; 2] = [Self::Callcenter, Self::Dozvon];

    /// Its name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Callcenter => "mod_callcenter",
            Self::Dozvon => "dozvon",
        }
    }
}

/// Compares dozvon with mod_callcenter on a real FreeSWITCH.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench versus --")]
pub struct Options {
    /// What to measure; everything if nothing is named
    #[arg(value_enum)]
    what: Vec<Measurement>,
    /// Measure only this system
    #[arg(long, value_enum)]
    system: Option<System>,
    /// How often each measurement is repeated [default: 3]
    #[arg(long)]
    rounds: Option<u32>,
    /// Calls a second of `join`
    #[arg(long, value_delimiter = ',', default_values_t = [20, 40])]
    pub rate: Vec<u32>,
    /// For how many seconds callers come, at each rate [default: 20]
    #[arg(long)]
    seconds: Option<u32>,
    /// The first rate of `capacity`
    #[arg(long, default_value_t = 20)]
    from: u32,
    /// From one rate of `capacity` to the next [default: 3]
    #[arg(long)]
    step: Option<u32>,
    /// The last rate of `capacity`
    #[arg(long, default_value_t = 80)]
    to: u32,
    /// The rate that `overload` exceeds, where `capacity` is not measured
    #[arg(long, default_value_t = 40)]
    pub sustained: u32,
    /// How many callers of `waiting` wait
    #[arg(long, default_value_t = 500)]
    pub callers: u32,
    /// How many agents `agents` has
    #[arg(long, default_value_t = 10_000)]
    pub agents: u32,
    /// One round, 8 seconds at each rate, rates in steps of 6; other options still count
    #[arg(long)]
    quick: bool,
    /// The file for the plot of `capacity`
    #[arg(long, default_value = concat!(env!("CARGO_TARGET_TMPDIR"), "/versus.svg"))]
    pub plot: PathBuf,
    /// The dozvon to measure, if not the one that was just built
    #[arg(long)]
    pub dozvon: Option<PathBuf>,
    /// Cargo's sign that a bench is to run
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// What to measure, in order.
    pub fn measurements(&self) -> Vec<Measurement> {
        let wanted = |what: &Measurement| self.what.is_empty() || self.what.contains(what);
        Measurement::ALL.into_iter().filter(wanted).collect()
    }

    /// How often each measurement is repeated.
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    /// For how long callers come at each rate.
    pub fn seconds(&self) -> u32 {
        self.seconds.unwrap_or(if self.quick { 8 } else { 20 })
    }

    /// The rates of `capacity`.
    pub fn steps(&self) -> Steps {
        let by = self.step.unwrap_or(if self.quick { 6 } else { 3 });
        Steps { from: self.from, by, to: self.to }
    }

    /// Whom to measure.
    pub fn systems(&self) -> Vec<System> {
        self.system.map_or(System::ALL.to_vec(), |one| vec![one])
    }
}
