//! A program that a test started. Its output goes to a file, and it always ends with the test.
//!
//! **Invariant:** only processes started here are signalled, each by its own id. Each dies when it is dropped and,
//! where `setpriv` is installed, also when this test is killed.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use crate::wait::within;

/// A running child process.
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with its output going to `log`.
    ///
    /// Call it from the main thread: the kernel ties the child's life to the thread that started it.
    pub fn start(name: &'static str, program: &Path, arguments: Vec<OsString>, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let mut command = dying_with_us(program);
        command.args(arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child =
            command.kill_on_drop(true).spawn().with_context(|| format!("start {}", program.display()))?;
        Ok(Self { name, child, log: log.to_owned() })
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The CPU time that it has taken so far, from the kernel's count of ticks of 10 ms.
    pub fn cpu_time(&self) -> Result<Duration> {
        let id = self.id().with_context(|| format!("{} has ended", self.name))?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields = stat.rsplit_once(')').context("/proc/stat names the program")?.1;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
    }

    /// Ends it at once, leaving it no time to tidy up.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("kill {}", self.name))
    }

    /// Sends the signal named (`TERM`, `STOP` …).
    pub async fn signal(&self, signal: &str) -> Result<()> {
        let Some(id) = self.id() else { bail!("{} has ended already", self.name) };
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status().await?;
        anyhow::ensure!(sent.success(), "kill -{signal} {id} failed");
        Ok(())
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        within(limit, format!("{} ends", self.name), self.child.wait()).await?.map_err(Into::into)
    }

    /// Fails, showing the end of its output, if it has ended.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}:\n{}", self.name, self.last_words()),
        }
    }

    /// The last lines of its output.
    pub fn last_words(&self) -> String {
        let output = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&output);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// A command that the kernel kills when the thread that starts it ends.
fn dying_with_us(program: &Path) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if !setpriv.exists() {
        return Command::new(program);
    }
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
