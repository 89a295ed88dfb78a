//! The dialplan: the files of `fs-dialplan/`, and what `dozvon dialplan` makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dozvon::config::Settings;
use dozvon::config::dialplan::CONTEXT;
use dozvon::config::switch::NodeSettings;
use dozvon::switch::dialplan_files;
use dozvon::switch::dialplan_files::{File, files, socket_files};
use regex::Regex;
use roxmltree::{Document, Node};

fn file<'a>(all: &'a [File], place: &str) -> &'a str {
    &all.iter().find(|file| file.place == place).unwrap_or_else(|| panic!("{place} is there")).text
}

/// The text with FreeSWITCH's own preprocessing done: `set` lines read, `$${name}` replaced.
fn preprocessed(text: &str) -> (String, BTreeMap<String, String>) {
    let document = Document::parse(text).unwrap();
    let set = |node: Node<'_, '_>| {
        assert_eq!(node.attribute("cmd"), Some("set"));
        let (name, value) = node.attribute("data")?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let is_set = |node: &Node<'_, '_>| node.has_tag_name("X-PRE-PROCESS");
    let values: BTreeMap<String, String> =
        document.descendants().filter(is_set).map(|node| set(node).unwrap()).collect();
    let replace =
        |text: String, (name, value): (&String, &String)| text.replace(&format!("$${{{name}}}"), value);
    let done = values.iter().fold(text.to_owned(), replace);
    assert!(!done.contains("$${"), "every variable is set");
    (done, values)
}

/// The actions of an extension as `application(data)`.
fn actions(document: &Document<'_>, extension: &str) -> Vec<String> {
    let found = document.descendants().find(|node| node.attribute("name") == Some(extension)).unwrap();
    let action = |node: Node<'_, '_>| {
        format!("{}({})", node.attribute("application").unwrap(), node.attribute("data").unwrap_or_default())
    };
    found.descendants().filter(|node| node.has_tag_name("action")).map(action).collect()
}

#[test]
fn the_files_are_xml_and_agree_with_the_defaults() {
    let settings = Settings::default();
    let all = files(&settings);
    let (text, values) = preprocessed(file(&all, "dialplan/dozvon.xml"));
    assert_eq!(values["dozvon_controllers"], settings.switch.listen.to_string());
    assert_eq!(values["dozvon_pause_sound"], settings.dialplan.pause_sound.as_str());
    assert_eq!(values["dozvon_fallback_ringing"], settings.sounds.fallback_music.as_str());
    assert_eq!(values["dozvon_fallback_message"], settings.sounds.fallback_message.as_str());
    assert_eq!(values["dozvon_patience_s"], settings.dialplan.retry_time.as_secs().to_string());
    assert_eq!(values["dozvon_fallback_timeout_s"], settings.dialplan.fallback_timeout.as_secs().to_string());
    assert_eq!(values["dozvon_fallback_contact"], "");
    let document = Document::parse(&text).unwrap();
    let context = document.descendants().find(|node| node.has_tag_name("context")).unwrap();
    assert_eq!(context.attribute("name"), Some(CONTEXT));

    let node = NodeSettings::default();
    let socket = socket_files(&settings, &node);
    let text = file(&socket, "autoload_configs/event_socket.conf.xml");
    let document = Document::parse(text).unwrap();
    let parameter = |name: &str| {
        let found = document.descendants().find(|node| node.attribute("name") == Some(name)).unwrap();
        found.attribute("value").unwrap().to_owned()
    };
    assert_eq!(parameter("listen-port"), node.port.to_string());
    assert_eq!(parameter("listen-ip"), node.host);
    assert_eq!(parameter("password"), node.password);
    let acl = file(&socket, "autoload_configs/acl.conf.xml");
    let document = Document::parse(acl).unwrap();
    let list = document.descendants().find(|node| node.has_tag_name("list")).unwrap();
    assert_eq!(list.attribute("name"), Some(parameter("apply-inbound-acl").as_str()));
    assert_eq!(list.attribute("default"), Some("deny"));
}

#[test]
fn a_caller_is_handed_over_and_never_left_alone() {
    let all = files(&Settings::default());
    let (text, _) = preprocessed(file(&all, "dialplan/dozvon.xml"));
    let document = Document::parse(&text).unwrap();
    let call = actions(&document, "dozvon_call");
    let socket = call.iter().position(|action| action.starts_with("socket(")).unwrap();
    assert_eq!(
        call[socket - 2..=socket + 1],
        [
            "multiunset(dozvon_again dozvon_state dozvon_served)",
            "set(socket_resume=true)",
            "socket(127.0.0.1:8084 async full)",
            "execute_extension(dozvon_after XML dozvon)",
        ]
    );
    assert_eq!(call.last().unwrap(), "execute_extension(dozvon_once_more_$1 XML dozvon)", "the next try");
    let next = actions(&document, "dozvon_once_more");
    assert_eq!(next.last().unwrap(), "transfer($1 XML dozvon)");
    let patience = actions(&document, "dozvon_after_patience");
    assert_eq!(patience.last().unwrap(), "transfer(dozvon_fallback XML dozvon)");
    let fallback = actions(&document, "dozvon_fallback");
    assert!(fallback.iter().any(|action| action.starts_with("bridge(")));
    assert_eq!(fallback.last().unwrap(), "hangup(NORMAL_TEMPORARY_FAILURE)");
    assert_eq!(actions(&document, "dozvon_after_talk"), ["hangup(NORMAL_CLEARING)"]);
    assert_eq!(actions(&document, "dozvon_survey_over"), ["hangup(NORMAL_CLEARING)"]);
}

/// While `uuid_bridge` sets about connecting a channel, `socket` may end before the channel's state has changed. FreeSWITCH
/// then runs the actions that follow, but not those of an extension that one of them executes: `transfer` would take
/// the caller out of the bridge that is being made (switch_ivr_bridge.c, between CF_TRANSFER and CS_HIBERNATE).
#[test]
fn nothing_that_follows_the_socket_can_run_while_the_caller_is_being_connected() {
    let mut sockets = 0;
    let toml = "[dialplan]\nagent_contexts = [\"default\"]\n";
    for file in files(&Settings::read(Path::new("t"), toml, []).unwrap()) {
        let (text, _) = preprocessed(&file.text);
        let document = Document::parse(&text).unwrap();
        for extension in document.descendants().filter(|node| node.has_tag_name("extension")) {
            let name = extension.attribute("name").unwrap();
            let all = actions(&document, name);
            let after = all.iter().skip_while(|action| !action.starts_with("socket(")).skip(1);
            sockets += all.iter().filter(|action| action.starts_with("socket(")).count();
            let bare: Vec<_> = after.filter(|action| !action.starts_with("execute_extension(")).collect();
            assert!(bare.is_empty(), "{}: {name} runs {bare:?} after `socket`", file.place);
        }
    }
    assert_eq!(sockets, 4, "of callers, of surveys, and of what is dialled at phones: asked and carried out");
}

/// What becomes of a caller with these variables after a try: the first extension that matches.
fn after(document: &Document<'_>, stage: &str, variables: &[(&str, &str)]) -> String {
    let value = |field: &str| {
        let known = variables
            .iter()
            .fold(field.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
        Regex::new(r"\$\{\w+\}").unwrap().replace_all(&known, "").into_owned()
    };
    let matches = |condition: Node<'_, '_>| {
        let expression =
            condition.attribute("expression").unwrap().replace("(?!(drained|unknown_node)$)", "");
        let field = condition.attribute("field").unwrap();
        let text = if field == "destination_number" { stage.to_owned() } else { value(field) };
        // the crate has no look-ahead: such an expression is split in two
        let refused = condition.attribute("expression").unwrap().contains("(?!(drained|unknown_node)$)")
            && matches!(text.as_str(), "drained" | "unknown_node");
        !refused && Regex::new(&expression).unwrap().is_match(&text)
    };
    let all = document.descendants().filter(|node| node.has_tag_name("extension"));
    let own = |node: &Node<'_, '_>| node.attribute("name").unwrap().starts_with(stage);
    all.filter(own)
        .find(|node| node.children().filter(|child| child.has_tag_name("condition")).all(matches))
        .and_then(|node| node.attribute("name").map(str::to_owned))
        .unwrap()
}

#[test]
fn the_variables_decide_where_a_caller_goes() {
    let text = "[dialplan]\npatience = \"4s\"\n";
    let all = files(&Settings::read(Path::new("t"), text, []).unwrap());
    let (text, _) = preprocessed(file(&all, "dialplan/dozvon.xml"));
    let document = Document::parse(&text).unwrap();
    let tries = |count: usize| "x".repeat(count);
    let (few, many) = (tries(39), tries(40));
    for (variables, what) in [
        (&[][..], "nobody"),
        (&[("socket_resume", "true"), ("dozvon_tries", &few)], "nobody"),
        (&[("socket_resume", "true"), ("dozvon_tries", &many)], "patience"),
        (&[("dozvon_tries", "x"), ("dozvon_over", "true")], "patience"),
        (&[("dozvon_over", "true"), ("dozvon_state", "drained")], "patience"),
        (&[("dozvon_over", "true"), ("dozvon_served", "true")], "service"),
        (&[("dozvon_served", "true"), ("dozvon_state", "drained")], "service"),
        (&[("dozvon_served", "true"), ("dozvon_state", "not_recorded")], "handed_back"),
        (&[("dozvon_served", "true"), ("dozvon_state", "talked")], "done"),
        (&[("dozvon_served", "true"), ("socket_resume", "false")], "talk"),
        (&[("dozvon_state", "overloaded")], "overloaded"),
        (&[("dozvon_state", "drained")], "nobody"),
        (&[("dozvon_state", "unknown_node")], "nobody"),
        (&[("dozvon_state", "drained_and_more")], "handed_back"),
    ] {
        assert_eq!(
            after(&document, "dozvon_after", variables),
            format!("dozvon_after_{what}"),
            "{variables:?}"
        );
    }
}

#[test]
fn nothing_is_evaluated_but_variables_of_ours() {
    let all = files(&Settings::default());
    let variable = Regex::new(r"[^$]\$\{([^}]*)\}").unwrap();
    for File { text, .. } in &all {
        for found in variable.captures_iter(text) {
            let name = &found[1];
            let ours = name.strip_prefix("dozvon_").unwrap_or(name);
            let plain = ours.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(plain, "{name} calls a function: api-expansion may be off");
            let known = ["socket_resume", "last_sched_id", "force_transfer_context", "context"];
            assert!(ours != name || known.contains(&name), "{name}");
        }
    }
}

#[test]
fn every_jump_has_a_target_and_every_application_is_known() {
    let all = files(&Settings::default());
    let (text, _) = preprocessed(file(&all, "dialplan/dozvon.xml"));
    let document = Document::parse(&text).unwrap();
    let extensions: BTreeSet<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("extension"))
        .filter_map(|node| node.attribute("name"))
        .collect();
    let known = [
        "answer",
        "bridge",
        "execute_extension",
        "hangup",
        "log",
        "multiunset",
        "playback",
        "sched_broadcast",
        "sched_cancel",
        "set",
        "sleep",
        "socket",
        "transfer",
        "unset",
    ];
    for action in document.descendants().filter(|node| node.has_tag_name("action")) {
        let application = action.attribute("application").unwrap();
        assert!(known.contains(&application), "{application}");
        if matches!(application, "transfer" | "execute_extension") {
            let target: Vec<_> = action.attribute("data").unwrap().split(' ').collect();
            if matches!(target[0], "${dozvon_dialled}" | "${dozvon_extension}") {
                continue;
            }
            assert_eq!(target[1..], ["XML", CONTEXT]);
            let name = target[0].trim_end_matches("$1").trim_end_matches('_');
            let known = name.is_empty() || extensions.iter().any(|extension| extension.starts_with(name));
            assert!(known, "{target:?}");
        }
    }
}

#[test]
fn callers_enter_in_each_context_and_with_each_number() {
    let text = "[dialplan]\nnumbers = [\"7001\", \"+7495*\"]\ncontexts = [\"public\", \"default\"]\n\
                controllers = [\"10.0.0.5:8084\", \"10.0.0.6:9000\"]\nfallback_contact = \"gateway/trunk/+79001234567\"\n";
    let settings = Settings::read(Path::new("t"), text, []).unwrap();
    let all = files(&settings);
    assert_eq!(all.len(), 3);
    for context in ["public", "default"] {
        let (text, values) = preprocessed(file(&all, &format!("dialplan/{context}/00_dozvon.xml")));
        assert_eq!(values["dozvon_numbers"], "7001|\\+7495[0-9A-Za-z_.+\\-]*");
        let document = Document::parse(&text).unwrap();
        let entry = actions(&document, "dozvon");
        assert_eq!(entry, ["set(force_transfer_context=${context})", &format!("transfer($1 XML {CONTEXT})")]);
    }
    let (text, values) = preprocessed(file(&all, "dialplan/dozvon.xml"));
    assert_eq!(values["dozvon_fallback_contact"], "sofia/gateway/trunk/+79001234567");
    assert!(text.contains("data=\"10.0.0.5:8084|10.0.0.6:9000 async full\""));
    let acl = socket_files(&settings, &NodeSettings::default());
    let acl = file(&acl, "autoload_configs/acl.conf.xml");
    let document = Document::parse(acl).unwrap();
    let allowed: Vec<_> = document.descendants().filter_map(|node| node.attribute("cidr")).collect();
    assert_eq!(allowed, ["127.0.0.0/8", "10.0.0.5/32", "10.0.0.6/32"]);
}

#[test]
fn a_controller_that_listens_everywhere_is_found_on_loopback() {
    let settings = Settings::read(Path::new("t"), "[switch]\nlisten = \"0.0.0.0:9999\"\n", []).unwrap();
    assert_eq!(dialplan_files::controllers_of(&settings), ["127.0.0.1:9999"]);
}

#[test]
fn what_agents_dial_goes_to_the_controller_if_it_is_a_number_outside_or_a_word() {
    let toml = "[dialplan]\nagent_contexts = [\"default\"]\n";
    let settings = Settings::read(Path::new("dozvon.toml"), toml, []).unwrap();
    let all = files(&settings);
    let written = file(&all, "dialplan/default/00_dozvon_handset.xml");
    assert_eq!(written, include_str!("../../fs-dialplan/handset.xml"), "the template shows the defaults");
    let (text, values) = preprocessed(written);
    let numbers = Regex::new(&format!("^({})$", values["dozvon_handset_numbers"])).unwrap();
    for (dialled, ours) in [
        ("84951234567", true),
        ("+74951234567", true),
        ("*71", true),
        ("1001", false),
        ("12345", false),
        ("*70", false),
        ("171", false),
        ("84951234567&park", false),
    ] {
        assert_eq!(numbers.is_match(dialled), ours, "{dialled}");
    }
    let document = Document::parse(&text).unwrap();
    let extension =
        document.descendants().find(|node| node.attribute("name") == Some("dozvon_handset")).unwrap();
    assert_eq!(extension.attribute("continue"), Some("true"), "the administrator's own dialplan follows");
    assert_eq!(
        actions(&document, "dozvon_handset"),
        [
            "set(dozvon_handset=${user_name})",
            "set(dozvon_dialled=$1)",
            "set(dozvon_context=${context})",
            "set(dozvon_state=)",
            "set(socket_resume=true)",
            "socket(127.0.0.1:8084 async full)",
            "execute_extension(dozvon_handset_asked XML dozvon)",
        ],
        "nothing is answered or played"
    );
    assert!(files(&Settings::default()).iter().all(|file| !file.place.contains("handset")));
}

/// It goes on without a variable of ours, unless it is ours; what is ours ends once it was begun, and else goes back.
#[test]
fn what_was_dialled_at_a_phone_goes_on_unless_it_was_ours() {
    let all = files(&Settings::default());
    let (text, _) = preprocessed(file(&all, "dialplan/dozvon.xml"));
    let document = Document::parse(&text).unwrap();
    let resumed = ("socket_resume", "true");
    for (stage, variables, what) in [
        ("asked", &[][..], "not_ours"),
        ("asked", &[resumed], "not_ours"),
        ("asked", &[resumed, ("dozvon_state", "not_ours")], "not_ours"),
        ("asked", &[resumed, ("dozvon_state", "ours")], "ours"),
        ("over", &[resumed, ("dozvon_state", "ours")], "not_begun"),
        ("over", &[resumed, ("dozvon_state", "not_ours")], "not_begun"),
        ("over", &[resumed, ("dozvon_state", "begun")], "begun"),
        ("over", &[resumed, ("dozvon_state", "talked")], "begun"),
        ("over", &[("socket_resume", "false"), ("dozvon_state", "")], "begun"),
    ] {
        let became = after(&document, &format!("dozvon_handset_{stage}"), variables);
        assert_eq!(became, format!("dozvon_handset_{stage}_{what}"), "{variables:?}");
    }
    let of = |extension: &str| actions(&document, &format!("dozvon_handset_{extension}"));
    assert_eq!(of("asked_ours"), ["sleep(50)", "transfer(${dozvon_dialled} XML dozvon)"]);
    assert_eq!(
        of("asked_not_ours"),
        ["multiunset(dozvon_handset dozvon_dialled dozvon_context dozvon_state dozvon_served socket_resume)"]
    );
    assert_eq!(of("over_begun"), ["hangup(NORMAL_CLEARING)"]);
    assert_eq!(of("over_not_begun").last().unwrap(), "transfer(${dozvon_dialled} XML ${dozvon_context})");
}
