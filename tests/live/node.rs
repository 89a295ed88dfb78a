//! The process of an installed FreeSWITCH: private folders, loopback, ports that nobody else uses, a configuration that is
//! written here.
//!
//! In: the prefix where FreeSWITCH is installed. Out: a running FreeSWITCH that is ready to take calls.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::esl::{Access, Esl};
use crate::process::Process;

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

/// A TCP port of the loopback interface that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Where a node takes calls.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Of callers, and of phones that do not log in.
    pub sip: u16,
    /// Of the phones of the directory's users.
    pub phones: u16,
}

impl Ports {
    /// Ports that were free a moment ago.
    pub fn free() -> Result<Self> {
        Ok(Self { sip: free_sip_port()?, phones: free_sip_port()? })
    }
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

/// Runs it with what is in its folder; gives it once it is ready to take calls, with a connection to it.
pub async fn run(prefix: &Path, folder: &Path, access: &Access) -> Result<(Process, Esl)> {
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

/// Writes a configuration into the node's folder: `harness` is the part of the dialplan that belongs to the tests,
/// `password` that of the directory's user 1001.
pub fn write_configuration(folder: &Path, ports: Ports, password: &str, harness: &str) -> Result<()> {
    for name in FOLDERS {
        fs::create_dir_all(folder.join(name))?;
    }
    let verbose = std::env::var_os("DOZVON_LIVE_VERBOSE").is_some();
    let levels = if verbose { "debug,info,notice,warning,err,crit,alert" } else { "warning,err,crit,alert" };
    let conf = folder.join("conf");
    fs::create_dir_all(&conf)?;
    let rtp = rtp_start();
    let text = include_str!("freeswitch.xml")
        .replace("@sip_port@", &ports.sip.to_string())
        .replace("@phones_port@", &ports.phones.to_string())
        .replace("@password@", password)
        .replace("@rtp_start@", &rtp.to_string())
        .replace("@rtp_end@", &(rtp + RTP_PORTS - 2).to_string())
        .replace("@log_levels@", levels);
    fs::write(conf.join("freeswitch.xml"), text)?;
    fs::write(conf.join("harness.xml"), harness)?;
    Ok(())
}

/// Ends a node and waits for that.
pub async fn stop(mut process: Process, mut api: Esl) -> Result<()> {
    let _closed_at_once = api.api("fsctl shutdown now").await;
    if process.ended(Duration::from_secs(10)).await.is_err() {
        process.kill().await?;
    }
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
