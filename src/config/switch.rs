//! The section `[switch]`: addresses and limits of the connections with FreeSWITCH.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::duration;
use crate::ids::NodeName;

/// How dozvon and FreeSWITCH connect. In a file, times are written as `5s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The address to which the `socket` application of the dialplan connects.
    pub listen: SocketAddr,
    /// The networks from which FreeSWITCH may connect. Every host there can place calls, so allow only what is needed.
    pub allow: Vec<IpNet>,
    /// The most sockets of callers at one time. Callers who talk need none. Further callers go to the dialplan's fallback
    /// at once.
    pub max_connections: usize,
    /// The most connections at one time that have not yet sent the data of their caller. After a restart, all callers
    /// come back at once.
    pub max_handshakes: usize,
    /// How long a connection may take to send the data of its caller.
    #[serde(with = "duration::Timeout")]
    pub handshake_timeout: Duration,
    /// How long FreeSWITCH may take to answer a command on a caller's socket.
    #[serde(with = "duration::Timeout")]
    pub command_timeout: Duration,
    /// How long FreeSWITCH keeps a caller's socket open after the hangup, to send the last events.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { 10 * duration::MINUTE }>")]
    pub linger: Duration,
    /// How often dozvon asks on a silent caller's socket whether the caller is still there.
    #[serde(with = "duration::Interval")]
    pub keepalive_interval: Duration,
    /// The FreeSWITCH nodes on which agents are rung.
    pub nodes: Vec<NodeSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8084),
            allow: loopback(),
            max_connections: 4096,
            max_handshakes: 1024,
            handshake_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            nodes: Vec::new(),
        }
    }
}

impl Settings {
    /// Whether a host at `address` may connect.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow.iter().any(|network| network.contains(&address))
    }
}

fn loopback() -> Vec<IpNet> {
    ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok()).collect()
}

/// The event socket of one FreeSWITCH, and its timeouts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// The name of the node in tables, metrics and messages.
    pub name: NodeName,
    /// The host name or address of the event socket.
    pub host: String,
    /// The port of the event socket.
    pub port: u16,
    /// The password of the event socket.
    pub password: String,
    /// The first wait before a new connection. It doubles with every failure.
    #[serde(with = "duration::Interval")]
    pub reconnect_min: Duration,
    /// The longest wait before a new connection.
    #[serde(with = "duration::Interval")]
    pub reconnect_max: Duration,
    /// How long connecting and logging in may take.
    #[serde(with = "duration::Timeout")]
    pub connect_timeout: Duration,
    /// How long FreeSWITCH may take to answer a command on the event socket.
    #[serde(with = "duration::Timeout")]
    pub command_timeout: Duration,
    /// The time without a heartbeat after which a warning is logged. FreeSWITCH sends one every 20 s.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub heartbeat_timeout: Duration,
    /// The time without any event after which the link counts as dead.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub link_timeout: Duration,
    /// How often dozvon asks FreeSWITCH for events while somebody waits for one: a phone rings, a leg is being ended, or
    /// callers wait for agents who talk. FreeSWITCH by itself sends events every 20 ms. `0s`: dozvon does not ask.
    #[serde(with = "duration::Within::<0, { duration::SECOND }>")]
    pub poll_interval: Duration,
    /// The most connections on which phones are rung, one for each phone that rings. FreeSWITCH keeps 1.6 MB for each. Further
    /// phones are rung by background jobs: an answer is heard up to 20 ms later there. `0`: background jobs alone.
    pub originate_connections: usize,
    /// Not used: events do not wait any more. Files of older versions have it.
    #[serde(skip_serializing)]
    pub event_queue: usize,
    /// The most commands that may wait on one link.
    pub command_queue: usize,
    /// How often dozvon looks up a leg that sends no events, in case an event was lost.
    #[serde(with = "duration::Interval")]
    pub leg_check_interval: Duration,
    /// How long a leg may be missing in FreeSWITCH before it counts as ended.
    #[serde(with = "duration::Within::<100, { duration::HOUR }>")]
    pub leg_loss_timeout: Duration,
    /// How long FreeSWITCH keeps an answered leg that nobody connects, in case the controller has died.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub park_timeout: Duration,
    /// How long an agent has to press 1 after picking up, where that is required. This time does not count as ringing.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub confirm_timeout: Duration,
    /// Not used: `confirm_sound` in `[callback]` asks for the key. Files of older versions have it.
    #[serde(skip_serializing)]
    pub confirm_file: String,
}

impl Default for NodeSettings {
    fn default() -> Self {
        let name = "freeswitch".parse::<NodeName>();
        #[expect(clippy::expect_used, reason = "a constant that a test parses")]
        let name = name.expect("a fit name");
        Self {
            name,
            host: "127.0.0.1".into(),
            port: 8021,
            password: "ClueCon".into(),
            reconnect_min: Duration::from_millis(200),
            reconnect_max: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(5),
            heartbeat_timeout: Duration::from_secs(45),
            link_timeout: Duration::from_secs(70),
            poll_interval: Duration::from_millis(5),
            originate_connections: 32,
            event_queue: 65_536,
            command_queue: 4096,
            leg_check_interval: Duration::from_secs(30),
            leg_loss_timeout: Duration::from_secs(30),
            park_timeout: Duration::from_secs(15),
            confirm_timeout: Duration::from_secs(10),
            confirm_file: String::new(),
        }
    }
}

impl std::fmt::Debug for NodeSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeSettings")
            .field("name", &self.name)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_need_be_said_and_nothing_unknown_is_taken() {
        let settings: Settings = toml::from_str("").unwrap();
        assert_eq!(settings, Settings::default());
        let some = "handshake_timeout = \"250ms\"\n[[nodes]]\nname = \"two\"\nleg_loss_timeout = \"100ms\"\n";
        let settings: Settings = toml::from_str(some).unwrap();
        assert_eq!(settings.handshake_timeout, Duration::from_millis(250));
        assert_eq!(settings.nodes[0].name.as_str(), "two");
        assert_eq!(settings.nodes[0].port, 8021);
        assert!(toml::from_str::<Settings>("handshake_timeout = 5").is_err());
    }

    #[test]
    fn only_listed_networks_are_let_in() {
        let settings = Settings::default();
        for good in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(settings.allows(good.parse().unwrap()), "{good}");
        }
        for bad in ["10.0.0.1", "128.0.0.1", "::2", "::ffff:10.0.0.1"] {
            assert!(!settings.allows(bad.parse().unwrap()), "{bad}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        assert!(!format!("{:?}", NodeSettings::default()).contains("ClueCon"));
    }
}
