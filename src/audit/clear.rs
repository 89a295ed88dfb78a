//! Finds texts that look like a phone number in clear.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// The longest name of a person who acted, in characters, as in the table.
const LONGEST_NAME: usize = 64;

/// Kinds of things whose own numbers may grow to seven digits: `case:1234567`.
const NUMBERED: [&str; 6] = ["attempt", "call", "case", "erasure", "outbox", "request"];

/// Whether a subject names a thing by its own number.
#[must_use]
pub fn is_numbered(subject: &str) -> bool {
    subject.split_once(':').is_some_and(|(kind, id)| NUMBERED.contains(&kind) && id.parse::<u64>().is_ok())
}

/// Texts that look like phone numbers but are not: UUIDs, hashes, dates with or without a time.
static HARMLESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x) \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b | \b[0-9a-f]{32,}\b
          | \b\d{4}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?",
    )
    .ok()
});

/// E.164 numbers have 7 to 15 digits (ITU-T E.164 allows 15; the shortest that we call has 7).
static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\d{7,}|\+[ ().-]*\d(?:[ ().-]{0,2}\d){6,}|\d(?:[ ()-]{0,2}\d){9,}").ok());

/// Whether a text may hold a phone number: seven digits or more in a row. Separated digits count too: seven or more
/// with a plus, ten or more without. UUIDs, hashes and dates do not count.
#[must_use]
pub fn holds_number(text: &str) -> bool {
    // If a pattern cannot be read, nothing passes. A test reads them all.
    let (Some(harmless), Some(number)) = (&*HARMLESS, &*NUMBER) else { return true };
    number.is_match(&harmless.replace_all(text, "~"))
}

/// Whether the audit can keep the name of a person who acted as it is: short enough, and not like a number.
#[must_use]
pub fn fit_to_stand(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count()) && !holds_number(name)
}

/// Returns a text without everything that may be a phone number. For free text in details.
#[must_use]
pub fn masked(text: &str) -> String {
    if !holds_number(text) {
        return text.to_owned();
    }
    NUMBER.as_ref().map_or_else(String::new, |number| number.replace_all(text, "…").into_owned())
}

/// Whether a value, or a value inside it, is a number in clear. A JSON number of seven digits is a duration or an id
/// only if its key says so.
pub(super) fn value_holds_number(key: &str, value: &Value) -> bool {
    let named = key.ends_with("_ms") || key.ends_with("_id") || key == "id";
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => !named && holds_number(&number.to_string()),
        Value::String(text) => holds_number(text),
        Value::Array(items) => items.iter().any(|item| value_holds_number(key, item)),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| holds_number(key) || value_holds_number(key, value))
        }
    }
}
