//! Delivers contacts from the outbox to the CRM, and assigns cases to the customer's owner.
//!
//! In: deliveries of the destination [`NAME`](crate::config::crm::NAME). Out: contacts in the CRM; the assignee of a
//! new case. Retries, order and dead deliveries are the relay's business.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Contact, Crm, Happening, TokenTable, read};
use crate::clock::{Clock, UnixMs};
use crate::config::crm::Settings;
use crate::event::{Delivery, EventKind};
use crate::ids::CaseId;
use crate::notify::{Channel, Delivering, Outlet, Receipt, Trouble};
use crate::rules::Rules;
use crate::store::callbacks::CallbackRules;
use crate::store::{Store, crm};

/// How long before the end of its lease a delivery must end, so that no other task takes it meanwhile.
const MARGIN: Duration = Duration::from_secs(5);

/// What the channel works with.
#[derive(Debug, Clone)]
pub struct CrmContext {
    /// The rows.
    pub store: Store,
    /// Tells the time.
    pub clock: Clock,
    /// The rules for callbacks, as they were at the start.
    pub callback_rules: CallbackRules,
    /// The current rules.
    pub rules: watch::Receiver<Arc<Rules>>,
}

/// Makes the destination of the CRM in the settings, if there is one. `lease` is how long a delivery may take: a
/// contact takes several requests, each with its own timeout.
///
/// # Errors
/// What is wrong with the settings, and the remedy.
pub fn outlet(settings: &Settings, lease: Duration, context: CrmContext) -> Result<Option<Outlet>, String> {
    let token_store = Arc::new(TokenTable::new(context.store.clone(), context.clock));
    let Some(crm) = Crm::open(settings, token_store, context.clock)? else { return Ok(None) };
    let events = read::KINDS.iter().map(|kind| kind.as_str().parse()).collect::<Result<_, _>>();
    Ok(Some(Outlet {
        name: crate::config::crm::NAME.parse().map_err(|error: crate::ids::InvalidName| error.to_string())?,
        events: events.map_err(|error: crate::config::notify::InvalidPattern| error.to_string())?,
        timeout: lease.saturating_sub(MARGIN),
        channel: Arc::new(CrmChannel { crm, context }),
    }))
}

/// Checks the settings of the CRM as a controller does when it starts.
///
/// # Errors
/// As [`outlet`].
pub fn check(settings: &Settings, store: Store, clock: Clock) -> Result<(), String> {
    Crm::open(settings, Arc::new(TokenTable::new(store, clock)), clock).map(drop)
}

/// The channel of the CRM.
#[derive(Debug)]
struct CrmChannel {
    crm: Crm,
    context: CrmContext,
}

impl Channel for CrmChannel {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.write_contact(delivery))
    }
}

impl CrmChannel {
    async fn write_contact(&self, delivery: &Delivery) -> Result<Receipt, Trouble> {
        let mut contact = match read::contact(delivery) {
            Ok(contact) => contact,
            Err(why) => return Ok(Receipt::Skipped(why)),
        };
        // Later missed calls of a case do not move its deadline.
        let owed = delivery.kind == EventKind::CaseOpened.as_str() || contact.happening == Happening::Request;
        if owed {
            let wanted_at = delivery.data["wanted_at"].as_i64().map(UnixMs);
            contact.deadline = self.react_by(&contact, delivery.at.max(wanted_at.unwrap_or_default()));
        }
        let receipt = self.crm.record(&contact).await?;
        if let Some(case) = contact.case.filter(|_| owed) {
            self.assign(case, &contact).await?;
        }
        let again = if receipt.already { " (an earlier try had written it)" } else { "" };
        Ok(Receipt::Done(format!("{}{again}", receipt.place)))
    }

    /// The time by which the customer must have been called. It is the same at every try, unless the rules change.
    fn react_by(&self, contact: &Contact, from: UnixMs) -> Option<UnixMs> {
        let rules = Arc::clone(&self.context.rules.borrow());
        CallbackRules { rules, ..self.context.callback_rules.clone() }.react_by(contact.queue.clone(), from)
    }

    /// Asks the CRM for the customer's owner, and assigns the case to that agent. If the CRM does not answer, the case
    /// has no assignee; the contact is written all the same.
    async fn assign(&self, case: CaseId, contact: &Contact) -> Result<(), Trouble> {
        let store = &self.context.store;
        let passing = |error: crate::store::StoreError| Trouble::passing(error);
        let lacks = store.read("lacks_assignee", move |c| crm::lacks_assignee(c, case)).await;
        if !lacks.map_err(passing)? {
            return Ok(());
        }
        let owner = match self.crm.owner(&contact.number).await {
            Ok(owner) => owner.and_then(|owner| owner.agent),
            Err(trouble) => {
                tracing::warn!(case.id = %case, class = trouble.class(), "the CRM did not name the customer's owner: the case has no assignee");
                return Ok(());
            }
        };
        let Some(agent) = owner else { return Ok(()) };
        let named = agent.clone();
        let assigned = store.write("assign", move |c| crm::assign(c, case, &named)).await.map_err(passing)?;
        tracing::debug!(case.id = %case, %agent, assigned, "the case is offered to the customer's owner first");
        Ok(())
    }
}
