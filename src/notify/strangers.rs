//! The limits for messages to addresses that a stranger gave: the number of a caller, the address in a form.
//!
//! In: a delivery, the rules, the counts of the store. Out: whether the message may be sent now. The limits are
//! checked at every try, so that they also hold for events from before a stricter rule, and for retries by hand.

use std::sync::Arc;

use tokio::sync::watch;

use crate::event::Delivery;
use crate::ids::QueueName;
use crate::missed::mailbox;
use crate::missed::outgoing::Medium;
use crate::phone::E164;
use crate::rules::Rules;
use crate::rules::destination;

/// Which addresses that strangers gave may be written to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Destinations {
    rules: watch::Receiver<Arc<Rules>>,
    home: crate::phone::Region,
}

impl Destinations {
    /// Checks by the current rules; `home` is the configured country.
    #[must_use]
    pub const fn new(rules: watch::Receiver<Arc<Rules>>, home: crate::phone::Region) -> Self {
        Self { rules, home }
    }

    /// Checks whether a delivery may go to its recipient: a number that the policy of the case's queue allows to dial,
    /// or a mailbox on the public internet.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, medium: Medium, delivery: &Delivery) -> Result<(), String> {
        let to = &delivery.recipient;
        if medium == Medium::Letter {
            return if mailbox::is_public(to) {
                Ok(())
            } else {
                Err("the address is not a mailbox on the public internet".to_owned())
            };
        }
        let number: E164 = to.parse().map_err(|bad: crate::phone::InvalidNumber| bad.to_string())?;
        let queue: Option<QueueName> = delivery.data["queue"].as_str().and_then(|name| name.parse().ok());
        let policy = self.rules.borrow().policy(queue.as_ref());
        destination::check(&number, &policy.destinations, policy.premium, self.home)
            .map_err(|barred| format!("policy {}: {barred}", policy.name))
    }
}
