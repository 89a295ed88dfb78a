//! The API commands, as `api` and `bgapi` run them.
//!
//! In: a command's name and arguments. Out: FreeSWITCH's answer, word for word, and the effect that is still to
//! happen: answers are sent before the events that they cause.

use std::time::Duration;

use super::channel::Channel;
use super::core::{Core, Due};
use super::faults::BridgeFate;
use super::ids::Key;
use super::originate::split_blanks;
use super::show;
use super::template;

/// The version of the recorded FreeSWITCH.
pub(super) const VERSION: &str = "1.11.1-release+git~20260526T204126Z~c2c59645f6~64bit";
pub(super) const ORIGINATE_USAGE: &str = "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] \
    [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n";
const NO_CHANNEL: &str = "-ERR No such channel!\n";
const MODULES: [&str; 6] =
    ["mod_commands", "mod_dptools", "mod_event_socket", "mod_local_stream", "mod_sofia", "mod_tone_stream"];

/// What happens once the answer is sent.
pub(super) enum Effect {
    None,
    Kill(Vec<Key>, String),
    Bridge(String, String, Option<String>),
    Break(Key, bool),
    Transfer(Key, String),
    Broadcast(Key, String),
}

impl Core {
    /// Runs an API command.
    pub fn api(&mut self, name: &str, arguments: &str) -> (String, Effect) {
        let answer = match name {
            "uuid_exists" => self.locate(arguments.trim()).is_some().to_string(),
            "uuid_setvar" => self.uuid_setvar(arguments),
            "uuid_answer" => self.uuid_answer(arguments.trim()),
            "uuid_getvar" => self.uuid_getvar(arguments),
            "uuid_dump" => self.uuid_dump(arguments),
            "show" => self.show(arguments),
            "sched_api" => self.sched_api(arguments),
            "sched_del" => self.sched_del(arguments.trim()),
            "sofia_contact" => self.sofia_contact(arguments.trim()),
            "status" => self.status(),
            "version" => format!("FreeSWITCH Version {VERSION} (git c2c5964 2026-05-26 20:41:26Z 64bit)\n"),
            "global_getvar" if arguments.trim() == "core_uuid" => self.uuid.to_string(),
            "global_getvar" => String::new(),
            "hostname" => self.settings.hostname.clone(),
            "module_exists" => MODULES.contains(&arguments.trim()).to_string(),
            _ => return self.effective(name, arguments),
        };
        (answer, Effect::None)
    }

    /// Commands that change channels.
    fn effective(&mut self, name: &str, arguments: &str) -> (String, Effect) {
        let words = split_blanks(arguments, 10);
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match name {
            "uuid_bridge" => self.check_bridge(word(0), word(1), words.get(2)),
            "hupall" => self.hupall(&words),
            "uuid_kill" => match self.locate(word(0)) {
                Some(key) => {
                    let cause = words.get(1).map_or("NORMAL_CLEARING", String::as_str);
                    ("+OK\n".to_owned(), Effect::Kill(vec![key], cause.to_owned()))
                }
                None => (NO_CHANNEL.to_owned(), Effect::None),
            },
            "uuid_break" => match self.locate(word(0)) {
                Some(key) => {
                    ("+OK\n".to_owned(), Effect::Break(key, words[1..].iter().any(|w| w.contains("all"))))
                }
                None => (NO_CHANNEL.to_owned(), Effect::None),
            },
            "uuid_transfer" => match self.transfer_target(&words) {
                Some((key, extension)) => ("+OK\n".to_owned(), Effect::Transfer(key, extension)),
                None => (NO_CHANNEL.to_owned(), Effect::None),
            },
            "uuid_broadcast" => match self.locate(word(0)) {
                Some(key) => ("+OK Message sent\n".to_owned(), Effect::Broadcast(key, word(1).to_owned())),
                None => ("-ERR invalid uuid\n".to_owned(), Effect::None),
            },
            _ => (format!("-ERR {name} Command not found!\n"), Effect::None),
        }
    }

    fn uuid_answer(&mut self, uuid: &str) -> String {
        let Some(key) = self.locate(uuid) else { return "-ERROR\n".to_owned() };
        self.answer(key);
        "+OK\n".to_owned()
    }

    /// Carries out the effect of an answered command.
    pub fn take_effect(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Kill(keys, cause) => keys.into_iter().for_each(|key| self.kill(key, &cause)),
            Effect::Bridge(a, b, instead) => {
                if !self.uuid_bridge(&a, &b)
                    && let Some(instead) = instead
                {
                    self.uuid_bridge(&a, &instead);
                }
            }
            Effect::Break(key, all) => self.break_off(key, all),
            Effect::Transfer(key, extension) => {
                self.transfer(key, &extension);
                self.run_session(key);
            }
            Effect::Broadcast(key, what) => drop(self.broadcast(key, &what)),
        }
    }

    fn check_bridge(&mut self, a: &str, b: &str, instead: Option<&String>) -> (String, Effect) {
        let media = |uuid: &str| self.locate(uuid).and_then(|key| self.channel(key)).map(Channel::has_media);
        let works = |b: &str| matches!((media(a), media(b)), (Some(one), Some(two)) if one || two);
        let Some(who) = std::iter::once(b).chain(instead.map(String::as_str)).find(|who| works(who)) else {
            return ("-ERR Invalid uuid\n".to_owned(), Effect::None);
        };
        let (who, a) = (who.to_owned(), a.to_owned());
        match self.faults.next_bridge() {
            BridgeFate::Built => (format!("+OK {who}\n"), Effect::Bridge(a, who, None)),
            BridgeFate::Silent => (format!("+OK {who}\n"), Effect::None),
            BridgeFate::Refused => ("-ERR Invalid uuid\n".to_owned(), Effect::None),
        }
    }

    fn hupall(&self, words: &[String]) -> (String, Effect) {
        let cause = words.first().map_or("MANAGER_REQUEST", String::as_str);
        let pairs: Vec<&[String]> = words.get(1..).unwrap_or_default().chunks_exact(2).collect();
        let matches = |channel: &Channel| {
            !channel.is_down()
                && pairs.iter().all(|pair| channel.variables.get(&pair[0]) == Some(pair[1].as_str()))
        };
        let keys =
            self.channels.values().filter(|channel| matches(channel)).map(|channel| channel.key).collect();
        let answer = match pairs.as_slice() {
            [] => format!("+OK hangup all channels with cause {cause}\n"),
            [one] => {
                format!("+OK hangup all channels matching [{}]=[{}] with cause: {cause}\n", one[0], one[1])
            }
            [one, ..] => {
                format!("+OK hangup all channels matching [{}]=[{}]... with cause: {cause}\n", one[0], one[1])
            }
        };
        (answer, Effect::Kill(keys, cause.to_owned()))
    }

    /// `UUID [-bleg|-both] EXTENSION [DIALPLAN [CONTEXT]]`.
    fn transfer_target(&self, words: &[String]) -> Option<(Key, String)> {
        let key = self.locate(words.first()?)?;
        let second = words.get(1)?;
        let Some(flag) = second.strip_prefix('-') else { return Some((key, second.clone())) };
        let other = self.channel(key).and_then(|channel| channel.bridge).map(|bridge| bridge.with);
        let target = if flag.eq_ignore_ascii_case("bleg") { other.unwrap_or(key) } else { key };
        Some((target, words.get(2)?.clone()))
    }

    fn uuid_setvar(&mut self, arguments: &str) -> String {
        let words = split_blanks(arguments, 3);
        let (2 | 3, [uuid, name, ..]) = (words.len(), words.as_slice()) else {
            return "-USAGE: <uuid> <var> [value]\n".to_owned();
        };
        let key = self.locate(uuid);
        match key.and_then(|key| self.channel_mut(key)) {
            Some(channel) => {
                channel.variables.set(name, words.get(2).map_or("", String::as_str));
                "+OK\n".to_owned()
            }
            None => NO_CHANNEL.to_owned(),
        }
    }

    fn uuid_getvar(&mut self, arguments: &str) -> String {
        let words = split_blanks(arguments, 4);
        let [uuid, name, ..] = words.as_slice() else { return "-USAGE: <uuid> <var>\n".to_owned() };
        match self.locate(uuid) {
            Some(key) => self.variable(key, name).unwrap_or_else(|| "_undef_".to_owned()),
            None => NO_CHANNEL.to_owned(),
        }
    }

    /// A variable that was set, or one of the recorded texts.
    pub fn variable(&mut self, key: Key, name: &str) -> Option<String> {
        if let Some(value) = self.channel(key)?.variables.get(name) {
            return Some(value.to_owned());
        }
        let head = format!("variable_{name}: ");
        let data = self.channel_data(key, false);
        data.lines()
            .find_map(|line| line.strip_prefix(&head))
            .map(|value| template::decode(value).into_owned())
    }

    fn uuid_dump(&mut self, arguments: &str) -> String {
        let (uuid, format) = arguments.trim().split_once(' ').unwrap_or((arguments.trim(), "txt"));
        let Some(key) = self.locate(uuid) else { return NO_CHANNEL.to_owned() };
        let data = self.channel_data(key, false) + "\n";
        match format {
            "json" => template::to_json(&data),
            "plain" => template::decode(&data).into_owned(),
            _ => data,
        }
    }

    fn show(&self, arguments: &str) -> String {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let json = words.ends_with(&["as", "json"]);
        match words.first().copied() {
            Some("channels" | "calls") if words.get(1) == Some(&"count") => {
                format!("\n{} total.\n", self.channels.values().filter(|channel| !channel.is_down()).count())
            }
            Some("channels") => show::channels(self, json),
            Some("application") => show::applications(words.get(1).copied().filter(|w| *w != "as"), json),
            _ => "-USAGE: show channels|application [as json]\n".to_owned(),
        }
    }

    fn sched_api(&mut self, arguments: &str) -> String {
        let mut words = arguments.splitn(3, ' ');
        let (Some(at), Some(group), Some(command)) = (words.next(), words.next(), words.next()) else {
            return "-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n".to_owned();
        };
        let seconds = match at.strip_prefix(['+', '@']) {
            Some(relative) => relative.parse().unwrap_or(0),
            None => at.parse::<i64>().map_or(0, |at| u64::try_from(at - self.wall.0 / 1000).unwrap_or(0)),
        };
        let id = self.next_serial();
        let timer = self.timers.set(self.now + Duration::from_secs(seconds), Due::Scheduled(id));
        self.scheduled.insert(id, (group.to_owned(), command.trim_end_matches('&').to_owned(), timer));
        format!("+OK Added: {id}\n")
    }

    fn sched_del(&mut self, what: &str) -> String {
        let id: Option<u64> = what.parse().ok();
        let mut gone = Vec::new();
        self.scheduled.retain(|known, (group, _, timer)| {
            let kept = id.map_or(group != what, |id| *known != id);
            if !kept {
                gone.push(*timer);
            }
            kept
        });
        let count = gone.len();
        gone.into_iter().for_each(|timer| drop(self.timers.cancel(timer)));
        format!("+OK Deleted: {count}\n")
    }

    pub fn run_scheduled(&mut self, id: u64) {
        if let Some((_, command, _)) = self.scheduled.remove(&id) {
            let (name, arguments) = command.split_once(' ').unwrap_or((&command, ""));
            let (_, effect) = self.api(name, arguments);
            self.take_effect(effect);
        }
    }

    fn sofia_contact(&self, user: &str) -> String {
        let plain = user.rsplit('/').next().unwrap_or_default();
        let name = plain.split('@').next().unwrap_or_default();
        let known = [format!("user/{plain}"), format!("user/{name}")];
        let phone = known.iter().find_map(|contact| self.phones.get(contact));
        match phone.filter(|phone| !phone.behaviours.is_unreachable()) {
            Some(_) => format!("sofia/internal/sip:{name}@127.0.0.1:5060"),
            None => "error/user_not_registered".to_owned(),
        }
    }

    fn status(&self) -> String {
        let up_ms = u64::try_from((self.now - self.started).as_millis()).unwrap_or(u64::MAX);
        let up = self.channels.values().filter(|channel| !channel.is_down()).count();
        format!(
            "UP {}\nFreeSWITCH (Version {VERSION}) is ready\n{} session(s) since startup\n\
             {up} session(s) - peak {peak}, last 5min {peak} \n\
             4 session(s) per Sec out of max 1000, peak 82, last 5min 50 \n5000 session(s) max\n\
             min idle cpu 0.00/98.63\n",
            template::uptime(up_ms),
            self.counts.callers + self.counts.legs,
            peak = self.counts.channels_peak,
        )
    }
}
