//! The controller under test: the real `dozvon serve` with a database of its own, and the real command line.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::esl::Access;
use crate::floor::contact;
use crate::node::free_port;
use crate::process::Process;
use crate::program::Program;
use crate::sip::SipEnd;
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;

/// A start takes a fraction of a second; a busy machine is given much more.
const START_LIMIT: Duration = Duration::from_secs(30);

/// `retry_time` of the dialplan.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// A controller: its files, and its process while it runs.
pub struct Controller {
    folder: TempDir,
    program: Program,
    process: Option<Process>,
    standby: Option<Process>,
    starts: u32,
}

impl Controller {
    /// Makes its files and its database, with these rules in it. It does not run yet.
    pub async fn prepare(place: &Place, team: &Team) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dozvon-live-").tempdir()?;
        Self::prepare_in(folder, place, team).await
    }

    /// The same, with all its files in this folder.
    pub async fn prepare_in(folder: TempDir, place: &Place, team: &Team) -> Result<Self> {
        let status = (Ipv4Addr::LOCALHOST, free_port()?).into();
        // It holds a password.
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(folder.path().join("dozvon.toml"))?
            .write_all(settings(folder.path(), place, status).as_bytes())?;
        std::fs::write(folder.path().join("rules.toml"), team.rules())?;
        let program = dozvon(folder.path().join("dozvon.toml"), status);
        let controller = Self { folder, program, process: None, standby: None, starts: 0 };
        controller.command(&["migrate"]).await?;
        controller.command(&["apply", &controller.path("rules.toml").to_string_lossy()]).await?;
        Ok(controller)
    }

    /// Starts `dozvon serve` and waits until it can take calls.
    pub async fn serve(&mut self) -> Result<()> {
        let process = self.start(&[])?;
        self.ready(process).await
    }

    /// Starts a second one that stands by, and waits until it does.
    pub async fn stand_by(&mut self) -> Result<()> {
        let process = self.start(&["--standby"])?;
        until(START_LIMIT, "the second one stands by", async || {
            Ok(process.last_words().contains("standing by").then_some(()))
        })
        .await?;
        self.standby = Some(process);
        Ok(())
    }

    /// Kills the first one; waits until the one that stood by can take calls.
    pub async fn take_over(&mut self) -> Result<()> {
        self.kill().await?;
        let standby = self.standby.take().context("nobody stands by")?;
        self.ready(standby).await
    }

    fn start(&mut self, options: &[&str]) -> Result<Process> {
        self.starts += 1;
        self.program.serve(options, &self.path(&format!("serve-{}.log", self.starts)))
    }

    async fn ready(&mut self, mut process: Process) -> Result<()> {
        self.program.ready(&mut process).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it with SIGKILL.
    pub async fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("no controller runs")?;
        process.kill().await
    }

    /// Asks it with SIGTERM to stop; the process, to wait for its end.
    pub async fn terminate(&mut self) -> Result<Process> {
        let process = self.process.take().context("no controller runs")?;
        process.signal("TERM").await?;
        Ok(process)
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(80)..].join("\n")
    }

    /// The first warnings and errors in its log.
    pub fn complaints(&self) -> String {
        let log = self.log();
        let bad = log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR"));
        bad.take(60).collect::<Vec<_>>().join("\n")
    }

    fn log(&self) -> String {
        let path = self.path(&format!("serve-{}.log", self.starts));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// A page of its status port, with its head.
    pub async fn get(&self, path: &str) -> Result<String> {
        self.program.get(path).await
    }

    /// Runs a command of the command line; what it printed.
    pub async fn command(&self, arguments: &[&str]) -> Result<String> {
        self.program.command(arguments).await
    }

    /// Runs a command with `--json`.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.command(&[arguments, &["--json"]].concat()).await?;
        serde_json::from_str(&said).with_context(|| said)
    }

    /// The rows of a command with `--json`.
    pub async fn rows(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        match self.json(arguments).await? {
            Value::Array(rows) => Ok(rows),
            other => anyhow::bail!("not a table: {other}"),
        }
    }

    /// Everything about the only call from this number, once it has ended.
    pub async fn ended_call(&self, number: &str) -> Result<CallRow> {
        let what = format!("the call from {number} has an ending in the database");
        until(Duration::from_secs(10), what, async || {
            let rows = self.rows(&["call", "list", "--number", number]).await?;
            ensure!(rows.len() == 1, "{} calls from {number}", rows.len());
            if rows[0]["ending"].is_null() {
                return Ok(None);
            }
            let id = rows[0]["id"].as_str().context("a call has an id")?;
            Ok(Some(CallRow(self.json(&["call", "show", id]).await?)))
        })
        .await
    }

    /// Adds these lines at the end of its settings, before it starts.
    pub fn set(&self, lines: &str) -> Result<()> {
        let mut file = OpenOptions::new().append(true).open(self.settings_file())?;
        Ok(writeln!(file, "{lines}")?)
    }

    /// The settings that it runs with.
    pub fn settings_file(&self) -> PathBuf {
        self.path("dozvon.toml")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Everything that the database knows of a call.
pub struct CallRow(pub Value);

impl CallRow {
    /// A field as text; empty if it is null or no text.
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A field's value as it is written.
    pub fn text_of(&self, field: &str) -> String {
        self.0[field].to_string()
    }

    /// A field as a number.
    pub fn number(&self, field: &str) -> Option<i64> {
        self.0[field].as_i64()
    }

    /// What happened, in order: the word, and the agent where one is meant.
    pub fn steps(&self) -> Vec<String> {
        let events = self.0["timeline"].as_array().map(Vec::as_slice).unwrap_or_default();
        let step = |event: &Value| {
            let word = event["event"].as_str().unwrap_or_default();
            let mut detail = event["detail"].as_str().unwrap_or_default().split([' ', ',']);
            match (detail.next(), detail.next()) {
                (Some("agent"), Some(agent)) => format!("{word} {agent}"),
                _ => word.to_owned(),
            }
        };
        events.iter().map(step).collect()
    }

    /// Fails unless it ended so, and this happened on the way.
    pub fn expect(&self, ending: &str, stage: &str, steps: &[impl AsRef<str>]) -> Result<()> {
        let (was, at, told) = (self.text("ending"), self.text("stage"), self.steps());
        ensure!((was, at) == (ending, stage), "ended {was} while {at}, not {ending} while {stage}: {told:?}");
        let steps: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
        ensure!(told == steps, "the rows tell {told:?}, not {steps:?}");
        Ok(())
    }
}

fn dozvon(settings: PathBuf, status: SocketAddr) -> Program {
    Program::new(env!("CARGO_BIN_EXE_dozvon").into(), settings, status)
}

/// Between which FreeSWITCH and which address a controller works.
#[derive(Clone)]
pub struct Place {
    /// The event socket.
    pub access: Access,
    /// Where it waits for callers.
    pub listen: SocketAddr,
    /// The address that the dialplan tries next.
    pub second: SocketAddr,
    /// Whom the dialplan rings when no controller is there.
    pub fallback: String,
}

impl Place {
    /// One of its own, with addresses that nobody else uses.
    pub fn new(fallback: &SipEnd) -> Result<Self> {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (listen, second) = (loopback(free_port()?), loopback(free_port()?));
        let address = loopback(free_port()?);
        let access = Access { address, password: uuid::Uuid::new_v4().simple().to_string() };
        Ok(Self { access, listen, second, fallback: contact(fallback) })
    }
}

/// The folder of messages, in that of the controller.
pub const MESSAGES: &str = "messages";

fn settings(folder: &Path, place: &Place, status: SocketAddr) -> String {
    let Place { access, listen, second, fallback } = place;
    let (host, port, password) = (access.address.ip(), access.address.port(), &access.password);
    let database = folder.join("dozvon.db");
    format!(
        "database = \"sqlite:{}\"\nzone = \"UTC\"\n[switch]\nlisten = \"{listen}\"\n\
         [[switch.nodes]]\nname = \"live\"\nhost = \"{host}\"\nport = {port}\npassword = \"{password}\"\n\
         [web]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"{status}\"\n[calls]\ndrain_timeout = \"3s\"\n[callback]\nmin_wait = \"0s\"\n\
         [sounds]\nmusic = \"{}\"\nfallback_message = \"{}\"\n\
         [voicemail]\nfolder = \"{}\"\nmin_free_mb = 0\n\
         [dialplan]\nnumbers = [\"7*\"]\nagent_contexts = [\"phones\"]\ncontrollers = [\"{listen}\", \"{second}\"]\nretry_time = \"{}s\"\npause_sound = \"{}\"\nfallback_contact = \"{fallback}\"\n\
         [log]\nfilter = \"info,dozvon=debug,freeswitch_esl_tokio=error\"\n",
        database.display(),
        Tone::Music.endless(),
        Tone::Fallback.source(20),
        folder.join(MESSAGES).display(),
        PATIENCE.as_secs(),
        Tone::Pause.source(1),
    )
}

/// Has dozvon write what FreeSWITCH needs to know of it into FreeSWITCH's configuration folder.
pub async fn write_switch_files(place: &Place, conf: &Path) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("dozvon-live-").tempdir()?;
    let file = folder.path().join("dozvon.toml");
    let status = (Ipv4Addr::LOCALHOST, 0).into();
    std::fs::write(&file, settings(folder.path(), place, status))?;
    let conf = conf.to_string_lossy();
    let options = ["dialplan", "--write", &conf, "--socket", "--force"];
    dozvon(file, status).command(&options).await.map(drop)
}
