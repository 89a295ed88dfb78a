//! Decides where a call should go, with the reasons in words.

use crate::calendar::state::{State, Why};
use crate::clock::UnixMs;
use crate::ids::{QueueName, RouteName};
use crate::rules::{Destination, Route, Rules};

/// What to do with a call. The story of the call carries it out and decides nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The route that matched.
    pub route: Option<RouteName>,
    /// Whether that route was open.
    pub open: bool,
    /// Where the call goes. None if no route matched.
    pub to: Option<Destination>,
    /// The reasons, for people.
    pub why: String,
}

impl Plan {
    /// Returns the queue to which the call goes first. None if the call goes elsewhere.
    #[must_use]
    pub const fn queue(&self) -> Option<&QueueName> {
        match &self.to {
            Some(Destination::Queue(name)) => Some(name),
            _ => None,
        }
    }
}

/// A call that is to be routed.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The number dialled.
    pub dialled: &'a str,
    /// The caller's number, in each form in which a route may state it.
    pub caller: &'a [&'a str],
    /// Whether the caller has an open case.
    pub open_case: bool,
}

/// Whether it matters to the routes of a number if its callers have an open case.
#[must_use]
pub fn asks_for_case(dialled: &str, rules: &Rules) -> bool {
    rules.routes.iter().any(|route| route.open_case && route.number.matches(dialled))
}

/// Decides where a call goes at `now`: the first route that matches the number and the caller, by its hours.
#[must_use]
pub fn plan(call: Arrival<'_>, rules: &Rules, now: UnixMs) -> Plan {
    let matches = |route: &&Route| route.matches(call.dialled, call.caller, call.open_case);
    let Some(route) = rules.routes.iter().find(matches) else {
        let why = format!("no route matches the number; routes tried: {}", rules.routes.len());
        return Plan { route: None, open: false, to: None, why };
    };
    let (open, hours) = hours(route, rules, now);
    let to = if open { &route.open } else { &route.closed };
    // The numbers of persons do not belong into the row.
    let from = if route.from.0.is_empty() { "" } else { " and the caller's number" };
    let case = if route.open_case { " and the caller's open case" } else { "" };
    let why =
        format!("route {} matches the number by {}{from}{case}; {hours}; so {to}", route.name, route.number);
    Plan { route: Some(route.name.clone()), open, to: Some(to.clone()), why }
}

fn hours(route: &Route, rules: &Rules, now: UnixMs) -> (bool, String) {
    let Some(name) = &route.schedule else {
        return (true, "it has no schedule and is always open".to_owned());
    };
    let Some(schedule) = rules.schedules.get(name) else {
        return (true, format!("its schedule {name} does not exist, so it counts as open"));
    };
    let State { open, why, until } = schedule.state(now);
    let state = if open { "open" } else { "closed" };
    let why = match (why, until) {
        (Why::Manual(manual), _) => format!("schedule {name} is {}", manual.says(schedule.zone)),
        (_, None) => format!("schedule {name} is {state}"),
        (_, Some(at)) => {
            let until = at.utc().with_timezone(&schedule.zone).format("%Y-%m-%d %H:%M %Z");
            format!("schedule {name} is {state} until {until}")
        }
    };
    (open, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::manual::Manual;
    use crate::calendar::schedule::Schedule;
    use crate::rules::Callers;

    fn rules() -> Rules {
        let schedule = Schedule::parse("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]).unwrap();
        let route = |name: &str, number: &str, scheduled: bool| Route {
            name: name.parse().unwrap(),
            number: number.parse().unwrap(),
            from: Callers::default(),
            open_case: false,
            open: Destination::Queue("sales".parse().unwrap()),
            schedule: scheduled.then(|| "office".parse().unwrap()),
            closed: Destination::message("closed".parse().unwrap()),
        };
        Rules {
            schedules: [("office".parse().unwrap(), schedule)].into(),
            routes: vec![route("main", "7001", true), route("rest", "7*", false)],
            ..Rules::default()
        }
    }

    fn call(dialled: &str) -> Arrival<'_> {
        Arrival { dialled, caller: &[], open_case: false }
    }

    #[test]
    fn a_route_may_be_for_some_callers_only() {
        let mut rules = rules();
        let mut vip = rules.routes[0].clone();
        (vip.name, vip.from) = ("vip".parse().unwrap(), "+7495* 1001".parse().unwrap());
        let mut owed = rules.routes[0].clone();
        (owed.name, owed.open_case) = ("owed".parse().unwrap(), true);
        rules.routes.splice(0..0, [vip, owed]);
        let route = |caller: &[&str], open_case| {
            plan(Arrival { dialled: "7001", caller, open_case }, &rules, UnixMs(0)).route.unwrap().to_string()
        };
        assert_eq!(route(&["+74951234567", "84951234567"], false), "vip");
        assert_eq!(route(&["1001"], true), "vip", "the first that matches");
        assert_eq!(route(&["10011"], true), "owed");
        assert_eq!(route(&["10011"], false), "main");
        assert!(asks_for_case("7001", &rules) && !asks_for_case("7002", &rules));
        let [vip, owed, main, _] = &rules.routes[..] else { panic!() };
        assert!(main.covers(vip) && main.covers(owed) && !vip.covers(main) && !owed.covers(main));
        assert!(!vip.covers(owed) && !owed.covers(vip));
    }

    fn at(text: &str) -> UnixMs {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
    }

    #[test]
    fn the_first_route_that_matches_decides_by_its_hours() {
        let open = plan(call("7001"), &rules(), at("2026-11-23T12:00:00+03:00"));
        assert_eq!(open.to, Some(Destination::Queue("sales".parse().unwrap())));
        assert!(open.why.contains("schedule office is open until 2026-11-23 18:00"), "{}", open.why);
        let closed = plan(call("7001"), &rules(), at("2026-11-23T18:00:00+03:00"));
        assert!(!closed.open);
        assert_eq!(closed.to, Some(Destination::message("closed".parse().unwrap())));
        assert!(closed.why.contains("closed until 2026-11-24 09:00"), "{}", closed.why);
        assert!(plan(call("7002"), &rules(), at("2026-11-23T23:00:00+03:00")).open);
    }

    /// What a person set counts until it ends, and the reasons name the person.
    #[test]
    fn hours_set_by_hand_are_a_reason() {
        let mut rules = rules();
        let office = rules.schedules.values_mut().next().unwrap();
        office.manual = Some(Manual {
            open: false,
            from: at("2026-11-23T12:00:00+03:00"),
            until: at("2026-11-23T15:00:00+03:00"),
            by: "maria".to_owned(),
            reason: Some("stocktaking".to_owned()),
        });
        let plan_at = |text: &str| plan(call("7001"), &rules, at(text));
        assert!(plan_at("2026-11-23T11:59:59+03:00").open);
        let closed = plan_at("2026-11-23T12:00:00+03:00");
        assert_eq!(closed.to, Some(Destination::message("closed".parse().unwrap())));
        let said = "schedule office is closed by hand until 2026-11-23 15:00 MSK by maria: stocktaking; so";
        assert!(closed.why.contains(said), "{}", closed.why);
        let after = plan_at("2026-11-23T15:00:00+03:00");
        assert!(after.open && after.why.contains("is open until 2026-11-23 18:00"), "{}", after.why);
    }

    #[test]
    fn a_number_without_a_route_is_refused() {
        let none = plan(call("8001"), &rules(), UnixMs(0));
        assert_eq!((none.route, none.to), (None, None));
    }
}
