//! Callers and phones: one sipp for all agents' phones, one for each wave of callers.
//!
//! In: the scenarios in `scenarios/`, and their times. Out: calls. Nobody speaks: all name a port for sound where what
//! FreeSWITCH plays is dropped by the kernel.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::node::free_port;
use crate::process::Process;

/// What sipp's process is called where it is not in the path as such.
const PROGRAM: &str = "sipp";

/// Where sipp is installed, if it is.
pub fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(PROGRAM)).find(|program| program.is_file())
}

/// How the phones behave.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// How long a phone rings before it is picked up.
    pub ring: Duration,
    /// How long the agent talks before they hang up.
    pub talk: Duration,
}

/// All agents' phones, and where callers come from.
pub struct Sipp {
    program: PathBuf,
    folder: PathBuf,
    /// Takes the sound and never reads it.
    sound: UdpSocket,
    phones: Process,
    /// The port of all phones.
    pub port: u16,
    callers: u32,
}

impl Sipp {
    /// Starts the phones.
    pub fn start(program: &Path, folder: &Path, habits: Habits) -> Result<Self> {
        let sound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = free_port()?;
        let scenario = include_str!("scenarios/phone.xml")
            .replace("@ring_ms@", &habits.ring.as_millis().to_string())
            .replace("@talk_ms@", &habits.talk.as_millis().to_string())
            .replace("@sound_port@", &sound.local_addr()?.port().to_string());
        let file = folder.join("phone.xml");
        std::fs::write(&file, scenario)?;
        let phones =
            Process::start("sipp (phones)", program, arguments(&file, port), &folder.join("phones.log"))?;
        Ok(Self { program: program.into(), folder: folder.into(), sound, phones, port, callers: 0 })
    }

    /// Lets `count` callers come at a rate to a number at a port of FreeSWITCH; each waits so long at most.
    pub fn call(&mut self, to: u16, number: &str, count: u32, rate: u32, patience: Duration) -> Result<Wave> {
        self.phones.still_runs()?;
        let scenario = include_str!("scenarios/caller.xml")
            .replace("@patience_ms@", &patience.as_millis().to_string())
            .replace("@sound_port@", &self.sound.local_addr()?.port().to_string());
        let path = |name: &str| self.folder.join(format!("callers-{}.{name}", self.callers));
        let (file, numbers, log) = (path("xml"), path("csv"), path("log"));
        std::fs::write(&file, scenario)?;
        let mut lines = "SEQUENTIAL\n".to_owned();
        for caller in self.callers..self.callers + count {
            writeln!(lines, "{:07};", 1_000_000 + caller)?;
        }
        std::fs::write(&numbers, lines)?;
        self.callers += count;
        let mut arguments = arguments(&file, free_port()?);
        let (count, rate) = (count.to_string(), rate.to_string());
        arguments.extend(["-inf".into(), numbers.into()]);
        let options = ["-s", number, "-m", &count, "-l", &count, "-r", &rate];
        arguments.extend(options.iter().map(OsString::from));
        arguments.push(format!("{}:{to}", Ipv4Addr::LOCALHOST).into());
        Process::start("sipp (callers)", &self.program, arguments, &log).map(Wave)
    }
}

fn arguments(scenario: &Path, port: u16) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        vec!["-sf".into(), scenario.into(), "-p".into(), port.to_string().into()];
    // On a full machine sipp's watchdog would end it.
    let options = ["-i", "127.0.0.1", "-nostdin", "-watchdog_interval", "0"];
    arguments.extend(options.iter().map(OsString::from));
    arguments
}

/// Callers who come one after the other.
pub struct Wave(Process);

impl Wave {
    /// Waits until the last of them is gone. That a call failed is seen in FreeSWITCH's events.
    pub async fn until_over(mut self, limit: Duration) -> Result<()> {
        let status = self.0.ended(limit).await?;
        let done = matches!(status.code(), Some(0 | 1));
        ensure!(done, "sipp ended with {status}:\n{}", self.0.last_words());
        Ok(())
    }
}
