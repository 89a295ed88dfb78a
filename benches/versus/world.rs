//! What one run has: a fresh FreeSWITCH, one of the systems on it, callers and phones, and a watch on the events.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::esl::{Access, Esl};
use crate::figures::machine::{peak_mib, processor};
use crate::node::{self, Ports, free_port};
use crate::options::System;
use crate::process::Process;
use crate::sipp::{Habits, Sipp, Wave};
use crate::systems::{Team, callcenter, dozvon};
use crate::watch::Watch;

/// What everything is started from.
#[derive(Debug, Clone)]
pub struct Installed {
    /// FreeSWITCH's prefix.
    pub freeswitch: PathBuf,
    /// sipp's program.
    pub sipp: PathBuf,
    /// dozvon's program.
    pub dozvon: PathBuf,
}

/// A folder in memory where there is one.
fn memory() -> Result<TempDir> {
    let shared = Path::new("/dev/shm");
    let folder = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    Ok(tempfile::Builder::new().prefix("versus-").tempdir_in(folder)?)
}

/// A run. The order of the fields is that in which its processes end.
pub struct World {
    sipp: Sipp,
    /// What FreeSWITCH says.
    pub watch: Watch,
    controller: Option<Process>,
    switch: Process,
    api: Esl,
    access: Access,
    number: &'static str,
    sip: u16,
    _dozvon: dozvon::Controller,
    _folders: [TempDir; 2],
}

impl World {
    /// Starts everything: these agents, whose phones have these habits.
    pub async fn start(installed: &Installed, system: System, team: Team, habits: Habits) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("versus-").tempdir()?;
        let (conf, memory) = (folder.path().join("conf"), memory()?);
        let sipp = Sipp::start(&installed.sipp, folder.path(), habits)?;
        let team = Team { port: sipp.port, ..team };
        let address = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let password = || uuid::Uuid::new_v4().simple().to_string();
        let access = Access { address, password: password() };
        let ports = Ports::free()?;
        // Both systems find the same FreeSWITCH, with the dialplan of both in it.
        node::write_configuration(folder.path(), ports, &password(), "<include/>")?;
        let dozvon = dozvon::Controller::configure(installed.dozvon.clone(), &access, &conf).await?;
        callcenter::configure(&conf, memory.path(), team)?;
        let (switch, mut api) = node::run(&installed.freeswitch, folder.path(), &access).await?;
        let (number, controller) = match system {
            System::Callcenter => {
                callcenter::load(&mut api).await?;
                (callcenter::NUMBER, None)
            }
            System::Dozvon => (dozvon::NUMBER, Some(dozvon.start(team).await?)),
        };
        let watch = Watch::start(&access).await?;
        let (sip, _dozvon, _folders) = (ports.sip, dozvon, [folder, memory]);
        Ok(Self { sipp, watch, controller, switch, api, access, number, sip, _dozvon, _folders })
    }

    /// Lets callers come.
    pub fn call(&mut self, count: u32, rate: u32, patience: Duration) -> Result<Wave> {
        self.sipp.call(self.sip, self.number, count, rate, patience)
    }

    /// Forgets what was seen so far.
    pub async fn watch_anew(&mut self) -> Result<()> {
        self.watch = Watch::start(&self.access).await?;
        Ok(())
    }

    /// What has been used so far.
    pub fn used(&self) -> Result<Used> {
        let controller = self.controller.as_ref().map(Process::cpu_time).transpose()?;
        Ok(Used { controller, switch: self.switch.cpu_time()?, at: Instant::now() })
    }

    /// The most memory that the controller, where there is one, and FreeSWITCH have had, in MiB.
    pub fn memory(&self) -> Result<(Option<f64>, f64)> {
        Ok((self.controller.as_ref().map(memory_of).transpose()?, memory_of(&self.switch)?))
    }

    /// What is measured on what, and when.
    pub async fn describe(&mut self) -> Result<String> {
        let version = self.api.api("version").await?;
        let version = version.split('~').next().unwrap_or_default().to_owned();
        let day = self.api.api("strftime %Y-%m-%d").await?;
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor(&cpuinfo).unwrap_or("unknown processor");
        let cores = std::thread::available_parallelism()?;
        Ok(format!("{day}, {version}, {processor}, cores: {cores}"))
    }

    /// Ends every call.
    pub async fn hang_up(&mut self) -> Result<()> {
        self.api.api("hupall").await?;
        self.watch.is_quiet(Duration::from_secs(60)).await
    }

    /// Ends everything.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(controller) = &mut self.controller {
            controller.still_runs()?;
            controller.kill().await?;
        }
        drop(self.watch);
        node::stop(self.switch, self.api).await
    }
}

fn memory_of(process: &Process) -> Result<f64> {
    let id = process.id().context("a process has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    peak_mib(&status).context("/proc/PID/status tells no memory")
}

/// CPU time of the processes at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    controller: Option<Duration>,
    switch: Duration,
    at: Instant,
}

/// CPU time between two moments.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// By the controller; none where there is none.
    pub controller: Option<Duration>,
    /// By FreeSWITCH.
    pub switch: Duration,
    /// The time in between.
    pub over: Duration,
}

impl Used {
    /// What was used since.
    pub fn since(&self, before: &Self) -> Spent {
        let controller = self.controller.zip(before.controller).map(|(now, then)| now - then);
        Spent { controller, switch: self.switch - before.switch, over: self.at - before.at }
    }
}
