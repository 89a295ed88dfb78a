//! SMS through a short message centre that speaks SMPP 3.4.
//!
//! In: an event and one number. Out: one message, or several parts that a phone puts together. Messages arrive at
//! least once: SMPP 3.4 does not recognise repetitions, so if the connection breaks before the answer, the text is
//! sent again, with all its parts under the same reference number.

mod client;
mod connect;
mod frame;
mod pdu;
mod session;
mod status;
mod text;

use std::sync::Arc;

pub use client::Client;

use super::recipients::Recipients;
use super::templates::Templates;
use super::{Channel, Delivering, Receipt, Trouble};
use crate::event::Delivery;
use crate::missed::outgoing::Medium;

/// The configured short message centre.
#[derive(Debug)]
pub struct Centre {
    client: Arc<Client>,
    templates: Templates,
    recipients: Recipients,
}

impl Centre {
    /// Makes the channel that sends by this client.
    #[must_use]
    pub const fn new(client: Arc<Client>, templates: Templates, recipients: Recipients) -> Self {
        Self { client, templates, recipients }
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, Trouble> {
        if let Some(why) = self.recipients.forbidden(&delivery.data) {
            return Ok(Receipt::Skipped(why));
        }
        let settings = self.client.settings();
        let said = self.templates.render(self.recipients.short(), delivery).map_err(Trouble::refused)?;
        let text = text::encode(&said, settings.max_parts);
        // Parts of one text have the same reference at every try: a phone that has some of them can use the others.
        let reference = u8::try_from(delivery.id.rem_euclid(256)).unwrap_or_default();
        let messages = pdu::messages(&settings.sender, &delivery.recipient, &text, reference)?;
        let total = messages.len();
        let mut names = Vec::new();
        for (number, message) in messages.into_iter().enumerate() {
            // A text that has begun is sent to its end; one that has not may wait.
            let patience = if number == 0 { settings.timeout / 2 } else { settings.timeout };
            let sent = async {
                self.client.turn(patience).await?;
                self.client.submit(message).await
            };
            names.push(sent.await.map_err(|trouble| of_part(trouble, number, total))?);
        }
        let cut = if text.cut { "; the text was cut, see max_parts in [notify.smpp]" } else { "" };
        Ok(Receipt::Done(format!("SMPP id {}{cut}", names.join(", ")).chars().take(300).collect()))
    }
}

/// Adds to the trouble of a later part that the earlier parts were accepted.
fn of_part(mut trouble: Trouble, number: usize, total: usize) -> Trouble {
    if number > 0 {
        let (Trouble::Passing { reason, .. } | Trouble::Refused { reason } | Trouble::Gone { reason }) =
            &mut trouble;
        *reason = format!("part {} of {total}, the ones before it have been sent: {reason}", number + 1);
    }
    trouble
}

impl Channel for Centre {
    fn recipients(&self, kind: &str, data: &serde_json::Value) -> Vec<String> {
        self.recipients.of(kind, data, &self.templates)
    }

    fn to_stranger(&self, delivery: &Delivery) -> Option<Medium> {
        self.recipients.to_stranger(&delivery.data)
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.send(delivery))
    }
}
