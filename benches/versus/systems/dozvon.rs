//! dozvon with its default settings and its database on disk.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use super::{ANNOUNCED_EVERY_S, ANNOUNCEMENT, MUSIC, Team};
use crate::esl::Access;
use crate::node::free_port;
use crate::process::Process;
use crate::program::Program;

/// The number of its queue.
pub const NUMBER: &str = "7001";

/// A controller: its files, and its process once it runs.
pub struct Controller {
    folder: TempDir,
    program: Program,
}

impl Controller {
    /// Writes its settings, and has it write its part of FreeSWITCH's configuration folder.
    pub async fn configure(binary: PathBuf, access: &Access, conf: &Path) -> Result<Self> {
        // Where cargo builds there is a disk, which is not sure of the folder for temporary files.
        let folder = tempfile::Builder::new().prefix("versus-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let [listen, status] = [free_port()?, free_port()?].map(|port| (Ipv4Addr::LOCALHOST, port).into());
        let file = folder.path().join("dozvon.toml");
        // It holds a password.
        let mut open = std::fs::OpenOptions::new();
        let mut out = open.create_new(true).write(true).mode(0o600).open(&file)?;
        std::io::Write::write_all(&mut out, settings(folder.path(), access, listen, status).as_bytes())?;
        let program = Program::new(binary, file, status);
        program.command(&["dialplan", "--write", &conf.to_string_lossy(), "--socket", "--force"]).await?;
        Ok(Self { folder, program })
    }

    /// Makes its database with this team, and starts it.
    pub async fn start(&self, team: Team) -> Result<Process> {
        let rules_file = self.folder.path().join("rules.toml");
        std::fs::write(&rules_file, rules(team)?)?;
        self.program.command(&["migrate"]).await?;
        self.program.command(&["apply", &rules_file.to_string_lossy()]).await?;
        let names: Vec<String> = team.names().collect();
        if team.at_work {
            let mut login = vec!["agent", "login"];
            login.extend(names.iter().map(String::as_str));
            self.program.command(&login).await?;
        }
        let mut process = self.program.serve(&[], &self.folder.path().join("serve.log"))?;
        self.program.ready(&mut process).await?;
        Ok(process)
    }
}

fn settings(folder: &Path, access: &Access, listen: SocketAddr, status: SocketAddr) -> String {
    let (host, port, password) = (access.address.ip(), access.address.port(), &access.password);
    let database = folder.join("dozvon.db");
    let database = database.display();
    format!(
        "database = \"sqlite:{database}\"\n[switch]\nlisten = \"{listen}\"\n\
         [[switch.nodes]]\nhost = \"{host}\"\nport = {port}\npassword = \"{password}\"\n\
         [web]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"{status}\"\n\
         [dialplan]\nnumbers = [\"{NUMBER}\"]\ncontrollers = [\"{listen}\"]\n"
    )
}

fn rules(team: Team) -> Result<String> {
    let mut text = format!("[[prompt]]\nname = \"music\"\nsource = \"{MUSIC}\"\n\n");
    let mut tiers = String::new();
    for name in team.names() {
        writeln!(text, "[[agent]]\nname = \"{name}\"\ncontacts = [\"{}\"]\n", team.contact(&name))?;
        write!(tiers, "{{ agent = \"{name}\" }}, ")?;
    }
    if team.announced {
        writeln!(text, "[[prompt]]\nname = \"announcement\"\nsource = \"{ANNOUNCEMENT}\"\n")?;
    }
    let announced = format!(
        "announcements = [\"announcement\"]\nannounce_after = \"{ANNOUNCED_EVERY_S}s\"\n\
         announce_interval = \"{ANNOUNCED_EVERY_S}s\"\n"
    );
    let announced = if team.announced { announced.as_str() } else { "" };
    writeln!(
        text,
        "[[queue]]\nname = \"sales\"\nstrategy = \"longest_idle\"\nmusic = \"music\"\nmax_wait = \"never\"\noverflow = {{ message = \"music\" }}\n{announced}\
         tiers = [{tiers}]\n\n[[route]]\nname = \"main\"\nnumber = \"{NUMBER}\"\nopen = {{ queue = \"sales\" }}"
    )?;
    Ok(text)
}
