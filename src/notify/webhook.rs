//! Webhooks: Standard Webhooks 1.0.0 with a CloudEvent 1.0 as the body.
//!
//! In: an event. Out: a signed POST; only 2xx means that it arrived. The id of both specifications is that of the
//! event, the same at every try.

use serde_json::{Value, json};

use super::excerpt::{scrub, secrets_of};
use super::http::{Bounds, Http, NoClient};
use super::{Channel, Delivering, Receipt, Trouble};
use crate::clock::{Clock, UnixMs};
use crate::config::notify::{Destination, Settings};
use crate::egress;
use crate::egress::Lookup;
use crate::event::Delivery;
use crate::signature::{InvalidSecret, Key};

/// What is wrong with the settings of a webhook.
#[derive(Debug, thiserror::Error)]
pub enum InvalidWebhook {
    /// Its URL.
    #[error(transparent)]
    Url(#[from] egress::Refused),
    /// Its secret.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// The client.
    #[error(transparent)]
    Client(#[from] NoClient),
}

/// A webhook.
#[derive(Debug)]
pub struct Webhook {
    url: reqwest::Url,
    keys: Vec<Key>,
    http: Http,
    clock: Clock,
    source: String,
    type_prefix: String,
    max_body_bytes: usize,
}

impl Webhook {
    /// Makes the webhook of a destination.
    ///
    /// # Errors
    /// [`InvalidWebhook`] says what is wrong.
    pub fn new(
        settings: &Settings,
        to: &Destination,
        clock: Clock,
        lookup: Lookup,
    ) -> Result<Self, InvalidWebhook> {
        let secrets = std::iter::once(&to.secret).chain(&to.old_secrets).filter(|secret| !secret.is_empty());
        Ok(Self {
            url: egress::url(&to.url, to.allow_http, to.allow_private)?,
            keys: secrets.map(Key::read).collect::<Result<_, _>>()?,
            http: Http::new(Bounds::of(settings, to), lookup, clock)?,
            clock,
            source: settings.source.clone(),
            type_prefix: settings.type_prefix.clone(),
            max_body_bytes: settings.max_body_bytes,
        })
    }

    /// The body: a CloudEvent with the fields of Standard Webhooks.
    fn body(&self, delivery: &Delivery) -> Vec<u8> {
        let at = delivery.at.to_string();
        json!({
            "specversion": "1.0",
            "id": delivery.event,
            "source": self.source,
            "type": format!("{}{}", self.type_prefix, delivery.kind),
            "subject": delivery.aggregate,
            "time": at,
            "timestamp": at,
            "sequence": format!("{:019}", delivery.sequence),
            "datacontenttype": "application/json",
            "data": spoken(&delivery.data),
        })
        .to_string()
        .into_bytes()
    }

    /// Delivers. A receiver may repeat its address in the answer, with secrets in it: these are removed.
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, Trouble> {
        let secrets = secrets_of(self.url.as_str());
        let clean = |said: &str| scrub(said, secrets.iter().map(String::as_str));
        match self.post(delivery).await {
            Ok(Receipt::Done(said)) => Ok(Receipt::Done(clean(&said))),
            Ok(skipped) => Ok(skipped),
            Err(trouble) => Err(trouble.reworded(clean)),
        }
    }

    async fn post(&self, delivery: &Delivery) -> Result<Receipt, Trouble> {
        let body = self.body(delivery);
        if body.len() > self.max_body_bytes {
            let reason =
                format!("the body has {} bytes, more than the limit of {}", body.len(), self.max_body_bytes);
            return Err(Trouble::refused(reason));
        }
        let (id, now) = (delivery.event.to_string(), self.clock.now());
        let seconds = now.0.div_euclid(1000);
        let mut request = self
            .http
            .client()
            .post(self.url.clone())
            .header("content-type", "application/cloudevents+json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds);
        if !self.keys.is_empty() {
            let signatures: Vec<String> = self.keys.iter().map(|key| key.sign(&id, seconds, &body)).collect();
            request = request.header("webhook-signature", signatures.join(" "));
        }
        let answer = self.http.ask(request.body(body)).await?;
        if answer.status.is_success() {
            return Ok(Receipt::Done(answer.status.to_string()));
        }
        Err(answer.trouble())
    }
}

/// The data of an event, with each instant (`*_at`) in RFC 3339 instead of milliseconds.
#[must_use]
pub fn spoken(data: &Value) -> Value {
    match data {
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                let instant = value.as_i64().filter(|_| key.ends_with("_at")).map(UnixMs);
                (key.clone(), instant.map_or_else(|| spoken(value), |at| at.to_string().into()))
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(spoken).collect(),
        other => other.clone(),
    }
}

impl Channel for Webhook {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.deliver(delivery))
    }
}
