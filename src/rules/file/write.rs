//! Writes rules as a file that reads back the same.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;

use crate::calendar::schedule::{Interval, Schedule};
use crate::duration;
use crate::ids::PolicyName;
use crate::rules::file::{DELAYS, MAX_MISSES, MAX_WAIT, RING_TIMEOUT, SERVICE_LEVEL, WRAP_UP};
use crate::rules::policy::{Policy, Profile, show_minutes};
use crate::rules::{Agent, Destination, Queue, Route, Rules};

/// The rules as a rules file; what equals the built-in defaults is left out.
#[must_use]
pub fn write(rules: &Rules) -> String {
    written(rules, false)
}

/// The rules with every default written out, to compare them: what has no limit says so.
pub(super) fn write_whole(rules: &Rules) -> String {
    written(rules, true)
}

fn written(rules: &Rules, whole: bool) -> String {
    let mut out = Lines { text: String::new(), whole };
    out.line("# Rules of dozvon. `dozvon apply FILE` makes the database equal to this file.");
    for (name, prompt) in &rules.prompts {
        out.header("prompt", name.as_str());
        out.text("source", &prompt.source);
    }
    for (name, schedule) in &rules.schedules {
        out.header("schedule", name.as_str());
        out.schedule(schedule);
    }
    for (name, policy) in &rules.policies {
        out.policy(name, policy);
    }
    for (name, agent) in &rules.agents {
        out.header("agent", name.as_str());
        out.agent(name.as_str(), agent);
    }
    for (name, queue) in &rules.queues {
        out.header("queue", name.as_str());
        out.queue(queue);
    }
    for route in &rules.routes {
        out.header("route", route.name.as_str());
        out.route(route);
    }
    out.text
}

struct Lines {
    text: String,
    /// Whether defaults are written, too.
    whole: bool,
}

impl Lines {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn header(&mut self, kind: &str, name: &str) {
        self.line(&format!("\n[[{kind}]]"));
        self.text("name", name);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    fn number(&mut self, key: &str, value: i64, default: i64) {
        if self.whole || value != default {
            self.line(&format!("{key} = {value}"));
        }
    }

    fn lasting(&mut self, key: &str, value: Duration, default: Duration) {
        if self.whole || value != default {
            self.text(key, &duration::show(value));
        }
    }

    fn list(&mut self, key: &str, items: &[String]) {
        match items {
            [] if self.whole => self.line(&format!("{key} = []")),
            [] => {}
            [one] => self.line(&format!("{key} = [{one}]")),
            many => {
                self.line(&format!("{key} = ["));
                many.iter().for_each(|item| self.line(&format!("    {item},")));
                self.line("]");
            }
        }
    }

    fn schedule(&mut self, schedule: &Schedule) {
        self.text("zone", schedule.zone.name());
        let mut hours = Vec::new();
        let mut day = 0;
        while day < DAYS.len() {
            let same =
                schedule.weekly[day..].iter().take_while(|other| **other == schedule.weekly[day]).count();
            if !schedule.weekly[day].is_empty() {
                hours.push(quoted(&format!("{} {}", days(day, same), times(&schedule.weekly[day]))));
            }
            day += same;
        }
        if hours.is_empty() {
            hours.push(quoted("mon-sun closed"));
        }
        self.list("hours", &hours);
        let lines: Vec<String> = ranges(&schedule.exceptions).iter().map(|line| quoted(line)).collect();
        self.list("exceptions", &lines);
    }

    /// What differs from the profile; nothing at all of a policy that is as it would be without being stated.
    fn policy(&mut self, name: &PolicyName, policy: &Policy) {
        let usual = Policy::of(policy.profile);
        let own = Policy::profile_named(name);
        if !self.whole && own.is_some() && *policy == (Policy { version: policy.version, ..usual.clone() }) {
            return;
        }
        self.header("policy", name.as_str());
        if own.is_none() {
            self.text("profile", policy.profile.as_str());
        }
        self.number("cap_day", policy.cap_day.into(), usual.cap_day.into());
        for (key, cap, usual) in [
            ("cap_24h", policy.cap_24h, usual.cap_24h),
            ("cap_week", policy.cap_week, usual.cap_week),
            ("cap_month", policy.cap_month, usual.cap_month),
        ] {
            match cap {
                Some(cap) if self.whole || Some(cap) != usual => self.line(&format!("{key} = {cap}")),
                None if self.whole => self.text(key, NO_LIMIT),
                Some(_) | None => {}
            }
        }
        if self.whole || policy.gaps != usual.gaps {
            let gaps: Vec<String> = policy.gaps.iter().map(|gap| quoted(&duration::show(*gap))).collect();
            self.line(&format!("gaps = [{}]", gaps.join(", ")));
        }
        self.lasting("ring", policy.ring, usual.ring);
        self.lasting("reaction", policy.reaction, usual.reaction);
        if self.whole || policy.rungs != usual.rungs {
            self.line(&format!("rungs = {:?}", policy.rungs));
        }
        for (key, stretch, usual) in
            [("weekdays", policy.weekdays, usual.weekdays), ("weekends", policy.weekends, usual.weekends)]
        {
            if self.whole || stretch != usual {
                self.text(key, &show_minutes(stretch));
            }
        }
        self.lasting("margin", policy.margin, usual.margin);
        if self.whole || policy.recent_contact != usual.recent_contact {
            self.text("recent_contact", &duration::show_limit(policy.recent_contact));
        }
        self.lasting("settle", policy.settle, usual.settle);
        self.lasting("lease", policy.lease, usual.lease);
        self.number("repeat_days", policy.repeat_days.into(), usual.repeat_days.into());
        self.number("repeat_total", policy.repeat_total.into(), usual.repeat_total.into());
        let prefixes: Vec<String> = policy.destinations.iter().map(|prefix| quoted(prefix)).collect();
        self.list("destinations", &prefixes);
        if self.whole || policy.premium != usual.premium {
            self.line(&format!("premium = {}", policy.premium));
        }
    }

    fn agent(&mut self, name: &str, agent: &Agent) {
        if self.whole || agent.display != name {
            self.text("display", &agent.display);
        }
        let contacts: Vec<String> =
            agent.contacts.iter().map(|contact| quoted(&contact.to_string())).collect();
        self.line(&format!("contacts = [{}]", contacts.join(", ")));
        self.lasting("ring_timeout", agent.ring_timeout, RING_TIMEOUT);
        self.lasting("wrap_up", agent.wrap_up, WRAP_UP);
        self.lasting("no_answer_delay", agent.delays.no_answer, DELAYS.no_answer);
        self.lasting("busy_delay", agent.delays.busy, DELAYS.busy);
        self.lasting("rejected_delay", agent.delays.rejected, DELAYS.rejected);
        self.lasting("unreachable_delay", agent.delays.unreachable, DELAYS.unreachable);
        self.number("max_misses", agent.max_misses.into(), MAX_MISSES.into());
        self.switch("follow_redirects", agent.follow_redirects);
    }

    fn queue(&mut self, queue: &Queue) {
        self.text("strategy", queue.strategy.as_str());
        self.number("priority", queue.priority.into(), 0);
        if let Some(music) = &queue.music {
            self.text("music", music.as_str());
        }
        self.lasting("service_level", queue.service_level, SERVICE_LEVEL);
        if self.whole || queue.max_wait != MAX_WAIT {
            self.text("max_wait", &duration::show_limit(queue.max_wait));
        }
        self.destination("overflow", &queue.overflow);
        if let Some(schedule) = &queue.schedule {
            self.text("schedule", schedule.as_str());
        }
        if self.whole || queue.policy != Profile::Service.into() {
            self.text("policy", queue.policy.as_str());
        }
        self.switch("call_waiting", queue.call_waiting);
        let mut tiers: Vec<_> = queue.tiers.iter().collect();
        tiers.sort_by_key(|(_, tier)| **tier);
        let line = |(name, tier): &(&crate::ids::AgentName, &crate::rules::Tier)| {
            format!("{{ agent = \"{name}\", level = {}, position = {} }}", tier.level, tier.position)
        };
        self.list("tiers", &tiers.iter().map(line).collect::<Vec<_>>());
    }

    /// What is off unless it is stated.
    fn switch(&mut self, key: &str, on: bool) {
        if on || self.whole {
            self.line(&format!("{key} = {on}"));
        }
    }

    fn route(&mut self, route: &Route) {
        self.text("number", &route.number.to_string());
        self.destination("open", &route.open);
        if let Some(schedule) = &route.schedule {
            self.text("schedule", schedule.as_str());
            self.destination("closed", &route.closed);
        }
    }

    fn destination(&mut self, key: &str, to: &Destination) {
        let (what, to) = match to {
            Destination::Queue(name) => ("queue", name.to_string()),
            Destination::Forward(contact) => ("forward", contact.to_string()),
            Destination::Message(prompt) => ("message", prompt.to_string()),
        };
        self.line(&format!("{key} = {{ {what} = {} }}", quoted(&to)));
    }
}

/// Stands where the defaults are written out and there is no limit.
const NO_LIMIT: &str = "none";

/// Dates with their hours, one line for each run of days that are alike.
fn ranges(exceptions: &BTreeMap<NaiveDate, Vec<Interval>>) -> Vec<String> {
    let mut runs: Vec<(NaiveDate, NaiveDate, &Vec<Interval>)> = Vec::new();
    for (date, hours) in exceptions {
        match runs.last_mut() {
            Some((_, last, same)) if *same == hours && last.succ_opt() == Some(*date) => *last = *date,
            _ => runs.push((*date, *date, hours)),
        }
    }
    let line = |(first, last, hours): &(NaiveDate, NaiveDate, &Vec<Interval>)| {
        let dates = if first == last { first.to_string() } else { format!("{first}..{last}") };
        format!("{dates} {}", times(hours))
    };
    runs.iter().map(line).collect()
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn days(first: usize, count: usize) -> String {
    match count {
        1 => DAYS[first].to_owned(),
        _ => format!("{}-{}", DAYS[first], DAYS[first + count - 1]),
    }
}

fn times(intervals: &[Interval]) -> String {
    match intervals {
        [] => "closed".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The text as TOML holds it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
