//! What people do: incoming calls, and actions of callers and agents.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::behaviour::{CallerScript, Talk};
use super::channel::{CallerSide, Callstate, Channel, Message, Role, Script, Stamps, State, Step, Variables};
use super::core::{AgentAct, CallerAct, Core, Due};
use super::ids::Key;
use super::kind::Kind;
use super::story::{EndedBy, Story};

impl Core {
    /// The dialplan of callers, as in fs-dialplan/dozvon.xml: `socket`, repeatedly, then the fallback.
    pub fn plan_calls(&mut self) {
        let app = |app: &str, data: String| Step::App(app.to_owned(), data);
        let settings = &self.settings;
        let mut steps = vec![Step::Try];
        if settings.socket_resume {
            steps.push(app("set", "socket_resume=true".to_owned()));
        }
        steps.push(app("socket", format!("{} async full", settings.controllers.join("|"))));
        steps.push(Step::Judge);
        steps.push(app("playback", settings.pause_sound.clone()));
        steps.push(app("sleep", "100".to_owned()));
        steps.push(Step::Again);
        steps.push(Step::Fallback);
        steps.extend(settings.fallback.iter().map(|(name, data)| app(name, data.clone())));
        self.dialplan = Arc::from(steps);
        self.plan_phones();
    }

    /// The dialplan of agents' phones, as in fs-dialplan/handset.xml: it asks the controller whether the dialled
    /// number is its business, and if so leaves the call to it; else the administrator's own dialplan follows.
    fn plan_phones(&mut self) {
        let app = |app: &str, data: &str| Step::App(app.to_owned(), data.to_owned());
        let settings = &self.settings;
        let socket = format!("{} async full", settings.controllers.join("|"));
        let visit = [app("set", "socket_resume=true"), app("socket", &socket)];
        let mut steps = visit.to_vec();
        steps.push(Step::Asked);
        steps.extend(visit);
        steps.push(Step::PassOn);
        steps.extend(settings.own_dialplan.iter().map(|(name, data)| app(name, data)));
        self.own_plan = Arc::from(steps);
    }

    /// Starts a call.
    pub fn call(&mut self, script: CallerScript) -> (Key, Uuid, oneshot::Receiver<Story>) {
        let (done, story) = oneshot::channel();
        let uuid = self.new_uuid();
        let key = self.new_key();
        self.counts.callers += 1;
        let timers = script.keys.iter().map(|(at, digit)| (*at, CallerAct::Presses(*digit)));
        for (at, act) in timers.chain(script.patience.map(|patience| (patience, CallerAct::LosesPatience))) {
            self.timers.set(self.now + at, Due::Caller(key, act));
        }
        let caller = CallerSide {
            story: Story::new(uuid),
            done: Some(done),
            impatient: false,
            script,
            silent_since: None,
        };
        let name = format!("sofia/external/{}@127.0.0.1", caller.script.number);
        let (number, shown) = (caller.script.number.clone(), defused(&caller.script.name));
        let user = caller.script.user.clone();
        let (dialled, private) = (caller.script.dialled.clone(), caller.script.private);
        let role = Role::Caller(Box::new(caller));
        let mut channel = self.new_channel(key, uuid, name, role);
        channel.number = String::from_utf8_lossy(&defused(number.as_bytes())).as_ref().into();
        channel.caller_name = shown.into();
        channel.destination = dialled.into();
        channel.privacy = private;
        user.iter().for_each(|user| channel.variables.set("dozvon_handset", user));
        let dialplan = if user.is_some() { &self.own_plan } else { &self.dialplan };
        channel.script = Script::new(dialplan.clone());
        self.enter(channel);
        self.set_state(key, State::Routing);
        self.set_callstate(key, Callstate::Ringing);
        if let Some(channel) = self.channel_mut(key) {
            channel.hit_dialplan = true;
        }
        self.set_state(key, State::Execute);
        self.run_session(key);
        (key, uuid, story)
    }

    pub const fn new_key(&mut self) -> Key {
        Key(self.next_serial())
    }

    pub fn new_channel(&self, key: Key, uuid: Uuid, name: String, role: Role) -> Box<Channel> {
        Box::new(Channel {
            key,
            uuid,
            name: name.into(),
            number: "".into(),
            caller_name: Box::default(),
            destination: "".into(),
            privacy: false,
            role,
            began: self.now,
            state: State::Init,
            callstate: Callstate::Down,
            stamps: Stamps { created: self.micros(), ..Stamps::default() },
            hit_dialplan: false,
            variables: Variables::default(),
            cause: None,
            script: Script::new(Arc::from([])),
            running: Vec::new(),
            last_app: ("".into(), "".into()),
            response: None,
            messages: VecDeque::new(),
            bridge: None,
            other: None,
            sockets: SmallVec::new(),
            controlled: false,
            resetting: false,
            zombie: false,
            keys: VecDeque::new(),
        })
    }

    /// Adds a channel.
    pub fn enter(&mut self, channel: Box<Channel>) {
        let key = channel.key;
        self.keys.insert(channel.uuid, key);
        self.channels.insert(key, channel);
        self.counts.channels_peak = self.counts.channels_peak.max(self.channels.len());
        self.emit(key, Kind::CREATE);
    }

    pub fn caller_acts(&mut self, key: Key, act: &CallerAct) {
        let talks = self.channel(key).is_some_and(Channel::is_talking);
        match act {
            CallerAct::Presses(digit) => self.press(key, *digit),
            CallerAct::EndsTalk if talks => self.caller_hangs_up(key),
            CallerAct::EndsTalk => {}
            CallerAct::LosesPatience if talks => {
                if let Some(caller) = self.channel_mut(key).and_then(Channel::caller) {
                    caller.impatient = true;
                }
            }
            CallerAct::LosesPatience => self.caller_hangs_up(key),
        }
    }

    /// The caller hangs up.
    pub fn caller_hangs_up(&mut self, key: Key) {
        let Some(channel) = self.channel_mut(key).filter(|channel| !channel.is_down()) else { return };
        let cause = if channel.is_answered() { "NORMAL_CLEARING" } else { "ORIGINATOR_CANCEL" };
        if let Some(caller) = channel.caller() {
            caller.story.ended_by = EndedBy::Caller;
        }
        self.hangup(key, cause);
    }

    pub fn agent_acts(&mut self, key: Key, act: &AgentAct) {
        let Some(channel) = self.channel_mut(key).filter(|channel| !channel.is_down()) else { return };
        let (talks, bridge) = (channel.is_talking(), channel.bridge);
        let Some(leg) = channel.leg() else { return };
        match (act, &leg.behaviour.talk) {
            (AgentAct::PicksUp, _) => self.picked_up(key),
            (AgentAct::Rejects, _) => self.hangup(key, "CALL_REJECTED"),
            (AgentAct::PressesKey, _) if leg.confirming => self.leg_ready(key),
            (AgentAct::EndsTalk, Talk::TransfersAfter(_, extension)) if talks => {
                let extension = extension.clone();
                if let Some(bridge) = bridge {
                    self.transfer(bridge.with, &extension);
                    self.run_session(bridge.with);
                }
            }
            (AgentAct::EndsTalk, _) if talks => self.hangup(key, "NORMAL_CLEARING"),
            (AgentAct::PressesKey | AgentAct::EndsTalk, _) => {}
        }
    }

    /// `uuid_broadcast`: plays something on a channel, after earlier broadcasts.
    pub fn broadcast(&mut self, key: Key, what: &str) -> bool {
        let (app, data) = what.split_once("::").unwrap_or(("playback", what));
        let message =
            Message::Execute { app: app.into(), data: data.into(), uuid: None, lock: true, loops: Some(0) };
        let posted = self.post(key, message);
        self.run_session(key);
        posted
    }
}

/// Escapes a caller's own fields as FreeSWITCH does (switch_caller.c).
fn defused(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    for at in 0..out.len().saturating_sub(1) {
        if out[at] == b'$' && out[at + 1] == b'{' {
            out[at] = b'%';
        }
    }
    out
}
