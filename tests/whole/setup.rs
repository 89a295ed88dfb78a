//! The built command from an empty folder to a checked installation, and what it says about mistakes.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::support::command::Workdir;
use crate::support::switch::Switch;

/// A folder with what `init` writes, and the database.
fn ready() -> Workdir {
    let place = Workdir::new();
    place.write("freeswitch.xml", "");
    place.ok(&["init", "--freeswitch", "."]);
    place.ok(&["migrate"]);
    place
}

#[test]
fn from_an_empty_folder_to_rules_in_the_database() {
    let place = ready();
    let would = place.ok(&["apply", "rules.toml", "--dry-run", "--json"]);
    let would: Value = serde_json::from_str(&would).unwrap();
    assert_eq!(would.as_array().unwrap().len(), 19, "{would}");
    assert!(!place.ok(&["export"]).contains("[[agent]]"), "a dry run changes nothing");
    assert!(place.ok(&["apply", "rules.toml"]).contains("added"));
    assert!(place.ok(&["apply", "rules.toml"]).contains("nothing changes"));
    let exported = place.ok(&["export"]);
    place.write("again.toml", &exported);
    assert!(place.ok(&["apply", "again.toml"]).contains("nothing changes"), "{exported}");
    place.write("less.toml", &exported.replace("    { agent = \"boris\", level = 1, position = 2 },\n", ""));
    let change: Value = serde_json::from_str(&place.ok(&["apply", "less.toml", "--json"])).unwrap();
    let anna = "{ agent = \"anna\", level = 1, position = 1 }";
    let both = format!("{anna}, {{ agent = \"boris\", level = 1, position = 2 }}");
    let told = serde_json::json!({ "change": "changed", "what": "queue sales", "field": "tiers", "from": both, "to": anna });
    assert_eq!(change, serde_json::json!([told]));
}

/// A container names its settings before there are any.
#[test]
fn the_settings_are_written_to_the_file_that_is_named() {
    let place = Workdir::new();
    place.write("freeswitch.xml", "");
    let said = place.ok("init --freeswitch . --config etc/site.toml");
    let settings = place.path("etc/site.toml");
    assert!(said.contains(&format!("dozvon migrate --config {}", settings.display())), "{said}");
    place.ok("migrate --config etc/site.toml");
    place.ok("apply etc/rules.toml --config etc/site.toml");
    assert!(place.path("etc/dozvon.db").exists() && !place.path("dozvon.toml").exists());
    assert!(place.ok("init --freeswitch . --config etc/site.toml").contains("unchanged"), "the key is kept");
    let by_variable = |args: &str| {
        let run = place.command(args).env("DOZVON_CONFIG", "var/dozvon.toml").output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    by_variable("init --freeswitch .");
    by_variable("migrate");
    assert!(place.path("var/dozvon.db").exists());
    place.ok("init elsewhere --freeswitch . --config etc/site.toml");
    assert!(place.path("elsewhere/dozvon.toml").exists(), "a folder that is named comes first");
    assert!(place.fails(2, "migrate --config nowhere.toml").contains("nowhere.toml"));
}

#[test]
fn what_is_there_is_not_written_over() {
    let place = ready();
    let settings = place.read("dozvon.toml");
    assert!(place.ok(&["init", "--freeswitch", "."]).contains("unchanged"), "the password is kept");
    place.write("dozvon.toml", &format!("{settings}# mine\n"));
    place.write("rules.toml", "# mine\n");
    assert!(place.complains(4, &["init", "--freeswitch", "."]).contains("exists and differs"));
    assert_eq!(place.read("rules.toml"), "# mine\n");
    place.ok(&["init", "--freeswitch", ".", "--force"]);
    assert_eq!(place.read("dozvon.toml"), settings);
    assert!(place.complains(4, &["export", "rules.toml"]).contains("--force"));
    place.ok(&["export", "rules.toml", "--force"]);
}

/// The audit's key stands in the settings and nowhere else: what cannot be read is not replaced by another key.
#[test]
fn settings_that_cannot_be_read_are_not_replaced_and_the_old_ones_are_kept() {
    let place = ready();
    place.ok(&["init", "etc", "--freeswitch", "."]);
    let settings = place.read("etc/dozvon.toml");
    let mistaken = settings.replace("[audit]", "[audit]\nlog_head_evry = \"1h\"");
    for broken in [mistaken, format!("{settings}\nx = = 1\n")] {
        place.write("etc/dozvon.toml", &broken);
        let said = place.complains(4, &["init", "etc", "--freeswitch", ".", "--force"]);
        assert!(said.contains("cannot be read") && said.contains("must not be lost"), "{said}");
        assert!(said.contains("dozvon.toml:"), "the mistake is named: {said}");
        assert_eq!(place.read("etc/dozvon.toml"), broken);
    }
    let mine = format!("{settings}# mine\n");
    place.write("etc/dozvon.toml", &mine);
    place.ok(&["init", "etc", "--freeswitch", ".", "--force"]);
    assert_eq!((place.read("etc/dozvon.toml"), place.read("etc/dozvon.toml.old")), (settings, mine));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.path("etc/dozvon.toml.old")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[cfg(unix)]
#[test]
fn files_with_passwords_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = ready();
    place.ok(&["dialplan", "--write", ".", "--socket"]);
    for name in ["dozvon.toml", "autoload_configs/event_socket.conf.xml"] {
        let mode = std::fs::metadata(place.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_rules_file_with_mistakes_changes_nothing_and_tells_them_all() {
    let place = ready();
    place.ok(&["apply", "rules.toml"]);
    let before = place.ok(&["export"]);
    let bad = place
        .read("rules.toml")
        .replace("Europe/Moscow", "Europe/Moskow")
        .replace("contacts = [\"user/1001\"]", "contact = [\"user/1001\"]")
        .replace("{ agent = \"boris\" }", "{ agent = \"borys\" }")
        .replace("[\"mon-fri 09:00-18:00\"]", "[\"mon-fri 09:00-18:00\", \"fri 17:00-19:00\"]")
        .replace("number = \"7001\"", "number = 7001")
        .replace("message = \"goodbye\"", "message = \"goodby\"");
    place.write("bad.toml", &bad);
    let said = place.complains(2, &["apply", "bad.toml"]);
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
        "there is no prompt goodby",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let line = 1 + bad.lines().position(|line| line.contains("borys")).unwrap();
    assert!(said.contains(&format!("bad.toml:{line}:15: there is no agent borys")), "{said}");
    assert_eq!(place.ok(&["export"]), before);
    assert!(place.complains(2, &["apply", "none.toml"]).contains("none.toml: cannot read the rules"));
}

#[test]
fn settings_with_mistakes_are_told_with_file_and_line() {
    let place = Workdir::new();
    place.write("dozvon.toml", "[switch]\nlisen = \"127.0.0.1:1\"\n[calls]\ndrain_timeout = \"30\"\n");
    let said = place.complains(2, &["check"]);
    for part in [
        "dozvon.toml:2:1: unknown key `lisen`",
        "did you mean `listen`?",
        "dozvon.toml:4:17: \"30\" is not a duration",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(place.complains(2, &["check", "--config", "other.toml"]).contains("other.toml"));
}

#[test]
fn the_dialplan_is_put_in_its_place_and_not_over_another() {
    let place = ready();
    assert!(place.ok(&["dialplan"]).contains("<!-- dialplan/public/00_dozvon.xml -->"));
    let list: Value = serde_json::from_str(&place.ok(&["dialplan", "--socket", "--json"])).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 4);
    std::fs::create_dir(place.path("conf")).unwrap();
    place.ok(&["dialplan", "--write", "conf"]);
    assert!(place.ok(&["dialplan", "--write", "conf"]).contains("unchanged"));
    place.write("conf/dialplan/dozvon.xml", "<mine/>");
    assert!(place.complains(4, &["dialplan", "--write", "conf"]).contains("exists and differs"));
    assert_eq!(place.read("conf/dialplan/dozvon.xml"), "<mine/>");
    assert!(place.complains(3, &["dialplan", "--write", "nowhere"]).contains("there is no folder nowhere"));
}

/// A FreeSWITCH that answers what `check` asks: `answers` are commands with what is printed for them.
fn freeswitch(password: &'static str, answers: Vec<(&'static str, String)>) -> u16 {
    let (started, has_started) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let switch = Switch::with(password, answers).await;
            started.send(switch.address.port()).unwrap();
            switch.serve().await;
        });
    });
    has_started.recv().unwrap()
}

/// What FreeSWITCH prints of the dialplan that a folder's settings make: values are put in.
fn loaded(place: &Workdir, file: &str) -> String {
    let all: Value = serde_json::from_str(&place.ok(&["dialplan", "--json"])).unwrap();
    let files = all.as_array().unwrap().iter();
    let mut text =
        files.filter(|it| it["place"] == file).find_map(|it| it["text"].as_str()).unwrap().to_owned();
    let sets: Vec<String> = text
        .split("cmd=\"set\" data=\"")
        .skip(1)
        .map(|set| set[..set.find('"').unwrap()].to_owned())
        .collect();
    for set in sets {
        let (name, value) = set.split_once('=').unwrap();
        text = text.replace(&format!("$${{{name}}}"), value);
    }
    text.lines().filter(|line| !line.contains("X-PRE-PROCESS")).collect::<Vec<_>>().join("\n")
}

/// A FreeSWITCH that has everything that the rules of `init` need.
fn complete(place: &Workdir) -> Vec<(&'static str, String)> {
    let text = |text: &str| text.to_owned();
    vec![
        ("version", text("1.11.1\n")),
        ("module_exists", text("true")),
        ("xml_locate dialplan context name dozvon", loaded(place, "dialplan/dozvon.xml")),
        ("xml_locate dialplan context name public", loaded(place, "dialplan/public/00_dozvon.xml")),
        ("global_getvar domain", text("10.0.0.1")),
        ("user_exists id 1001 10.0.0.1", text("true")),
        ("user_exists id 1002 10.0.0.1", text("true")),
        ("user_exists", text("false")),
        ("sofia status gateway trunk", text("Name    \ttrunk\nState   \tREGED\nStatus  \tUP\n")),
        ("sofia status gateway", text("Invalid Gateway!\n")),
        ("fsctl api_expansion", text("+OK api_expansion is off\n")),
        ("fsctl sps", text("+OK sessions per second: 1000\n")),
    ]
}

/// A FreeSWITCH that has nothing.
fn bare(_: &Workdir) -> Vec<(&'static str, String)> {
    let answers = [
        ("version", "1.11.1\n"),
        ("module_exists mod_dptools", "true"),
        ("module_exists", "false"),
        ("xml_locate", "can't find anything\n"),
        ("user_exists", "false"),
        ("fsctl api_expansion", "+OK api_expansion is on\n"),
        ("fsctl sps", "+OK sessions per second: 30\n"),
    ];
    answers.map(|(asked, said)| (asked, said.to_owned())).to_vec()
}

/// The place with its rules in the database, and settings that name no FreeSWITCH yet.
fn ruled(place: Workdir) -> Workdir {
    // Before the first act: the audit begins with the key that the settings name, or with one of its own.
    place.write("dozvon.toml", SETTINGS);
    place.ok(&["apply", "rules.toml"]);
    place
}

const SETTINGS: &str = "database = \"sqlite:dozvon.db\"\n[web]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"127.0.0.1:0\"\n[switch]\nlisten = \"127.0.0.1:18999\"\n";

/// What `check` says of a place whose FreeSWITCH is at `port`, with `more` settings.
fn checked(place: &Workdir, port: u16, password: &str, more: &str) -> (i32, Value) {
    place.write(
        "dozvon.toml",
        &format!("{SETTINGS}{more}[[switch.nodes]]\nport = {port}\npassword = \"{password}\"\n"),
    );
    let run = place.run(&["check", "--json"]);
    (run.code, serde_json::from_str(&run.out).unwrap())
}

/// The same for a FreeSWITCH with these answers, which lets in whoever says `secret`.
fn check(password: &str, answers: impl Fn(&Workdir) -> Vec<(&'static str, String)>) -> (i32, Value) {
    let place = ruled(ready());
    let port = freeswitch("secret", answers(&place));
    checked(&place, port, password, "")
}

fn lines_of<'a>(all: &'a Value, state: &str) -> Vec<&'a str> {
    let lines = all.as_array().unwrap().iter().filter(|line| line["state"] == state);
    lines.map(|line| line["check"].as_str().unwrap()).collect()
}

#[test]
fn check_says_that_all_is_well() {
    let (code, lines) = check("secret", complete);
    assert_eq!(
        (code, lines_of(&lines, "wrong"), lines_of(&lines, "unreachable")),
        (0, vec![], vec![]),
        "{lines:#}"
    );
    assert!(lines_of(&lines, "ok").contains(&"node freeswitch: dialplan"));
}

#[test]
fn check_says_what_a_bare_freeswitch_lacks() {
    let (code, lines) = check("secret", bare);
    assert_eq!(code, 1);
    let wrong = [
        "node freeswitch: modules",
        "node freeswitch: dialplan",
        "node freeswitch: context public",
        "node freeswitch: user 1001@-ERR no reply",
        "node freeswitch: user 1002@-ERR no reply",
    ];
    assert_eq!(lines_of(&lines, "wrong"), wrong);
    assert!(lines_of(&lines, "advice").contains(&"node freeswitch: api-expansion"));
    assert!(lines_of(&lines, "advice").contains(&"voicemail"), "its folder is missing: {lines:#}");
    for line in lines.as_array().unwrap().iter().filter(|line| line["state"] != "ok") {
        assert!(line["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{line}");
    }
}

/// The lines of `state`, each with what it says.
#[track_caller]
fn told(lines: &Value, check: &str, parts: &[&str]) {
    let line = lines.as_array().unwrap().iter().find(|line| line["check"] == check);
    let line = line.unwrap_or_else(|| panic!("no line {check:?} in {lines:#}"));
    assert_eq!(line["state"], "wrong", "{line}");
    let text = format!("{} {}", line["detail"].as_str().unwrap(), line["remedy"].as_str().unwrap());
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn check_sees_what_keeps_callers_out() {
    let place = ready();
    let rules = place.read("rules.toml");
    let rules = rules.replace("\"user/1002\"", "\"user/1003\", \"gateway/nowhere/100\"");
    let second = "\n[[route]]\nname = \"second\"\nnumber = \"7003\"\nopen = { queue = \"sales\" }\n";
    place.write("rules.toml", &format!("{rules}{second}"));
    let place = ruled(place);
    let port = freeswitch("secret", complete(&place));
    let more = "[dialplan]\nnumbers = [\"7001\", \"7002\"]\nagent_contexts = [\"default\"]\n\
                [[callback.trunks]]\ndial = \"gateway/trank/{number}\"\n[[callback.trunks]]\ndial = \"gateway/trunk/{number}\"\n";
    let (code, lines) = checked(&place, port, "secret", more);
    assert_eq!(code, 1, "{lines:#}");
    told(&lines, "number 7002", &["no route matches"]);
    told(&lines, "route second", &["no caller reaches", "\"7003\"", "[dialplan] numbers"]);
    told(
        &lines,
        "node freeswitch: context public",
        &["another version", "^(7001)$", "^(7001|7002)$", "reloadxml"],
    );
    told(&lines, "node freeswitch: phones in context default", &["no context default", "dozvon dialplan"]);
    told(&lines, "node freeswitch: user 1003@10.0.0.1", &["no such user", "agent boris", "directory/"]);
    told(&lines, "node freeswitch: gateway nowhere", &["no such gateway", "agent boris"]);
    told(&lines, "node freeswitch: gateway trank", &["no such gateway", "[[callback.trunks]]", "rescan"]);
    let (_, lines) = checked(&place, port, "secret", "[callback]\nqueue = \"sales\"\n");
    told(&lines, "callbacks: trunk", &["nobody is called", "[[callback.trunks]]"]);
}

#[test]
fn init_touches_nothing_of_freeswitch_s_and_refuses_a_folder_that_is_not_its() {
    let place = Workdir::new();
    let said = place.complains(3, &["init", "new", "--freeswitch", "nowhere"]);
    assert!(
        said.contains("the folder nowhere does not exist") && said.contains("configuration folder"),
        "{said}"
    );
    assert!(!place.path("new").exists(), "nothing is written");
    std::fs::create_dir_all(place.path("fs/conf/autoload_configs")).unwrap();
    place.write("fs/conf/freeswitch.xml", "");
    let said = place.complains(3, &["init", "--freeswitch", "fs"]);
    assert!(said.contains("did you mean fs/conf?"), "{said}");
    let mine = "<configuration><network-lists><list name=\"lan\"/></network-lists></configuration>";
    place.write("fs/conf/autoload_configs/acl.conf.xml", mine);
    let said = place.ok(&["init", "--freeswitch", "fs/conf"]);
    assert!(!said.contains("cp -r") && said.contains("dozvon dialplan --write"), "{said}");
    place.ok(&["dialplan", "--write", "fs/conf"]);
    let said = place.ok(&["dialplan", "--write", "fs/conf", "--socket", "--force"]);
    assert!(
        said.contains("acl.conf.xml exists and was not changed: put this inside its <network-lists>: <list name=\"dozvon\""),
        "{said}"
    );
    assert_eq!(place.read("fs/conf/autoload_configs/acl.conf.xml"), mine);
    place
        .write("fs/conf/autoload_configs/event_socket.conf.xml", "<param name=\"password\" value=\"mine\"/>");
    let said = place.ok(&["dialplan", "--write", "fs/conf", "--socket", "--force"]);
    assert!(
        said.contains("event_socket.conf.xml exists and was not changed: copy its listen-port and password"),
        "{said}"
    );
    assert!(place.read("fs/conf/autoload_configs/event_socket.conf.xml").contains("mine"));
}

#[test]
fn check_tells_a_wrong_password_from_a_freeswitch_that_is_not_there() {
    let (code, lines) = check("wrong", complete);
    assert_eq!((code, lines_of(&lines, "unreachable")), (5, vec!["node freeswitch"]));
    assert!(lines.to_string().contains("refuses the login"), "{lines:#}");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, lines) = checked(&ruled(ready()), gone, "secret", "");
    assert_eq!(code, 5);
    assert!(lines.to_string().contains("cannot be reached"), "{lines:#}");
}

#[test]
fn check_says_that_there_is_no_database() {
    let place = Workdir::new();
    let run = place.run(&["check", "--database", "sqlite:none.db"]);
    let said = run.out;
    assert_eq!(run.code, 5);
    assert!(said.contains("there is no database") && said.contains("dozvon migrate"), "{said}");
    assert!(!place.path("none.db").exists(), "looking makes nothing");
    assert!(said.contains("no FreeSWITCH is named"), "{said}");
}

#[test]
fn a_rules_file_is_taken_from_standard_input() {
    let place = ready();
    let mut child = place
        .command(&["apply", "-", "--json"])
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

/// What keeps `serve` from starting is found by `check`, all of it at once.
#[test]
fn check_finds_what_keeps_a_controller_from_starting() {
    let place = ruled(ready());
    let destination = |name: &str, more: &str| {
        format!("[[notify.destinations]]\nname = \"{name}\"\nevents = [\"case.*\"]\n{more}\n")
    };
    let settings = [
        "[log]\nfilter = \"dozvon=loud\"\n".to_owned(),
        "[notify.mail]\nfrom = \"no address\"\n".to_owned(),
        destination("letters", "kind = \"email\"\nto = [\"a@example.com\"]"),
        destination(
            "sms",
            "kind = \"sms\"\nto = [\"+79001112233\"]\nurl = \"https://sms.example.com/S3cr3tKey?apikey=S3cr3tKey&n={{ too }}\"\n\
             body = \"key=S3cr3tKey\"",
        ),
    ];
    let ports = SETTINGS.replace("127.0.0.1:0", "127.0.0.1:18998");
    place.write("dozvon.toml", &format!("{ports}{}", settings.concat()));
    let run = place.run(&["check", "--json"]);
    let lines: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}{}", run.out, run.err));
    told(&lines, "log", &["dozvon=loud", "[log] filter"]);
    told(&lines, "destination letters", &["no address", "[notify]"]);
    told(&lines, "destination sms", &["undefined", "[notify]"]);
    told(&lines, "port for status", &["127.0.0.1:18998", "[web] listen", "[status] listen"]);
    assert!(!lines.to_string().contains("S3cr3t"), "{lines:#}");
}

/// FreeSWITCH goes on with what lies in its folders, whatever the settings say by now.
#[test]
fn files_of_contexts_that_were_taken_out_are_named_and_removed() {
    let place = ready();
    std::fs::create_dir_all(place.path("conf")).unwrap();
    place.write(
        "dozvon.toml",
        &format!(
            "{SETTINGS}[dialplan]\ncontexts = [\"public\", \"default\"]\nagent_contexts = [\"default\"]\n"
        ),
    );
    place.ok(&["dialplan", "--write", "conf"]);
    place.write("conf/dialplan/default/01_mine.xml", "<include/>");
    place.write("dozvon.toml", SETTINGS);
    let said = place.ok(&["dialplan", "--write", "conf", "--json"]);
    assert_eq!(said.matches("left over").count(), 2, "{said}");
    let said = place.ok(&["dialplan", "--write", "conf", "--force"]);
    assert!(
        said.contains("default/00_dozvon.xml") && said.contains("default/00_dozvon_handset.xml"),
        "{said}"
    );
    let left = std::fs::read_dir(place.path("conf/dialplan/default")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["01_mine.xml"]);
    assert!(place.path("conf/dialplan/public/00_dozvon.xml").exists());
}

/// cron and containers set no variable for the user.
#[cfg(unix)]
#[test]
fn the_user_is_known_without_variables() {
    let place = ruled(ready());
    place.ok(&["dnc", "add", "84957654321"]);
    let listed: Value = serde_json::from_str(&place.ok(&["dnc", "list", "--json"])).unwrap();
    let asked = std::process::Command::new("id").arg("-un").output().unwrap();
    let name = String::from_utf8(asked.stdout).unwrap();
    let name = if asked.status.success() { name.trim() } else { "cli" };
    assert_eq!(listed[0]["by"], name);
}
