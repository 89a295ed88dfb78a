//! The section `[status]`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// The port for Prometheus and load balancers: `/metrics`, `/healthz`, `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// The address for Prometheus and load balancers: `/metrics`, `/healthz`, `/readyz`. Keep strangers away from it.
    pub listen: SocketAddr,
    /// Whether the web port serves these pages, too. The next release serves them here only.
    pub on_web_port: bool,
    /// The most connections at one time.
    pub max_connections: usize,
    /// The shortest time between two checks that the database commits, however often `/readyz` is asked.
    #[serde(with = "duration::Within::<{ duration::HEARD }, { duration::MINUTE }>")]
    pub database_check_interval: Duration,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8088)),
            on_web_port: false,
            max_connections: 64,
            database_check_interval: Duration::from_secs(1),
        }
    }
}
