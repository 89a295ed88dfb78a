//! The seam between the relay and whatever carries an event to somebody: a web address, a mail server, a CRM.

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

use super::Trouble;
use crate::event::Delivery;
use crate::missed::outgoing::Medium;

/// What came of a delivery that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It arrived; what the other side said.
    Done(String),
    /// It must not, or need not, be told there; why.
    Skipped(String),
}

/// A delivery under way.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<Receipt, Trouble>> + Send + 'a>>;

/// What carries events to one destination. It is called several times at once, but for one thing (and recipient) one
/// after the other. It may be dropped at any point when the process stops, and is then called again.
pub trait Channel: std::fmt::Debug + Send + Sync {
    /// To whom an event goes: a delivery for each, in any order. One without a name unless the channel tells people
    /// apart. None: nobody there can be told, which is recorded.
    fn recipients(&self, kind: &str, data: &Value) -> Vec<String> {
        let _ = (kind, data);
        vec![String::new()]
    }

    /// By what it would write to somebody whom a stranger named, if it would: then the policy for that is asked first.
    fn to_stranger(&self, delivery: &Delivery) -> Option<Medium> {
        let _ = delivery;
        None
    }

    /// Delivers, once.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a>;
}
