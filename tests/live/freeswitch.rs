//! The FreeSWITCH of the stories.
//!
//! In: the prefix where FreeSWITCH is installed. Out: a running FreeSWITCH, and the answers to API commands.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::controller::{self, Place};
use crate::esl::{Access, Esl};
use crate::node::{self, Ports};
use crate::process::Process;
use crate::sip::Login;
use crate::tone::Tone;
use crate::wait::until;

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

impl FreeSwitch {
    /// Writes its configuration, and has dozvon write its own part; starts it, waits until it is ready to take
    /// calls.
    pub async fn start(prefix: &Path, place: &Place) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dozvon-live-").tempdir()?;
        let ports = Ports::free()?;
        let anna = Login { user: "1001".to_owned(), password: uuid::Uuid::new_v4().simple().to_string() };
        let harness = include_str!("harness.xml").replace("@somebody_else@", &Tone::SomebodyElse.source(30));
        node::write_configuration(folder.path(), ports, &anna.password, &harness)?;
        controller::write_switch_files(place, &folder.path().join("conf")).await?;
        let access = place.access.clone();
        let (process, api) = node::run(prefix, folder.path(), &access).await?;
        let [sip, phones] = [ports.sip, ports.phones].map(|port| (Ipv4Addr::LOCALHOST, port).into());
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
        let (process, api) = node::run(&self.prefix, self.folder.path(), &self.access).await?;
        *self.process.lock().await = process;
        *self.api.lock().await = api;
        Ok(())
    }

    /// Ends it and waits for that.
    pub async fn stop(self) -> Result<()> {
        node::stop(self.process.into_inner(), self.api.into_inner()).await
    }
}
