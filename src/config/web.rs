//! The section `[web]`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// The port for forms and programs: strangers may reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// The address for forms and programs. Strangers may reach it.
    pub listen: SocketAddr,
    /// The most connections at one time. Further connections wait until one ends.
    pub max_connections: usize,
    /// The most connections from one address at one time. Further connections are closed. An IPv6 /64 network counts as
    /// one address; a /56 network may have twice as many connections, a /48 network four times as many. The networks of
    /// `[requests] trusted_proxies` may have more.
    pub max_connections_per_address: usize,
    /// How long the head of a request may take to arrive. After that, the connection is closed.
    #[serde(with = "duration::Timeout")]
    pub header_timeout: Duration,
    /// How long a connection may last. The request in progress has another `header_timeout` to end.
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
