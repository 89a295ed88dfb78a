//! What is measured, and how: the arguments after `cargo bench --bench versus --`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Measurement {
    /// Calls at a rate with agents to spare: how fast phones ring and talks begin, CPU a call, memory.
    Join,
}

impl Measurement {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 1] = [Self::Join];
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
    pub what: Vec<Measurement>,
    /// Measure only this system
    #[arg(long, value_enum)]
    pub system: Option<System>,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 3)]
    pub rounds: u32,
    /// Calls a second of `join`
    #[arg(long, value_delimiter = ',', default_values_t = [20, 40])]
    pub rate: Vec<u32>,
    /// For how long callers come
    #[arg(long, default_value_t = 20)]
    pub seconds: u32,
    /// The dozvon to measure, if not the one that was just built
    #[arg(long)]
    pub dozvon: Option<PathBuf>,
    /// Cargo's sign that a bench is to run
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// What to measure, in order.
    pub fn measurements(&self) -> Vec<Measurement> {
        let wanted = |what: &Measurement| self.what.is_empty() || self.what.contains(what);
        Measurement::ALL.into_iter().filter(wanted).collect()
    }

    /// Whom to measure.
    pub fn systems(&self) -> Vec<System> {
        self.system.map_or(System::ALL.to_vec(), |one| vec![one])
    }
}
