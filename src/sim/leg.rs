//! Originated legs: from `originate` to a phone that rings and may be answered, and to the command's answer.
//!
//! **Invariants:** a phone has one leg at a time: a second leg finds it busy, and is counted; every originate is
//! answered exactly once; `originate_timeout` counts whole seconds of the clock, so that it is up to one second short
//! (docs/architecture/freeswitch.md, "Legs and bridges").

use std::time::Duration;

use uuid::Uuid;

use super::behaviour::{Behaviour, Pickup};
use super::channel::{Callstate, Channel, LegSide, Role, Script, State, Step};
use super::core::{AgentAct, Core, Due};
use super::ids::Key;
use super::kind::Kind;
use super::originate::{Asker, Originate, Then};
use super::wire;

/// FreeSWITCH's default limit (mod_commands.c, `originate_function`).
const TIMEOUT_S: u64 = 60;

impl Core {
    /// Starts an originate; the leg is created a moment later.
    pub fn originate(&mut self, originate: Originate) {
        self.counts.legs += 1;
        let at = self.soon();
        self.timers.set(at, Due::Create(Box::new(originate)));
    }

    /// Creates the leg, or answers why not.
    pub fn create_leg(&mut self, originate: Originate) {
        if !self.is_wanted(&originate.asker) {
            return;
        }
        let dial = &originate.dial;
        let wanted = dial.variable("origination_uuid").map(Uuid::try_parse);
        let taken = matches!(&wanted, Some(Ok(uuid)) if self.keys.contains_key(uuid));
        if dial.forked {
            self.counts.forked_dials += 1;
        }
        if dial.forked || taken || matches!(wanted, Some(Err(_))) {
            return self.answer_originate(originate.asker, Err("DESTINATION_OUT_OF_ORDER"));
        }
        let contact = dial.contact();
        let Some((contact, behaviour)) = self.behaviour(&contact) else {
            return self.answer_originate(originate.asker, Err(nobody(&contact)));
        };
        let uuid = match wanted {
            Some(Ok(uuid)) => uuid,
            _ => self.new_uuid(),
        };
        let key = self.new_key();
        self.bridge_dials(&originate.asker, key);
        self.make_channel(key, uuid, contact, behaviour.clone(), originate);
        self.set_limit(key);
        self.ring(key, &behaviour);
    }

    /// The behaviour of the phone's owner; none if there is no such phone.
    fn behaviour(&mut self, contact: &str) -> Option<(String, Behaviour)> {
        let plain = contact.split('@').next().unwrap_or_default();
        let known = [contact, plain].into_iter().find(|known| self.phones.contains_key(*known))?.to_owned();
        let phone = self.phones.get_mut(&known)?;
        let busy = phone.busy_with.is_some() && !phone.behaviours.is_unreachable();
        if busy {
            self.counts.double_rings += 1;
            return Some((known, Behaviour::new(Pickup::Busy)));
        }
        let behaviour = phone.behaviours.next(&mut self.rng);
        (behaviour.pickup != Pickup::Unreachable).then_some((known, behaviour))
    }

    fn make_channel(
        &mut self,
        key: Key,
        uuid: Uuid,
        contact: String,
        behaviour: Behaviour,
        originate: Originate,
    ) {
        let dial = originate.dial.clone();
        let then = originate.then.clone();
        let side = LegSide { contact, behaviour, originate: Some(originate), confirming: false, limit: None };
        let mut channel =
            self.new_channel(key, uuid, channel_name(&dial.endpoint), Role::Leg(Box::new(side)));
        channel.number = dial.variable("origination_caller_id_number").unwrap_or("0000000000").into();
        channel.caller_name =
            dial.variable("origination_caller_id_name").unwrap_or_default().as_bytes().into();
        channel.destination = user_part(&dial.endpoint).into();
        for (name, value) in &dial.variables {
            channel.variables.set(name, value);
        }
        if let Some(user) = dial.endpoint.strip_prefix("user/") {
            let (user, domain) = user.split_once('@').unwrap_or((user, "127.0.0.1"));
            channel.variables.set("dialed_user", user);
            channel.variables.set("dialed_domain", domain);
        }
        channel.script = match then {
            Then::App(app, data) => Script::new(vec![Step::App(app, data)].into()),
            Then::Extension(extension) => self.extension(&extension),
            Then::Talk => Script::new(Vec::new().into()),
        };
        self.enter(channel);
        self.emit(key, Kind::ORIGINATE);
        self.emit(key, Kind::OUTGOING);
        self.set_state(key, State::Routing);
        self.set_state(key, State::ConsumeMedia);
    }

    /// `originate_timeout` and `leg_timeout`.
    fn set_limit(&mut self, key: Key) {
        let Some(channel) = self.channel_mut(key) else { return };
        let seconds = |name| channel.variables.get(name).and_then(|text| text.parse::<u64>().ok());
        let (originate, leg) = (seconds("originate_timeout"), seconds("leg_timeout"));
        let asked = channel.leg().and_then(|leg| leg.originate.as_ref()).and_then(|o| o.dial.timeout_s);
        self.limit_in(key, originate.or(asked).unwrap_or(TIMEOUT_S), "NO_ANSWER");
        if let Some(seconds) = leg {
            let at = self.now + self.whole_seconds(seconds + 1);
            self.timers.set(at, Due::LegLimit(key, "ALLOTTED_TIMEOUT"));
        }
    }

    fn limit_in(&mut self, key: Key, seconds: u64, cause: &'static str) {
        let at = self.now + self.whole_seconds(seconds);
        let timer = self.timers.set(at, Due::LegLimit(key, cause));
        let old = self.channel_mut(key).and_then(Channel::leg).and_then(|leg| leg.limit.replace(timer));
        old.and_then(|old| self.timers.cancel(old));
    }

    /// How long until the clock's second has grown by `seconds`.
    fn whole_seconds(&self, seconds: u64) -> Duration {
        let into_second = u64::try_from(self.wall.0.rem_euclid(1000)).unwrap_or(0);
        Duration::from_millis((seconds * 1000).saturating_sub(into_second))
    }

    pub fn leg_limit(&mut self, key: Key, cause: &'static str) {
        let pending = self.channel_mut(key).and_then(Channel::leg).is_some_and(|leg| leg.originate.is_some());
        if pending {
            self.hangup(key, cause);
        }
    }

    fn ring(&mut self, key: Key, behaviour: &Behaviour) {
        let fatal = |key| {
            self.channel(key).is_some_and(|channel| channel.variables.is_true("outbound_redirect_fatal"))
        };
        let (act, after) = match &behaviour.pickup {
            Pickup::Redirects if fatal(key) => {
                return self.hangup(key, "REDIRECTION_TO_NEW_DESTINATION");
            }
            Pickup::Redirects => (Some(AgentAct::PicksUp), Duration::ZERO),
            Pickup::Busy | Pickup::Unreachable => return self.hangup(key, "USER_BUSY"),
            Pickup::Fails(cause) => return self.hangup(key, cause),
            Pickup::Rejects(after) => (Some(AgentAct::Rejects), *after),
            Pickup::Answers(after) => (Some(AgentAct::PicksUp), *after),
            Pickup::Silent => return,
            Pickup::NoAnswer | Pickup::AnswersAsCancelled => (None, Duration::MAX),
        };
        let contact =
            self.channel_mut(key).and_then(Channel::leg).map(|leg| leg.contact.clone()).unwrap_or_default();
        if let Some(phone) = self.phones.get_mut(&contact) {
            phone.busy_with = Some(key);
        }
        if !after.is_zero() {
            self.progress(key, behaviour.early_media);
        }
        if let Some(act) = act {
            self.timers.set(self.now + after, Due::Agent(key, act));
        }
    }

    fn progress(&mut self, key: Key, early_media: bool) {
        let micros = self.micros();
        if let Some(channel) = self.channel_mut(key) {
            channel.stamps.progress = micros;
        }
        if !early_media {
            self.emit(key, Kind::PROGRESS);
            return self.set_callstate(key, Callstate::Ringing);
        }
        self.pre_answer(key);
        let ignored =
            self.channel(key).is_some_and(|channel| channel.variables.is_true("ignore_early_media"));
        if !ignored {
            self.leg_ready(key);
        }
    }

    /// The phone is picked up.
    pub fn picked_up(&mut self, key: Key) {
        self.answer(key);
        let Some(channel) = self.channel_mut(key) else { return };
        if channel.variables.get("group_confirm_key").is_none() {
            return self.leg_ready(key);
        }
        let timeout =
            channel.variables.get("group_confirm_timeout").and_then(|text| text.parse::<u64>().ok());
        let Some(leg) = channel.leg() else { return };
        leg.confirming = true;
        let confirms = leg.behaviour.confirms;
        match timeout {
            // FreeSWITCH: no limit
            Some(0) => {
                let limit = leg.limit.take();
                limit.and_then(|limit| self.timers.cancel(limit));
            }
            Some(seconds) => self.limit_in(key, seconds, "NO_ANSWER"),
            None => {}
        }
        if let Some(after) = confirms {
            self.timers.set(self.now + after, Due::Agent(key, AgentAct::PressesKey));
        }
    }

    /// The leg is answered, and confirmed if that was wanted.
    pub fn leg_ready(&mut self, key: Key) {
        let Some(leg) = self.channel_mut(key).and_then(Channel::leg) else { return };
        leg.confirming = false;
        let limit = leg.limit.take();
        let Some(originate) = leg.originate.take() else { return };
        limit.and_then(|limit| self.timers.cancel(limit));
        let uuid = self.channel(key).map(|channel| channel.uuid.to_string()).unwrap_or_default();
        if let Asker::Bridge(caller, run) = originate.asker {
            return self.bridge_answered(caller, run, key);
        }
        self.answer_originate(originate.asker, Ok(&uuid));
        self.set_state(key, State::Execute);
        self.run_session(key);
    }

    /// The leg ended before it was ready.
    pub fn originate_failed(&mut self, key: Key, cause: &str) {
        let originate = self.channel_mut(key).and_then(Channel::leg).and_then(|leg| leg.originate.take());
        if let Some(originate) = originate {
            self.answer_originate(originate.asker, Err(cause));
        }
    }

    fn answer_originate(&mut self, asker: Asker, result: Result<&str, &str>) {
        let text = match result {
            Ok(uuid) => format!("+OK {uuid}\n"),
            Err(cause) => format!("-ERR {cause}\n"),
        };
        match asker {
            Asker::Job { uuid, owner, command, arguments } => {
                self.job_done(&uuid, owner, (&command, &arguments), &text);
            }
            Asker::Api(conn) => {
                self.send(conn, wire::answer(&text));
                self.unblock(conn);
            }
            Asker::Bridge(caller, run) => self.bridge_failed(caller, run, result.err().unwrap_or_default()),
        }
    }

    /// The phone is free again.
    pub fn free_phone(&mut self, key: Key) {
        let Some(leg) = self.channel_mut(key).and_then(Channel::leg) else { return };
        let limit = leg.limit.take();
        let contact = leg.contact.clone();
        limit.and_then(|limit| self.timers.cancel(limit));
        if let Some(phone) = self.phones.get_mut(&contact).filter(|phone| phone.busy_with == Some(key)) {
            phone.busy_with = None;
        }
    }

    /// Ends a leg from outside. An owner who answers at that very moment is quicker.
    pub fn kill(&mut self, key: Key, cause: &str) {
        let late = self.channel_mut(key).filter(|channel| !channel.is_answered()).and_then(Channel::leg);
        if late.is_some_and(|leg| leg.behaviour.pickup == Pickup::AnswersAsCancelled) {
            self.picked_up(key);
        }
        self.hangup(key, cause);
    }
}

/// The cause for a contact that no phone has.
fn nobody(contact: &str) -> &'static str {
    match contact.split('/').next() {
        Some("user") => "SUBSCRIBER_ABSENT",
        Some("gateway") => "INVALID_GATEWAY",
        Some("loopback") => "NO_ROUTE_DESTINATION",
        _ => "NORMAL_TEMPORARY_FAILURE",
    }
}

/// The channel's name, in the form of its endpoint.
fn channel_name(endpoint: &str) -> String {
    let rest = endpoint.split_once('/').map_or(endpoint, |(_, rest)| rest);
    if endpoint.starts_with("user/") {
        format!("sofia/internal/sip:{}@127.0.0.1:5060", rest.split('@').next().unwrap_or_default())
    } else if endpoint.starts_with("loopback/") {
        format!("loopback/{}-a", rest.split('/').next().unwrap_or_default())
    } else {
        endpoint.to_owned()
    }
}

fn user_part(endpoint: &str) -> &str {
    let mut parts = endpoint.split('/').skip(if endpoint.starts_with("sofia/") { 2 } else { 1 });
    parts.next().and_then(|part| part.split('@').next()).unwrap_or_default()
}
