//! Kinds of events: FreeSWITCH's names, and sets of them.

/// One kind of event, by its place in [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind(u8);

/// FreeSWITCH's names (switch_event.c, `EVENT_NAMES`), in its order.
const NAMES: [&str; 92] = [
    "CUSTOM",
    "CLONE",
    "CHANNEL_CREATE",
    "CHANNEL_DESTROY",
    "CHANNEL_STATE",
    "CHANNEL_CALLSTATE",
    "CHANNEL_ANSWER",
    "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_EXECUTE",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_HOLD",
    "CHANNEL_UNHOLD",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_OUTGOING",
    "CHANNEL_PARK",
    "CHANNEL_UNPARK",
    "CHANNEL_APPLICATION",
    "CHANNEL_ORIGINATE",
    "CHANNEL_UUID",
    "API",
    "LOG",
    "INBOUND_CHAN",
    "OUTBOUND_CHAN",
    "STARTUP",
    "SHUTDOWN",
    "PUBLISH",
    "UNPUBLISH",
    "TALK",
    "NOTALK",
    "SESSION_CRASH",
    "MODULE_LOAD",
    "MODULE_UNLOAD",
    "DTMF",
    "MESSAGE",
    "PRESENCE_IN",
    "NOTIFY_IN",
    "PRESENCE_OUT",
    "PRESENCE_PROBE",
    "MESSAGE_WAITING",
    "MESSAGE_QUERY",
    "ROSTER",
    "CODEC",
    "BACKGROUND_JOB",
    "DETECTED_SPEECH",
    "DETECTED_TONE",
    "PRIVATE_COMMAND",
    "HEARTBEAT",
    "TRAP",
    "ADD_SCHEDULE",
    "DEL_SCHEDULE",
    "EXE_SCHEDULE",
    "RE_SCHEDULE",
    "RELOADXML",
    "NOTIFY",
    "PHONE_FEATURE",
    "PHONE_FEATURE_SUBSCRIBE",
    "SEND_MESSAGE",
    "RECV_MESSAGE",
    "REQUEST_PARAMS",
    "CHANNEL_DATA",
    "GENERAL",
    "COMMAND",
    "SESSION_HEARTBEAT",
    "CLIENT_DISCONNECTED",
    "SERVER_DISCONNECTED",
    "SEND_INFO",
    "RECV_INFO",
    "RECV_RTCP_MESSAGE",
    "SEND_RTCP_MESSAGE",
    "CALL_SECURE",
    "NAT",
    "RECORD_START",
    "RECORD_STOP",
    "PLAYBACK_START",
    "PLAYBACK_STOP",
    "CALL_UPDATE",
    "FAILURE",
    "SOCKET_DATA",
    "MEDIA_BUG_START",
    "MEDIA_BUG_STOP",
    "CONFERENCE_DATA_QUERY",
    "CONFERENCE_DATA",
    "CALL_SETUP_REQ",
    "CALL_SETUP_RESULT",
    "CALL_DETAIL",
    "DEVICE_STATE",
    "TEXT",
    "SHUTDOWN_REQUESTED",
];

impl Kind {
    pub const CUSTOM: Self = Self(0);
    pub const CREATE: Self = Self(2);
    pub const DESTROY: Self = Self(3);
    pub const STATE: Self = Self(4);
    pub const CALLSTATE: Self = Self(5);
    pub const ANSWER: Self = Self(6);
    pub const HANGUP: Self = Self(7);
    pub const HANGUP_COMPLETE: Self = Self(8);
    pub const EXECUTE: Self = Self(9);
    pub const EXECUTE_COMPLETE: Self = Self(10);
    pub const BRIDGE: Self = Self(13);
    pub const UNBRIDGE: Self = Self(14);
    pub const PROGRESS: Self = Self(15);
    pub const PROGRESS_MEDIA: Self = Self(16);
    pub const OUTGOING: Self = Self(17);
    pub const PARK: Self = Self(18);
    pub const UNPARK: Self = Self(19);
    pub const ORIGINATE: Self = Self(21);
    pub const DTMF: Self = Self(36);
    pub const BACKGROUND_JOB: Self = Self(46);
    pub const HEARTBEAT: Self = Self(50);
    pub const CHANNEL_DATA: Self = Self(63);

    /// The kind with this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let at = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        u8::try_from(at).ok().map(Self)
    }

    /// FreeSWITCH's name of the kind.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("CUSTOM")
    }

    /// The source file, function and line in FreeSWITCH that events of this kind name.
    pub const fn source(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::CREATE => ("switch_core_state_machine.c", "switch_core_session_run", 626),
            Self::ORIGINATE => ("switch_core_state_machine.c", "switch_core_session_run", 632),
            Self::STATE | Self::CALLSTATE => {
                ("switch_channel.c", "switch_channel_perform_set_running_state", 2409)
            }
            Self::HANGUP_COMPLETE => {
                ("switch_core_state_machine.c", "switch_core_session_reporting_state", 943)
            }
            Self::EXECUTE | Self::EXECUTE_COMPLETE => {
                ("switch_core_session.c", "switch_core_session_exec", 2953)
            }
            Self::BRIDGE => ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1695),
            Self::UNBRIDGE => ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1884),
            Self::PARK => ("switch_ivr.c", "switch_ivr_park", 992),
            Self::UNPARK => ("switch_ivr.c", "switch_ivr_park", 1233),
            Self::DTMF => ("switch_channel.c", "switch_channel_dequeue_dtmf", 678),
            Self::BACKGROUND_JOB => ("mod_event_socket.c", "api_exec", 1569),
            Self::HEARTBEAT => ("switch_core.c", "send_heartbeat", 95),
            Self::CHANNEL_DATA => ("mod_event_socket.c", "parse_command", 2018),
            _ => ("switch_channel.c", "switch_channel_perform_event", 1),
        }
    }

    /// Whether events of this kind lack the channel's variables.
    pub const fn is_brief(self) -> bool {
        matches!(self, Self::STATE | Self::CALLSTATE | Self::DTMF)
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u128);

impl Kinds {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(u128::MAX);
    /// The kinds that `myevents` turns on (mod_event_socket.c, `parse_command`) and the stand-in sends.
    pub const MYEVENTS: Self = Self(
        1 << 2
            | 1 << 3
            | 1 << 4
            | 1 << 6
            | 1 << 7
            | 1 << 8
            | 1 << 9
            | 1 << 10
            | 1 << 13
            | 1 << 14
            | 1 << 15
            | 1 << 16
            | 1 << 17
            | 1 << 18
            | 1 << 19
            | 1 << 20
            | 1 << 21
            | 1 << 22
            | 1 << 31
            | 1 << 32
            | 1 << 36
            | 1 << 47
            | 1 << 63,
    );

    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind.0) != 0
    }

    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | (1 << kind.0))
    }

    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !(1 << kind.0))
    }

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_agree() {
        for (kind, name) in [
            (Kind::CUSTOM, "CUSTOM"),
            (Kind::CREATE, "CHANNEL_CREATE"),
            (Kind::UNBRIDGE, "CHANNEL_UNBRIDGE"),
            (Kind::ORIGINATE, "CHANNEL_ORIGINATE"),
            (Kind::DTMF, "DTMF"),
            (Kind::BACKGROUND_JOB, "BACKGROUND_JOB"),
            (Kind::HEARTBEAT, "HEARTBEAT"),
            (Kind::CHANNEL_DATA, "CHANNEL_DATA"),
        ] {
            assert_eq!(kind.name(), name);
            assert_eq!(Kind::named(&name.to_lowercase()), Some(kind));
        }
        let mine =
            ["TALK", "NOTALK", "DETECTED_SPEECH", "CHANNEL_STATE", "CHANNEL_UUID", "CHANNEL_APPLICATION"];
        assert!(mine.iter().all(|name| Kinds::MYEVENTS.has(Kind::named(name).unwrap())));
        let others = ["CHANNEL_HOLD", "CHANNEL_CALLSTATE", "CUSTOM", "BACKGROUND_JOB", "HEARTBEAT"];
        assert!(!others.iter().any(|name| Kinds::MYEVENTS.has(Kind::named(name).unwrap())));
        assert_eq!(Kinds::NONE.with(Kind::PARK).without(Kind::PARK), Kinds::NONE);
    }
}
