//! The built `dozvon serve` as a service manager sees it: its log, the signal to stop, and ports that are taken.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::command::Workdir;

/// The longest that anything may take here.
const LIMIT: Duration = Duration::from_secs(30);

/// Any port.
const ANY: &str = "127.0.0.1:0";

/// A folder with the settings of a controller without a FreeSWITCH.
fn place(listen: &str, web: &str) -> Workdir {
    let folder = Workdir::new();
    let settings = format!(
        "database = \"sqlite:dozvon.db\"\n[switch]\nlisten = \"{listen}\"\n[web]\nlisten = \"{web}\"\n\
         [status]\nlisten = \"127.0.0.1:0\"\n"
    );
    folder.write("dozvon.toml", &settings);
    folder
}

/// A running controller, which is killed when it is dropped.
struct Controller {
    child: Child,
    log: Receiver<String>,
}

impl Controller {
    fn start(folder: &Workdir, args: &[&str]) -> Self {
        let mut command = folder.command("serve");
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (to, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { child, log }
    }

    /// The next line of its log; none when it has ended.
    fn line(&self) -> Option<String> {
        match self.log.recv_timeout(LIMIT) {
            Ok(line) => Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it neither logs nor ends"),
        }
    }

    /// Sends the signal that a service manager sends, to this process only.
    fn terminate(&self) {
        self.signal("TERM");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// How it ended, and what it wrote to standard output.
    fn end(mut self) -> (ExitStatus, String) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap(), out)
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It fails when the process has ended already.
        let _ = self.child.kill();
    }
}

/// What a line of the log says, which must be an object with a time and a level.
fn said(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let at = event["timestamp"].as_str().unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok(), "{line}");
    assert!(matches!(event["level"].as_str(), Some("INFO" | "WARN" | "ERROR")), "{line}");
    event["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_service_logs_json_until_it_is_told_to_stop() {
    let folder = place(ANY, ANY);
    let controller = Controller::start(&folder, &["--log-format", "json"]);
    let (mut ready, mut head) = (false, None);
    while !ready || head.is_none() {
        let line = controller.line().expect("it ended before it was ready");
        let message = said(&line);
        ready |= message == "ready for calls";
        if message.starts_with("the head of the audit; keep it for: dozvon audit verify --head") {
            let event: Value = serde_json::from_str(&line).unwrap();
            head = event["head"].as_str().map(str::to_owned);
        }
    }
    controller.terminate();
    let mut last = None;
    while let Some(line) = controller.line() {
        last = Some(said(&line));
    }
    assert_eq!(last.as_deref(), Some("stopped"));
    // What was logged is what the command takes.
    folder.ok(&["audit", "verify", "--head", &head.unwrap()]);
    let (status, out) = controller.end();
    assert_eq!((status.code(), out.as_str()), (Some(0), ""));
}

#[test]
fn a_hangup_says_that_it_does_nothing_and_ends_nothing() {
    let folder = place(ANY, ANY);
    let controller = Controller::start(&folder, &["--log-format", "json"]);
    while said(&controller.line().expect("it ended before it was ready")) != "ready for calls" {}
    controller.signal("HUP");
    let mut lines = std::iter::from_fn(|| controller.line().map(|line| said(&line)));
    let told = lines.find(|told| told.starts_with("SIGHUP")).expect("the hangup ended it");
    assert!(told.contains("does nothing") && told.contains("restart"), "{told}");
    controller.terminate();
    while controller.line().is_some() {}
    assert_eq!(controller.end().0.code(), Some(0));
}

/// Runs a short command in the folder with this audit key: its exit code, and all that it writes.
fn command(folder: &Workdir, key: &str, args: &[&str]) -> (Option<i32>, String) {
    let done = folder.command(args).env("DOZVON_AUDIT__KEY", key).output().unwrap();
    let text = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(text).unwrap().split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn a_controller_with_a_lost_or_mistyped_audit_key_does_not_start_and_check_says_why() {
    let folder = place(ANY, ANY);
    let (right, wrong) = ("a".repeat(32), "b".repeat(32));
    assert_eq!(command(&folder, &right, &["migrate"]).0, Some(0));
    let begun = command(&folder, &right, &["dnc", "add", "+79001234567"]);
    assert_eq!(begun.0, Some(0), "{}", begun.1);
    let migrated = command(&folder, &wrong, &["migrate"]);
    assert!(migrated.0 == Some(0) && migrated.1.contains("up to date"), "without the key, too: {migrated:?}");
    assert!(command(&folder, &right, &["check"]).1.contains("the key is the one with which the audit began"));
    for (key, words) in [(wrong.as_str(), "[audit] key is not the one"), ("", "[audit] key is missing now")] {
        let served = command(&folder, key, &["serve"]);
        assert!(served.0 == Some(4) && served.1.contains(words), "{served:?}");
        let checked = command(&folder, key, &["check", "--json"]);
        assert!(checked.0 != Some(0) && checked.1.contains("\"audit\""), "{checked:?}");
        assert!(checked.1.contains("audit key") || checked.1.contains("[audit] key"), "{checked:?}");
    }
}

/// What a controller says that cannot start.
fn refusal(folder: &Workdir) -> String {
    let controller = Controller::start(folder, &[]);
    let lines: Vec<String> = std::iter::from_fn(|| controller.line()).collect();
    let (status, out) = controller.end();
    assert_eq!((status.code(), out.as_str()), (Some(1), ""), "{lines:?}");
    let line = lines.last().unwrap();
    assert!(line.starts_with("dozvon: "), "{lines:?}");
    line.clone()
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_change() {
    let taken = TcpListener::bind(ANY).unwrap();
    let address: SocketAddr = taken.local_addr().unwrap();
    let taken = address.to_string();
    for (folder, key) in [(place(&taken, ANY), "[switch] listen"), (place(ANY, &taken), "[web] listen")] {
        let said = refusal(&folder);
        assert!(said.contains(&taken) && said.contains("in use"), "{said}");
        assert!(said.contains(key), "{key} in {said}");
    }
}
