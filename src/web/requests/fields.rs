//! Parses the fields of a request into types that cannot hold a bad value, or names the field that is wrong. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde_json::Value;

use crate::clock::UnixMs;
use crate::config::notify::Kind;
use crate::config::notify::recipient::fit;
use crate::missed::mailbox;
use crate::phone::{E164, Home};

/// The fields of a request.
pub const KNOWN: [&str; 12] = [
    "number",
    "name",
    "email",
    "text",
    "wanted_at",
    "consent",
    "consent_text",
    "sms_consent",
    "sms_consent_text",
    "language",
    "source",
    "page",
];

/// The fields that are yes or no.
const CONSENTS: [&str; 2] = ["consent", "sms_consent"];

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;
/// The longest text of a request, or of a consent.
const LONGEST_TEXT: usize = 2000;
/// The longest address of a page.
const LONGEST_PAGE: usize = 500;

/// What is wrong with a request, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The field; empty for the whole request.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to send instead.
    pub remedy: String,
}

/// Makes a problem.
#[must_use]
pub fn problem(field: &str, problem: &str, remedy: &str) -> Problem {
    Problem { field: field.to_owned(), problem: problem.to_owned(), remedy: remedy.to_owned() }
}

/// Fields by name, as text.
pub type Fields = BTreeMap<String, String>;

/// A parsed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRequest {
    /// The number to call.
    pub number: E164,
    /// The name of the person.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The text of the request.
    pub text: Option<String>,
    /// When to call.
    pub wanted_at: Option<UnixMs>,
    /// The text of the consent to be called.
    pub consent_text: Option<String>,
    /// The text of the consent to get SMS; none without consent.
    pub sms_consent_text: Option<String>,
    /// The person's language.
    pub language: Option<String>,
    /// The page or campaign.
    pub page: Option<String>,
}

/// What parsing needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Where a number without a country code belongs.
    pub home: Home,
    /// The zone of times without one.
    pub zone: Tz,
    /// The present instant.
    pub now: UnixMs,
    /// How far ahead a wanted time may be.
    pub latest: Duration,
}

/// Reads the fields of a JSON body.
///
/// # Errors
/// [`Problem`] names the field that has a wrong type or is unknown.
pub fn of_json(body: &[u8]) -> Result<Fields, Problem> {
    let object = "send one JSON object, such as {\"number\": \"+79001234567\", \"consent\": true, \"consent_text\": \"…\"}";
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| problem("", &format!("the body is not JSON: {error}"), object))?;
    let Value::Object(map) = value else { return Err(problem("", "the body is not an object", object)) };
    map.into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(field, value)| {
            let text = match value {
                Value::String(text) => text,
                Value::Bool(yes) if CONSENTS.contains(&field.as_str()) => {
                    if yes { "yes" } else { "no" }.to_owned()
                }
                _ => {
                    let shown: String = field.chars().take(40).collect();
                    let consent = CONSENTS.contains(&field.as_str());
                    let want = if consent { "send true or false" } else { "send text in quotes" };
                    return Err(problem(&shown, "it has a wrong type", want));
                }
            };
            Ok((field, text))
        })
        .collect()
}

/// Reads the fields of a form's body. Blanks at the ends are removed, and empty fields left out.
///
/// # Errors
/// [`Problem`] names a field that occurs twice.
pub fn of_form(body: &[u8]) -> Result<Fields, Problem> {
    let mut fields = Fields::new();
    for (field, value) in form_urlencoded::parse(body) {
        if fields.insert(field.clone().into_owned(), value.into_owned()).is_some() {
            let shown: String = field.chars().take(40).collect();
            return Err(problem(&shown, "it occurs twice", "send it once"));
        }
    }
    fields.retain(|_, value| !value.trim().is_empty());
    Ok(fields)
}

/// Parses the fields.
///
/// # Errors
/// [`Problem`] names the first field that is wrong.
pub fn read(fields: &Fields, how: &Reading) -> Result<ParsedRequest, Problem> {
    if let Some(strange) = fields.keys().find(|field| !KNOWN.contains(&field.as_str())) {
        let shown: String = strange.chars().take(40).collect();
        return Err(problem(
            &shown,
            "this field is unknown",
            &format!("the fields are: {}", KNOWN.join(", ")),
        ));
    }
    let given = fields
        .get("number")
        .ok_or_else(|| problem("number", "it is missing", "send the number to call, such as +79001234567"))?;
    let number = how.home.number(given).ok_or_else(|| {
        let remedy = "send it with its country code, such as +79001234567";
        problem("number", "this is not a phone number that can be called", remedy)
    })?;
    if !agreed(fields, "consent")? {
        let remedy =
            "nobody may be called without consent: send consent true, and consent_text as it was shown";
        return Err(problem("consent", "it was not given", remedy));
    }
    let language = match fields.get("language").map(String::as_str) {
        None => None,
        Some(word @ ("en" | "ru")) => Some(word.to_owned()),
        Some(_) => return Err(problem("language", "this language is not supported", "send en or ru")),
    };
    Ok(ParsedRequest {
        number,
        name: line(fields, "name", LONGEST_NAME)?,
        email: email(fields)?,
        text: lines(fields, "text")?,
        wanted_at: fields.get("wanted_at").map(|text| wanted(text, how)).transpose()?,
        consent_text: lines(fields, "consent_text")?,
        sms_consent_text: sms_consent(fields)?,
        language,
        page: match line(fields, "page", LONGEST_PAGE)? {
            Some(page) => Some(page),
            None => line(fields, "source", LONGEST_PAGE)?,
        },
    })
}

/// Whether a consent was given.
fn agreed(fields: &Fields, field: &str) -> Result<bool, Problem> {
    match fields.get(field).map(|word| word.trim()) {
        Some("yes" | "true" | "on" | "1") => Ok(true),
        Some("no" | "false" | "off" | "0") | None => Ok(false),
        Some(_) => Err(problem(field, "this is neither true nor false", "send true or false")),
    }
}

/// The text of the consent to get SMS. A sender who claims consent must be able to show it.
fn sms_consent(fields: &Fields) -> Result<Option<String>, Problem> {
    if !agreed(fields, "sms_consent")? {
        return Ok(None);
    }
    let text = lines(fields, "sms_consent_text")?;
    let missing =
        || problem("sms_consent_text", "it is missing", "send the text as it was shown to the person");
    text.map(Some).ok_or_else(missing)
}

fn email(fields: &Fields) -> Result<Option<String>, Problem> {
    let Some(text) = fields.get("email").filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let bad =
        || problem("email", "this is not an e-mail address", "send one such as ivan@example.com, or none");
    fit(text, Kind::Email).filter(|address| mailbox::is_public(address)).map(Some).ok_or_else(bad)
}

fn line(fields: &Fields, field: &str, longest: usize) -> Result<Option<String>, Problem> {
    let Some(text) = fields.get(field).map(|text| text.trim()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > longest {
        return Err(problem(field, "it is too long", &format!("send at most {longest} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(problem(field, "it has characters that cannot be printed", "send one line of text"));
    }
    Ok(Some(text.to_owned()))
}

fn lines(fields: &Fields, field: &str) -> Result<Option<String>, Problem> {
    let Some(text) = fields.get(field) else { return Ok(None) };
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.chars().count() > LONGEST_TEXT {
        return Err(problem(field, "it is too long", &format!("send at most {LONGEST_TEXT} characters")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(problem(field, "it has characters that cannot be printed", "send plain text"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// An instant in RFC 3339, or in a browser's form, in the zone.
fn wanted(text: &str, how: &Reading) -> Result<UnixMs, Problem> {
    let remedy = "send a time such as 2026-12-31T18:30:00+03:00";
    let bad = |what: &str| problem("wanted_at", what, remedy);
    let civil = |text: &str| {
        let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
        let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
        match how.zone.from_local_datetime(&time) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(UnixMs::from(at.to_utc())),
            LocalResult::None => None,
        }
    };
    let text = text.trim();
    let exact = DateTime::parse_from_rfc3339(text).ok().map(|at| UnixMs::from(at.to_utc()));
    let at = exact.or_else(|| civil(text)).ok_or_else(|| bad("this is not a time"))?;
    // Filling in a form takes a minute.
    if at < how.now - Duration::from_mins(1) {
        return Err(bad("it has passed"));
    }
    if at > how.now + how.latest {
        return Err(bad("it is too far ahead"));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn how() -> Reading {
        Reading {
            home: Home { region: crate::phone::Region::RU, area_code: None },
            zone: Tz::Europe__Moscow,
            now: UnixMs(1_795_424_400_000),
            latest: Duration::from_hours(240),
        }
    }

    fn said(json: &str) -> Result<ParsedRequest, Problem> {
        read(&of_json(json.as_bytes())?, &how())
    }

    #[test]
    fn what_is_said_is_read() {
        let said = said(
            r#"{"number": "8 (900) 123-45-67", "name": " Ivan ", "text": "a\r\nb", "consent": true,
                "consent_text": "I agree", "wanted_at": "2026-11-24T10:00", "language": "ru", "source": "ad"}"#,
        )
        .unwrap();
        assert_eq!(said.number.as_str(), "+79001234567");
        assert_eq!((said.name.as_deref(), said.text.as_deref()), (Some("Ivan"), Some("a\nb")));
        assert_eq!(said.wanted_at.unwrap().to_string(), "2026-11-24T07:00:00.000Z");
        assert_eq!((said.consent_text.as_deref(), said.page.as_deref()), (Some("I agree"), Some("ad")));
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let good = r#""number": "+79001234567", "consent": true, "consent_text": "x""#;
        let long = "x".repeat(2001);
        for (json, field) in [
            ("[]".to_owned(), ""),
            ("{".to_owned(), ""),
            ("{}".to_owned(), "number"),
            (r#"{"number": 79001234567}"#.to_owned(), "number"),
            (r#"{"number": "+7900"}"#.to_owned(), "number"),
            (r#"{"number": "+79001234567"}"#.to_owned(), "consent"),
            (r#"{"number": "+79001234567", "consent": false}"#.to_owned(), "consent"),
            (r#"{"number": "+79001234567", "consent": "perhaps"}"#.to_owned(), "consent"),
            (format!(r#"{{{good}, "name": ["x"]}}"#), "name"),
            (format!(r#"{{{good}, "name": "a\u0000"}}"#), "name"),
            (format!(r#"{{{good}, "text": "{long}"}}"#), "text"),
            (format!(r#"{{{good}, "wanted_at": "soon"}}"#), "wanted_at"),
            (format!(r#"{{{good}, "wanted_at": "2026-11-23T08:00:00Z"}}"#), "wanted_at"),
            (format!(r#"{{{good}, "wanted_at": "2027-11-23T08:00:00Z"}}"#), "wanted_at"),
            (format!(r#"{{{good}, "language": "fr"}}"#), "language"),
            (format!(r#"{{{good}, "email": "ivan"}}"#), "email"),
            (format!(r#"{{{good}, "email": "root@localhost"}}"#), "email"),
            (format!(r#"{{{good}, "email": "root@[127.0.0.1]"}}"#), "email"),
            (format!(r#"{{{good}, "email": "a@b.ru\r\nBcc: c@d.ru"}}"#), "email"),
            (format!(r#"{{{good}, "sms_consent": "perhaps", "sms_consent_text": "x"}}"#), "sms_consent"),
            (format!(r#"{{{good}, "sms_consent": true}}"#), "sms_consent_text"),
            (format!(r#"{{{good}, "admin": "x"}}"#), "admin"),
        ] {
            let refused = said(&json).unwrap_err();
            assert_eq!(refused.field, field, "{json}");
            assert!(!refused.remedy.is_empty());
        }
        assert_eq!(of_form(b"number=1&number=2").unwrap_err().field, "number");
    }

    #[test]
    fn who_does_not_say_that_he_wants_sms_gets_none() {
        let good =
            r#""number": "+79001234567", "consent": true, "consent_text": "x", "sms_consent_text": "SMS""#;
        let of = |more: &str| said(&format!("{{{good}{more}}}")).unwrap().sms_consent_text;
        for no in ["", r#", "sms_consent": false"#, r#", "sms_consent": "no""#, r#", "sms_consent": null"#] {
            assert_eq!(of(no), None, "{no}");
        }
        assert_eq!(of(r#", "sms_consent": true"#).as_deref(), Some("SMS"));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_fall(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = of_json(&body).and_then(|fields| read(&fields, &how()));
            let _ = of_form(&body).and_then(|fields| read(&fields, &how()));
        }
    }
}
