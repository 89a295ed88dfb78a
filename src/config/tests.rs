use super::*;
use crate::duration;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::read(Path::new("dozvon.toml"), text, variables)
}

#[test]
fn nothing_need_be_said() {
    assert_eq!(read("", &[]).unwrap(), Settings::default());
}

#[test]
fn what_is_written_out_reads_back() {
    let text = toml::to_string(&Settings::default()).unwrap();
    assert_eq!(read(&text, &[]).unwrap(), Settings::default());
}

#[test]
fn the_environment_overrides_the_file() {
    let variables = [
        ("DOZVON_WEB__LISTEN", "127.0.0.1:9999"),
        ("DOZVON_PHONE__INTERNAL_DIGITS", "4"),
        ("DOZVON__DATABASE", "sqlite:/x.db"),
    ];
    let settings = read("[web]\nlisten = \"127.0.0.1:1\"\n", &variables).unwrap();
    assert_eq!(settings.web.listen.port(), 9999);
    assert_eq!(settings.phone.extension_digits, 4);
    assert_eq!(settings.database, "sqlite:/x.db".parse().unwrap());
    let settings = read("[[switch.nodes]]\n", &[("DOZVON_SWITCH__NODES__0__PASSWORD", "42")]).unwrap();
    assert_eq!(settings.switch.nodes[0].password, "42");
    let trunk = "[[callback.trunks]]\ndial = \"gateway/a/{number}\"\n";
    let settings = read(trunk, &[("DOZVON_CALLBACK__TRUNKS__0__MAX_LIVE", "2")]).unwrap();
    assert_eq!(settings.callback.trunks[0].max_calls, 2);
    let settings = read("", &[("DOZVON_SWITCH__ALLOW", "10.0.0.0/8, 127.0.0.1/32")]).unwrap();
    assert_eq!(settings.switch.allow.len(), 2);
    assert!(read("", &[("DOZVON_TEST", "x"), ("DOZVON_CONFIG", "x"), ("DOZVONE", "x")]).is_ok());
}

#[test]
fn a_mistake_in_the_environment_is_told_with_the_variable() {
    let said =
        |variable: &str, value: &str| read("zone = \"UTC\"\n", &[(variable, value)]).unwrap_err().to_string();
    let told = said("DOZVON_WEB__LISTENN", "x");
    assert!(told.starts_with("environment variable DOZVON_WEB__LISTENN: unknown key `listenn`"), "{told}");
    assert!(told.ends_with("did you mean `listen`?"), "{told}");
    let told = said("DOZVON_CALLS__DRAIN_TIMEOUT", "30");
    assert!(told.contains("DRAIN_TIMEOUT: \"30\" is not a duration"), "{told}");
    assert!(said("DOZVON_ZONE__X", "1").contains("DOZVON_ZONE__X: `zone` is not a section"));
    assert!(said("DOZVON_SWITCH__NODES__0__PORT", "1").contains("there is no item `0`"));
}

/// Settings that cannot be meant, and what is said of each.
const MISTAKES: &[(&str, &[&str])] = &[
    ("zone = \"Europe/Moscow\"\nlisten = 1\n", &["dozvon.toml:2:1: unknown key `listen`", "web"]),
    ("[calls]\nforward_timeout = \"30\"\n", &["dozvon.toml:2:19: ", "is not a duration", "20s"]),
    ("[calls]\nforward_timeout = 30\n", &["dozvon.toml:2:19: wrong type", "the number 30"]),
    ("[phone]\nregion = \"Russia\"\n", &["dozvon.toml:2:10: ", "is not a region", "RU"]),
    ("database = \"mysql://x\"\n", &["dozvon.toml:1:12: ", "is not a database", "sqlite:FILE"]),
    ("[sounds]\nmusic = \"${system(id)}\"\n", &["dozvon.toml:2:9: ", "is not a sound"]),
    ("zone = \"Europe/Moskow\"\n", &["dozvon.toml:1:8: ", "did you mean Europe/Moscow?"]),
    ("[switch]\nlistn = \"\"\n", &["dozvon.toml:2:1: ", "did you mean `listen`?"]),
    ("[[switch.nodes]]\npasword = \"\"\n", &["dozvon.toml:2:1: ", "did you mean `password`?"]),
    ("[web]\nlisten = \"8087\"\n", &["dozvon.toml:2:10: ", "127.0.0.1:8087"]),
    ("[switch]\nallow = [\"10.0.0.0/33\"]\n", &["dozvon.toml:2:10: ", "10.0.0.0/8"]),
    ("[dialplan]\nnumbers = [\"7 1\"]\n", &["dozvon.toml:2:11: ", "not a number pattern"]),
    ("[dialplan]\npause = \"3s\"\n", &["dozvon.toml:2:1: unknown key `pause`", "retry_time"]),
    ("[dialplan]\npatience = \"2h\"\n", &["dozvon.toml:2:12: ", "write \"0s\" to \"1h\""]),
    (
        "[dialplan]\npause_sound = \"local_stream://moh\"\n",
        &["dozvon.toml:2:15: ", "never ends", "tone_stream://%(400,500,425)"],
    ),
    ("[callback]\nmax_dials_per_second = 0\n", &["dozvon.toml:2:24: wrong value", "number 0", "above 0"]),
    ("[callback]\ndial = \"gateway/a/{number}\"\n", &["dozvon.toml:2:1: unknown key `dial`", "trunks"]),
    (
        "[[callback.trunks]]\nname = \"a\"\n",
        &["dozvon.toml:1:1: missing field `dial`", "gateway/trunk/{number}"],
    ),
    ("[callback]\nagent_share_pct = 500\n", &["dozvon.toml:2:19: ", "500", "write 0 to 100"]),
    ("[callback]\nagent_share_pct = -1\n", &["dozvon.toml:2:19: ", "-1", "write 0 to 100"]),
    ("[web]\nlisten = 8087\n", &["dozvon.toml:2:10: ", "8087", "such as \"127.0.0.1:8087\""]),
    ("[web]\nmax_connections = -1\n", &["dozvon.toml:2:19: ", "0 or more"]),
    ("[[callback.trunks]]\ndial = \"gateway/a\"\n", &["dozvon.toml:2:8: ", "no place for the number"]),
    (
        "[[callback.trunks]]\ndial = \"gateway/a/{number}\"\n[[callback.trunks]]\ndial = \"gateway/a/{number}\"\n",
        &["dozvon.toml:1:1: there are two trunks gateway/a/{number}", "a name of its own"],
    ),
    ("[notify.smpp]\npassword = \"123456789\"\n", &["dozvon.toml:2:12: ", "at most 8", "the provider"]),
    (
        "[notify.mail]\nhost = \"mail.example.com\"\npassword = \"hunter2\"\n",
        &["dozvon.toml:1:1: ", "the password for mail.example.com", "in clear", "\"starttls\""],
    ),
    (
        "[notify.mail]\nhost = \"10.0.0.1\"\npassword = \"x\"\nprotection = \"none\"\n",
        &["dozvon.toml:4:14: the password", "in clear"],
    ),
    (
        "[notify.smpp]\nhost = \"smsc.example.com\"\npassword = \"hunter2\"\n",
        &["dozvon.toml:1:1: ", "the password for smsc.example.com", "in clear", "a tunnel"],
    ),
    ("[notify.smpp]\nsystem_id = \"дозвон\"\n", &["dozvon.toml:2:13: ", "at most 15", "ASCII"]),
    ("[notify.smpp]\nsender = \"Horns and Hooves\"\n", &["dozvon.toml:2:10: ", "at most 11"]),
    ("[notify.smpp]\nwindow = 0\n", &["dozvon.toml:2:10: ", "write 1 or more"]),
    ("[notify.smpp]\nprotection = \"starttls\"\n", &["dozvon.toml:2:14: ", "tls, none"]),
    (
        "[[notify.destinations]]\nname = \"x\"\nkind = \"smpp\"\nevents = [\"*\"]\nto = [\"duty\"]\n",
        &["needs the name under which the provider knows us", "system_id and password in [notify.smpp]"],
    ),
    (
        "[[notify.destinations]]\nname = \"x\"\nkind = \"smpp\"\nevents = [\"*\"]\nto = [\"duty\"]\nkey = \"k\"\n",
        &["dozvon.toml:6:7: ", "share one `key`", "in [notify.smpp]"],
    ),
    ("[web\n", &["dozvon.toml:1:5: ", "unclosed table"]),
];

#[test]
fn an_error_names_file_line_and_remedy() {
    for (text, parts) in MISTAKES {
        let said = read(text, &[]).unwrap_err().to_string();
        for part in *parts {
            assert!(said.contains(part), "{part:?} in {said}");
        }
    }
}

/// What still waits for its next try must not be deleted.
#[test]
fn what_is_told_is_kept_for_longer_than_it_is_tried() {
    let said = read("[retention]\noutbox = \"7d\"\n", &[]).unwrap_err().to_string();
    for part in ["dozvon.toml:2:", "`outbox`", "give_up_after"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    for good in ["[retention]\noutbox = \"8d\"\n", "[retention]\noutbox = \"0s\"\n"] {
        assert!(read(good, &[]).is_ok(), "{good}");
    }
}

#[test]
fn a_password_may_go_in_clear_where_no_network_is_crossed() {
    for good in [
        "[notify.mail]\nhost = \"localhost\"\npassword = \"x\"\n",
        "[notify.mail]\nhost = \"mail.example.com\"\n",
        "[notify.mail]\nhost = \"mail.example.com\"\npassword = \"x\"\nprotection = \"starttls\"\n",
        "[notify.smpp]\nhost = \"::1\"\npassword = \"x\"\n",
        "[notify.smpp]\nhost = \"smsc.example.com\"\npassword = \"x\"\nprotection = \"tls\"\n",
    ] {
        assert!(read(good, &[]).is_ok(), "{good}");
    }
}

#[test]
fn a_value_that_cannot_be_read_is_not_said_to_be_missing() {
    let Err(ConfigError::Bad(faults)) = read("[[callback.trunks]]\ndial = \"gateway/trunk/number\"\n", &[])
    else {
        panic!()
    };
    let told = faults.to_string();
    assert!(
        told.starts_with("dozvon.toml:2:8: \"gateway/trunk/number\" has no place for the number"),
        "{told}"
    );
    assert!(told.contains("{number}") && !told.contains("missing"), "{told}");
    let inline = "callback = { trunks = [{ name = \"a\", dial = \"x\" }, { name = \"b\" }] }\n";
    let told = read(inline, &[]).unwrap_err().to_string();
    assert_eq!(told.matches("missing field `dial`").count(), 1, "only the second has none: {told}");
}

#[test]
fn no_error_says_a_secret() {
    for text in [
        "[notify.mail]\npasswrod = \"hunter2\"\n",
        "[notify.mail]\npassword = \"hunter2\n",
        "[notify.mail]\npassword = hunter2\n",
        "[notify.mail]\npasswrod = hunter2\n",
        "[notify.mail]\npassword = [\"hunter2\"]\n",
        "[[switch.nodes]]\npassword = 42424242\nport = \"x\"\n",
        "switch = { nodes = [{ password = \"hunter2\", prt = 1 }] }\n",
        "[notify]\ndestinations = [{ name = \"x\", kind = \"webhook\", events = [], url = \"https://a.example/?t=hunter2\", secret = \"whsec_hunter2\" }]\n",
        "database = \"mysql://u:hunter2@h/x\"\n",
        "[crm]\nkind = \"bitrix24\"\nurl = 42424242\n",
        "[[notify.destinations]]\nname = \"x\"\nkind = \"webhook\"\nevents = [\"*\"]\nurl = \"https://a.example/\"\nold_secrets = [\n  \"whsec_hunter2\",\n]\n",
        "[audit]\nkey = \"hunter2\"\n",
    ] {
        let said = read(text, &[]).unwrap_err().to_string();
        assert!(!said.contains("hunter2") && !said.contains("42424242"), "{text}{said}");
    }
    let said = read("", &[("DOZVON_NOTIFY__SMPP__PASSWORD", "hunter2hunter2")]).unwrap_err().to_string();
    assert!(said.contains("DOZVON_NOTIFY__SMPP__PASSWORD") && !said.contains("hunter2"), "{said}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "zon = \"UTC\"\n[web]\nlisten = \"x\"\n[calls]\nforward_timeout = 3\n";
    let Err(ConfigError::Bad(faults)) = read(text, &[("DOZVON_PHONE__REGION", "Russia")]) else { panic!() };
    assert_eq!(faults.0.len(), 4, "{faults}");
}

#[test]
fn the_name_of_the_crm_is_taken_while_there_is_one() {
    let hook = "[[notify.destinations]]\nname = \"crm\"\nkind = \"webhook\"\nevents = [\"*\"]\nurl = \"https://example.ru/\"\n";
    assert!(read(hook, &[]).is_ok());
    let crm = "[crm]\nkind = \"generic\"\nurl = \"https://example.ru/\"\nbody = \"{{ number }}\"\n";
    let said = read(&format!("{hook}{crm}"), &[]).unwrap_err().to_string();
    assert!(said.contains("dozvon.toml:2:8: ") && said.contains("give it another name"), "{said}");
}

#[test]
fn talks_are_told_only_if_somebody_wants_to_hear_of_them() {
    let hook = |events: &str| {
        format!(
            "[[notify.destinations]]\nname = \"x\"\nkind = \"webhook\"\nevents = [\"{events}\"]\nurl = \"https://example.ru/\"\n"
        )
    };
    let crm = "[crm]\nkind = \"generic\"\nurl = \"https://example.ru/\"\nbody = \"{{ number }}\"\n";
    let tells = |text: &str| read(text, &[]).unwrap().tells_talks();
    assert!(!tells("") && !tells(&hook("case.*")) && !tells(&format!("{crm}answered_calls = false\n")));
    assert!(tells(&hook("call.*")) && tells(crm));
}

/// Every duration of the settings, by its path, with the text of its default.
fn durations(path: &str, value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                durations(&format!("{path}__{key}"), value, found);
            }
        }
        toml::Value::Array(items) => {
            for value in items.iter().filter(|value| value.is_table()) {
                durations(&format!("{path}__0"), value, found);
            }
        }
        toml::Value::String(text) if duration::parse(text).is_ok() => found.push(path.to_uppercase()),
        _ => {}
    }
}

/// What is wrong when a setting is so long.
fn refused(variable: &str, span: &str) -> Option<String> {
    let lists = "[[switch.nodes]]\n[[callback.trunks]]\ndial = \"gateway/a/{number}\"\n\
                 [[notify.destinations]]\nname = \"a\"\n";
    let told = read(lists, &[(variable, span)]).err()?.to_string();
    told.split("\n\n").find(|told| told.contains(variable)).map(str::to_owned)
}

/// No time at all, and a hundred years, make sense where somebody says so, and nowhere else.
#[test]
fn absurd_durations_are_refused_for_every_setting() {
    const MAY_BE_ZERO: &[&str] = &[
        "CALLBACK__AGENT_PAUSE",
        "CALLBACK__APOLOGY_LENGTH",
        "CALLBACK__ASSIGNEE_FIRST",
        "CALLBACK__MIN_TALK",
        "CALLBACK__MIN_WAIT",
        "CALLBACK__RESUME_PLACE",
        "CALLBACK__TRUNKS__0__FAILURE_PAUSE",
        "CALLS__RETURN_TIMEOUT",
        "CALLS__DRAIN_TIMEOUT",
        "CALLS__RECOVERY_WAIT",
        "DIALPLAN__RETRY_TIME",
        "NOTIFY__SHUTDOWN_TIMEOUT",
        "NOTIFY__GIVE_UP_AFTER",
        "REQUESTS__MIN_FILL_TIME",
        "RETENTION__AUDIT",
        "RETENTION__CALLS",
        "RETENTION__CASES",
        "RETENTION__OUTBOX",
        "RETENTION__REQUESTS",
        "STORE__COMMIT_DELAY",
        "SWITCH__NODES__0__POLL_INTERVAL",
    ];
    let mut all = Vec::new();
    durations("DOZVON", &toml::Value::Table(Settings::example()), &mut all);
    assert!(all.len() > 40, "{all:#?}");
    for variable in all {
        let setting = variable.trim_start_matches("DOZVON__");
        let variable = variable.replace("DOZVON__", "DOZVON_");
        let zero = refused(&variable, "0s");
        assert_eq!(zero.is_none(), MAY_BE_ZERO.contains(&setting), "{variable} = 0s: {zero:?}");
        let long = refused(&variable, "36500d");
        assert_eq!(
            long.is_none(),
            setting.starts_with("RETENTION__") && !setting.ends_with("POLL_INTERVAL"),
            "{variable} = 36500d"
        );
        for told in [zero, long].into_iter().flatten() {
            assert!(
                told.contains(&format!("environment variable {variable}: ")) && told.contains(" write "),
                "{told}"
            );
        }
    }
}

/// Each of them is told, where it stands.
#[test]
fn what_is_wrong_with_requests_is_told_where_it_stands() {
    let text = "zone = \"Europe/Moscow\"\n[requests]\nproxies = [\"0.0.0.0/0\"]\n[[requests.sources]]\nname = \"a\"\n\
                token = \"short\"\n[[requests.forms]]\nname = \"a b\"\n[[requests.forms]]\nname = \"c\"\nconsent_ru = \"\"\n";
    let said = Settings::read(Path::new("x.toml"), text, []).unwrap_err().to_string();
    for place in ["x.toml:3:", "x.toml:6:", "x.toml:8:", "x.toml:9:"] {
        assert!(said.contains(place), "{place}: {said}");
    }
    assert!(said.contains("0.0.0.0/0") && said.contains("your own proxies"), "{said}");
    assert!(!said.contains("x.toml:1:"), "{said}");
}
