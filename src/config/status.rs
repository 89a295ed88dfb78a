//! The section `[status]`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// The port for those who watch us: `/metrics`, `/healthz`, `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// Where it listens. Default 127.0.0.1:8088: nobody outside of this machine.
    pub listen: SocketAddr,
    /// Whether the web port shows these pages, too, as it did before there was this one. Default no.
    pub on_web_port: bool,
    /// Connections at one time. Default 64.
    pub max_connections: usize,
    /// How often at most the database is asked whether it commits, however many ask `/readyz`. Default 1 s.
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
