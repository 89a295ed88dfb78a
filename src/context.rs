//! What the life of a call, of a callback and of a page works with: the [`App`], put together once by
//! [`app`](crate::app) and passed down.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Settings;
use crate::dispatch::callbacks_under_way::CallbacksUnderWay;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::in_flight::InFlight;
use crate::dispatch::trunks::Trunks;
use crate::metrics::Metrics;
use crate::rules::Rules;
use crate::store::Store;
use crate::store::callbacks::Terms;
use crate::store::recovery::OpenCall;
use crate::switch::Nodes;
use crate::vital::Vital;

/// What every call works with.
#[derive(Debug, Clone)]
pub struct App {
    /// The process's settings.
    pub settings: Arc<Settings>,
    /// What time it is.
    pub clock: Clock,
    /// What must not be lost.
    pub store: Store,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The rules of the moment.
    pub rules: watch::Receiver<Arc<Rules>>,
    /// Who rings for whom.
    pub dispatcher: Dispatcher,
    /// The FreeSWITCH nodes.
    pub nodes: Nodes,
    /// Who looks after which call, and who is expected back.
    pub in_flight: InFlight,
    /// Who is being called back.
    pub callbacks: CallbacksUnderWay,
    /// Over what customers are dialled.
    pub trunks: Trunks,
    /// The tasks that everything depends on.
    pub vital: Vital,
    /// Cancelled when waiting callers are to be handed back to the dialplan.
    pub draining: CancellationToken,
}

impl App {
    /// A caller who waits has lost his line to us: the dialplan should bring him back.
    pub fn expect_back(&self, call: OpenCall) {
        let patience = self.settings.dialplan.retry_time + self.settings.calls.return_timeout;
        self.in_flight.expect_back(call, Instant::now() + patience);
    }

    /// The rules of the house for calling back, as they are now.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms::of(&self.settings, self.rules())
    }

    /// The rules as they are now.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.borrow())
    }
}
