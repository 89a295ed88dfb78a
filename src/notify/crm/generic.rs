//! Any CRM that takes one request per contact: address and body are templates.
//!
//! **Invariant:** no value of a contact can break out of its place: in the address it is percent-encoded, in the body
//! escaped as the format requires.

use minijinja::value::Value as TemplateValue;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Value, json};

use super::Receipt;
use super::contact::Contact;
use super::http;
use super::throttle::Throttle;
use crate::clock::Clock;
use crate::config::crm::{BodyFormat, Settings};
use crate::notify::Trouble;
use crate::notify::escape::Escape;
use crate::notify::excerpt::scrub;
use crate::notify::http::{Answer, Http};

/// A CRM described by templates.
#[derive(Debug)]
pub struct Generic {
    settings: Settings,
    http: Http,
    throttle: Throttle,
}

impl Generic {
    pub(super) fn new(settings: Settings, clock: Clock) -> Result<Self, String> {
        let http = http::client(&settings, clock)?;
        Ok(Self { throttle: Throttle::new(&settings, clock), http, settings })
    }

    pub(super) async fn record(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        self.deliver(contact).await.map_err(|trouble| self.hide(trouble))
    }

    async fn deliver(&self, contact: &Contact) -> Result<Receipt, Trouble> {
        let settings = &self.settings;
        let url =
            render(settings.url.expose(), Escape::Percent, contact, settings).map_err(Trouble::refused)?;
        let format = settings.body_format;
        let body = render(&settings.body, escape(format), contact, settings).map_err(Trouble::refused)?;
        let kind = match format {
            BodyFormat::Json => "application/json",
            BodyFormat::Form => "application/x-www-form-urlencoded",
        };
        self.throttle.turn().await?;
        let mut request = self.http.client().post(url).header("content-type", kind).body(body);
        request = request.header("idempotency-key", contact.id.to_string());
        if !settings.access_token.is_empty() {
            request = request.bearer_auth(settings.access_token.expose());
        }
        let answer = http::ask(&self.http, request).await?;
        judge(&answer, &settings.success)?;
        Ok(Receipt { place: format!("answered {}", answer.status), already: false })
    }

    fn hide(&self, trouble: Trouble) -> Trouble {
        let settings = &self.settings;
        let parts = settings.url.expose().split(['/', '?', '&', '=', '{', '}']).skip(3);
        let secrets: Vec<&str> = parts.chain([settings.access_token.expose()]).collect();
        trouble.reworded(|reason| scrub(reason, secrets.iter().copied()))
    }
}

/// What the answer means.
fn judge(answer: &Answer, success: &str) -> Result<(), Trouble> {
    let reason = format!("the CRM answers {}", answer.shown());
    match answer.status.as_u16() {
        200..=299 => {}
        410 => return Err(Trouble::Gone { reason }),
        408 | 425 | 429 | 500.. => return Err(answer.passing(reason)),
        _ => return Err(Trouble::refused(format!("{reason}; correct [crm] url, body or access_token"))),
    }
    if success.is_empty() {
        return Ok(());
    }
    let said = answer.json()?;
    let good = match said.pointer(success) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(good)) => *good,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(_)) => true,
    };
    if good { Ok(()) } else { Err(Trouble::refused(format!("{success} is not true: {reason}"))) }
}

const fn escape(format: BodyFormat) -> Escape {
    match format {
        BodyFormat::Json => Escape::Json,
        BodyFormat::Form => Escape::Percent,
    }
}

fn environment(escape: Escape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(move |out, _state, value| {
        let text = if value.is_none() || value.is_undefined() { String::new() } else { value.to_string() };
        Ok(out.write_str(&escape.write(&text))?)
    });
    environment
}

fn render(template: &str, escape: Escape, contact: &Contact, settings: &Settings) -> Result<String, String> {
    let mut values =
        serde_json::to_value(contact).map_err(|error| format!("a contact is no JSON: {error}"))?;
    let more = json!({
        "started_at_iso": contact.started_at.to_string(),
        "deadline_iso": contact.deadline.map(|at| at.to_string()),
        "title": contact.title(settings.language),
        "text": contact.text(settings.language),
        "user": super::user_of(&settings.users, contact.agent.as_ref()).unwrap_or(&settings.default_user),
    });
    if let (Value::Object(values), Value::Object(more)) = (&mut values, more) {
        values.extend(more);
    }
    let rendered = environment(escape).render_str(template, template_value(&values));
    rendered.map_err(|error| format!("a [crm] template cannot be filled in: {}", error.kind()))
}

/// Converts a JSON value for templates.
fn template_value(value: &Value) -> TemplateValue {
    match value {
        Value::Null => TemplateValue::from(()),
        Value::Bool(truth) => TemplateValue::from(*truth),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| TemplateValue::from(number.as_f64().unwrap_or_default()), TemplateValue::from),
        Value::String(text) => TemplateValue::from(text.as_str()),
        Value::Array(items) => items.iter().map(template_value).collect(),
        Value::Object(fields) => {
            TemplateValue::from_pairs(fields.iter().map(|(key, value)| (key.as_str(), template_value(value))))
        }
    }
}
