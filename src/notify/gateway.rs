//! SMS gateways and messengers with an HTTP API: a request made from templates, and the meaning of the answer.
//!
//! In: an event and one number or chat. Out: one request. Values in an address or a form are percent-encoded, values
//! in JSON are escaped: no value can add a parameter to the request.

mod answers;

use std::collections::BTreeMap;

use minijinja::{Environment, UndefinedBehavior};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::escape::Escape;
use super::excerpt::{scrub, secrets_of, tokens};
use super::http::{Bounds, Http};
use super::recipients::Recipients;
use super::templates::Templates;
use super::{Channel, Delivering, Receipt, Trouble};
use crate::clock::Clock;
use crate::config::notify::{Destination, Kind, Preset, Settings};
use crate::egress;
use crate::egress::Lookup;
use crate::event::Delivery;
use crate::missed::outgoing::Medium;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A gateway that sends a short text to one number or chat.
#[derive(Debug)]
pub struct Gateway {
    request: Environment<'static>,
    headers: Vec<String>,
    escape: Escape,
    get: bool,
    destination: Destination,
    http: Http,
    templates: Templates,
    recipients: Recipients,
    /// Removed from every answer before it is stored.
    secrets: Vec<String>,
}

/// Headers whose values are not secret.
const OPEN: [&str; 3] = ["content-type", "accept", "user-agent"];

/// Returns the secrets in the settings of a destination, in every form in which an answer may repeat them.
fn secrets(to: &Destination) -> Vec<String> {
    let mut all = vec![to.key.expose().to_owned(), to.login.clone()];
    all.extend(secrets_of(&to.url));
    all.extend(tokens(&to.body));
    let headers = to.headers.iter().filter(|(name, _)| !OPEN.contains(&name.to_ascii_lowercase().as_str()));
    for (_, value) in headers.filter(|(_, value)| !value.contains("{{")) {
        all.push(value.clone());
        all.extend(value.split_whitespace().map(str::to_owned));
    }
    let written =
        |secret: &String| [secret.clone(), Escape::Percent.write(secret), Escape::Json.write(secret)];
    let mut all: Vec<String> = all.iter().flat_map(written).collect();
    // The longest first: a shorter one may be a part of a longer one.
    all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    all.dedup();
    all
}

/// The URL, body and content type of a preset. The settings may override the URL.
fn preset(preset: Preset) -> (&'static str, &'static str, &'static str) {
    match preset {
        Preset::Smsc => (
            "https://smsc.ru/sys/send.php",
            "{% if login %}login={{ login }}&psw={{ key }}{% else %}apikey={{ key }}{% endif %}&phones={{ to }}&mes={{ text }}{% if sender %}&sender={{ sender }}{% endif %}&id={{ id }}&charset=utf-8&fmt=3",
            FORM,
        ),
        Preset::Smsru => (
            "https://sms.ru/sms/send",
            "api_id={{ key }}&to={{ to }}&msg={{ text }}{% if sender %}&from={{ sender }}{% endif %}&json=1",
            FORM,
        ),
        Preset::Telegram => (
            "https://api.telegram.org/bot{{ key }}/sendMessage",
            "{\"chat_id\":\"{{ to }}\",\"text\":\"{{ text }}\",\"disable_web_page_preview\":true}",
            JSON,
        ),
    }
}

impl Gateway {
    /// Makes the gateway of a destination.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(
        settings: &Settings,
        to: &Destination,
        clock: Clock,
        lookup: Lookup,
        templates: Templates,
    ) -> Result<Self, String> {
        let known = to.preset.or((to.kind == Kind::Telegram).then_some(Preset::Telegram));
        let (mut url, mut body, content) = known.map_or(("", "", FORM), preset);
        if !to.url.is_empty() {
            url = &to.url;
        }
        if known.is_none() {
            body = &to.body;
        }
        let given = to.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content = given.map_or(content, |(_, value)| value.as_str());
        let mut request = Environment::new();
        request.set_undefined_behavior(UndefinedBehavior::Strict);
        request.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        // The alternate form of these errors repeats the template, with its secrets.
        let mut add = |name: String, source: &str| {
            let wrong = |error: minijinja::Error| format!("{name}: {error}");
            request.add_template_owned(name.clone(), source.to_owned()).map_err(wrong)
        };
        add("url".to_owned(), url)?;
        add("body".to_owned(), body)?;
        for (name, value) in &to.headers {
            add(format!("header {name}"), value)?;
        }
        if given.is_none() {
            add("header content-type".to_owned(), content)?;
        }
        let mut headers: Vec<String> = to.headers.keys().cloned().collect();
        headers.extend(given.is_none().then(|| "content-type".to_owned()));
        let escape = match content.split(';').next().unwrap_or_default().trim() {
            FORM => Escape::Percent,
            JSON => Escape::Json,
            _ => Escape::Plain,
        };
        let gateway = Self {
            request,
            headers,
            escape,
            get: to.method == "GET" && known.is_none(),
            destination: Destination { preset: known, ..to.clone() },
            http: Http::new(Bounds::of(settings, to), lookup, clock).map_err(|error| error.to_string())?,
            templates,
            recipients: Recipients::new(settings, to)?,
            secrets: secrets(to),
        };
        gateway.request("+70000000000", "text", 1).map(drop).map_err(|trouble| trouble.to_string())?;
        Ok(gateway)
    }

    /// Renders a template with its values escaped.
    fn fill(&self, name: &str, escape: Escape, values: &[(&'static str, String)]) -> Result<String, Trouble> {
        let escaped: BTreeMap<&str, String> =
            values.iter().map(|(key, value)| (*key, escape.write(value))).collect();
        let template = self.request.get_template(name);
        let filled = template.and_then(|template| template.render(escaped));
        filled.map_err(|error| Trouble::refused(format!("{name}: {error}")))
    }

    fn request(&self, to: &str, text: &str, id: i64) -> Result<reqwest::RequestBuilder, Trouble> {
        let of = &self.destination;
        let values = [
            ("to", to.to_owned()),
            ("text", text.to_owned()),
            ("sender", of.sender.clone()),
            ("login", of.login.clone()),
            ("key", of.key.expose().to_owned()),
            // SMSC takes message ids from 1 to 2147483647.
            ("id", (id.rem_euclid(2_147_483_647).max(1)).to_string()),
        ];
        let escape = if of.preset == Some(Preset::Telegram) { Escape::Plain } else { Escape::Percent };
        let url = self.fill("url", escape, &values)?;
        let url = egress::url(&url, of.allow_http, of.allow_private).map_err(Trouble::refused)?;
        let mut headers = HeaderMap::new();
        for name in &self.headers {
            let value = self.fill(&format!("header {name}"), Escape::Plain, &values)?;
            let read = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value));
            let (Ok(key), Ok(value)) = read else {
                return Err(Trouble::refused(format!("the header {name} cannot be sent")));
            };
            headers.insert(key, value);
        }
        if self.get {
            headers.remove(CONTENT_TYPE);
            return Ok(self.http.client().get(url).headers(headers));
        }
        Ok(self.http.client().post(url).headers(headers).body(self.fill("body", self.escape, &values)?))
    }

    /// Sends a message. A gateway may repeat the request in its answer: secrets are removed.
    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, Trouble> {
        let clean = |said: &str| scrub(said, self.secrets.iter().map(String::as_str));
        match self.send(delivery).await {
            Ok(Receipt::Done(said)) => Ok(Receipt::Done(clean(&said))),
            Ok(skipped) => Ok(skipped),
            Err(trouble) => Err(trouble.reworded(clean)),
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, Trouble> {
        if let Some(why) = self.recipients.forbidden(&delivery.data) {
            return Ok(Receipt::Skipped(why));
        }
        let text = self.templates.render(self.recipients.short(), delivery).map_err(Trouble::refused)?;
        let request = self.request(&delivery.recipient, &text, delivery.id)?;
        let answer = self.http.ask(request).await?;
        match self.destination.preset {
            Some(Preset::Smsc) => answers::smsc(&answer),
            Some(Preset::Smsru) => answers::smsru(&answer),
            Some(Preset::Telegram) => answers::telegram(&answer),
            None => answers::plain(&answer, &self.destination.success, &self.destination.success_is),
        }
    }
}

impl Channel for Gateway {
    fn recipients(&self, kind: &str, data: &serde_json::Value) -> Vec<String> {
        self.recipients.of(kind, data, &self.templates)
    }

    fn to_stranger(&self, delivery: &Delivery) -> Option<Medium> {
        self.recipients.to_stranger(&delivery.data)
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.deliver(delivery))
    }
}
