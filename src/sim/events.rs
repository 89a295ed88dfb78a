//! Events: their subscribers, and their text.
//!
//! In: a kind, the channel it is about, headers of its own. Out: one frame that all subscribers share; none without
//! subscribers.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt::Write as _;

use chrono::DateTime;
use smallvec::SmallVec;
use uuid::Uuid;

use super::channel::Channel;
use super::connection::Format;
use super::core::Core;
use super::ids::{Conn, Key};
use super::kind::{Kind, Kinds};
use super::template::{self, Profile};
use super::wire::{self, Frame};

/// Headers of a single event.
pub(super) type Headers<'a> = &'a [(&'a str, &'a str)];

/// The subject of an event.
struct Subject<'a> {
    kind: Kind,
    channel: Option<&'a Channel>,
    before: Headers<'a>,
    after: Headers<'a>,
    body: Option<&'a str>,
}

/// The second channel of a bridge, whose subscribers get the event too.
fn side_b(headers: Headers<'_>) -> Option<Uuid> {
    headers
        .iter()
        .find(|(name, _)| *name == "Bridge-B-Unique-ID")
        .and_then(|(_, uuid)| Uuid::try_parse(uuid).ok())
}

impl Core {
    /// Sends an event of a channel.
    pub fn emit(&mut self, key: Key, kind: Kind) {
        self.emit_with(key, kind, &[], &[]);
    }

    /// Sends an event of a channel with further headers before and after the channel's.
    pub fn emit_with(&mut self, key: Key, kind: Kind, before: Headers<'_>, after: Headers<'_>) {
        self.sequence += 1;
        self.hear(key);
        let Some(channel) = self.channels.get(&key) else { return };
        let hearers = self.hearers(kind, [Some(channel.uuid), side_b(before)]);
        if !hearers.is_empty() {
            let subject = Subject { kind, channel: Some(channel), before, after, body: None };
            self.dates = dates(self.wall.0, std::mem::take(&mut self.dates));
            let frames = self.frames(&subject, Some(channel.uuid), &hearers);
            self.deliver(frames);
        }
    }

    /// Sends an event without a channel; `owner` is the channel whose socket asked for it.
    pub fn emit_plain(&mut self, kind: Kind, owner: Option<Uuid>, headers: Headers<'_>, body: Option<&str>) {
        self.sequence += 1;
        let hearers = self.hearers(kind, [owner, None]);
        if !hearers.is_empty() {
            let subject = Subject { kind, channel: None, before: headers, after: &[], body };
            self.dates = dates(self.wall.0, std::mem::take(&mut self.dates));
            let frames = self.frames(&subject, owner, &hearers);
            self.deliver(frames);
        }
    }

    /// All data of a channel, as `connect` and `uuid_dump` return it.
    pub fn channel_data(&mut self, key: Key, with_profile: bool) -> String {
        self.sequence += 1;
        self.dates = dates(self.wall.0, std::mem::take(&mut self.dates));
        let Some(channel) = self.channel(key) else { return String::new() };
        let mut out = Vec::with_capacity(10_000);
        self.head(&mut out, Kind::CHANNEL_DATA);
        if with_profile {
            template::profile(&mut out, channel, Profile::Channel);
        }
        channel_text(&mut out, channel, Kind::CHANNEL_DATA);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Returns the connections that subscribe to the kind and may get these channels' events.
    fn hearers(&self, kind: Kind, uuids: [Option<Uuid>; 2]) -> SmallVec<[Conn; 4]> {
        let narrow = uuids.iter().flatten().filter_map(|uuid| self.narrow.get(uuid)).flatten();
        let mut all: SmallVec<[Conn; 4]> = self.wide.iter().chain(narrow).copied().collect();
        all.retain(|conn| self.connections.get(conn).is_some_and(|c| c.listening && c.kinds.has(kind)));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Makes the frames for connections whose filters let the event pass.
    fn frames(
        &self,
        subject: &Subject<'_>,
        uuid: Option<Uuid>,
        hearers: &[Conn],
    ) -> SmallVec<[(Conn, Frame); 4]> {
        let text = OnceCell::new();
        let whole = || text.get_or_init(|| self.text(subject)).as_str();
        let (mut plain, mut json): (Option<Frame>, Option<Frame>) = (None, None);
        let mut frames = SmallVec::new();
        for conn in hearers {
            let Some(connection) = self.connections.get(conn) else { continue };
            let mine = !connection.myevents || connection.session == uuid;
            let job = connection.myevents && subject.channel.is_none() && connection.session == uuid;
            if !mine || !(job || connection.filters.pass(|name| find(subject, name, whole))) {
                continue;
            }
            let frame = match connection.format {
                Format::Plain => plain.get_or_insert_with(|| wire::event("plain", whole().as_bytes())),
                Format::Json => {
                    json.get_or_insert_with(|| wire::event("json", template::to_json(whole()).as_bytes()))
                }
            };
            frames.push((*conn, frame.clone()));
        }
        frames
    }

    fn text(&self, subject: &Subject<'_>) -> String {
        let mut out = Vec::with_capacity(12_000);
        self.head(&mut out, subject.kind);
        for (name, value) in subject.before {
            template::header(&mut out, name, value);
        }
        if let Some(channel) = subject.channel {
            channel_text(&mut out, channel, subject.kind);
        }
        for (name, value) in subject.after {
            template::header(&mut out, name, value);
        }
        if let Some(body) = subject.body {
            out.extend_from_slice(format!("Content-Length: {}\n\n{body}", body.len()).as_bytes());
        } else {
            out.push(b'\n');
        }
        // everything is encoded in ASCII, except for the body, which is text
        String::from_utf8(out).unwrap_or_default()
    }

    fn head(&self, out: &mut Vec<u8>, kind: Kind) {
        let (file, function, line) = kind.source();
        template::header(out, "Event-Name", kind.name());
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(self.dates.1.as_bytes());
        let rest = format!(
            "Event-Date-Timestamp: {}\nEvent-Calling-File: {file}\nEvent-Calling-Function: {function}\n\
             Event-Calling-Line-Number: {line}\nEvent-Sequence: {}\n",
            self.micros(),
            self.sequence
        );
        out.extend_from_slice(rest.as_bytes());
    }

    /// Recomputes whose events a connection can get.
    pub fn rescope(&mut self, conn: Conn) {
        self.unscope(conn);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let filtered = || {
            let channels = connection.filters.channels()?;
            Some(channels.filter_map(|text| Uuid::try_parse(text).ok()).collect())
        };
        let scope: Option<SmallVec<[Uuid; 1]>> =
            if connection.myevents { Some(connection.session.into_iter().collect()) } else { filtered() };
        match &scope {
            None => self.wide.push(conn),
            Some(uuids) => uuids.iter().for_each(|uuid| self.narrow.entry(*uuid).or_default().push(conn)),
        }
        connection.scope = scope;
    }

    /// Forgets whose events a connection gets.
    pub fn unscope(&mut self, conn: Conn) {
        self.wide.retain(|known| *known != conn);
        let scope = self.connections.get_mut(&conn).and_then(|connection| connection.scope.take());
        for uuid in scope.into_iter().flatten() {
            if let Some(conns) = self.narrow.get_mut(&uuid) {
                conns.retain(|known| *known != conn);
                if conns.is_empty() {
                    self.narrow.remove(&uuid);
                }
            }
        }
    }

    /// Sends HEARTBEAT.
    pub fn beat(&mut self) {
        use super::core::Due;
        let up_ms = u64::try_from((self.now - self.started).as_millis()).unwrap_or(u64::MAX);
        let sessions = self.channels.values().filter(|channel| !channel.is_down()).count().to_string();
        self.heartbeat = Some(self.timers.set(self.now + self.settings.heartbeat, Due::Heartbeat));
        let since_startup = (self.counts.callers + self.counts.legs).to_string();
        self.emit_plain(
            Kind::HEARTBEAT,
            None,
            &[
                ("Event-Info", "System Ready"),
                ("Up-Time", &template::uptime(up_ms)),
                ("FreeSWITCH-Version", super::api::VERSION),
                ("Uptime-msec", &up_ms.to_string()),
                ("Session-Count", &sessions),
                ("Max-Sessions", "5000"),
                ("Session-Per-Sec", "1000"),
                ("Session-Per-Sec-Last", "4"),
                ("Session-Per-Sec-Max", "82"),
                ("Session-Per-Sec-FiveMin", "50"),
                ("Session-Since-Startup", &since_startup),
                ("Session-Peak-Max", &self.counts.channels_peak.to_string()),
                ("Session-Peak-FiveMin", &self.counts.channels_peak.to_string()),
                ("Idle-CPU", "98.633333"),
            ],
            None,
        );
    }
}

/// State, profile, the other side, variables.
fn channel_text(out: &mut Vec<u8>, channel: &Channel, kind: Kind) {
    template::basic(out, channel);
    template::profile(out, channel, Profile::Caller);
    if let Some(other) = &channel.other {
        out.extend_from_slice(&other.text);
    }
    if !kind.is_brief() {
        template::variables(out, channel);
    }
}

/// The other side's headers, as a bridge's channels carry them.
pub(super) fn other_leg(channel: &Channel, role: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1_400);
    template::header(&mut out, "Other-Type", role);
    template::profile(&mut out, channel, Profile::OtherLeg);
    out
}

/// Finds a header of an event by name. The whole text is made only if there is no shorter way.
fn find<'a>(subject: &Subject<'a>, name: &str, whole: impl Fn() -> &'a str) -> Option<Cow<'a, str>> {
    if name.eq_ignore_ascii_case("Event-Name") {
        return Some(Cow::Borrowed(subject.kind.name()));
    }
    let own = subject.before.iter().chain(subject.after).find(|(own, _)| own.eq_ignore_ascii_case(name));
    if let Some((_, value)) = own {
        return Some(Cow::Borrowed(value));
    }
    let channel = subject.channel?;
    if name.eq_ignore_ascii_case("Unique-ID") {
        return Some(Cow::Owned(channel.uuid.to_string()));
    }
    if let Some(variable) = name.strip_prefix("variable_") {
        if subject.kind.is_brief() {
            return None;
        }
        if let Some(value) = channel.variables.get(variable) {
            return Some(Cow::Borrowed(value));
        }
        if !template::knows_variable(variable) {
            return None;
        }
    }
    let mut lines = whole().lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| template::decode(value))
}

/// The two date headers, made anew when the second has changed.
fn dates(now_ms: i64, known: (i64, String)) -> (i64, String) {
    let second = now_ms.div_euclid(1000);
    if known.0 == second && !known.1.is_empty() {
        return known;
    }
    let local = template::stamp(second * 1_000_000);
    let gmt = DateTime::from_timestamp(second, 0)
        .unwrap_or_default()
        .format("%a,%%20%d%%20%b%%20%Y%%20%H%%3A%M%%3A%S%%20GMT");
    let mut text = format!("Event-Date-Local: {local}\n");
    // writing into a string cannot fail
    let _ = writeln!(text, "Event-Date-GMT: {gmt}");
    (second, text)
}

impl Kinds {
    /// Parses a list of names; unknown names are left out. Returns nothing if no name is known.
    pub fn of(names: &str) -> Option<Self> {
        let kinds = names.split(' ').filter(|name| !name.is_empty()).filter_map(|name| {
            if name.eq_ignore_ascii_case("ALL") {
                Some(Self::ALL)
            } else {
                Kind::named(name).map(|k| Self::NONE.with(k))
            }
        });
        kinds.reduce(Self::and)
    }
}
