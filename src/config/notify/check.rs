//! Finds the mistakes in `[notify]` that types cannot refuse.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::notify::{Destination, Kind, Preset, Settings};
use crate::document::Document;
use crate::loopback::is_loopback;
use crate::secret::Secret;
use crate::{egress, signature};

/// A mistake: the key, the problem, and the remedy.
pub(super) type Wrong = (&'static str, String, &'static str);

impl Settings {
    /// Adds every mistake in `[notify]` to `document`, with its place. `taken` is the name of the CRM, if there is one.
    pub fn check(
        &self,
        section: Option<&Spanned<DeValue<'_>>>,
        taken: Option<&str>,
        document: &mut Document<'_>,
    ) {
        let whole = section.map(Spanned::span).unwrap_or_default();
        let table = section.and_then(|value| as_table(value.get_ref()));
        let at = |key: &str| place(table, key, &whole);
        let limits =
            self.timeout.max(self.destinations.iter().filter_map(|to| to.timeout).max().unwrap_or_default());
        if self.lease < limits + Duration::from_secs(5) {
            let problem = "`lease` must be five seconds longer than every timeout";
            document.fault(&at("lease"), problem, "write a longer one, such as \"2m\"");
        }
        if self.jitter_pct > 100 {
            document.fault(&at("jitter_pct"), "`jitter_pct` is above 100", "write 100 or less");
        }
        let counts = [("concurrency", self.concurrency), ("max_recipients", self.max_recipients)];
        for (key, _) in counts.iter().filter(|(_, count)| *count == 0) {
            document.fault(&at(key), format!("with `{key}` 0 no event is ever sent"), "write 1 or more");
        }
        if self.batch < 1 {
            document.fault(&at("batch"), "with `batch` below 1 no event is ever sent", "write 1 or more");
        }
        let smpp_used = self.destinations.iter().any(|to| to.kind == Kind::Smpp);
        for (name, wrong) in [("mail", self.mail.wrong()), ("smpp", self.smpp.wrong(smpp_used))] {
            let inner = table.and_then(|table| table.get(name));
            let keys = inner.and_then(|value| as_table(value.get_ref()));
            let whole = inner.map_or_else(|| whole.clone(), Spanned::span);
            for (key, problem, remedy) in wrong {
                document.fault(&place(keys, key, &whole), problem, remedy);
            }
        }
        let items =
            table.and_then(|table| table.get("destinations")).and_then(|list| list.get_ref().as_array());
        for (n, to) in self.destinations.iter().enumerate() {
            let item = items.and_then(|items| items.get(n));
            let whole = item.map_or_else(|| whole.clone(), Spanned::span);
            let keys = item.and_then(|item| as_table(item.get_ref()));
            if self.destinations.iter().take(n).any(|other| other.name == to.name) {
                let problem = format!("there are two destinations {}", to.name);
                document.fault(&place(keys, "name", &whole), problem, "give each a name of its own");
            }
            if taken.is_some_and(|taken| taken == to.name.as_str()) {
                let problem = format!("{} is the name of the CRM of [crm]", to.name);
                document.fault(&place(keys, "name", &whole), problem, "give it another name");
            }
            for (key, problem, remedy) in to.wrong() {
                document.fault(
                    &place(keys, key, &whole),
                    format!("destination {}: {problem}", to.name),
                    remedy,
                );
            }
        }
    }
}

fn as_table<'a, 'b>(value: &'b DeValue<'a>) -> Option<&'b DeTable<'a>> {
    match value {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn place(table: Option<&DeTable<'_>>, key: &str, whole: &Range<usize>) -> Range<usize> {
    table.and_then(|table| table.get(key)).map_or_else(|| whole.clone(), Spanned::span)
}

/// Returns a mistake if the password would be sent unencrypted over a network.
pub(super) fn bare_password(
    host: &str,
    password: &Secret,
    protected: bool,
    remedy: &'static str,
) -> Option<Wrong> {
    let bare = !protected && !password.is_empty() && !is_loopback(host);
    bare.then(|| {
        let problem = format!("the password for {host} would go over the network in clear");
        ("encryption", problem, remedy)
    })
}

impl Destination {
    /// Returns the mistakes of the destination.
    fn wrong(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if self.events.is_empty() {
            wrong.push((
                "events",
                "it has no `events`".to_owned(),
                "write something like events = [\"case.*\"]",
            ));
        }
        if self.needs_url()
            && let Err(refused) = egress::url(&self.url, self.allow_http, self.allow_private)
        {
            wrong.push((
                "url",
                refused.to_string(),
                "write something like url = \"https://example.ru/hook\"",
            ));
        }
        match self.kind {
            Kind::Webhook => self.wrong_webhook(&mut wrong),
            Kind::Email => self.wrong_people(&mut wrong),
            Kind::Sms => {
                self.wrong_people(&mut wrong);
                self.wrong_gateway(&mut wrong);
            }
            Kind::Smpp => {
                self.wrong_people(&mut wrong);
                let own = [
                    ("sender", self.sender.is_empty()),
                    ("login", self.login.is_empty()),
                    ("key", self.key.is_empty()),
                ];
                for (key, _) in own.into_iter().filter(|(_, unset)| !unset) {
                    let problem = format!("all SMPP destinations share one `{key}`");
                    wrong.push((key, problem, "write sender, system_id and password in [notify.smpp]"));
                }
            }
            Kind::Telegram => {
                self.wrong_people(&mut wrong);
                if self.key.is_empty() {
                    wrong.push((
                        "key",
                        "a bot needs its token".to_owned(),
                        "write key = \"123:abc\", as BotFather gave it",
                    ));
                }
            }
        }
        wrong
    }

    const fn needs_url(&self) -> bool {
        let known = matches!(self.kind, Kind::Email | Kind::Smpp | Kind::Telegram) || self.preset.is_some();
        !known || !self.url.is_empty()
    }

    fn wrong_webhook(&self, wrong: &mut Vec<Wrong>) {
        let remedy = "make one: echo whsec_$(openssl rand -base64 32)";
        if !self.secret.is_empty() && signature::Key::read(&self.secret).is_err() {
            wrong.push(("secret", signature::InvalidSecret.to_string(), remedy));
        }
        if self.old_secrets.iter().any(|old| signature::Key::read(old).is_err()) {
            wrong.push(("old_secrets", signature::InvalidSecret.to_string(), remedy));
        }
        if !self.to.is_empty() {
            wrong.push((
                "to",
                "a webhook has no recipients".to_owned(),
                "remove it: the URL is the recipient",
            ));
        }
    }

    fn wrong_people(&self, wrong: &mut Vec<Wrong>) {
        if self.to.is_empty() {
            let problem = "it has no recipients".to_owned();
            wrong.push((
                "to",
                problem,
                "write something like to = [\"caller\"] or to = [\"supervisor\", \"boss@example.ru\"]",
            ));
        }
        if self.to.len() > 1 && self.to.iter().any(|to| to == "caller") {
            let problem = "callers get other texts than employees".to_owned();
            wrong.push(("to", problem, "add a second destination with to = [\"caller\"] alone"));
        }
        for to in &self.to {
            if let Err(problem) = super::recipient::Recipient::read(to, self.kind) {
                wrong.push(("to", problem, "write caller, assignee, group, supervisor, duty, or an address"));
            }
        }
    }

    fn wrong_gateway(&self, wrong: &mut Vec<Wrong>) {
        match self.preset {
            Some(Preset::Telegram) => {
                wrong.push(("preset", "this gateway sends no SMS".to_owned(), "write smsc or smsru"));
            }
            Some(_) if self.key.is_empty() => {
                wrong.push((
                    "key",
                    "the gateway needs its password or key".to_owned(),
                    "write key = \"...\"",
                ));
            }
            Some(_) => {}
            None if self.body.is_empty() && !self.url.contains("{{") => {
                let remedy = "write body = \"to={{ to }}&text={{ text }}\", or name a preset";
                wrong.push(("body", "neither `body` nor `url` has a template".to_owned(), remedy));
            }
            None => {}
        }
        if !matches!(self.method.as_str(), "GET" | "POST") {
            wrong.push((
                "method",
                format!("{:?} is not a method for gateways", self.method),
                "write GET or POST",
            ));
        }
        if self.success.is_empty() != self.success_is.is_empty() {
            let remedy = "write both success = \"/status\" and success_is = \"ok\", or none";
            wrong.push(("success", "`success` and `success_is` need each other".to_owned(), remedy));
        }
    }
}
