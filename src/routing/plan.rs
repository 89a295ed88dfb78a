//! The decision where a call should go, with its reasons in words.

use crate::calendar::schedule::Schedule;
use crate::clock::UnixMs;
use crate::ids::{PromptName, QueueName, RouteName};
use crate::rules::{Destination, NumberPattern, Route, Rules};

/// What to do with a call. Leaves no choice to the one who carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The route that matched.
    pub route: Option<RouteName>,
    /// Whether that route was open.
    pub open: bool,
    /// Where the call goes; none when no route matched.
    pub to: Option<Destination>,
    /// The reasons, for people.
    pub why: String,
}

impl Plan {
    /// The queue that the call goes to first, if it goes to one.
    #[must_use]
    pub const fn queue(&self) -> Option<&QueueName> {
        match &self.to {
            Some(Destination::Queue(name)) => Some(name),
            _ => None,
        }
    }
}

/// Decides where a call to `dialled` goes at `now`: the first route that matches the number, by its hours.
#[must_use]
pub fn plan(dialled: &str, rules: &Rules, now: UnixMs) -> Plan {
    let Some(route) = rules.routes.iter().find(|route| route.number.matches(dialled)) else {
        let why = format!("no route matches the number: {} were tried", rules.routes.len());
        return Plan { route: None, open: false, to: None, why };
    };
    let (open, hours) = hours(route, rules, now);
    let to = if open { &route.open } else { &route.closed };
    let why = format!("route {} matches the number by {}; {hours}; so {to}", route.name, route.number);
    Plan { route: Some(route.name.clone()), open, to: Some(to.clone()), why }
}

fn hours(route: &Route, rules: &Rules, now: UnixMs) -> (bool, String) {
    let Some(name) = &route.schedule else {
        return (true, "it has no schedule and is always open".to_owned());
    };
    let Some(schedule) = rules.schedules.get(name) else {
        return (true, format!("its schedule {name} is not there: open"));
    };
    let open = schedule.is_open(now);
    let change = if open { schedule.next_closing(now) } else { schedule.next_opening(now) };
    let state = if open { "open" } else { "closed" };
    let why = match change {
        None => format!("schedule {name} is {state}"),
        Some(at) => {
            let until = at.utc().with_timezone(&schedule.zone).format("%Y-%m-%d %H:%M %Z");
            format!("schedule {name} is {state} until {until}")
        }
    };
    (open, why)
}

impl NumberPattern {
    /// Whether a dialled number is one of these.
    #[must_use]
    pub fn matches(&self, dialled: &str) -> bool {
        if self.prefix { dialled.starts_with(&self.digits) } else { dialled == self.digits }
    }
}

impl std::fmt::Display for NumberPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.digits, if self.prefix { "*" } else { "" })
    }
}

/// A text that is not a pattern of numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a number pattern: write digits such as 7001, a prefix such as 7*, or * for all")]
pub struct BadPattern {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl std::str::FromStr for NumberPattern {
    type Err = BadPattern;
    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let prefix = text.ends_with('*');
        let digits = text.strip_suffix('*').unwrap_or(text);
        let number = digits.strip_prefix('+').unwrap_or(digits);
        let fits = number.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if fits && text.len() <= 64 && !text.is_empty() && (prefix || !number.is_empty()) {
            Ok(Self { digits: digits.to_owned(), prefix })
        } else {
            Err(BadPattern { given: text.chars().take(80).collect() })
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Forward(contact) => write!(f, "forward to {contact}"),
            Self::Message(prompt) => write!(f, "message {prompt}"),
        }
    }
}

impl Rules {
    /// The schedule of a queue; none if it is always open, or no queue is named that is there.
    #[must_use]
    pub fn schedule(&self, queue: Option<&QueueName>) -> Option<&Schedule> {
        self.schedules.get(self.queues.get(queue?)?.schedule.as_ref()?)
    }

    /// What FreeSWITCH plays for a prompt, if it is named and there.
    #[must_use]
    pub fn sound(&self, prompt: Option<&PromptName>) -> Option<&str> {
        prompt.and_then(|name| self.prompts.get(name)).map(|prompt| prompt.source.as_str())
    }
}

/// A text that is not fit to be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a sound: {problem}; write the path of a file below FreeSWITCH's sounds, \
     or tone_stream://…, local_stream://NAME, silence_stream://MS"
)]
pub struct BadSound {
    /// The text that was given, cut to 120 characters.
    pub given: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl std::str::FromStr for crate::rules::Prompt {
    type Err = BadSound;
    fn from_str(text: &str) -> Result<Self, BadSound> {
        let bad = |problem| Err(BadSound { given: text.chars().take(120).collect(), problem });
        let tone = text.strip_prefix("tone_stream://");
        let stream = text.strip_prefix("local_stream://").or_else(|| text.strip_prefix("silence_stream://"));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        let good = match (tone, stream) {
            (Some(tone), _) => tone.chars().all(|c| c.is_ascii_alphanumeric() || "%(),;=.:-+*L".contains(c)),
            (_, Some(name)) => name.chars().all(|c| fits(c) || c == ','),
            _ => text.chars().all(fits),
        };
        match () {
            () if text.is_empty() => bad("it is empty"),
            () if text.len() > 256 => bad("it is longer than 256 characters"),
            () if !good => bad("it holds a character that FreeSWITCH would read as something else"),
            () if text.split('/').any(|part| part == "..") => bad("it leads out of its folder by '..'"),
            () => Ok(Self { source: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::schedule::Schedule;
    use crate::rules::Prompt;

    fn rules() -> Rules {
        let schedule = Schedule::parse("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]).unwrap();
        let route = |name: &str, number: &str, scheduled: bool| Route {
            name: name.parse().unwrap(),
            number: number.parse().unwrap(),
            open: Destination::Queue("sales".parse().unwrap()),
            schedule: scheduled.then(|| "office".parse().unwrap()),
            closed: Destination::Message("closed".parse().unwrap()),
        };
        Rules {
            schedules: [("office".parse().unwrap(), schedule)].into(),
            routes: vec![route("main", "7001", true), route("rest", "7*", false)],
            ..Rules::default()
        }
    }

    fn at(text: &str) -> UnixMs {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
    }

    #[test]
    fn the_first_route_that_matches_decides_by_its_hours() {
        let open = plan("7001", &rules(), at("2026-11-23T12:00:00+03:00"));
        assert_eq!(open.to, Some(Destination::Queue("sales".parse().unwrap())));
        assert!(open.why.contains("schedule office is open until 2026-11-23 18:00"), "{}", open.why);
        let closed = plan("7001", &rules(), at("2026-11-23T18:00:00+03:00"));
        assert!(!closed.open);
        assert_eq!(closed.to, Some(Destination::Message("closed".parse().unwrap())));
        assert!(closed.why.contains("closed until 2026-11-24 09:00"), "{}", closed.why);
        assert!(plan("7002", &rules(), at("2026-11-23T23:00:00+03:00")).open);
    }

    #[test]
    fn a_number_without_a_route_is_refused() {
        let none = plan("8001", &rules(), UnixMs(0));
        assert_eq!((none.route, none.to), (None, None));
    }

    #[test]
    fn a_sound_can_hold_nothing_that_would_be_run() {
        for good in [
            "ivr/closed.wav",
            "tone_stream://%(200,800,440);loops=-1",
            "local_stream://moh",
            "silence_stream://2000",
        ] {
            assert_eq!(good.parse::<Prompt>().unwrap().source, good);
        }
        for bad in [
            "",
            "${system(id)}",
            "shell_stream://id",
            "a b",
            "../secret",
            "x/../../y",
            "{x=1}a",
            "http://a",
            "a\nb",
        ] {
            assert!(bad.parse::<Prompt>().is_err(), "{bad:?}");
        }
    }
}
