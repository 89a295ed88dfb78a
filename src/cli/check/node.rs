//! Checks one FreeSWITCH: whether it can be reached, has the modules, and has loaded dozvon's dialplan.

use std::path::Path;

use super::local::dials;
use super::{Finding, contacts, dialplan};
use crate::config::Settings;
use crate::config::switch::NodeSettings;
use crate::rules::Rules;
use crate::sound::Sound;
use crate::switch::{Probe, ProbeError};

/// A lower limit of new sessions a second is a bottleneck, since each phone that rings is a session.
const FEW_SESSIONS: u64 = 100;

/// Checks one node.
pub(super) async fn check(node: &NodeSettings, settings: &Settings, rules: Option<&Rules>) -> Vec<Finding> {
    let what = format!("node {}", node.name);
    let mut probe = match Probe::connect(node).await {
        Ok(probe) => probe,
        Err(error) => return vec![unreachable(&what, &error)],
    };
    let mut asked = NodeCheck { probe: &mut probe, what, lines: Vec::new() };
    let done = asked.all(settings, rules).await;
    let NodeCheck { what, mut lines, .. } = asked;
    if let Err(error) = done {
        lines.push(Finding::unreachable(what, error.to_string(), "see FreeSWITCH's log"));
    }
    probe.close().await;
    lines
}

fn unreachable(what: &str, error: &ProbeError) -> Finding {
    let remedy = match error {
        ProbeError::Unreachable { .. } => {
            "start FreeSWITCH, load mod_event_socket, and check listen-ip and listen-port in event_socket.conf.xml"
        }
        ProbeError::Refused { .. } => {
            "check password and apply-inbound-acl in event_socket.conf.xml, and the password in [[switch.nodes]]"
        }
        ProbeError::NoAnswer(_) => "see FreeSWITCH's log",
    };
    Finding::unreachable(what, error.to_string(), remedy)
}

struct NodeCheck<'a> {
    probe: &'a mut Probe,
    what: String,
    lines: Vec<Finding>,
}

impl NodeCheck<'_> {
    async fn all(&mut self, settings: &Settings, rules: Option<&Rules>) -> Result<(), ProbeError> {
        let version = self.probe.ask("version short").await?;
        self.lines.push(Finding::ok(&self.what, format!("FreeSWITCH {}", version.trim())));
        self.modules(settings, rules).await?;
        self.lines.extend(dialplan::check(self.probe, &self.what, settings).await?);
        self.lines.extend(contacts::check(self.probe, &self.what, settings, rules).await?);
        self.lines.extend(super::sounds::check(self.probe, &self.what, settings, rules).await?);
        self.lines.extend(super::prompts::on_node(self.probe, &self.what, settings).await?);
        self.expansion().await?;
        self.sessions().await
    }

    /// Checks the modules whose applications the controller and the dialplan use. If one is missing, FreeSWITCH hangs
    /// up on callers.
    async fn modules(&mut self, settings: &Settings, rules: Option<&Rules>) -> Result<(), ProbeError> {
        let wanted = modules(settings, rules);
        let mut missing = Vec::new();
        for module in &wanted {
            if self.probe.ask(&format!("module_exists {module}")).await?.trim() != "true" {
                missing.push(*module);
            }
        }
        let what = format!("{}: modules", self.what);
        self.lines.push(if missing.is_empty() {
            Finding::ok(what, wanted.join(", "))
        } else {
            let load =
                missing.iter().map(|module| format!("<load module=\"{module}\"/>")).collect::<Vec<_>>();
            let remedy = format!(
                "add {} to modules.conf.xml, and `fs_cli -x \"load {}\"`",
                load.join(" "),
                missing[0]
            );
            Finding::wrong(what, format!("not loaded: {}", missing.join(", ")), remedy)
        });
        Ok(())
    }

    /// Warns of api-expansion: with it, a variable that a caller sets can run commands wherever a dialplan expands it.
    async fn expansion(&mut self) -> Result<(), ProbeError> {
        let said = self.probe.ask("fsctl api_expansion").await?;
        if said.contains("is on") {
            let what = format!("{}: api-expansion", self.what);
            let remedy = "set api-expansion to false in switch.conf.xml, unless your own dialplan needs it";
            let detail = "is on: text from callers can run commands where a dialplan expands it";
            self.lines.push(Finding::advice(what, detail, remedy));
        }
        Ok(())
    }

    async fn sessions(&mut self) -> Result<(), ProbeError> {
        let said = self.probe.ask("fsctl sps").await?;
        let rate = said.rsplit(':').next().and_then(|count| count.trim().parse::<u64>().ok());
        if let Some(rate) = rate.filter(|rate| *rate < FEW_SESSIONS) {
            let what = format!("{}: sessions", self.what);
            let remedy = format!("raise sessions-per-second in switch.conf.xml to {FEW_SESSIONS} or more");
            let detail = format!("at most {rate} new sessions a second, and each phone that rings is one");
            self.lines.push(Finding::advice(what, detail, remedy));
        }
        Ok(())
    }
}

/// The modules that these settings and rules need.
fn modules(settings: &Settings, rules: Option<&Rules>) -> Vec<&'static str> {
    let mut wanted = vec!["mod_commands", "mod_dptools", "mod_dialplan_xml", "mod_event_socket", "mod_sofia"];
    let prompts = rules.iter().flat_map(|rules| rules.prompts.values());
    let prompts = prompts.filter_map(|prompt| prompt.source.sound()).map(Sound::as_str);
    let sounds = &settings.sounds;
    let pause = &settings.dialplan.pause_sound;
    let fallbacks = [&sounds.fallback_music, &sounds.fallback_message, &sounds.missing_prompt, pause];
    let ours = [&sounds.music, &sounds.no_caller].into_iter().chain(fallbacks);
    let ours = ours.map(Sound::as_str);
    let all: Vec<&str> = prompts.chain(ours).collect();
    let any = |prefix: &str| all.iter().any(|source| source.starts_with(prefix));
    if any("tone_stream://") {
        wanted.push("mod_tone_stream");
    }
    if any("local_stream://") {
        wanted.push("mod_local_stream");
    }
    let has_prompts = Path::new(sounds.prompts.as_str()).is_dir();
    if has_prompts || all.iter().any(|source| !source.contains("://")) {
        wanted.push("mod_sndfile");
    }
    if rules.is_some_and(|rules| dials(rules, "loopback/")) {
        wanted.push("mod_loopback");
    }
    wanted
}
