//! A session's thread: runs applications, handles messages, continues the dialplan.
//!
//! An application that a message starts while another one runs is run inside that one. With `event-lock` no other
//! message is handled until it ends (docs/architecture/freeswitch.md, "Messages to a channel"). A break ends all
//! stacked applications. When nothing runs, the dialplan's next step follows; after the last, a hangup.

use std::time::Duration;

use super::channel::{Channel, From, Left, Message, Running, State, Step, What};
use super::core::{Core, Due};
use super::ids::Key;
use super::kind::Kind;
use super::story::Happening;

/// A repeated application that took less than this is not repeated again (switch_ivr.c, `parse_event`).
const TOO_QUICK: Duration = Duration::from_millis(500);

impl Core {
    /// Runs a session until it waits for something.
    pub fn run_session(&mut self, key: Key) {
        loop {
            let Some(channel) = self.channel_mut(key) else { return };
            if channel.is_down() {
                return;
            }
            if is_let_go(channel) {
                self.finish(key, None, false);
            } else if channel.hears_messages() && !channel.messages.is_empty() {
                let message = channel.messages.pop_front();
                self.obey(key, message);
            } else if channel.running.is_empty()
                && channel.state == State::Execute
                && channel.bridge.is_none()
            {
                self.next_step(key);
            } else if !self.take_key(key) {
                break;
            }
        }
        self.go_on(key);
    }

    fn obey(&mut self, key: Key, message: Option<Message>) {
        match message {
            Some(Message::Execute { app, data, uuid, lock, loops }) => {
                self.pause(key);
                self.execute(key, &app, &data, uuid, From::Message { lock, loops });
            }
            Some(Message::Hangup { cause }) => self.hangup(key, &cause),
            None => {}
        }
    }

    fn next_step(&mut self, key: Key) {
        let dialplan = self.dialplan.clone();
        let Some(channel) = self.channel_mut(key) else { return };
        let script = channel.script.clone();
        channel.script.at += 1;
        match script.steps.get(script.at) {
            Some(Step::App(app, data)) => self.execute(key, app, data, None, From::Dialplan),
            Some(Step::Try) => {
                channel.variables.set("dozvon_state", "");
                channel.variables.set("dozvon_served", "");
            }
            Some(Step::Judge) => self.judge(key),
            Some(Step::Again) => {
                channel.script.steps = dialplan;
                channel.script.go_to(&Step::Try);
            }
            Some(Step::Fallback) => self.note(key, Happening::Fallback),
            Some(Step::Asked) => {
                if channel.variables.get("dozvon_state") != Some("ours") {
                    channel.script.go_to(&Step::PassOn);
                }
            }
            Some(Step::PassOn) => self.pass_on(key),
            None => self.hangup(key, "NORMAL_CLEARING"),
        }
    }

    /// Decides what becomes of a caller whom no controller has now.
    fn judge(&mut self, key: Key) {
        let now = self.now;
        let Self { settings, channels, .. } = self;
        let Some(channel) = channels.get_mut(&key) else { return };
        let state = channel.variables.get("dozvon_state").unwrap_or_default().to_owned();
        let connected = settings.socket_resume && channel.variables.get("socket_resume") == Some("false");
        if connected || settings.talk_states.contains(&state) {
            return self.hangup(key, "NORMAL_CLEARING");
        }
        if settings.refused_states.contains(&state) {
            return self.hangup(key, "NORMAL_CIRCUIT_CONGESTION");
        }
        if state == "extension" {
            let extension = channel.variables.get("dozvon_extension").unwrap_or_default().to_owned();
            return self.transfer(key, &extension);
        }
        let script = &mut channel.script;
        if channel.variables.is_true("dozvon_served") {
            (script.vain, script.vain_since) = (0, None);
        }
        script.vain += 1;
        let since = *script.vain_since.get_or_insert(now);
        let over = script.vain >= settings.attempts || now - since >= settings.patience;
        if over || !(state.is_empty() || settings.retry_states.contains(&state)) {
            script.go_to(&Step::Fallback);
        }
    }

    /// Decides what becomes of a call from an agent's phone that no controller has now.
    fn pass_on(&mut self, key: Key) {
        let Some(channel) = self.channel_mut(key) else { return };
        let state = channel.variables.get("dozvon_state").unwrap_or_default();
        let begun = channel.variables.get("socket_resume") == Some("false")
            || ["begun", "talked", "done"].contains(&state);
        if begun { self.hangup(key, "NORMAL_CLEARING") } else { self.note(key, Happening::PassedOn) }
    }

    /// Pauses the running application, since another one is run inside it.
    fn pause(&mut self, key: Key) {
        let now = self.now;
        let Some(run) = self.channels.get_mut(&key).and_then(|channel| channel.running.last_mut()) else {
            return;
        };
        if let Left::At(timer) = run.left {
            run.left = Left::Paused(timer.due().saturating_duration_since(now));
            self.timers.cancel(timer);
        }
    }

    /// Resumes the paused application.
    fn go_on(&mut self, key: Key) {
        let Some(run) = self.channels.get_mut(&key).and_then(|channel| channel.running.last_mut()) else {
            return;
        };
        if let Left::Paused(left) = run.left {
            run.left = Left::At(self.timers.set(self.now + left, Due::AppEnds(key, run.id)));
        }
    }

    /// Sets when the application on top ends by itself.
    pub fn ends_after(&mut self, key: Key, span: Duration) {
        let Some(run) = self.channels.get_mut(&key).and_then(|channel| channel.running.last_mut()) else {
            return;
        };
        run.left = Left::At(self.timers.set(self.now + span, Due::AppEnds(key, run.id)));
    }

    pub fn app_ends(&mut self, key: Key, id: u64) {
        let Some(run) = self.channel(key).and_then(|channel| channel.running.last()) else { return };
        if run.id != id {
            return;
        }
        let response = match &run.what {
            What::Play => Some("FILE PLAYED"),
            _ => None,
        };
        self.finish(key, response, false);
        self.run_session(key);
    }

    /// Ends the application on top, and runs it again if it is to be repeated.
    pub fn finish(&mut self, key: Key, response: Option<&'static str>, broken: bool) {
        let now = self.now;
        let Some(run) = self.pop(key, response) else { return };
        if matches!(run.what, What::Play) && !broken && response == Some("FILE PLAYED") {
            self.note(key, Happening::HeardOut(run.data.to_string()));
        }
        let again = match run.from {
            From::Message { lock, loops: None } => Some(From::Message { lock, loops: None }),
            From::Message { lock, loops: Some(left @ 1..) } => {
                Some(From::Message { lock, loops: Some(left - 1) })
            }
            From::Message { loops: Some(0), .. } | From::Dialplan => None,
        };
        let up = self.channel(key).is_some_and(|channel| !channel.is_down());
        if let Some(from) = again.filter(|_| up && !broken && now - run.began >= TOO_QUICK) {
            self.execute(key, &run.app, &run.data, Some(run.uuid), from);
        }
    }

    /// Removes the application on top and reports its end.
    fn pop(&mut self, key: Key, response: Option<&'static str>) -> Option<Running> {
        let channel = self.channels.get_mut(&key)?;
        let run = channel.running.pop()?;
        if response.is_some() {
            channel.response = response;
        }
        if let Left::At(timer) = run.left {
            self.timers.cancel(timer);
        }
        let by_itself = matches!(run.left, Left::At(timer) if timer.due() <= self.now);
        self.recorded(key, &run, by_itself);
        let channel = self.channels.get_mut(&key)?;
        if matches!(run.what, What::Socket { parked: true, .. } | What::Park) {
            channel.controlled = false;
            self.emit(key, Kind::UNPARK);
        }
        self.complete(key, &run);
        Some(run)
    }

    fn complete(&mut self, key: Key, run: &Running) {
        let response = self.channel(key).and_then(|channel| channel.response).unwrap_or("_none_");
        let headers = [
            ("Application", &*run.app),
            ("Application-Data", &*run.data),
            ("Application-Response", response),
            ("Application-UUID", &*run.uuid),
        ];
        let (first, rest) = headers.split_at(if run.data.is_empty() { 1 } else { 2 });
        let rest = &rest[usize::from(run.data.is_empty())..];
        self.emit_with(key, Kind::EXECUTE_COMPLETE, &[], &[first, rest].concat());
    }

    /// Ends all applications: the channel is down, or was interrupted.
    pub fn unwind(&mut self, key: Key) {
        while let Some(run) = self.channel(key).and_then(|channel| channel.running.last()) {
            let response = match run.what {
                What::Play => Some("PLAYBACK ERROR"),
                _ => None,
            };
            if let Some(Running { what: What::Bridge { leg }, .. }) = self.pop(key, response) {
                self.abandon_leg(leg);
            }
        }
    }

    /// `uuid_break`: ends the playback on top and, with `all`, the applications stacked below it.
    pub fn break_off(&mut self, key: Key, all: bool) {
        if let Some(channel) = self.channel_mut(key).filter(|_| all) {
            channel.messages.clear();
        }
        while let Some(run) = self.channel(key).and_then(|channel| channel.running.last()) {
            let response = match run.what {
                What::Play => Some("FILE PLAYED"),
                What::Sleep | What::Digits { .. } | What::Record { .. } => None,
                What::Socket { .. } | What::Park | What::Bridge { .. } => break,
            };
            let by_message = run.from != From::Dialplan;
            self.finish(key, response, true);
            if !by_message {
                break;
            }
        }
        self.run_session(key);
    }

    /// Queues a message for a session, as `sendmsg` and `uuid_broadcast` do; false if its queue is full.
    pub fn post(&mut self, key: Key, message: Message) -> bool {
        const QUEUE: usize = 256;
        let Some(channel) = self.channel_mut(key) else { return false };
        if channel.messages.len() >= QUEUE {
            return false;
        }
        channel.messages.push_back(message);
        true
    }
}

/// Whether the channel is parked for a controller that is gone.
fn is_let_go(channel: &Channel) -> bool {
    let parked =
        channel.running.last().is_some_and(|run| matches!(run.what, What::Socket { parked: true, .. }));
    parked && !channel.controlled
}
