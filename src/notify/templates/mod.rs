//! The templates of messages to people, in two languages, built in or from a file.
//!
//! In: an event. Out: a subject, a text and a short text; callers get texts of their own. A template may use the known
//! fields of events; a field that an event lacks is empty. Each template is rendered once when it is loaded: an unknown
//! field is found then. **Invariant:** values of events have no control characters, and at most 500 characters.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use crate::clock::UnixMs;
use crate::config::notify::Destination;
use crate::event::{Delivery, EventKind};
use crate::ids::EventId;
use crate::language::Language;
use crate::render;

const BUILT_IN: [(Language, &str); 2] =
    [(Language::En, include_str!("en.toml")), (Language::Ru, include_str!("ru.toml"))];

/// The fields of events that templates may use; webhooks have the others.
const KNOWN: [&str; 13] = [
    "case",
    "number",
    "name",
    "queue",
    "reason",
    "result",
    "misses",
    "due_at",
    "share_pct",
    "note",
    "agent",
    "times",
    "voicemail",
];
/// The longest text of an event in a message, in characters.
const LONGEST: usize = 500;

crate::vocabulary! {
    /// A part of a template.
    "part of a template" pub enum Part {
        /// The subject of an e-mail.
        Subject = "subject",
        /// The text of an e-mail.
        Text = "text",
        /// One line for a messenger or an SMS.
        Short = "short",
        /// The subject of an e-mail to the caller.
        CallerSubject = "caller_subject",
        /// The text to the caller.
        Caller = "caller",
    }
}

type Catalogue = BTreeMap<String, BTreeMap<String, String>>;

/// The templates of one destination.
#[derive(Debug)]
pub struct Templates {
    templates: Environment<'static>,
    zone: Tz,
}

impl Templates {
    /// Loads the built-in templates of a language, and those of a file over them. Each is rendered once to find
    /// mistakes.
    ///
    /// # Errors
    /// What is wrong, with the file and the template.
    pub fn load(to: &Destination, zone: Tz) -> Result<Self, String> {
        let built_in =
            BUILT_IN.iter().find(|(language, _)| *language == to.language).map_or("", |(_, text)| *text);
        let mut catalogue: Catalogue = toml::from_str(built_in).map_err(|error| error.to_string())?;
        let file = to.template.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        if let Some(path) = &to.template {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read the template {file}: {error}"))?;
            let own: Catalogue = toml::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
            for (kind, parts) in own {
                kind.parse::<EventKind>().map_err(|error| format!("{file}: {error}"))?;
                for (part, source) in parts {
                    part.parse::<Part>().map_err(|error| format!("{file}: [{kind}]: {error}"))?;
                    catalogue.entry(kind.clone()).or_default().insert(part, source);
                }
            }
        }
        let language = to.language;
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        templates.add_filter("word", move |word: String| render::word(language, &word));
        for (kind, parts) in catalogue {
            for (part, source) in parts {
                let wrong = |error: minijinja::Error| format!("{file}: template {part} of {kind}: {error}");
                templates.add_template_owned(format!("{kind}/{part}"), source).map_err(wrong)?;
            }
        }
        let texts = Self { templates, zone };
        texts.try_all().map_err(|error| format!("{file}: {error}"))?;
        Ok(texts)
    }

    /// Renders every template with an event that has all fields, and with one that has none.
    fn try_all(&self) -> Result<(), String> {
        let all: Map<String, Value> = KNOWN.iter().map(|key| ((*key).to_owned(), Value::from("1"))).collect();
        for kind in EventKind::ALL {
            for data in [Value::Object(all.clone()), Value::Null] {
                for part in Part::ALL.iter().filter(|part| self.has(kind.as_str(), **part)) {
                    self.render(*part, &sample(kind.as_str(), data.clone()))?;
                }
            }
        }
        Ok(())
    }

    /// Whether there is such a template for this kind of event.
    #[must_use]
    pub fn has(&self, kind: &str, part: Part) -> bool {
        self.templates.get_template(&format!("{kind}/{part}")).is_ok()
    }

    /// Renders a template.
    ///
    /// # Errors
    /// What is wrong with the template.
    pub fn render(&self, part: Part, delivery: &Delivery) -> Result<String, String> {
        let name = format!("{}/{part}", delivery.kind);
        let template = self.templates.get_template(&name);
        let said = template.and_then(|template| template.render(self.context(delivery)));
        said.map_err(|error| format!("template {part} of {}: {error}", delivery.kind))
    }

    fn context(&self, delivery: &Delivery) -> BTreeMap<&'static str, String> {
        let show = |at: UnixMs| at.utc().with_timezone(&self.zone).format("%d.%m.%Y %H:%M").to_string();
        let mut context: BTreeMap<&'static str, String> =
            KNOWN.iter().map(|key| (*key, harmless(&delivery.data[*key]))).collect();
        if let Some(at) = delivery.data["due_at"].as_i64() {
            context.insert("due_at", show(UnixMs(at)));
        }
        context.insert("at", show(delivery.at));
        context.insert("event", delivery.event.to_string());
        context.insert("aggregate", delivery.aggregate.clone());
        context
    }
}

/// A value as text, without control characters.
fn harmless(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return String::new(),
    };
    // Also characters that change the direction of writing, and Unicode's own line breaks.
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if odd(c) { ' ' } else { c }).take(LONGEST).collect()
}

fn sample(kind: &str, data: Value) -> Delivery {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    let destination = "sample".parse().expect("a fit name");
    Delivery {
        id: 1,
        event: EventId(uuid::Uuid::nil()),
        sequence: 1,
        destination,
        recipient: String::new(),
        attempt: 1,
        kind: kind.to_owned(),
        aggregate: "case:1".to_owned(),
        at: UnixMs(0),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notify::Kind;

    fn destination() -> Destination {
        Destination::new("d".parse().unwrap(), Kind::Email, vec!["*".parse().unwrap()])
    }

    #[test]
    fn both_languages_speak_of_every_event() {
        for language in [Language::En, Language::Ru] {
            let texts = Templates::load(&Destination { language, ..destination() }, Tz::UTC).unwrap();
            for kind in EventKind::ALL {
                for part in [Part::Subject, Part::Text, Part::Short] {
                    assert!(texts.has(kind.as_str(), part), "{kind} {part}");
                }
            }
        }
    }

    #[test]
    fn a_closed_case_is_told_with_what_closed_it() {
        let data = serde_json::json!({
            "case": 1, "number": "+7", "reason": "abandoned_waiting", "result": "agent_reached",
        });
        for language in [Language::En, Language::Ru] {
            let texts = Templates::load(&Destination { language, ..destination() }, Tz::UTC).unwrap();
            let word = |word: &str| render::word(language, word);
            for part in [Part::Text, Part::Short] {
                let said = texts.render(part, &sample("case.closed", data.clone())).unwrap();
                assert!(said.contains(&word("agent_reached")), "{said}");
                assert!(!said.contains(&word("abandoned_waiting")), "{said}");
            }
        }
    }

    #[test]
    fn a_bad_template_is_told_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let load = |text: &str| {
            let path = folder.path().join("own.toml");
            std::fs::write(&path, text).unwrap();
            Templates::load(&Destination { template: Some(path), ..destination() }, Tz::UTC)
        };
        for (text, said) in [
            ("[\"case.opened\"]\nsubject = \"{{ numbr }}\"\n", "undefined"),
            ("[\"case.opened\"]\nsubject = \"{{ number\"\n", "syntax"),
            ("[\"case.opend\"]\nsubject = \"x\"\n", "is not a kind of event"),
            ("[\"case.opened\"]\nsubjekt = \"x\"\n", "is not a part of a template"),
            ("[\"case.opened\"\n", "own.toml"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(said) && error.contains("own.toml"), "{text:?}: {error}");
        }
        let texts = load("[\"case.opened\"]\nsubject = \"A {{ number }} {{ reason | word }}\"\n").unwrap();
        let data = serde_json::json!({"number": "+7\r\nBcc: x", "reason": "abandoned_waiting"});
        let said = texts.render(Part::Subject, &sample("case.opened", data)).unwrap();
        assert_eq!(said, "A +7  Bcc: x abandoned while waiting");
    }
}
