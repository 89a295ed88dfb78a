//! Checks schedules and rotas: calendars with holes, exceptions that are over, people on duty without a phone.

use chrono::Datelike as _;

use super::Finding;
use crate::calendar::schedule::{Schedule, civil_date};
use crate::clock::UnixMs;
use crate::ids::{DutyName, ScheduleName};
use crate::rules::{Duty, Rules};

/// For how many days the exception of a date may matter to a case that is still open.
const OVER_DAYS: i64 = 60;

/// The lines about schedules and rotas.
pub(super) fn lines(rules: &Rules, now: UnixMs) -> Vec<Finding> {
    let schedules = rules.schedules.iter().flat_map(|(name, schedule)| {
        [never_opens(name, schedule, now), missing_year(name, schedule, now), over(name, schedule, now)]
    });
    let duties = rules.duties.iter().flat_map(|(name, duty)| rota(name, duty, rules, now));
    schedules.flatten().chain(duties).collect()
}

fn never_opens(name: &ScheduleName, schedule: &Schedule, now: UnixMs) -> Option<Finding> {
    let never = !schedule.is_open(now) && schedule.next_opening(now).is_none();
    let remedy = "give it hours in the rules file";
    never.then(|| Finding::advice(format!("schedule {name}"), "it never opens within the next year", remedy))
}

fn missing_year(name: &ScheduleName, schedule: &Schedule, now: UnixMs) -> Option<Finding> {
    let year = schedule.missing_year(now)?;
    let detail = format!("it has exceptions for earlier years and none for {year}: holidays would be open");
    let remedy = "add the holidays of that year: `dozvon calendar import`";
    let finding = if year > civil_date(schedule.zone, now).year() { Finding::advice } else { Finding::wrong };
    Some(finding(format!("schedule {name}"), detail, remedy.to_owned()))
}

fn over(name: &ScheduleName, schedule: &Schedule, now: UnixMs) -> Option<Finding> {
    let today = civil_date(schedule.zone, now);
    let is_over = |date: &&chrono::NaiveDate| today.signed_duration_since(**date).num_days() > OVER_DAYS;
    let count = schedule.exceptions.keys().filter(|date| date.year() < today.year()).filter(is_over).count();
    let remedy = "take them out of the rules file when you like";
    let detail = format!("exceptions of past years, which do nothing any more: {count}");
    (count > 0).then(|| Finding::advice(format!("schedule {name}"), detail, remedy))
}

fn rota(name: &DutyName, duty: &Duty, rules: &Rules, now: UnixMs) -> Vec<Finding> {
    let what = || format!("duty {name}");
    let mut lines = Vec::new();
    let people = duty.people.iter().chain(duty.exceptions.iter().map(|exception| &exception.agent));
    let all: std::collections::BTreeSet<_> =
        people.chain(duty.swaps.values().map(|swap| &swap.agent)).collect();
    for agent in all {
        if rules.agents.get(agent).is_none_or(|agent| agent.contacts.is_empty()) {
            let remedy = "give the agent contacts in the rules file";
            lines.push(Finding::wrong(what(), format!("agent {agent} is on duty and has no phone"), remedy));
        }
    }
    if let Some((one, other)) = duty.overlap() {
        let remedy = "join them or change one in the rules file";
        lines.push(Finding::wrong(what(), format!("{one} and {other} overlap"), remedy));
    }
    if duty.on_duty(now).is_none() {
        let detail = format!("nobody is on duty before {}", duty.start);
        lines.push(Finding::advice(what(), detail, "state an earlier start if somebody should be"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::schedule::tests::at;
    use crate::rules::Agent;

    fn details(rules: &Rules, now: &str) -> Vec<String> {
        lines(rules, at(now))
            .into_iter()
            .map(|line| format!("{} {}: {}", line.state, line.what, line.detail))
            .collect()
    }

    #[test]
    fn a_calendar_without_the_next_year_is_wrong_from_november_on() {
        let office =
            Schedule::parse("Europe/Moscow", &["mon-fri 09:00-18:00"], &["2026-01-01 closed"]).unwrap();
        let mut rules = Rules { schedules: [("office".parse().unwrap(), office)].into(), ..Rules::default() };
        assert_eq!(details(&rules, "2026-10-31T23:59:59+03:00"), [""; 0]);
        let november = details(&rules, "2026-11-01T00:00:00+03:00");
        assert!(
            november.len() == 1 && november[0].starts_with("advice") && november[0].contains("none for 2027"),
            "{november:?}"
        );
        let february = details(&rules, "2027-02-01T00:00:00+03:00");
        assert!(
            february.len() == 2 && february[0].starts_with("wrong") && february[0].contains("none for 2027"),
            "{february:?}"
        );
        assert!(february[1].starts_with("advice") && february[1].contains("any more: 1"), "{february:?}");
        let next = "2027-01-01".parse().unwrap();
        rules.schedules.values_mut().next().unwrap().exceptions.insert(next, Vec::new());
        assert_eq!(details(&rules, "2026-11-01T00:00:00+03:00"), [""; 0]);
        rules.schedules.values_mut().next().unwrap().exceptions.clear();
        assert_eq!(details(&rules, "2026-11-01T00:00:00+03:00"), [""; 0], "no holidays, no calendar");
    }

    #[test]
    fn people_on_duty_need_a_phone_and_exceptions_must_not_overlap() {
        let rota = Duty {
            start: "2026-12-01".parse().unwrap(),
            people: vec!["anna".parse().unwrap()],
            exceptions: vec![
                "2026-12-05 anna".parse().unwrap(),
                "2026-12-01..2026-12-07 anna".parse().unwrap(),
            ],
            ..Duty::new(chrono_tz::UTC)
        };
        let mut rules = Rules { duties: [("night".parse().unwrap(), rota)].into(), ..Rules::default() };
        rules.agents.insert("anna".parse().unwrap(), Agent::new("Anna".to_owned()));
        let told = details(&rules, "2026-11-01T00:00:00Z");
        assert!(told.len() == 3 && told[0].contains("agent anna is on duty and has no phone"), "{told:?}");
        assert!(
            told[1].contains("overlap") && told[2].contains("nobody is on duty before 2026-12-01"),
            "{told:?}"
        );
        rules.agents.values_mut().next().unwrap().contacts.push("user/1001".parse().unwrap());
        rules.duties.values_mut().next().unwrap().exceptions.pop();
        assert_eq!(details(&rules, "2026-12-01T00:00:00Z"), [""; 0]);
    }
}
