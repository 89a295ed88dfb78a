//! The built command from an empty folder to a checked installation; and what it says of mistakes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests fail by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With what `init` writes, and the database.
    fn ready() -> Self {
        let place = Self::new();
        place.good(&["init", "--freeswitch", "."]);
        place.good(&["migrate"]);
        place
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
        command.args(args).current_dir(self.0.path()).env_clear().env("TZ", "UTC");
        command.output().unwrap()
    }

    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a run says on standard error that must end with `code`.
    #[track_caller]
    fn bad(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

#[test]
fn from_an_empty_folder_to_rules_in_the_database() {
    let place = Place::ready();
    let would = place.good(&["apply", "rules.toml", "--dry-run", "--json"]);
    let would: Value = serde_json::from_str(&would).unwrap();
    assert_eq!(would.as_array().unwrap().len(), 7, "{would}");
    assert!(!place.good(&["export"]).contains("[[agent]]"), "a dry run changes nothing");
    assert!(place.good(&["apply", "rules.toml"]).contains("added"));
    assert!(place.good(&["apply", "rules.toml"]).contains("nothing changes"));
    let exported = place.good(&["export"]);
    place.write("again.toml", &exported);
    assert!(place.good(&["apply", "again.toml"]).contains("nothing changes"), "{exported}");
    place.write("less.toml", &exported.replace("    { agent = \"boris\", level = 1, position = 2 },\n", ""));
    let change: Value = serde_json::from_str(&place.good(&["apply", "less.toml", "--json"])).unwrap();
    assert_eq!(change, serde_json::json!([{ "change": "changed", "what": "queue sales" }]));
}

#[test]
fn what_is_there_is_not_written_over() {
    let place = Place::ready();
    let settings = place.read("dozvon.toml");
    assert!(place.good(&["init", "--freeswitch", "."]).contains("unchanged"), "the password is kept");
    place.write("dozvon.toml", &format!("{settings}# mine\n"));
    place.write("rules.toml", "# mine\n");
    assert!(place.bad(&["init", "--freeswitch", "."], 4).contains("is there already"));
    assert_eq!(place.read("rules.toml"), "# mine\n");
    place.good(&["init", "--freeswitch", ".", "--force"]);
    assert_eq!(place.read("dozvon.toml"), settings);
    assert!(place.bad(&["export", "rules.toml"], 4).contains("--force"));
    place.good(&["export", "rules.toml", "--force"]);
}

#[cfg(unix)]
#[test]
fn files_with_passwords_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::ready();
    for name in ["dozvon.toml", "freeswitch/autoload_configs/event_socket.conf.xml"] {
        let mode = std::fs::metadata(place.0.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_rules_file_with_mistakes_changes_nothing_and_tells_them_all() {
    let place = Place::ready();
    place.good(&["apply", "rules.toml"]);
    let before = place.good(&["export"]);
    let bad = place
        .read("rules.toml")
        .replace("Europe/Moscow", "Europe/Moskow")
        .replace("contacts = [\"user/1001\"]", "contact = [\"user/1001\"]")
        .replace("{ agent = \"boris\" }", "{ agent = \"borys\" }")
        .replace("[\"mon-fri 09:00-18:00\"]", "[\"mon-fri 09:00-18:00\", \"fri 17:00-19:00\"]")
        .replace("number = \"7001\"", "number = 7001")
        .replace("message = \"closed\"", "message = \"close\"");
    place.write("bad.toml", &bad);
    let said = place.bad(&["apply", "bad.toml"], 2);
    for part in [
        "6 mistakes, nothing was changed",
        "\"Europe/Moskow\" is not a time zone",
        "did you mean Europe/Moscow?",
        "unknown key `contact`",
        "did you mean `contacts`?",
        "there is no agent borys",
        "did you mean boris?",
        "friday 09:00-18:00 and friday 17:00-19:00 overlap",
        "this is the number 7001",
        "there is no prompt close",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let line = 1 + bad.lines().position(|line| line.contains("borys")).unwrap();
    assert!(said.contains(&format!("bad.toml:{line}:15: there is no agent borys")), "{said}");
    assert_eq!(place.good(&["export"]), before);
    assert!(place.bad(&["apply", "none.toml"], 2).contains("none.toml: cannot read the rules"));
}

#[test]
fn settings_with_mistakes_are_told_with_file_and_line() {
    let place = Place::new();
    place.write("dozvon.toml", "[switch]\nlisen = \"127.0.0.1:1\"\n[calls]\ndrain_timeout = \"30\"\n");
    let said = place.bad(&["check"], 2);
    for part in [
        "dozvon.toml:2:1: unknown key `lisen`",
        "did you mean `listen`?",
        "dozvon.toml:4:17: \"30\" is not a duration",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(place.bad(&["check", "--config", "other.toml"], 2).contains("other.toml"));
}

#[test]
fn the_dialplan_is_put_in_its_place_and_not_over_another() {
    let place = Place::ready();
    assert!(place.good(&["dialplan"]).contains("<!-- dialplan/public/00_dozvon.xml -->"));
    let list: Value = serde_json::from_str(&place.good(&["dialplan", "--socket", "--json"])).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 4);
    std::fs::create_dir(place.0.path().join("conf")).unwrap();
    place.good(&["dialplan", "--write", "conf"]);
    assert!(place.good(&["dialplan", "--write", "conf"]).contains("unchanged"));
    place.write("conf/dialplan/dozvon.xml", "<mine/>");
    assert!(place.bad(&["dialplan", "--write", "conf"], 4).contains("is there already"));
    assert_eq!(place.read("conf/dialplan/dozvon.xml"), "<mine/>");
    assert!(place.bad(&["dialplan", "--write", "nowhere"], 3).contains("there is no folder nowhere"));
}

/// A FreeSWITCH that answers what `check` asks: `answers` are commands with what is printed for them.
fn freeswitch(password: &'static str, answers: &'static [(&'static str, &'static str)]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || serve(stream.unwrap(), password, answers));
        }
    });
    port
}

/// Serves one connection until it ends; the other side may leave at any moment.
fn serve(mut stream: TcpStream, password: &str, answers: &[(&str, &str)]) -> Option<()> {
    stream.write_all(b"Content-Type: auth/request\n\n").ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    loop {
        let command = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let reply = match command.split_once(' ') {
            Some(("auth", given)) if given == password => {
                "Content-Type: command/reply\nReply-Text: +OK accepted\n\n".to_owned()
            }
            Some(("auth", _)) => "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n".to_owned(),
            Some(("api", asked)) => {
                let found = answers.iter().find(|(known, _)| asked.starts_with(known));
                let body = found.map_or("-ERR no reply\n", |(_, answer)| answer);
                format!("Content-Type: api/response\nContent-Length: {}\n\n{body}", body.len())
            }
            _ => "Content-Type: command/reply\nReply-Text: +OK\n\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).ok()?;
    }
}

const GOOD: &[(&str, &str)] = &[
    ("version", "1.11.1\n"),
    ("module_exists", "true"),
    (
        "xml_locate dialplan context name dozvon",
        "<context name=\"dozvon\">data=\"127.0.0.1:18999 async full\"</context>",
    ),
    (
        "xml_locate dialplan context name public",
        "<action application=\"transfer\" data=\"$1 XML dozvon\"></action>",
    ),
    ("fsctl api_expansion", "+OK api_expansion is off\n"),
    ("fsctl sps", "+OK sessions per second: 1000\n"),
];

const BARE: &[(&str, &str)] = &[
    ("version", "1.11.1\n"),
    ("module_exists mod_dptools", "true"),
    ("module_exists", "false"),
    ("fsctl api_expansion", "+OK api_expansion is on\n"),
    ("fsctl sps", "+OK sessions per second: 30\n"),
];

fn check(password: &str, port: u16) -> (Option<i32>, Value) {
    let place = Place::ready();
    place.good(&["apply", "rules.toml"]);
    let node = format!("[[switch.nodes]]\nport = {port}\npassword = \"{password}\"\n");
    let database = "database = \"sqlite:dozvon.db\"\n";
    let ports = "[switch]\nlisten = \"127.0.0.1:18999\"\n[web]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"127.0.0.1:0\"\n";
    place.write("dozvon.toml", &format!("{database}{ports}{node}"));
    let output = place.run(&["check", "--json"]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn lines_of<'a>(all: &'a Value, state: &str) -> Vec<&'a str> {
    let lines = all.as_array().unwrap().iter().filter(|line| line["state"] == state);
    lines.map(|line| line["check"].as_str().unwrap()).collect()
}

#[test]
fn check_says_that_all_is_well() {
    let (code, lines) = check("secret", freeswitch("secret", GOOD));
    assert_eq!(
        (code, lines_of(&lines, "wrong"), lines_of(&lines, "unreachable")),
        (Some(0), vec![], vec![]),
        "{lines:#}"
    );
    assert!(lines_of(&lines, "ok").contains(&"node freeswitch: dialplan"));
}

#[test]
fn check_says_what_a_bare_freeswitch_lacks() {
    let (code, lines) = check("secret", freeswitch("secret", BARE));
    assert_eq!(code, Some(1));
    let wrong = ["node freeswitch: modules", "node freeswitch: dialplan", "node freeswitch: context public"];
    assert_eq!(lines_of(&lines, "wrong"), wrong);
    assert!(lines_of(&lines, "advice").contains(&"node freeswitch: api-expansion"));
    for line in lines.as_array().unwrap().iter().filter(|line| line["state"] != "ok") {
        assert!(line["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{line}");
    }
}

#[test]
fn check_tells_a_wrong_password_from_a_freeswitch_that_is_not_there() {
    let (code, lines) = check("wrong", freeswitch("secret", GOOD));
    assert_eq!((code, lines_of(&lines, "unreachable")), (Some(5), vec!["node freeswitch"]));
    assert!(lines.to_string().contains("does not let us in"), "{lines:#}");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, lines) = check("secret", gone);
    assert_eq!(code, Some(5));
    assert!(lines.to_string().contains("cannot be reached"), "{lines:#}");
}

#[test]
fn check_says_that_there_is_no_database() {
    let place = Place::new();
    let output = place.run(&["check", "--database", "sqlite:none.db"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(said.contains("there is no database") && said.contains("dozvon migrate"), "{said}");
    assert!(!place.0.path().join("none.db").exists(), "looking makes nothing");
    assert!(said.contains("no FreeSWITCH is named"), "{said}");
}

#[test]
fn a_rules_file_is_taken_from_standard_input() {
    let place = Place::ready();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dozvon"))
        .args(["apply", "-", "--json"])
        .current_dir(place.0.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(place.read("rules.toml").as_bytes()).unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(out.contains("route main"), "{out}");
}
