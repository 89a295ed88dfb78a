//! The section `[crm]`: which CRM is told of each contact, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use minijinja::Environment;

use crate::duration;
use crate::ids::AgentName;
use crate::language::Language;
use crate::secret::Secret;

crate::vocabulary! {
    /// Which CRM.
    "kind of CRM" pub enum Kind {
        /// No CRM.
        None = "none",
        /// Bitrix24.
        Bitrix24 = "bitrix24",
        /// amoCRM, elsewhere called Kommo.
        Amocrm = "amocrm",
        /// Anything that takes a request made from templates.
        Generic = "generic",
    }
}

crate::vocabulary! {
    /// How the body of a generic request is written.
    "body format" pub enum BodyFormat {
        /// `application/json`: values are escaped as in JSON text.
        Json = "json",
        /// `application/x-www-form-urlencoded`: values are percent-encoded.
        Form = "form",
    }
}

/// Which CRM is told of each contact, and how. A secret is written as it is, or as `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Settings {
    /// The CRM: `bitrix24`, `amocrm`, `generic` or `none`.
    pub kind: Kind,
    /// The address. Bitrix24: of an inbound webhook or, with `client_id`, of the portal. amoCRM: of the account.
    /// Generic: a template.
    pub url: Secret,
    /// Where tokens are renewed. Empty: the CRM's own address.
    pub oauth_url: String,
    /// The identity of the integration, if tokens expire.
    pub client_id: String,
    /// The secret of the integration.
    pub client_secret: Secret,
    /// The redirect address given when the amoCRM integration was made.
    pub redirect_uri: String,
    /// The access token: a long-lived one, or the first of a pair.
    pub access_token: Secret,
    /// The refresh token that came with it. Empty for a long-lived access token.
    pub refresh_token: Secret,
    /// Which user of the CRM is which agent: `12 = "anna"`.
    pub users: BTreeMap<String, AgentName>,
    /// The user of the CRM who gets the contacts that belong to no agent.
    pub default_user: String,
    /// The pipeline for new leads of amoCRM. 0: the main one.
    pub pipeline: u64,
    /// Whether a number that the CRM does not know becomes a lead.
    pub create_leads: bool,
    /// Whether the CRM is also told of callers' talks with agents.
    pub answered_calls: bool,
    /// The language of the texts in the CRM.
    pub language: Language,
    /// The body of a generic request: a template. Values such as `{{ number }}` are escaped for `body_format`.
    pub body: String,
    /// The form of the body of a generic request.
    pub body_format: BodyFormat,
    /// A JSON pointer into the answer to a generic request, such as `/ok`: the value there must be true. Empty: any 2xx
    /// status is a success.
    pub success: String,
    /// The most requests in one second. 0: the CRM's own limit (Bitrix24 2, amoCRM 6, generic 10).
    pub rate: u32,
    /// The most requests at once before `rate` applies. 0: the CRM's own limit (Bitrix24 50, amoCRM 1, generic 10).
    pub burst: u32,
    /// How long a request may wait for its turn.
    #[serde(with = "duration::Within::<100, { duration::HOUR }>")]
    pub max_queue_time: Duration,
    /// How long nothing is sent to a CRM that has blocked us.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { 7 * duration::DAY }>")]
    pub blocked_pause: Duration,
    /// How long an answer may take.
    #[serde(with = "duration::Timeout")]
    pub timeout: Duration,
    /// How many bytes of an answer are read.
    pub max_answer_bytes: usize,
    /// Whether an address without TLS is accepted. For tests.
    pub allow_http: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kind: Kind::None,
            url: Secret::default(),
            oauth_url: String::new(),
            client_id: String::new(),
            client_secret: Secret::default(),
            redirect_uri: String::new(),
            access_token: Secret::default(),
            refresh_token: Secret::default(),
            users: BTreeMap::new(),
            default_user: String::new(),
            pipeline: 0,
            create_leads: true,
            answered_calls: true,
            language: Language::Ru,
            body: String::new(),
            body_format: BodyFormat::Json,
            success: String::new(),
            rate: 0,
            burst: 0,
            max_queue_time: Duration::from_secs(30),
            blocked_pause: Duration::from_secs(3600),
            timeout: Duration::from_secs(30),
            max_answer_bytes: 1 << 20,
            allow_http: false,
        }
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let settings = Self::deserialize(deserializer)?;
        settings.check().map_err(D::Error::custom)?;
        Ok(settings)
    }
}

impl Settings {
    /// Whether the CRM is told of callers' talks with agents.
    #[must_use]
    pub fn wants_talks(&self) -> bool {
        self.kind != Kind::None && self.answered_calls
    }

    /// Whether the tokens expire and are renewed.
    #[must_use]
    pub fn has_app(&self) -> bool {
        !self.client_id.is_empty()
    }

    /// Requests a second and at once: as set, else the CRM's own limits.
    #[must_use]
    pub const fn limits(&self) -> (u32, u32) {
        let (rate, burst) = match self.kind {
            Kind::Bitrix24 => (2, 50),
            Kind::Amocrm => (6, 1),
            Kind::Generic | Kind::None => (10, 10),
        };
        (if self.rate == 0 { rate } else { self.rate }, if self.burst == 0 { burst } else { self.burst })
    }

    /// Returns the first mistake as `PROBLEM; REMEDY`.
    fn check(&self) -> Result<(), String> {
        if self.kind == Kind::None {
            return Ok(());
        }
        if self.url.is_empty() {
            return Err(format!("[crm] kind = \"{}\" needs `url`; write the CRM's address", self.kind));
        }
        if !self.url.is_elsewhere() {
            self.check_url(self.url.expose())?;
        }
        if !self.oauth_url.is_empty() {
            address(&self.oauth_url, "oauth_url", self.allow_http)?;
        }
        if self.max_answer_bytes == 0 || self.timeout.is_zero() {
            return Err("[crm] max_answer_bytes and timeout must not be 0; leave them out for the defaults"
                .to_owned());
        }
        self.check_tokens()?;
        if self.kind == Kind::Generic {
            check_templates(self)?;
        }
        Ok(())
    }

    /// Checks an address once it is known.
    pub(crate) fn check_url(&self, url: &str) -> Result<reqwest::Url, String> {
        let fixed = if self.kind == Kind::Generic { url.split('{').next().unwrap_or_default() } else { url };
        let parsed = address(fixed, "url", self.allow_http)?;
        let authority = fixed.split_once("://").map_or("", |(_, rest)| rest);
        if self.kind == Kind::Generic && fixed.len() < url.len() && !authority.contains('/') {
            return Err(
                "[crm] url lets a template choose the host; write scheme, host and `/` before the first {"
                    .to_owned(),
            );
        }
        Ok(parsed)
    }

    fn check_tokens(&self) -> Result<(), String> {
        let amo = self.kind == Kind::Amocrm;
        if amo && self.access_token.is_empty() {
            return Err(
                "[crm] kind = \"amocrm\" needs `access_token`; make a long-lived one in the integration's \
                        settings, or write a pair with `refresh_token`"
                    .to_owned(),
            );
        }
        let app = self.has_app();
        if app == self.refresh_token.is_empty() || app == self.client_secret.is_empty() {
            return Err(
                "[crm] client_id, client_secret and refresh_token belong together; write all three, or none \
                        for a webhook or a long-lived token"
                    .to_owned(),
            );
        }
        if app && (self.access_token.is_empty() || (amo && self.redirect_uri.is_empty())) {
            let missing = if self.access_token.is_empty() { "access_token" } else { "redirect_uri" };
            return Err(format!(
                "[crm] `{missing}` is missing; write what the integration was given with the tokens"
            ));
        }
        if app && self.kind == Kind::Bitrix24 && self.default_user.is_empty() {
            return Err(
                "[crm] a Bitrix24 application needs `default_user`; write the id of the user for calls that \
                        nobody took"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// Reads an address. It must be https, or http where that is allowed, and hold no name and password.
fn address(text: &str, key: &str, allow_http: bool) -> Result<reqwest::Url, String> {
    let bad =
        |problem: &str| format!("[crm] {key} {problem}; write something like \"https://company.example/\"");
    let url = reqwest::Url::parse(text).map_err(|_| bad("is not an address"))?;
    if url.scheme() != "https" && !(allow_http && url.scheme() == "http") {
        return Err(bad("is not https, so everybody on the way could read it"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("has a name or password before the host"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("has no host"));
    }
    Ok(url)
}

/// Returns the first mistake of the templates as `PROBLEM; REMEDY`.
fn check_templates(settings: &Settings) -> Result<(), String> {
    let mut parts = vec![("body", settings.body.as_str())];
    if !settings.url.is_elsewhere() {
        parts.push(("url", settings.url.expose()));
    }
    for (key, template) in parts {
        let read = Environment::new().template_from_str(template).map(drop);
        read.map_err(|error| {
            format!("[crm] {key} is not a template: {}; write something like {{{{ number }}}}", error.kind())
        })?;
    }
    if !settings.success.is_empty() && !settings.success.starts_with('/') {
        return Err("[crm] success is not a JSON pointer; begin it with /, such as \"/result/ok\"".to_owned());
    }
    Ok(())
}

/// The name of the CRM as a destination in the outbox. No other destination may have this name.
pub const NAME: &str = "crm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_cannot_be_read_is_told_with_its_key() {
        let settings = Settings { body: "{{ number ".into(), ..Settings::default() };
        assert!(check_templates(&settings).unwrap_err().contains("[crm] body is not a template"));
        let settings = Settings { success: "ok".into(), ..Settings::default() };
        assert!(check_templates(&settings).unwrap_err().contains("begin it with /"));
    }
}
