//! From the file as written to rules: each item by itself.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::time::Duration;

use chrono_tz::Tz;
use toml::Spanned;

use crate::calendar::schedule::parse_zone;
use crate::document::Document;
use crate::ids::AgentName;
use crate::rules::contact::Contact;
use crate::rules::file::raw;
use crate::rules::file::raw::{Given, Lasting, RawAgent, RawDestination, RawQueue, RawRoute, RawTier};
use crate::rules::file::{DELAYS, MAX_MISSES, MAX_WAIT, RING_TIMEOUT, SERVICE_LEVEL, WRAP_UP};
use crate::rules::file::{policies, schedules};
use crate::rules::policy::Profile;
use crate::rules::{Agent, Delays, Destination, Queue, Route, Rules, Strategy, Tier};

/// The longest name that is shown for an agent, in characters.
const DISPLAY_CHARS: usize = 128;

/// Makes rules of all items that are whole; what is wrong with the others goes into the document.
pub fn check(document: &mut Document<'_>, file: &raw::File, zone: Tz) -> Rules {
    let zone = file.defaults.zone.as_ref().and_then(|given| read_zone(document, given)).unwrap_or(zone);
    let mut rules = Rules::default();
    for item in &file.prompt {
        let raw = item.get_ref();
        let Some(name) = required(document, item, raw.name.as_ref(), "name") else { continue };
        let Some(source) = required(document, item, raw.source.as_ref(), "source") else { continue };
        keep(document, &mut rules.prompts, "prompt", name, source.get_ref().0.clone());
    }
    for item in &file.schedule {
        let Some(name) = required(document, item, item.get_ref().name.as_ref(), "name") else { continue };
        let schedule = schedules::read(document, item, zone);
        keep(document, &mut rules.schedules, "schedule", name, schedule);
    }
    let mut stated = BTreeMap::new();
    for item in &file.policy {
        let Some(name) = required(document, item, item.get_ref().name.as_ref(), "name") else { continue };
        let Some(policy) = policies::read(document, item, name.get_ref()) else { continue };
        keep(document, &mut stated, "policy", name, policy);
    }
    rules.policies.extend(stated);
    for item in &file.agent {
        let Some(name) = required(document, item, item.get_ref().name.as_ref(), "name") else { continue };
        let agent = agent(document, item, name.get_ref(), &file.defaults);
        keep(document, &mut rules.agents, "agent", name, agent);
    }
    for item in &file.queue {
        let Some(name) = required(document, item, item.get_ref().name.as_ref(), "name") else { continue };
        let queue = queue(document, item, &file.defaults);
        keep(document, &mut rules.queues, "queue", name, queue);
    }
    rules.routes = routes(document, file);
    rules
}

/// The value of a key that must be there.
fn required<'a, I, T>(
    document: &mut Document<'_>,
    item: &Spanned<I>,
    given: Option<&'a Spanned<T>>,
    key: &str,
) -> Option<&'a Spanned<T>> {
    if given.is_none() && !document.is_doubtful(&item.span()) {
        document.fault(&item.span(), format!("`{key}` is missing"), format!("add {key} = …"));
    }
    given
}

/// Puts an item under its name unless that is taken.
fn keep<N: Ord + Clone + Display, T>(
    document: &mut Document<'_>,
    map: &mut BTreeMap<N, T>,
    kind: &str,
    name: &Spanned<N>,
    item: T,
) {
    if map.contains_key(name.get_ref()) {
        document.fault(
            &name.span(),
            format!("there are two {} named {}", plural(kind), name.get_ref()),
            "give one of them another name, or take it out",
        );
    } else {
        map.insert(name.get_ref().clone(), item);
    }
}

/// Several of a kind.
fn plural(kind: &str) -> String {
    kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"))
}

pub(super) fn read_zone(document: &mut Document<'_>, given: &Spanned<String>) -> Option<Tz> {
    let read = parse_zone(given.get_ref());
    read.map_err(|error| tell(document, &given.span(), &error)).ok()
}

/// Splits what a library says at its first semicolon: before it the problem, behind it the remedy.
pub(super) fn tell(document: &mut Document<'_>, span: &Range<usize>, error: &dyn Display) {
    let text = error.to_string();
    let (problem, remedy) = text.rsplit_once("; ").unwrap_or((&text, ""));
    document.fault(span, problem, remedy);
}

fn agent(
    document: &mut Document<'_>,
    item: &Spanned<RawAgent>,
    name: &AgentName,
    defaults: &raw::Defaults,
) -> Agent {
    let raw = item.get_ref();
    if raw.contacts.is_empty() && !document.is_doubtful(&item.span()) {
        document.fault(&item.span(), format!("agent {name} has no contacts"), "add contacts = [\"user/…\"]");
    }
    let contacts = contacts(document, &raw.contacts);
    Agent {
        display: raw
            .display
            .as_ref()
            .and_then(|given| display(document, given))
            .unwrap_or_else(|| name.to_string()),
        contacts,
        ring_timeout: lasting(&raw.ring_timeout, &defaults.ring_timeout, RING_TIMEOUT),
        wrap_up: lasting(&raw.wrap_up, &defaults.wrap_up, WRAP_UP),
        delays: Delays {
            no_answer: lasting(&raw.no_answer_delay, &defaults.no_answer_delay, DELAYS.no_answer),
            busy: lasting(&raw.busy_delay, &defaults.busy_delay, DELAYS.busy),
            rejected: lasting(&raw.rejected_delay, &defaults.rejected_delay, DELAYS.rejected),
            unreachable: lasting(&raw.unreachable_delay, &defaults.unreachable_delay, DELAYS.unreachable),
        },
        max_misses: chosen(&raw.max_misses, &defaults.max_misses).unwrap_or(MAX_MISSES),
        follow_redirects: chosen(&raw.follow_redirects, &defaults.follow_redirects).unwrap_or_default(),
    }
}

/// The contacts that can be read, each once.
fn contacts(document: &mut Document<'_>, given: &[Spanned<String>]) -> Vec<Contact> {
    let mut contacts: Vec<Contact> = Vec::new();
    for text in given {
        match text.get_ref().parse() {
            Err(error) => tell(document, &text.span(), &error),
            Ok(contact) if contacts.contains(&contact) => {
                document.fault(&text.span(), format!("{contact} stands here twice"), "take one out");
            }
            Ok(contact) => contacts.push(contact),
        }
    }
    contacts
}

/// The name that is shown, if it can be shown on one line.
fn display(document: &mut Document<'_>, given: &Spanned<String>) -> Option<String> {
    let text = given.get_ref().trim();
    if text.is_empty() || text.chars().count() > DISPLAY_CHARS || text.chars().any(char::is_control) {
        document.fault(&given.span(), "this cannot be shown", "write 1 to 128 characters on one line");
        return None;
    }
    Some(text.to_owned())
}

/// What the item says, else what the file's defaults say.
fn chosen<T: Copy>(own: &Given<T>, default: &Given<T>) -> Option<T> {
    own.as_ref().or(default.as_ref()).map(|given| *given.get_ref())
}

fn lasting<const LEAST: u64, const MOST: u64>(
    own: &Given<Lasting<LEAST, MOST>>,
    default: &Given<Lasting<LEAST, MOST>>,
    otherwise: Duration,
) -> Duration {
    chosen(own, default).map_or(otherwise, |given| given.0)
}

fn queue(document: &mut Document<'_>, item: &Spanned<RawQueue>, defaults: &raw::Defaults) -> Queue {
    let raw = item.get_ref();
    let max_wait = chosen(&raw.max_wait, &defaults.max_wait).map_or(MAX_WAIT, |limit| limit.0);
    let overflow = raw.overflow.as_ref().or(defaults.overflow.as_ref());
    if overflow.is_none() && !document.is_doubtful(&item.span()) {
        let remedy = "add overflow = { message = \"…\" }, { forward = \"…\" } or { queue = \"…\" }";
        document.fault(&item.span(), "the queue does not say where callers go who waited too long", remedy);
    }
    Queue {
        strategy: chosen(&raw.strategy, &defaults.strategy).unwrap_or(Strategy::LongestIdle),
        priority: raw.priority.as_ref().map_or(0, |given| *given.get_ref()),
        music: raw.music.as_ref().or(defaults.music.as_ref()).map(|given| given.get_ref().clone()),
        service_level: lasting(&raw.service_level, &defaults.service_level, SERVICE_LEVEL),
        max_wait,
        overflow: overflow.and_then(|given| destination(document, given)).unwrap_or_else(nowhere),
        schedule: raw.schedule.as_ref().map(|given| given.get_ref().clone()),
        policy: raw.policy.as_ref().map_or_else(|| Profile::Service.into(), |given| given.get_ref().clone()),
        call_waiting: chosen(&raw.call_waiting, &defaults.call_waiting).unwrap_or_default(),
        tiers: tiers(document, &raw.tiers),
    }
}

fn tiers(document: &mut Document<'_>, raw: &[Spanned<RawTier>]) -> BTreeMap<AgentName, Tier> {
    let mut tiers = BTreeMap::new();
    for (place, item) in (1..).zip(raw) {
        let tier = item.get_ref();
        let Some(agent) = required(document, item, tier.agent.as_ref(), "agent") else { continue };
        for number in
            [&tier.level, &tier.position].into_iter().flatten().filter(|number| *number.get_ref() < 1)
        {
            document.fault(&number.span(), "levels and positions begin with 1", "write 1 or more");
        }
        let made = Tier {
            level: tier.level.as_ref().map_or(1, |given| *given.get_ref()),
            position: tier.position.as_ref().map_or(place, |given| *given.get_ref()),
        };
        if tiers.insert(agent.get_ref().clone(), made).is_some() {
            let problem = format!("agent {} stands here twice", agent.get_ref());
            document.fault(&agent.span(), problem, "take one out");
        }
    }
    tiers
}

/// Stands for a destination that could not be read; never leaves this module, since there is a fault.
fn nowhere() -> Destination {
    let prompt = "nowhere".parse();
    #[expect(clippy::expect_used, reason = "a constant that every test parses")]
    Destination::Message(prompt.expect("a fit name"))
}

fn destination(document: &mut Document<'_>, given: &Spanned<RawDestination>) -> Option<Destination> {
    let raw = given.get_ref();
    match (&raw.queue, &raw.forward, &raw.message) {
        (Some(queue), None, None) => Some(Destination::Queue(queue.get_ref().clone())),
        (None, Some(contact), None) => Some(Destination::Forward(contact.get_ref().clone())),
        (None, None, Some(prompt)) => Some(Destination::Message(prompt.get_ref().clone())),
        (None, None, None) if document.is_doubtful(&given.span()) => None,
        _ => {
            let remedy = "write one of { queue = \"…\" }, { forward = \"…\" } and { message = \"…\" }";
            document.fault(&given.span(), "this must say exactly one thing to do", remedy);
            None
        }
    }
}

fn routes(document: &mut Document<'_>, file: &raw::File) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for item in &file.route {
        let Some(route) = route(document, item) else { continue };
        if let (true, Some(name)) =
            (routes.iter().any(|other| other.name == route.name), &item.get_ref().name)
        {
            let problem = format!("there are two routes named {}", route.name);
            document.fault(&name.span(), problem, "give one of them another name, or take it out");
        }
        routes.push(route);
    }
    routes
}

fn route(document: &mut Document<'_>, item: &Spanned<RawRoute>) -> Option<Route> {
    let raw = item.get_ref();
    let name = required(document, item, raw.name.as_ref(), "name");
    let number = required(document, item, raw.number.as_ref(), "number");
    let open = required(document, item, raw.open.as_ref(), "open");
    let open = open.and_then(|given| destination(document, given));
    let closed = raw.closed.as_ref().and_then(|given| destination(document, given));
    match (&raw.schedule, &raw.closed) {
        (Some(schedule), None) if !document.is_doubtful(&item.span()) => {
            let remedy = "add closed = { message = \"…\" } or { forward = \"…\" }";
            document.fault(
                &schedule.span(),
                "`closed` is missing: where do callers go out of hours?",
                remedy,
            );
        }
        (None, Some(never)) if !document.is_doubtful(&item.span()) => {
            let remedy = "add schedule = \"…\", or take `closed` out";
            document.fault(&never.span(), "without a schedule the route is never closed", remedy);
        }
        _ => {}
    }
    let open = open?;
    Some(Route {
        name: name?.get_ref().clone(),
        number: number?.get_ref().0.clone(),
        closed: closed.unwrap_or_else(|| open.clone()),
        open,
        schedule: raw.schedule.as_ref().map(|given| given.get_ref().clone()),
    })
}
