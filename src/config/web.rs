//! The section `[web]`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// The port for forms and programs: strangers may reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Where it listens. Default 127.0.0.1:8087.
    pub listen: SocketAddr,
    /// Connections at one time; further ones wait until one of these ends. Default 512: the descriptors of the process
    /// are for calls.
    pub max_connections: usize,
    /// Connections of one network address (an IPv6 network of 64 bits) at one time; further ones are closed at once. An
    /// IPv6 network of 56 bits may have twice as many, one of 48 bits four times, but at most half of all; the networks of
    /// `[requests] trusted_proxies` may have more. Default 64.
    pub max_connections_per_address: usize,
    /// How long the head of a request may take to come, from when it is waited for; a connection without one is closed.
    /// Default 10 s.
    #[serde(with = "duration::Timeout")]
    pub header_timeout: Duration,
    /// How long a connection may last; the request that is under way then has another `header_timeout` to end, as
    /// answers have that nobody reads. Default 2 min.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::DAY }>")]
    pub max_connection_age: Duration,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8087)),
            max_connections: 512,
            max_connections_per_address: 64,
            header_timeout: Duration::from_secs(10),
            max_connection_age: Duration::from_mins(2),
        }
    }
}
