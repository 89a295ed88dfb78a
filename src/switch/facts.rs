//! What the channel's data say about a caller, parsed and checked once.

use crate::ids::{CallId, ChannelId, CoreId};

use super::dialplan_files::SURVEY;
use super::text;

/// The longest value that is read, in bytes as sent.
const VALUE_BYTES: usize = 2048;

/// What dozvon reads from a channel's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFacts {
    /// The caller's channel.
    pub channel: ChannelId,
    /// The run of FreeSWITCH that has the channel.
    pub core: CoreId,
    /// The caller's number as the carrier sends it; printable, at most 64 characters, perhaps empty.
    pub caller_number: String,
    /// The caller's name; letters, digits and ` . - _`, at most 64 characters, perhaps empty.
    pub caller_name: String,
    /// The number that was called; printable, at most 64 characters.
    pub dialled: String,
    /// Whether the caller's number is to be hidden.
    pub privacy: bool,
    /// `dozvon_handset`: the user who registered the phone at which an agent dials; printable, at most 64 characters.
    pub handset: Option<String>,
    /// `dozvon_state`: why the caller was handed back to the dialplan before; printable, at most 64 characters.
    pub state: Option<String>,
    /// Where the call comes from: the peer's address, after the gateway if there is one (`trunk@192.0.2.7`). A caller may name
    /// any gateway, so the name alone proves nothing. Printable, at most 128 characters.
    pub came_by: Option<String>,
}

/// Why channel data cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidFacts {
    /// It is not an answer to `connect`.
    #[error("this is not FreeSWITCH's answer to connect: let only FreeSWITCH connect to this port")]
    NotChannelData,
    /// The channel's or the core's identity is missing or no uuid.
    #[error("the channel's data have no valid {0}")]
    NoIdentity(&'static str),
    /// The `socket` application was called without `async full`.
    #[error(
        "the socket is not asynchronous with full control: write `socket` with `async full` in the dialplan"
    )]
    WrongMode,
}

/// The values that are read, still encoded.
#[derive(Default)]
struct Raw<'a> {
    event: &'a str,
    content: &'a str,
    mode: &'a str,
    control: &'a str,
    channel: &'a str,
    core: &'a str,
    number: &'a str,
    name: &'a str,
    dialled: &'a str,
    privacy: &'a str,
    handset: &'a str,
    state: &'a str,
    gateway: &'a str,
    peer: &'a str,
}

impl<'a> Raw<'a> {
    fn read(block: &'a str) -> Self {
        let mut raw = Self::default();
        for line in block.lines() {
            let Some((key, value)) = line.split_once(": ") else { continue };
            let Some(field) = raw.field(key) else { continue };
            if field.is_empty() && value != "_undef_" {
                *field = value;
            }
        }
        raw
    }

    fn field(&mut self, key: &str) -> Option<&mut &'a str> {
        Some(match key {
            "Event-Name" => &mut self.event,
            "Content-Type" => &mut self.content,
            "Socket-Mode" => &mut self.mode,
            "Control" => &mut self.control,
            "Unique-ID" => &mut self.channel,
            "Core-UUID" => &mut self.core,
            "Caller-Caller-ID-Number" => &mut self.number,
            "Caller-Caller-ID-Name" => &mut self.name,
            "Caller-Destination-Number" => &mut self.dialled,
            "Caller-Privacy-Hide-Number" => &mut self.privacy,
            "variable_dozvon_handset" => &mut self.handset,
            "variable_dozvon_state" => &mut self.state,
            "variable_sip_gateway" => &mut self.gateway,
            "variable_sip_network_ip" => &mut self.peer,
            _ => return None,
        })
    }
}

impl ChannelFacts {
    /// The call after whose talk the caller is back for a survey. None for any other caller.
    #[must_use]
    pub fn after_talk(&self) -> Option<CallId> {
        self.dialled.strip_prefix(SURVEY)?.parse().ok()
    }

    /// Reads the header block with which FreeSWITCH answers `connect`.
    pub(super) fn read(block: &str) -> Result<Self, InvalidFacts> {
        let raw = Raw::read(block);
        if raw.event != "CHANNEL_DATA" || raw.content != "command/reply" {
            return Err(InvalidFacts::NotChannelData);
        }
        if raw.mode != "async" || raw.control != "full" {
            return Err(InvalidFacts::WrongMode);
        }
        let decoded = |value: &str| text::percent_decoded(value, VALUE_BYTES);
        let line = |value: &str, max| text::printable(&decoded(value), max);
        let some = |value: &str, max| Some(line(value, max)).filter(|text| !text.is_empty());
        Ok(Self {
            channel: raw.channel.parse().map_err(|_| InvalidFacts::NoIdentity("Unique-ID"))?,
            core: raw.core.parse().map_err(|_| InvalidFacts::NoIdentity("Core-UUID"))?,
            caller_number: line(raw.number, text::FIELD_CHARS),
            caller_name: text::name(&decoded(raw.name)),
            dialled: line(raw.dialled, text::FIELD_CHARS),
            privacy: raw.privacy == "true",
            handset: some(raw.handset, text::FIELD_CHARS),
            state: some(raw.state, text::FIELD_CHARS),
            came_by: match (some(raw.gateway, text::FIELD_CHARS), some(raw.peer, text::FIELD_CHARS - 1)) {
                (Some(gateway), Some(peer)) => Some(format!("{gateway}@{peer}")),
                (gateway, peer) => gateway.or(peer),
            },
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const RECORDING: &str = include_str!("../../tests/transcripts/answered.esl");

    /// What a real FreeSWITCH answered `connect` with, line by line as recorded.
    pub fn recorded() -> String {
        let start = RECORDING.find("Event-Name: CHANNEL_DATA").unwrap();
        let end = RECORDING[start..].find("\n\n").unwrap();
        format!("{}\n\n", &RECORDING[start..start + end])
    }

    fn with(key: &str, value: &str) -> String {
        let line = |l: &str| {
            if l.starts_with(&format!("{key}: ")) { format!("{key}: {value}\n") } else { format!("{l}\n") }
        };
        let mut text: String = recorded().trim_end().lines().map(line).collect();
        if !text.contains(&format!("\n{key}: ")) {
            text.push_str(&format!("{key}: {value}\n"));
        }
        text
    }

    #[test]
    fn a_real_channel_is_read() {
        let facts = ChannelFacts::read(&recorded()).unwrap();
        assert_eq!(facts.channel.to_string(), "870cd5e5-d93e-4b5e-a916-60f61eca20a9");
        assert_eq!(facts.core.to_string(), "3b97a2b2-df8d-4c22-9b73-085c71a8c30b");
        assert_eq!((facts.caller_number.as_str(), facts.caller_name.as_str()), ("79001234567", "Ivan"));
        assert_eq!((facts.dialled.as_str(), facts.privacy, facts.state), ("7001", false, None));
        assert_eq!(facts.came_by.as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn a_call_comes_over_its_gateway_else_from_its_address() {
        let came_by = |text: &str| ChannelFacts::read(text).unwrap().came_by;
        assert_eq!(came_by(&with("variable_sip_gateway", "trunk%201")).as_deref(), Some("trunk 1@127.0.0.1"));
        assert_eq!(came_by(&with("variable_sip_network_ip", "2001:db8::1")).as_deref(), Some("2001:db8::1"));
        assert_eq!(came_by(&with("variable_sip_network_ip", "")), None);
        assert_eq!(came_by(&with("variable_sip_gateway", &"g".repeat(200))).unwrap().len(), 74);
    }

    #[test]
    fn bad_names_and_numbers_do_no_harm() {
        let name =
            |value: &str| ChannelFacts::read(&with("Caller-Caller-ID-Name", value)).unwrap().caller_name;
        assert_eq!(name("%D0%98%D0%B2%D0%B0%D0%BD"), "Иван");
        assert_eq!(name("%22Bob%22%20%24%7Bexpr(1)%7D%0D%0Aapi%20x"), "Bob expr 1 api x");
        assert_eq!(name("%FF%FE"), "");
        assert_eq!(name("%00%27,%5D%7B"), "");
        assert_eq!(name(&"A".repeat(4096)).len(), 64);
        let number = |v: &str| ChannelFacts::read(&with("Caller-Caller-ID-Number", v)).unwrap().caller_number;
        assert_eq!(number("anonymous"), "anonymous");
        assert_eq!(number("%2B7%0A900"), "+7 900");
        assert_eq!(number("_undef_"), "");
        assert_eq!(number(&"9".repeat(4096)).len(), 64);
        type Of = fn(ChannelFacts) -> String;
        let lines: [(&str, usize, Of); 2] = [
            ("Caller-Destination-Number", 64, |facts| facts.dialled),
            ("variable_dozvon_state", 64, |facts| facts.state.unwrap_or_default()),
        ];
        for (key, chars, of) in lines {
            let value = |value: &str| of(ChannelFacts::read(&with(key, value)).unwrap());
            assert_eq!(value("7001%0D%0A%0Aapi%20x%00%1B%5B31m"), "7001   api x  [31m", "{key}");
            assert_eq!(value("%E2%80%AE1007%E2%80%A8%D8%9C%EF%BB%BF"), "1007", "{key}");
            assert_eq!(value("%FF%FE7"), "\u{fffd}\u{fffd}7", "{key}");
            assert_eq!((value("_undef_"), value("%0A%20%0D")), (String::new(), String::new()), "{key}");
            assert_eq!(value(&"%D1%8F".repeat(200)).chars().count(), chars, "{key}");
        }
    }

    #[test]
    fn what_is_no_channel_is_refused() {
        assert_eq!(ChannelFacts::read("HTTP/1.1 200 OK\r\n"), Err(InvalidFacts::NotChannelData));
        assert_eq!(ChannelFacts::read(&with("Socket-Mode", "static")), Err(InvalidFacts::WrongMode));
        assert_eq!(ChannelFacts::read(&with("Control", "single-channel")), Err(InvalidFacts::WrongMode));
        assert_eq!(ChannelFacts::read(&with("Unique-ID", "1")), Err(InvalidFacts::NoIdentity("Unique-ID")));
    }
}
