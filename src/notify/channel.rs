//! What the relay expects of everything that delivers events: webhooks, mail, SMS, a CRM.

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

use super::Trouble;
use crate::event::Delivery;
use crate::missed::outgoing::Medium;

/// The result of a delivery that needs no further try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It arrived; holds the answer.
    Done(String),
    /// It must not, or need not, be delivered; holds the reason.
    Skipped(String),
}

/// A delivery under way.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<Receipt, Trouble>> + Send + 'a>>;

/// Delivers events to one destination. Calls run in parallel, except that events of one aggregate to one recipient
/// come one after the other. A call may be dropped at any point when the process stops; the delivery is then made
/// again.
pub trait Channel: std::fmt::Debug + Send + Sync {
    /// Returns the recipients of an event: each gets a delivery of its own, in any order. A channel that does not
    /// distinguish people returns one empty name. If there is none, the delivery is recorded as skipped.
    fn recipients(&self, kind: &str, data: &Value) -> Vec<String> {
        let _ = (kind, data);
        vec![String::new()]
    }

    /// The medium, if the delivery goes to an address that a stranger gave. Then the limits for such messages are
    /// checked first.
    fn to_stranger(&self, delivery: &Delivery) -> Option<Medium> {
        let _ = delivery;
        None
    }

    /// Makes one try.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a>;
}
