//! Bridges: `uuid_bridge`, the application `bridge`, transfers.
//!
//! The originator's channel carries the events (docs/architecture/freeswitch.md, "Legs and bridges"). `uuid_bridge`
//! interrupts both channels and answers `+OK`; the bridge is built when their sessions have noticed. If either channel
//! is gone by then, the other is hung up. A second `uuid_bridge` of a caller whose first bridge is not yet built
//! leaves the first leg up for ever, connected with nobody (§2.2).

use super::behaviour::Talk;
use super::channel::{Bridge, Callstate, Channel, Other, Script, State, Step, What};
use super::core::{AgentAct, CallerAct, Core, Due};
use super::events::other_leg;
use super::ids::Key;
use super::kind::Kind;
use super::story::Happening;

impl Core {
    /// `uuid_bridge`. Returns whether FreeSWITCH would answer `+OK`.
    pub fn uuid_bridge(&mut self, a: &str, b: &str) -> bool {
        let (Some(a), Some(b)) = (self.locate(a), self.locate(b)) else { return false };
        let media = |key| self.channel(key).is_some_and(Channel::has_media);
        let (first, second) = match (media(a), media(b)) {
            (false, false) => return false,
            (true, _) => (a, b),
            // FreeSWITCH swaps them by itself
            (false, true) => (b, a),
        };
        self.tear_out(first, second);
        self.moved_by_bridge(first, second);
        let at = self.soon() + self.faults.next_bridge_delay();
        self.timers.set(at, Due::Bridge(first));
        true
    }

    /// Sets the variables by which each channel shows what moved it last.
    fn moved_by_bridge(&mut self, a: Key, b: Key) {
        let seconds = self.micros() / 1_000_000;
        let uuid = |key| self.channel(key).map(|channel| channel.uuid.to_string());
        let (Some(first), Some(second)) = (uuid(a), uuid(b)) else { return };
        for (key, own, other) in [(a, &first, &second), (b, &second, &first)] {
            if let Some(channel) = self.channel_mut(key) {
                channel.variables.set("transfer_source", &format!("{seconds}:{own}:uuid_br:{other}"));
            }
        }
    }

    /// `intercept [-bleg] UUID`: connects this channel with the named one, or with the partner of that
    /// (switch_ivr_bridge.c, `switch_ivr_intercept_session`).
    pub fn intercept(&mut self, key: Key, data: &str) {
        let wanted = match data.strip_prefix("-bleg ") {
            None => self.locate(data),
            Some(leg) => self.locate(leg).and_then(|leg| self.partner(leg)),
        };
        let uuid = |key| self.channel(key).map(|channel| channel.uuid.to_string());
        let (Some(own), Some(other)) = (uuid(key), wanted.and_then(uuid)) else { return };
        self.answer(key);
        self.uuid_bridge(&own, &other);
    }

    /// The channel with which a channel is connected, or for which it was rung (switch_channel.c,
    /// `switch_channel_get_partner_uuid`).
    fn partner(&self, key: Key) -> Option<Key> {
        let channel = self.channel(key)?;
        match channel.bridge {
            Some(bridge) => Some(bridge.with),
            None => self.locate(channel.variables.get("signal_bond")?),
        }
    }

    /// Interrupts two channels.
    fn tear_out(&mut self, a: Key, b: Key) {
        self.leave_for_another(a, b);
        self.leave_for_another(b, a);
        self.know_each_other(a, b);
        for key in [a, b] {
            self.forget_reset(key);
            self.unwind(key);
            self.set_state(key, State::Hibernate);
            self.set_state(key, State::Reset);
            self.set_state(key, State::SoftExecute);
        }
    }

    /// Ends the bridge to a former partner. If it was built, the partner is hung up; if not, the partner is forgotten.
    fn leave_for_another(&mut self, key: Key, new: Key) {
        let Some(bridge) = self.channel_mut(key).and_then(|channel| channel.bridge.take()) else { return };
        if bridge.with == new {
            return;
        }
        if bridge.built {
            if bridge.originator {
                self.unbridged(key, bridge.with);
            } else {
                self.unbridged(bridge.with, key);
            }
            self.release(bridge.with);
            self.hangup(bridge.with, "NORMAL_CLEARING");
        } else {
            self.leave_over(bridge.with);
        }
    }

    /// Leaves a channel that was interrupted and will not be bridged.
    pub fn leave_over(&mut self, key: Key) {
        if let Some(channel) = self.channel_mut(key) {
            channel.bridge = None;
            channel.zombie = true;
        }
    }

    pub fn know_each_other(&mut self, a: Key, b: Key) {
        let (Some(first), Some(second)) = (self.channel(a), self.channel(b)) else { return };
        let other = |channel: &Channel, role| {
            Box::new(Other { uuid: channel.uuid, name: channel.name.clone(), text: other_leg(channel, role) })
        };
        let (of_a, of_b) = (other(second, "originatee"), other(first, "originator"));
        for (key, with, other, originator) in [(a, b, of_a, true), (b, a, of_b, false)] {
            if let Some(channel) = self.channel_mut(key) {
                channel.other = Some(other);
                channel.bridge = Some(Bridge { with, originator, built: false });
                channel.zombie = false;
            }
        }
    }

    /// Builds the bridge after both sessions have noticed.
    pub fn build_bridge(&mut self, a: Key) {
        let Some(Bridge { with: b, originator: true, built: false }) = self.channel(a).and_then(|a| a.bridge)
        else {
            return;
        };
        if self.channel(a).is_none_or(Channel::is_down) {
            return;
        }
        if self.channel(b).is_none_or(Channel::is_down) {
            self.release(a);
            self.hangup(a, "DESTINATION_OUT_OF_ORDER");
            return;
        }
        for (key, other) in [(a, b), (b, a)] {
            let other = self.channel(other).map(|channel| channel.uuid.to_string()).unwrap_or_default();
            self.emit_with(
                key,
                Kind::EXECUTE,
                &[],
                &[("Application", "uuid_bridge"), ("Application-Data", &other)],
            );
        }
        self.talk(a, b);
    }

    /// The two channels hear each other from now on.
    pub fn talk(&mut self, a: Key, b: Key) {
        let micros = self.micros();
        for key in [a, b] {
            if let Some(channel) = self.channel_mut(key) {
                channel.stamps.bridged = micros;
                channel.bridge.as_mut().into_iter().for_each(|bridge| bridge.built = true);
            }
        }
        self.emit_bridge(a, b, Kind::BRIDGE);
        self.set_state(b, State::ExchangeMedia);
        self.counts.bridges += 1;
        self.begin_talk(a, b);
        self.begin_talk(b, a);
        self.run_session(a);
        self.run_session(b);
    }

    fn emit_bridge(&mut self, a: Key, b: Key, kind: Kind) {
        let uuid = |key| self.channel(key).map(|channel| channel.uuid.to_string()).unwrap_or_default();
        let (first, second) = (uuid(a), uuid(b));
        self.emit_with(a, kind, &[("Bridge-A-Unique-ID", &first), ("Bridge-B-Unique-ID", &second)], &[]);
    }

    /// Starts what the person at the phone does in a talk.
    fn begin_talk(&mut self, key: Key, with: Key) {
        let contact = match self.channel_mut(with).and_then(Channel::leg) {
            Some(leg) => leg.contact.clone(),
            None => self.channel(with).map(|channel| channel.number.to_string()).unwrap_or_default(),
        };
        self.note(key, Happening::Talked(contact));
        let now = self.now;
        let Some(channel) = self.channel_mut(key) else { return };
        if let Some(span) = channel.caller().and_then(|caller| caller.script.talk) {
            self.timers.set(now + span, Due::Caller(key, CallerAct::EndsTalk));
        } else if let Some(leg) = channel.leg() {
            let span = match &leg.behaviour.talk {
                Talk::UntilCallerLeaves => return,
                Talk::HangsUpAfter(span) | Talk::TransfersAfter(span, _) => *span,
            };
            self.timers.set(now + span, Due::Agent(key, AgentAct::EndsTalk));
        }
    }

    /// Sends UNBRIDGE on the originator.
    pub fn unbridged(&mut self, a: Key, b: Key) {
        self.emit_bridge(a, b, Kind::UNBRIDGE);
        self.release(a);
        self.note(a, Happening::TalkEnded);
        self.note(b, Happening::TalkEnded);
    }

    /// Forgets the partner, without an event.
    pub fn release(&mut self, key: Key) {
        if let Some(channel) = self.channel_mut(key) {
            channel.bridge = None;
        }
    }

    /// The other side of the talk has ended: the originator's variables say what follows.
    pub fn end_talk(&mut self, a: Key, cause: &str) {
        let Some(bridge) = self.channel(a).and_then(|channel| channel.bridge) else { return };
        self.unbridged(a, bridge.with);
        let Some(channel) = self.channel(a).filter(|channel| !channel.is_down()) else { return };
        let variables = &channel.variables;
        if variables.is_true("park_after_bridge") {
            self.park_after_bridge(a);
        } else if let Some(target) = variables.get("transfer_after_bridge").map(str::to_owned) {
            self.transfer(a, target.split(':').next().unwrap_or_default());
            self.run_session(a);
        } else if variables.is_true("hangup_after_bridge") {
            self.hangup(a, cause);
        } else {
            self.leave_talk(a);
        }
    }

    /// Continues the dialplan after a talk.
    pub fn leave_talk(&mut self, a: Key) {
        let in_app = self
            .channel(a)
            .and_then(|a| a.running.last())
            .is_some_and(|run| matches!(run.what, What::Bridge { .. }));
        if in_app {
            self.finish(a, None, true);
        } else {
            self.set_state(a, State::Execute);
        }
        if self.channel_mut(a).and_then(Channel::caller).is_some_and(|caller| caller.impatient) {
            self.caller_hangs_up(a);
        }
        self.run_session(a);
    }

    fn park_after_bridge(&mut self, key: Key) {
        self.unwind(key);
        self.set_state(key, State::Park);
        if let Some(channel) = self.channel_mut(key) {
            channel.controlled = true;
        }
        self.emit(key, Kind::PARK);
    }

    /// Sends a channel to an extension. Its partner is hung up, unless the partner is the originator of the bridge.
    pub fn transfer(&mut self, key: Key, extension: &str) {
        let seconds = self.micros() / 1_000_000;
        let Some(channel) = self.channel_mut(key) else { return };
        let bridge = channel.bridge.take();
        channel.destination = extension.into();
        let source = format!("{seconds}:{}:bl_xfer:{extension}", channel.uuid);
        channel.variables.set("transfer_source", &source);
        if let Some(Bridge { with, originator, built }) = bridge {
            self.release(with);
            if built {
                self.hangup(with, "NORMAL_CLEARING");
                if let Some(channel) = self.channel_mut(key) {
                    channel.other = None;
                }
                if originator {
                    self.emit_bridge(key, with, Kind::UNBRIDGE)
                } else {
                    self.emit_bridge(with, key, Kind::UNBRIDGE)
                }
                self.note(key, Happening::TalkEnded);
            }
        }
        self.note(key, Happening::Transferred(extension.to_owned()));
        self.forget_reset(key);
        self.unwind(key);
        let script = self.extension(extension);
        if let Some(channel) = self.channel_mut(key) {
            channel.script = script;
            channel.other = None;
        }
        self.set_callstate(key, Callstate::Ringing);
        self.set_state(key, State::Routing);
        self.set_callstate(key, Callstate::Active);
        self.set_state(key, State::Execute);
    }

    /// Cancels CS_RESET, since another state replaces it.
    fn forget_reset(&mut self, key: Key) {
        if let Some(channel) = self.channel_mut(key).filter(|channel| channel.resetting) {
            (channel.resetting, channel.controlled) = (false, false);
        }
    }

    /// The steps of an extension.
    pub fn extension(&self, extension: &str) -> Script {
        let app = |app: &str, data: &str| Step::App(app.to_owned(), data.to_owned());
        if self.settings.queues.contains(extension) {
            return Script::new(self.dialplan.clone());
        }
        let steps = match self.settings.extensions.get(extension) {
            // As in fs-dialplan/dozvon.xml.
            None if extension.starts_with("dozvon_survey_") => vec![
                app("set", "socket_resume=true"),
                app("socket", &format!("{} async full", self.settings.controllers.join("|"))),
                app("hangup", "NORMAL_CLEARING"),
            ],
            Some(actions) => actions.iter().map(|(name, data)| app(name, data)).collect(),
            None => vec![app("answer", ""), app("sleep", "2000"), app("hangup", "")],
        };
        Script::new(steps.into())
    }
}
