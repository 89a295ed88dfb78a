//! Notifications: who is told of an event, and how.
//!
//! In: events, stored by `store::outbox::emit` in the transaction in which they happened. Out: deliveries to the
//! destinations of `[notify]`, at least once, in order for each aggregate and destination. Failed deliveries are tried
//! again for days, then kept as dead for people to look at.
//!
//! `relay` leases due deliveries and gives each to a [`Channel`]. There is one file for each kind of channel; SMS have
//! two, a `gateway` with an HTTP API and a short message centre that speaks `smpp`. `patience` decides what follows a
//! failure, `message` finds the addresses, `strangers` decides whether an address that a stranger gave may be written
//! to, `http` is the client of all channels, `escape` escapes values in requests, `excerpt` shortens answers for people.

mod bucket;
pub mod channel;
pub mod crm;
mod escape;
mod excerpt;
pub mod gateway;
pub mod http;
pub mod mail;
pub mod message;
pub mod patience;
pub mod recipients;
pub mod relay;
pub mod smpp;
pub mod strangers;
pub mod templates;
pub mod trouble;
pub mod webhook;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use channel::{Channel, Delivering, Receipt};
pub use relay::{Outlet, Relay, RelayContext};
pub use trouble::Trouble;

use crate::clock::Clock;
use crate::config::notify::{Destination, Kind, Settings};
use crate::egress;
use crate::vital::Vital;

/// The relay's name in logs and metrics.
const RELAY: &str = "outbox";

/// A destination whose settings are wrong.
#[derive(Debug, thiserror::Error)]
#[error("destination {name}: {reason}; see [[notify.destinations]] in the settings")]
pub struct InvalidDestination {
    /// Its name.
    pub name: crate::ids::DestinationName,
    /// What is wrong.
    pub reason: String,
}

/// Makes the channel of each destination. Connections that stay open run in `tasks`, until all channels are dropped.
///
/// # Errors
/// [`InvalidDestination`] names the first that is wrong.
pub fn outlets(
    context: &RelayContext,
    lookup: &egress::Lookup,
    tasks: &TaskTracker,
) -> Result<Vec<Outlet>, InvalidDestination> {
    let maker = Maker::new(&context.settings, context.zone, context.clock, lookup, tasks);
    context.settings.destinations.iter().map(|to| maker.outlet(to)).collect()
}

/// Returns every destination whose channel cannot be made. With one of them a controller does not start.
#[must_use]
pub fn wrong_destinations(settings: &Settings, zone: chrono_tz::Tz, clock: Clock) -> Vec<InvalidDestination> {
    let (lookup, tasks) = (egress::system_lookup(), TaskTracker::new());
    let maker = Maker::new(settings, zone, clock, &lookup, &tasks);
    settings.destinations.iter().filter_map(|to| maker.outlet(to).err()).collect()
}

/// What channels are made of.
struct Maker<'a> {
    settings: &'a Settings,
    zone: chrono_tz::Tz,
    clock: Clock,
    lookup: &'a egress::Lookup,
    client: Arc<smpp::Client>,
}

impl<'a> Maker<'a> {
    fn new(
        settings: &'a Settings,
        zone: chrono_tz::Tz,
        clock: Clock,
        lookup: &'a egress::Lookup,
        tasks: &TaskTracker,
    ) -> Self {
        Self { settings, zone, clock, lookup, client: Arc::new(smpp::Client::new(&settings.smpp, tasks)) }
    }

    fn outlet(&self, to: &Destination) -> Result<Outlet, InvalidDestination> {
        let bad = |reason: String| InvalidDestination { name: to.name.clone(), reason };
        let channel = self.channel(to).map_err(bad)?;
        let timeout = to.timeout.unwrap_or(self.settings.timeout);
        Ok(Outlet { name: to.name.clone(), events: to.events.clone(), timeout, channel })
    }

    fn channel(&self, to: &Destination) -> Result<Arc<dyn Channel>, String> {
        let (settings, lookup) = (self.settings, self.lookup.clone());
        let templates = || templates::Templates::load(to, self.zone);
        Ok(match to.kind {
            Kind::Webhook => Arc::new(
                webhook::Webhook::new(settings, to, self.clock, lookup).map_err(|error| error.to_string())?,
            ),
            Kind::Email => {
                let (recipients, timeout) =
                    (recipients::Recipients::new(settings, to)?, to.timeout.unwrap_or(settings.timeout));
                Arc::new(mail::Post::new(&settings.mail, templates()?, recipients, timeout)?)
            }
            Kind::Sms | Kind::Telegram => {
                Arc::new(gateway::Gateway::new(settings, to, self.clock, lookup, templates()?)?)
            }
            Kind::Smpp => {
                let recipients = recipients::Recipients::new(settings, to)?;
                Arc::new(smpp::Centre::new(Arc::clone(&self.client), templates()?, recipients))
            }
        })
    }
}

/// Starts the relay in `tasks`, until `stop`. It delivers to the destinations of the settings, and to `crm` if there
/// is one. The [`tokio::sync::Notify`] that is returned wakes it for a new event; otherwise it polls.
///
/// # Errors
/// [`InvalidDestination`] names the first destination that is wrong.
pub fn start(
    context: RelayContext,
    crm: Option<Outlet>,
    vital: &Vital,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<Arc<Notify>, InvalidDestination> {
    let mut outlets = outlets(&context, &egress::system_lookup(), tasks)?;
    outlets.extend(crm);
    let relay = Relay::new(context, outlets, tasks.clone(), stop);
    let wake = relay.wake();
    vital.run(RELAY, tasks, relay.run(vital.beat(RELAY)));
    Ok(wake)
}
