//! Who must be told, and how.
//!
//! In: events, kept by `store::outbox::emit` in the transaction in which they happened. Out: deliveries to the
//! destinations of `[notify]`, at least once, in order for each thing and destination, tried again for days, and
//! kept for people to look at when they were given up.
//!
//! `relay` leases what is due and hands it to a [`Channel`]: one file for each way to tell somebody (SMS have two: a
//! `gateway` that speaks HTTP, and a short message centre that speaks `smpp`). `patience` says
//! what follows a failure, `message` who is told, `strangers` whether somebody may be written to whom a stranger named, `guard` where we may connect to, `http` how (the CRM, too), `escape`
//! what keeps a value in its place, `excerpt` what of an answer people see.

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
pub mod people;
pub mod relay;
pub mod smpp;
pub mod strangers;
pub mod trouble;
pub mod webhook;
pub mod words;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use channel::{Channel, Delivering, Receipt};
pub use relay::{Outlet, Relay, Tools};
pub use trouble::Trouble;

use crate::clock::Clock;
use crate::config::notify::{Destination, Kind, Settings};
use crate::egress;
use crate::vital::Vital;

/// The task that tells, as people read it.
const RELAY: &str = "outbox";

/// A destination that cannot be told anything as it is.
#[derive(Debug, thiserror::Error)]
#[error("destination {name}: {reason}; see [[notify.destinations]] in the settings")]
pub struct BadDestination {
    /// Its name.
    pub name: crate::ids::DestinationName,
    /// What is wrong.
    pub reason: String,
}

/// Makes the channel of each destination. Lines that stay open are looked after in `tasks`, until nobody holds the
/// channels any more.
///
/// # Errors
/// [`BadDestination`] names the first that is wrong.
pub fn outlets(
    tools: &Tools,
    lookup: &egress::Lookup,
    tasks: &TaskTracker,
) -> Result<Vec<Outlet>, BadDestination> {
    let maker = Maker::new(&tools.settings, tools.zone, tools.clock, lookup, tasks);
    tools.settings.destinations.iter().map(|to| maker.outlet(to)).collect()
}

/// Every destination whose channel cannot be made: with one of them a controller does not start.
#[must_use]
pub fn wrong_destinations(settings: &Settings, zone: chrono_tz::Tz, clock: Clock) -> Vec<BadDestination> {
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
    line: Arc<smpp::Line>,
}

impl<'a> Maker<'a> {
    fn new(
        settings: &'a Settings,
        zone: chrono_tz::Tz,
        clock: Clock,
        lookup: &'a egress::Lookup,
        tasks: &TaskTracker,
    ) -> Self {
        Self { settings, zone, clock, lookup, line: Arc::new(smpp::Line::new(&settings.smpp, tasks)) }
    }

    fn outlet(&self, to: &Destination) -> Result<Outlet, BadDestination> {
        let bad = |reason: String| BadDestination { name: to.name.clone(), reason };
        let channel = self.channel(to).map_err(bad)?;
        let timeout = to.timeout.unwrap_or(self.settings.timeout);
        Ok(Outlet { name: to.name.clone(), events: to.events.clone(), timeout, channel })
    }

    fn channel(&self, to: &Destination) -> Result<Arc<dyn Channel>, String> {
        let (settings, lookup) = (self.settings, self.lookup.clone());
        let words = || words::Words::load(to, self.zone);
        Ok(match to.kind {
            Kind::Webhook => Arc::new(
                webhook::Webhook::new(settings, to, self.clock, lookup).map_err(|error| error.to_string())?,
            ),
            Kind::Email => {
                let (people, timeout) =
                    (people::People::new(settings, to)?, to.timeout.unwrap_or(settings.timeout));
                Arc::new(mail::Post::new(&settings.mail, words()?, people, timeout)?)
            }
            Kind::Sms | Kind::Telegram => {
                Arc::new(gateway::Gateway::new(settings, to, self.clock, lookup, words()?)?)
            }
            Kind::Smpp => {
                let people = people::People::new(settings, to)?;
                Arc::new(smpp::Centre::new(Arc::clone(&self.line), words()?, people))
            }
        })
    }
}

/// Begins to tell what is in the outbox, in `tasks`, until `stop`: to the destinations of the settings, and to `crm`, if
/// there is one. What it returns wakes it for an event that was kept
/// just now; without that it looks every so often.
///
/// # Errors
/// [`BadDestination`] names the first destination that is wrong.
pub fn start(
    tools: Tools,
    crm: Option<Outlet>,
    vital: &Vital,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<Arc<Notify>, BadDestination> {
    let mut outlets = outlets(&tools, &egress::system_lookup(), tasks)?;
    outlets.extend(crm);
    let relay = Relay::new(tools, outlets, tasks.clone(), stop);
    let wake = relay.wake();
    vital.run(RELAY, tasks, relay.run(vital.beat(RELAY)));
    Ok(wake)
}
