//! The README and the getting-started page, carried out as they stand: each page's TOML blocks are put into their
//! files, and a shell runs each `sh` block, against the FreeSWITCH stand-in. Comments on the page say how to run a
//! block: see `support/markdown.rs`.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use dozvon::sim::{CallerScript, Sim, SimSettings};
use serde_json::Value;

use crate::support::markdown::{Block, Page, merged, page};

/// What stands in for FreeSWITCH's own command: the stand-in has no configuration to read again.
const FS_CLI: &str = "#!/bin/sh\necho '+OK [Success]'\n";

/// A machine with a FreeSWITCH on which somebody follows a page.
struct Machine {
    folder: tempfile::TempDir,
    sim: Sim,
    /// Where the controller listens for callers, for the web and for Prometheus.
    ports: [SocketAddr; 3],
    controller: Option<Child>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut controller) = self.controller.take() {
            // It fails when the process has ended already.
            let _ = controller.kill();
            let _ = controller.wait();
        }
    }
}

/// Ports that nobody has at this moment: held together, so that they differ.
fn free_ports() -> [SocketAddr; 3] {
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap())
}

impl Machine {
    async fn new() -> Self {
        let sim = Sim::start(SimSettings::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { folder, sim, ports: free_ports(), controller: None };
        machine.sim.set_controllers(&machine.ports[..1]).await;
        let freeswitch = machine.place("/etc/freeswitch");
        std::fs::create_dir_all(freeswitch.join("autoload_configs")).unwrap();
        std::fs::write(freeswitch.join("freeswitch.xml"), "<document/>").unwrap();
        let (port, password) = (machine.sim.node_address().port(), machine.sim.password());
        let socket = format!(
            "<configuration name=\"event_socket.conf\"><settings>\n<param name=\"listen-ip\" value=\"127.0.0.1\"/>\n\
             <param name=\"listen-port\" value=\"{port}\"/>\n<param name=\"password\" value=\"{password}\"/>\n\
             </settings></configuration>\n"
        );
        std::fs::write(freeswitch.join("autoload_configs/event_socket.conf.xml"), socket).unwrap();
        let bin = machine.place("/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_dozvon"), bin.join("dozvon")).unwrap();
        std::fs::write(bin.join("fs_cli"), FS_CLI).unwrap();
        std::fs::set_permissions(bin.join("fs_cli"), std::fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    /// A path of the page on this machine.
    fn place(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// A command with what the page's reader has around them: the paths of the page lead into the machine's folder.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/bin:/bin", self.place("/bin").display());
        command.current_dir(self.folder.path()).env_clear().envs([
            ("PATH", path.as_str()),
            ("TZ", "Europe/Moscow"),
            ("USER", "root"),
        ]);
        let settings = self.place("/etc/dozvon/dozvon.toml");
        if settings.is_file() {
            // On the page's machine the settings are found in /etc/dozvon.
            command.env("DOZVON_CONFIG", settings);
        }
        for (section, address) in ["SWITCH", "WEB", "STATUS"].iter().zip(self.ports) {
            command.env(format!("DOZVON_{section}__LISTEN"), address.to_string());
        }
        command
    }

    /// Runs a script; the shell stops at the first command that fails.
    fn run(&self, script: &str) -> Output {
        let there = script.replace("/etc/", &format!("{}/", self.place("/etc").display()));
        self.command("sh").args(["-e", "-c", &there]).output().unwrap()
    }

    /// Puts a block into the file that it is about.
    fn edit(&self, file: &str, block: &Block) {
        let path = self.place("/etc/dozvon").join(file);
        let old = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, merged(&old, &block.text)).unwrap();
    }

    /// Starts the controller, in place of the one that runs, and waits until it takes calls.
    fn serve(&mut self) {
        if let Some(mut old) = self.controller.take() {
            assert!(Command::new("kill").args(["-INT", &old.id().to_string()]).status().unwrap().success());
            assert!(old.wait().unwrap().success(), "the controller did not stop in good order");
        }
        let mut child = self.command("dozvon").arg("serve").stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|line: &String| line.contains("ready for calls")) {
            heard.push(log.next().unwrap_or_else(|| panic!("it ended: {heard:?}")).unwrap());
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || log.for_each(drop));
        self.controller = Some(child);
    }

    /// Somebody calls and hangs up; returns once the missed call is a case.
    async fn call(&self, said: &str) {
        let words: Vec<&str> = said.split_whitespace().collect();
        let [from, "calls", to, "and", "hangs", "up", "after", seconds, "seconds"] = words[..] else {
            panic!("no caller can do this: {said}")
        };
        let patience = Duration::from_secs(seconds.parse().unwrap());
        let caller = self.sim.call(CallerScript::new(from, to).patient_for(patience)).await;
        caller.story().await.expect("the stand-in has ended");
        loop {
            let listed = self.run("dozvon case list --json");
            let cases: Value = serde_json::from_slice(&listed.stdout).unwrap();
            if !cases.as_array().unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Carries out one block.
    async fn follow(&mut self, page: &Page, block: &Block) {
        let at = page.at(block.line);
        if block.is("toml rules") {
            return self.edit("rules.toml", block);
        }
        if block.is("toml settings") {
            return self.edit("dozvon.toml", block);
        }
        if !block.is("sh") {
            return;
        }
        if let Some(reason) = block.note("not run:") {
            assert!(reason.len() > 20, "{at}: say why it is not run");
            return;
        }
        if let Some(said) = block.note("caller:") {
            self.call(said).await;
        }
        if block.text.trim() == "dozvon serve" {
            return self.serve();
        }
        let expected = block
            .note("exit")
            .and_then(|note| note.split(':').next())
            .map_or(0, |code| code.parse().unwrap());
        let done = self.run(&block.text);
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(expected), "{at}:\n{}\n{out}{err}", block.text);
    }
}

async fn follow(path: &str) -> Machine {
    let page = page(Path::new(path));
    let mut machine = Machine::new().await;
    for block in page.blocks() {
        machine.follow(&page, &block).await;
    }
    machine
}

/// What `check` says at the end of a page.
fn checks(machine: &Machine) -> String {
    String::from_utf8(machine.run("dozvon check --json").stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_a_queue_that_takes_calls() {
    let machine = follow("README.md").await;
    let agents = machine.run("dozvon agent list --status available --json");
    let agents: Value = serde_json::from_slice(&agents.stdout).unwrap();
    assert!(!agents.as_array().unwrap().is_empty(), "somebody takes calls at the end of the page");
    assert!(machine.controller.is_some(), "a controller runs at the end of the page");
    assert!(checks(&machine).contains("callbacks: trunk"), "the page names no trunk");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_getting_started_page_leads_to_two_queues_and_a_case() {
    let machine = follow("docs/getting-started.md").await;
    let shown = |what: &str| -> Value { serde_json::from_slice(&machine.run(what).stdout).unwrap() };
    let queues = shown("dozvon queue list --json");
    let names: Vec<&str> =
        queues.as_array().unwrap().iter().filter_map(|queue| queue["name"].as_str()).collect();
    assert_eq!(names, ["sales", "support"]);
    let route = shown("dozvon route test 7001 --at '2027-02-22 12:00' --json");
    assert!(route.to_string().contains("gateway/trunk/+79001234567"), "{route}");
    assert_eq!(shown("dozvon case list --state all --json").as_array().unwrap().len(), 1);
    assert!(!checks(&machine).contains("callbacks: trunk"), "the trunk is known");
}
