//! What the dispatcher and its offers work with.

use std::sync::Arc;

use crate::clock::Clock;
use crate::dispatch::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::store::Store;

/// What the dispatcher and its offers work with.
#[derive(Debug, Clone)]
pub struct Tools {
    /// What time it is.
    pub clock: Clock,
    /// Where claims are made.
    pub store: Store,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// This process, as it signs its offers.
    pub controller: String,
    /// Who looks after which offer.
    pub in_flight: InFlight,
}
