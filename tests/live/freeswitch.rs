//! A FreeSWITCH for the tests: private folders, loopback, ports that nobody else uses, a configuration written here.
//!
//! In: the prefix where FreeSWITCH is installed. Out: a running FreeSWITCH, and the answers to API commands.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::controller::{self, Place};
use crate::esl::{Access, Esl};
use crate::process::Process;
use crate::sip::Login;
use crate::tone::Tone;
use crate::wait::until;

/// It is given this long to start: it takes 3 to 6 s on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Ports for sound that one FreeSWITCH may use.
const RTP_PORTS: u16 = 4000;
/// The folders that FreeSWITCH is given, each by its own option.
const FOLDERS: [&str; 12] = [
    "log",
    "db",
    "run",
    "certs",
    "storage",
    "recordings",
    "cache",
    "temp",
    "sounds",
    "scripts",
    "htdocs",
    "grammar",
];

/// A running FreeSWITCH.
pub struct FreeSwitch {
    process: Mutex<Process>,
    /// Where its event socket is.
    pub access: Access,
    /// Where it takes calls.
    pub sip: SocketAddr,
    /// Where it takes calls of agents' phones.
    pub phones: SocketAddr,
    /// The user of one of those.
    pub anna: Login,
    api: Mutex<Esl>,
    prefix: PathBuf,
    folder: TempDir,
}

/// A TCP port of the loopback interface that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A port that was free a moment ago for UDP as well as TCP.
fn free_sip_port() -> Result<u16> {
    (0..20)
        .find_map(|_| {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let port = udp.local_addr().ok()?.port();
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|_| port)
        })
        .context("no port is free for UDP and TCP")
}

/// The first of [`RTP_PORTS`] ports below those that systems hand out: another slice for another process.
fn rtp_start() -> u16 {
    let slice = u16::try_from(std::process::id() % 4).unwrap_or_default();
    16_384 + slice * RTP_PORTS
}

impl FreeSwitch {
    /// Writes its configuration, and has dozvon write its own part; starts it, waits until it is ready to take
    /// calls.
    pub async fn start(prefix: &Path, place: &Place) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dozvon-live-").tempdir()?;
        let (sip_port, phones_port) = (free_sip_port()?, free_sip_port()?);
        let anna = Login { user: "1001".to_owned(), password: uuid::Uuid::new_v4().simple().to_string() };
        write_configuration(folder.path(), sip_port, phones_port, &anna)?;
        controller::write_switch_files(place, &folder.path().join("conf")).await?;
        let access = place.access.clone();
        let (process, api) = run(prefix, folder.path(), &access).await?;
        let [sip, phones] = [sip_port, phones_port].map(|port| (Ipv4Addr::LOCALHOST, port).into());
        let (process, api, prefix) = (Mutex::new(process), Mutex::new(api), prefix.to_owned());
        Ok(Self { process, access, sip, phones, anna, api, prefix, folder })
    }

    /// Runs an API command.
    pub async fn api(&self, command: &str) -> Result<String> {
        self.api.lock().await.api(command).await.with_context(|| format!("api {command}"))
    }

    /// The CPU time that it has taken so far.
    pub async fn cpu_time(&self) -> Result<Duration> {
        self.process.lock().await.cpu_time()
    }

    /// How many channels it has.
    pub async fn channels(&self) -> Result<usize> {
        let answer = self.api("show channels count").await?;
        let count = answer.split_whitespace().next().and_then(|count| count.parse().ok());
        count.with_context(|| format!("show channels count: {answer}"))
    }

    /// Waits until no channel is left.
    pub async fn is_quiet(&self, limit: Duration) -> Result<()> {
        let gone =
            until(limit, "every channel is gone", async || Ok((self.channels().await? == 0).then_some(())))
                .await;
        if gone.is_err() {
            let left = self.api("show channels").await?;
            return gone.context(left);
        }
        gone
    }

    /// Ends whatever calls are left from a story that failed.
    pub async fn clear(&self) -> Result<()> {
        self.api("hupall").await?;
        self.is_quiet(Duration::from_secs(10)).await
    }

    /// Ends it as a crash would.
    pub async fn kill(&self) -> Result<()> {
        self.process.lock().await.kill().await
    }

    /// Starts it again after it was killed, as its service manager would: with the same files, at the same ports.
    pub async fn come_back(&self) -> Result<()> {
        let (process, api) = run(&self.prefix, self.folder.path(), &self.access).await?;
        *self.process.lock().await = process;
        *self.api.lock().await = api;
        Ok(())
    }

    /// Ends it and waits for that.
    pub async fn stop(self) -> Result<()> {
        let _closed_at_once = self.api("fsctl shutdown now").await;
        let mut process = self.process.into_inner();
        if process.ended(Duration::from_secs(10)).await.is_err() {
            process.kill().await?;
        }
        Ok(())
    }
}

/// Runs it with what is in its folder; gives it once it is ready to take calls, with a connection to it.
async fn run(prefix: &Path, folder: &Path, access: &Access) -> Result<(Process, Esl)> {
    let (program, log) = (prefix.join("bin/freeswitch"), folder.join("output.txt"));
    let mut process = Process::start("FreeSWITCH", &program, arguments(prefix, folder), &log)?;
    match ready(access, &mut process).await {
        Ok(api) => Ok((process, api)),
        Err(error) => Err(error.context(last_words(&process, folder))),
    }
}

fn last_words(process: &Process, folder: &Path) -> String {
    let log = fs::read(folder.join("log/freeswitch.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = text.lines().collect();
    format!("{}\n{}", process.last_words(), lines[lines.len().saturating_sub(60)..].join("\n"))
}

fn arguments(prefix: &Path, folder: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["-nonat", "-nc", "-nf", "-np"].map(OsString::from).into();
    let mut with = |option: &str, path: PathBuf| arguments.extend([format!("-{option}").into(), path.into()]);
    with("mod", prefix.join("lib/freeswitch/mod"));
    with("conf", folder.join("conf"));
    for name in FOLDERS {
        with(name, folder.join(name));
    }
    arguments
}

fn write_configuration(folder: &Path, sip_port: u16, phones_port: u16, anna: &Login) -> Result<()> {
    for name in FOLDERS {
        fs::create_dir_all(folder.join(name))?;
    }
    let verbose = std::env::var_os("DOZVON_LIVE_VERBOSE").is_some();
    let levels = if verbose { "debug,info,notice,warning,err,crit,alert" } else { "warning,err,crit,alert" };
    let conf = folder.join("conf");
    fs::create_dir_all(&conf)?;
    let rtp = rtp_start();
    let text = include_str!("freeswitch.xml")
        .replace("@sip_port@", &sip_port.to_string())
        .replace("@phones_port@", &phones_port.to_string())
        .replace("@password@", &anna.password)
        .replace("@rtp_start@", &rtp.to_string())
        .replace("@rtp_end@", &(rtp + RTP_PORTS - 2).to_string())
        .replace("@log_levels@", levels);
    fs::write(conf.join("freeswitch.xml"), text)?;
    let harness = include_str!("harness.xml").replace("@somebody_else@", &Tone::SomebodyElse.source(30));
    fs::write(conf.join("harness.xml"), harness)?;
    Ok(())
}

/// Waits until the switch and its two SIP profiles are ready; gives the connection on which it was asked.
async fn ready(access: &Access, process: &mut Process) -> Result<Esl> {
    let mut esl = loop_until_connected(access, process).await?;
    for (question, wanted, times) in [("status", "is ready", 1), ("sofia status", "RUNNING", 2)] {
        let end = tokio::time::Instant::now() + START_LIMIT;
        loop {
            let answer = esl.api(question).await?;
            if answer.matches(wanted).count() == times {
                break;
            }
            ensure!(tokio::time::Instant::now() < end, "FreeSWITCH is not ready: {question}: {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(esl)
}

async fn loop_until_connected(access: &Access, process: &mut Process) -> Result<Esl> {
    let end = tokio::time::Instant::now() + START_LIMIT;
    loop {
        process.still_runs()?;
        match Esl::connect(access).await {
            Ok(esl) => return Ok(esl),
            Err(error) if tokio::time::Instant::now() > end => {
                return Err(error.context("FreeSWITCH's event socket"));
            }
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
