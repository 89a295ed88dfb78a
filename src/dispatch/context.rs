//! What the dispatcher and its offers share.

use std::sync::Arc;

use crate::clock::Clock;
use crate::dispatch::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::switch::Nodes;

/// What the dispatcher and its offers share.
#[derive(Debug, Clone)]
pub struct DispatchContext {
    /// The clock.
    pub clock: Clock,
    /// The database, which decides every claim.
    pub store: Store,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The name of this process on its offers.
    pub controller: String,
    /// The FreeSWITCH nodes, which are told whether somebody waits for the end of a talk.
    pub nodes: Nodes,
    /// The offers that this process is handling.
    pub in_flight: InFlight,
}
