//! The text of events: recordings of FreeSWITCH 1.11.1, cut once into pieces and gaps.
//!
//! In: a channel. Out: the headers of its events, as many and as long as the recorded ones, since benches also measure
//! the cost of decoding them. Making an event copies pieces: it takes a few microseconds, and nothing is stored per
//! channel.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use chrono::DateTime;

use super::channel::{Channel, Role};

/// Writes a value as FreeSWITCH does (switch_utils.c, `switch_url_encode`), including its flaw: text that looks
/// encoded already is not encoded again.
pub(super) fn encode(out: &mut Vec<u8>, value: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for (at, &byte) in value.iter().enumerate() {
        let encoded =
            byte == b'%' && value.get(at + 1..at + 3).is_some_and(|two| two.iter().all(|b| HEX.contains(b)));
        let plain = (b' '..=b'~').contains(&byte) && !b" #%&+:;<=>?@[\\]^`{|}\"".contains(&byte);
        if plain || encoded {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// Decodes a value.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|two| u8::from_str_radix(two, 16).ok());
        match hex.filter(|_| byte == b'%') {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// One header.
pub(super) fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    encode(out, value.as_bytes());
    out.push(b'\n');
}

/// Writes one gap of a text.
type Fill = fn(&mut Vec<u8>, &Channel);

enum Piece {
    Text(String),
    Gap(Fill),
}

/// A text with gaps.
pub(super) struct Template(Vec<Piece>);

impl Template {
    fn new(text: &'static str, prefix: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        for line in text.lines() {
            plain.push_str(prefix);
            let mut rest = line;
            while let Some((before, gap, after)) = next_gap(rest) {
                plain.push_str(before);
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Gap(filler(gap)));
                rest = after;
            }
            plain.push_str(rest);
            plain.push('\n');
        }
        pieces.push(Piece::Text(plain));
        Self(pieces)
    }

    fn fill(&self, out: &mut Vec<u8>, channel: &Channel) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Gap(fill) => fill(out, channel),
            }
        }
    }
}

fn next_gap(line: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let (before, rest) = line.split_once('{')?;
    let (gap, after) = rest.split_once('}')?;
    Some((before, gap, after))
}

macro_rules! text {
    ($file:literal) => {
        include_str!(concat!("templates/", $file, ".txt"))
    };
}

struct Texts {
    basic: Template,
    codec: Template,
    caller: [Template; 3],
    leg: [Template; 3],
    caller_variables: Template,
    caller_media: Template,
    leg_variables: Template,
    leg_ringing: Template,
    leg_media: Template,
    bridged: Template,
    end: Template,
}

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    let profiles = |text| ["Caller-", "Channel-", "Other-Leg-"].map(|prefix| Template::new(text, prefix));
    Texts {
        basic: Template::new(text!("basic"), ""),
        codec: Template::new(text!("codec"), ""),
        caller: profiles(text!("profile_caller")),
        leg: profiles(text!("profile_leg")),
        caller_variables: Template::new(text!("caller"), ""),
        caller_media: Template::new(text!("caller_media"), ""),
        leg_variables: Template::new(text!("leg"), ""),
        leg_ringing: Template::new(text!("leg_ringing"), ""),
        leg_media: Template::new(text!("leg_media"), ""),
        bridged: Template::new(text!("bridged"), ""),
        end: Template::new(text!("end"), ""),
    }
});

/// The variables that the texts hold, without `variable_`.
static KNOWN: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let texts =
        [text!("caller"), text!("caller_media"), text!("leg"), text!("leg_ringing"), text!("leg_media")];
    let more = [text!("bridged"), text!("end")];
    let lines = texts.into_iter().chain(more).flat_map(str::lines);
    lines.filter_map(|line| line.strip_prefix("variable_")?.split_once(':')).map(|(name, _)| name).collect()
});

/// Whether a variable of that name may be in a channel's texts.
pub(super) fn knows_variable(name: &str) -> bool {
    KNOWN.contains(name)
}

/// The prefix of a profile's headers.
#[derive(Clone, Copy)]
pub(super) enum Profile {
    Caller = 0,
    Channel = 1,
    OtherLeg = 2,
}

/// State, name, answer state, codecs.
pub(super) fn basic(out: &mut Vec<u8>, channel: &Channel) {
    TEXTS.basic.fill(out, channel);
    if let Some(cause) = &channel.cause {
        header(out, "Hangup-Cause", cause);
    }
    if channel.has_media() || matches!(channel.role, Role::Caller(_)) && channel.hit_dialplan {
        TEXTS.codec.fill(out, channel);
    }
}

/// The channel's profile under one of its prefixes.
pub(super) fn profile(out: &mut Vec<u8>, channel: &Channel, prefix: Profile) {
    let profiles = match channel.role {
        Role::Caller(_) => &TEXTS.caller,
        Role::Leg(_) => &TEXTS.leg,
    };
    profiles[prefix as usize].fill(out, channel);
}

/// Every variable.
pub(super) fn variables(out: &mut Vec<u8>, channel: &Channel) {
    let texts = &*TEXTS;
    match channel.role {
        Role::Caller(_) => {
            texts.caller_variables.fill(out, channel);
            if channel.has_media() {
                texts.caller_media.fill(out, channel);
            }
        }
        Role::Leg(_) => {
            texts.leg_variables.fill(out, channel);
            if channel.stamps.progress > 0 || channel.has_media() {
                texts.leg_ringing.fill(out, channel);
            }
            if channel.has_media() {
                texts.leg_media.fill(out, channel);
            }
        }
    }
    if channel.other.is_some() {
        texts.bridged.fill(out, channel);
    }
    for (name, value) in channel.variables.iter() {
        out.extend_from_slice(b"variable_");
        header(out, name, value);
    }
    if channel.is_reported() {
        texts.end.fill(out, channel);
    }
}

/// Seconds as FreeSWITCH writes them in events: `2026-11-23%2009%3A51%3A55`.
pub(super) fn stamp(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .format("%Y-%m-%d%%20%H%%3A%M%%3A%S")
        .to_string()
}

/// Returns the function that fills the gap with this name.
fn filler(gap: &str) -> Fill {
    time_filler(gap).unwrap_or_else(|| text_filler(gap))
}

fn time_filler(gap: &str) -> Option<Fill> {
    Some(match gap {
        "created" => |out, c| number(out, c.stamps.created),
        "answered" => |out, c| number(out, c.stamps.answered),
        "progress" => |out, c| number(out, c.stamps.progress),
        "progress_media" => |out, c| number(out, c.stamps.progress_media),
        "hangup" => |out, c| number(out, c.stamps.hangup),
        "bridged" => |out, c| number(out, c.stamps.bridged),
        "created_s" => |out, c| number(out, c.stamps.created / 1_000_000),
        "answered_s" => |out, c| number(out, c.stamps.answered / 1_000_000),
        "progress_s" => |out, c| number(out, c.stamps.progress / 1_000_000),
        "hangup_s" => |out, c| number(out, c.stamps.hangup / 1_000_000),
        "bridged_s" => |out, c| number(out, c.stamps.bridged / 1_000_000),
        "duration" => |out, c| number(out, c.stamps.lasted_since(c.stamps.created) / 1_000_000),
        "mduration" => |out, c| number(out, c.stamps.lasted_since(c.stamps.created) / 1_000),
        "uduration" => |out, c| number(out, c.stamps.lasted_since(c.stamps.created)),
        "billsec" => |out, c| number(out, c.stamps.lasted_since(c.stamps.answered) / 1_000_000),
        "billmsec" => |out, c| number(out, c.stamps.lasted_since(c.stamps.answered) / 1_000),
        "billusec" => |out, c| number(out, c.stamps.lasted_since(c.stamps.answered)),
        "start_stamp" => |out, c| out.extend_from_slice(stamp(c.stamps.created).as_bytes()),
        "answer_stamp" => |out, c| out.extend_from_slice(stamp(c.stamps.answered).as_bytes()),
        "bridge_stamp" => |out, c| out.extend_from_slice(stamp(c.stamps.bridged).as_bytes()),
        "end_stamp" => |out, c| out.extend_from_slice(stamp(c.stamps.hangup).as_bytes()),
        _ => return None,
    })
}

fn text_filler(gap: &str) -> Fill {
    match gap {
        "session" => |out, c| number(out, i64::try_from(c.key.0).unwrap_or_default()),
        "state_number" => |out, c| number(out, c.state.number()),
        "q850" => |out, c| number(out, q850(c.cause.as_deref().unwrap_or_default())),
        "uuid" => |out, c| uuid(out, c.uuid),
        "call_uuid" => |out, c| uuid(out, c.call_uuid()),
        "last_bridge" => |out, c| {
            if let Some(other) = c.other.as_ref().filter(|_| c.stamps.bridged > 0) {
                uuid(out, other.uuid);
            }
        },
        "other_uuid" => |out, c| uuid(out, c.other.as_ref().map(|other| other.uuid).unwrap_or_default()),
        "other_channel" => |out, c| {
            encode(out, c.other.as_ref().map(|other| other.name.as_bytes()).unwrap_or_default());
        },
        "tag" => |out, c| number(out, i64::from(c.uuid.as_fields().0)),
        "channel" => |out, c| encode(out, c.name.as_bytes()),
        "number" => |out, c| encode(out, c.number.as_bytes()),
        "name" => |out, c| encode(out, &c.caller_name),
        "destination" => |out, c| encode(out, c.destination.as_bytes()),
        "state" => |out, c| out.extend_from_slice(c.state.name().as_bytes()),
        "callstate" => |out, c| out.extend_from_slice(c.callstate.name().as_bytes()),
        "answer_state" => |out, c| out.extend_from_slice(c.answer_state().as_bytes()),
        "direction" => |out, c| out.extend_from_slice(c.direction().as_bytes()),
        "hit_dialplan" => |out, c| out.extend_from_slice(if c.hit_dialplan { b"true" } else { b"false" }),
        "privacy" => |out, c| out.extend_from_slice(if c.privacy { b"true" } else { b"false" }),
        "cause" => |out, c| out.extend_from_slice(c.cause.as_deref().unwrap_or_default().as_bytes()),
        "app" => |out, c| encode(out, c.last_app.0.as_bytes()),
        "app_data" => |out, c| encode(out, c.last_app.1.as_bytes()),
        unknown => {
            debug_assert!(false, "a text has a gap that nothing fills: {unknown}");
            |_, _| {}
        }
    }
}

fn number(out: &mut Vec<u8>, value: i64) {
    // writing into a vector cannot fail
    let _ = write!(out, "{value}");
}

/// The Q.850 number of the hangup causes that occur in calls through queues.
fn q850(cause: &str) -> i64 {
    match cause {
        "UNALLOCATED_NUMBER" => 1,
        "NO_ROUTE_DESTINATION" => 3,
        "USER_BUSY" => 17,
        "NO_USER_RESPONSE" => 18,
        "NO_ANSWER" => 19,
        "SUBSCRIBER_ABSENT" => 20,
        "CALL_REJECTED" => 21,
        "DESTINATION_OUT_OF_ORDER" => 27,
        "NORMAL_TEMPORARY_FAILURE" => 41,
        "ORIGINATOR_CANCEL" => 487,
        "LOSE_RACE" => 502,
        "ALLOTTED_TIMEOUT" => 602,
        _ => 16,
    }
}

fn uuid(out: &mut Vec<u8>, uuid: uuid::Uuid) {
    let mut buffer = uuid::Uuid::encode_buffer();
    out.extend_from_slice(uuid.as_hyphenated().encode_lower(&mut buffer).as_bytes());
}

/// The headers of an event's text as JSON, the way `event json` gives it.
pub(super) fn to_json(text: &str) -> String {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut json = serde_json::Map::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        json.insert(name.to_owned(), decode(value).into_owned().into());
    }
    if !body.is_empty() {
        json.insert("_body".to_owned(), body.into());
    }
    serde_json::Value::Object(json).to_string()
}

/// `0 years, 0 days, 0 hours, 38 minutes, …` of HEARTBEAT and `status`.
pub(super) fn uptime(millis: u64) -> String {
    let seconds = millis / 1000;
    let mut text = String::new();
    // writing into a string cannot fail
    let _ = write!(
        text,
        "0 years, {} days, {} hours, {} minutes, {} seconds, {} milliseconds, 0 microseconds",
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        millis % 1000
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_recorded() {
        for (plain, encoded) in [
            ("tone_stream://%(200,800,440);loops=-1", "tone_stream%3A//%25(200,800,440)%3Bloops%3D-1"),
            ("\"Ivan\" <sip:7@h>;x=y", "%22Ivan%22%20%3Csip%3A7%40h%3E%3Bx%3Dy"),
            ("FreeSWITCH/1.11.1+git~2026", "FreeSWITCH/1.11.1%2Bgit~2026"),
            ("Ия\n${x}", "%D0%98%D1%8F%0A$%7Bx%7D"),
        ] {
            let mut out = Vec::new();
            encode(&mut out, plain.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), encoded);
            assert_eq!(decode(encoded), plain);
        }
        let mut out = Vec::new();
        encode(&mut out, b"%41");
        assert_eq!(out, b"%41", "FreeSWITCH leaves alone what looks encoded");
    }

    #[test]
    fn an_event_can_be_json() {
        let json = to_json("Event-Name: BACKGROUND_JOB\nJob-Command-Arg: a%20b\nContent-Length: 4\n\n+OK\n");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["Job-Command-Arg"], "a b");
        assert_eq!(value["_body"], "+OK\n");
    }
}
