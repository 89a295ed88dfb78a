//! The dozvon program: `dozvon serve` and the command line, both with one settings file.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::process::Process;
use crate::wait::within;

/// A start takes a fraction of a second; a busy machine is given much more.
const START_LIMIT: Duration = Duration::from_secs(30);
/// What one command of the command line may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);

/// A binary with its settings.
pub struct Program {
    binary: PathBuf,
    settings: PathBuf,
    status: SocketAddr,
}

impl Program {
    /// This binary with this settings file, which names this status address.
    pub fn new(binary: PathBuf, settings: PathBuf, status: SocketAddr) -> Self {
        Self { binary, settings, status }
    }

    /// Runs a command of the command line; what it printed.
    pub async fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&self.settings).args(arguments).kill_on_drop(true);
        let output = within(COMMAND_LIMIT, arguments.join(" "), command.output()).await??;
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let asked = arguments.join(" ");
        ensure!(output.status.success(), "dozvon {asked}: {}\n{said}{complained}", output.status);
        Ok(said.into_owned())
    }

    /// Starts `dozvon serve`, which writes to `log`.
    pub fn serve(&self, options: &[&str], log: &Path) -> Result<Process> {
        let mut arguments = vec![OsString::from("serve"), "--config".into(), self.settings.clone().into()];
        arguments.extend(options.iter().map(OsString::from));
        Process::start("dozvon serve", &self.binary, arguments, log)
    }

    /// Waits until that process can take calls.
    pub async fn ready(&self, process: &mut Process) -> Result<()> {
        let end = tokio::time::Instant::now() + START_LIMIT;
        while !self.get("/readyz").await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            process.still_runs()?;
            ensure!(
                tokio::time::Instant::now() < end,
                "dozvon serve is not ready:\n{}",
                process.last_words()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// A page of its status port, with its head.
    pub async fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.status).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: dozvon\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        within(COMMAND_LIMIT, path, stream.read_to_string(&mut answer)).await??;
        Ok(answer)
    }
}
