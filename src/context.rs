//! The shared context of calls, callbacks and pages: the [`App`], made once by [`app`](crate::app) and passed down.

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
use crate::prompts::Prompts;
use crate::recordings::Recordings;
use crate::rules::Rules;
use crate::store::Store;
use crate::store::callbacks::CallbackRules;
use crate::store::recovery::OpenCall;
use crate::switch::Nodes;
use crate::vital::Vital;

/// The shared context.
#[derive(Debug, Clone)]
pub struct App {
    /// The settings.
    pub settings: Arc<Settings>,
    /// Tells the time.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The current rules.
    pub rules: watch::Receiver<Arc<Rules>>,
    /// Decides which agent is offered which caller.
    pub dispatcher: Dispatcher,
    /// The FreeSWITCH nodes.
    pub nodes: Nodes,
    /// Which task has which call, and which callers are expected back.
    pub in_flight: InFlight,
    /// The callbacks in progress.
    pub callbacks: CallbacksUnderWay,
    /// The trunks over which customers are dialled.
    pub trunks: Trunks,
    /// What FreeSWITCH plays for what callers are told.
    pub prompts: Arc<Prompts>,
    /// The messages of callers as files.
    pub recordings: Arc<Recordings>,
    /// The essential tasks.
    pub vital: Vital,
    /// Cancelled when waiting callers are to be handed back to the dialplan.
    pub draining: CancellationToken,
}

impl App {
    /// Notes that a waiting caller has lost the connection to the controller. The dialplan should bring the caller
    /// back.
    pub fn expect_back(&self, call: OpenCall) {
        let patience = self.settings.dialplan.retry_time + self.settings.calls.return_timeout;
        self.in_flight.expect_back(call, Instant::now() + patience);
    }

    /// The current rules for callbacks.
    #[must_use]
    pub fn callback_rules(&self) -> CallbackRules {
        CallbackRules::of(&self.settings, self.rules())
    }

    /// The current rules.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.borrow())
    }
}
