//! The applications that a channel can run.
//!
//! **Invariant:** an application that does not exist hangs the caller up, as in FreeSWITCH
//! (DESTINATION_OUT_OF_ORDER; docs/architecture/freeswitch.md, "Messages to a channel").

use std::time::Duration;

use super::channel::{Callstate, From, Left, Running, State, What};
use super::core::{Core, Due};
use super::ids::Key;
use super::kind::Kind;
use super::story::Happening;

/// The applications, and whether each needs media: if so, the caller is pre-answered first.
pub(super) const APPLICATIONS: [(&str, bool); 19] = [
    ("answer", false),
    ("bridge", false),
    ("export", false),
    ("hangup", false),
    ("intercept", false),
    ("log", false),
    ("park", false),
    ("play_and_get_digits", true),
    ("playback", true),
    ("record", true),
    ("pre_answer", false),
    ("respond", false),
    ("ring_ready", false),
    ("set", false),
    ("sleep", false),
    ("socket", false),
    ("transfer", false),
    ("unset", false),
    ("start_dtmf", false),
];

/// How long a sound is.
enum Length {
    Endless,
    Lasts(Duration),
    Missing,
}

impl Core {
    /// Runs an application. It is on top of the channel's stack until it ends.
    pub fn execute(&mut self, key: Key, app: &str, data: &str, uuid: Option<Box<str>>, from: From) {
        let Some((_, needs_media)) = APPLICATIONS.iter().find(|(name, _)| *name == app) else {
            self.hangup(key, "DESTINATION_OUT_OF_ORDER");
            return;
        };
        if *needs_media
            && self.channel(key).is_some_and(|channel| channel.is_caller() && !channel.has_media())
        {
            self.pre_answer(key);
        }
        let data = self.expand(key, data);
        let uuid = uuid.unwrap_or_else(|| self.new_uuid().to_string().into());
        let (id, began) = (self.next_serial(), self.now);
        let Some(channel) = self.channel_mut(key) else { return };
        channel.last_app = (app.into(), data.clone().into());
        channel.response = None;
        channel.variables.set("current_application", app);
        channel.variables.set("current_application_data", &data);
        let mut headers =
            vec![("Application", app), ("Application-Data", &*data), ("Application-UUID", &*uuid)];
        headers.retain(|(_, value)| !value.is_empty());
        self.emit_with(key, Kind::EXECUTE, &[], &headers);
        let (app_name, data_text) = (app.into(), data.clone().into());
        let run = Running {
            id,
            app: app_name,
            data: data_text,
            uuid,
            began,
            from,
            what: What::Sleep,
            left: Left::Never,
        };
        if let Some(channel) = self.channel_mut(key) {
            channel.running.push(run);
        }
        self.start(key, id, app, &data);
    }

    fn start(&mut self, key: Key, id: u64, app: &str, data: &str) {
        match app {
            "playback" => return self.play(key, data),
            "record" => return self.record(key, data),
            "sleep" => return self.ends_after(key, Duration::from_millis(data.trim().parse().unwrap_or(0))),
            "park" => return self.park(key, id),
            "socket" => return self.dial_socket(key, id, data),
            "bridge" => return self.dial_bridge(key, id, data),
            "play_and_get_digits" => return self.collect(key, data),
            "answer" => self.answer(key),
            "pre_answer" => self.pre_answer(key),
            "ring_ready" => self.emit(key, Kind::PROGRESS),
            "set" | "export" => self.set_variable(key, data),
            "unset" => self.set_variable(key, &format!("{data}=")),
            "hangup" => self.hangup(key, if data.is_empty() { "NORMAL_CLEARING" } else { data }),
            "respond" => self.respond(key, data),
            "transfer" => self.transfer(key, data.split(' ').next().unwrap_or_default()),
            "intercept" => self.intercept(key, data),
            _ => {}
        }
        // a hangup or a bridge has taken the application off the stack already
        if self.channel(key).and_then(|channel| channel.running.last()).is_some_and(|run| run.id == id) {
            self.finish(key, None, false);
        }
    }

    /// Expands variables in an argument. The stand-in counts such arguments, since a controller should send none.
    fn expand(&mut self, key: Key, data: &str) -> String {
        if !data.contains("${") {
            return data.to_owned();
        }
        self.counts.expansions += 1;
        let (mut out, mut rest) = (String::new(), data);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            out.push_str(before);
            out.push_str(
                self.channel(key).and_then(|channel| channel.variables.get(name)).unwrap_or_default(),
            );
            rest = after;
        }
        out + rest
    }

    fn set_variable(&mut self, key: Key, text: &str) {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if let Some(channel) = self.channel_mut(key) {
            channel.variables.set(name, value);
        }
    }

    pub fn answer(&mut self, key: Key) {
        let micros = self.micros();
        match self.channel_mut(key) {
            Some(channel) if !channel.is_answered() => channel.stamps.answered = micros,
            _ => return,
        }
        self.emit(key, Kind::ANSWER);
        self.set_callstate(key, Callstate::Active);
        self.note(key, Happening::Answered);
    }

    pub fn pre_answer(&mut self, key: Key) {
        let micros = self.micros();
        match self.channel_mut(key) {
            Some(channel) if !channel.has_media() => channel.stamps.progress_media = micros,
            _ => return,
        }
        self.emit(key, Kind::PROGRESS_MEDIA);
        self.set_callstate(key, Callstate::Early);
    }

    pub fn set_callstate(&mut self, key: Key, callstate: Callstate) {
        if let Some(channel) = self.channel_mut(key) {
            channel.callstate = callstate;
            self.emit(key, Kind::CALLSTATE);
        }
    }

    pub fn set_state(&mut self, key: Key, state: State) {
        if let Some(channel) = self.channel_mut(key) {
            channel.state = state;
            self.emit(key, Kind::STATE);
        }
    }

    fn play(&mut self, key: Key, source: &str) {
        let repeated = self
            .channel(key)
            .and_then(|channel| channel.running.last())
            .is_some_and(|run| matches!(run.from, From::Message { loops: None, .. }));
        if let Some(run) = self.channel_mut(key).and_then(|channel| channel.running.last_mut()) {
            run.what = What::Play;
        }
        match self.length(source) {
            Length::Missing => self.finish(key, Some("FILE NOT FOUND"), true),
            Length::Endless => self.note(key, Happening::Music(source.to_owned())),
            Length::Lasts(span) => {
                let sound = source.to_owned();
                self.note(key, if repeated { Happening::Music(sound) } else { Happening::Message(sound) });
                self.ends_after(key, span);
            }
        }
    }

    fn length(&self, source: &str) -> Length {
        let millis = |text: &str| Duration::from_millis(text.parse().unwrap_or(500));
        if source.starts_with("local_stream://") || source.contains("loops=-1") {
            Length::Endless
        } else if let Some(silence) = source.strip_prefix("silence_stream://") {
            let span = silence.split(',').next().unwrap_or_default();
            if span.starts_with('-') { Length::Endless } else { Length::Lasts(millis(span)) }
        } else if let Some(tones) = source.strip_prefix("tone_stream://") {
            let loops = tones.split_once("loops=").and_then(|(_, n)| n.parse::<u32>().ok()).unwrap_or(1);
            let one =
                tones.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(one, _)| one);
            let mut parts = one.split(',').map(millis);
            Length::Lasts((parts.next().unwrap_or_default() + parts.next().unwrap_or_default()) * loops)
        } else if self.settings.missing_sounds.contains(source) {
            Length::Missing
        } else {
            Length::Lasts(self.settings.sounds.get(source).copied().unwrap_or(self.settings.sound))
        }
    }

    /// `park`, of an originated leg.
    fn park(&mut self, key: Key, id: u64) {
        let Some(channel) = self.channel_mut(key) else { return };
        channel.controlled = true;
        if let Some(run) = channel.running.last_mut() {
            run.what = What::Park;
        }
        self.limit_park(key, id);
        self.emit(key, Kind::PARK);
    }

    /// `park_timeout=SECONDS[:CAUSE]`, read once.
    pub fn limit_park(&mut self, key: Key, id: u64) {
        let Some(channel) = self.channels.get_mut(&key) else { return };
        let Some(limit) = channel.variables.get("park_timeout").map(str::to_owned) else { return };
        channel.variables.set("park_timeout", "");
        let (seconds, cause) = limit.split_once(':').unwrap_or((&limit, "NORMAL_CLEARING"));
        if let Ok(seconds) = seconds.parse() {
            self.timers.set(self.now + Duration::from_secs(seconds), Due::ParkLimit(key, id, cause.into()));
        }
    }

    pub fn park_limit(&mut self, key: Key, id: u64, cause: &str) {
        let run = self.channel(key).and_then(|channel| channel.running.last());
        if run.is_some_and(|run| run.id == id) {
            self.hangup(key, cause);
        }
    }

    /// `respond 486 Busy here`: a final answer instead of a call.
    fn respond(&mut self, key: Key, data: &str) {
        let code: u16 = data.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0);
        let cause = match code {
            404 => "UNALLOCATED_NUMBER",
            480 => "NO_USER_RESPONSE",
            486 => "USER_BUSY",
            403 | 603 => "CALL_REJECTED",
            503 => "NORMAL_TEMPORARY_FAILURE",
            300.. => "NORMAL_UNSPECIFIED",
            0..300 => return,
        };
        if self.channel(key).is_some_and(|channel| !channel.is_answered()) {
            self.hangup(key, cause);
        }
    }

    /// `play_and_get_digits MIN MAX TRIES TIMEOUT TERMINATORS FILE BAD_FILE VARIABLE …`: one try.
    fn collect(&mut self, key: Key, data: &str) {
        let words: Vec<&str> = data.split(' ').collect();
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let sound = match self.length(word(5)) {
            Length::Lasts(span) => span,
            Length::Endless | Length::Missing => Duration::ZERO,
        };
        let what = What::Digits {
            most: word(1).parse().unwrap_or(1),
            ends: word(4).chars().next().unwrap_or('#'),
            variable: word(7).into(),
            got: String::new(),
        };
        if let Some(run) = self.channel_mut(key).and_then(|channel| channel.running.last_mut()) {
            run.what = what;
        }
        self.note(key, Happening::Message(word(5).to_owned()));
        self.ends_after(key, sound + Duration::from_millis(word(3).parse().unwrap_or(5_000)));
    }
}

#[cfg(test)]
mod tests {
    use super::APPLICATIONS;

    #[test]
    fn every_application_is_listed_once() {
        let mut names: Vec<_> = APPLICATIONS.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), APPLICATIONS.len());
    }
}
