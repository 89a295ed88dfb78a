//! Checks whether FreeSWITCH has the gateways and directory users that rules and settings dial.

use std::collections::BTreeMap;

use super::Finding;
use crate::config::Settings;
use crate::rules::Rules;
use crate::rules::contact::Contact;
use crate::switch::{Probe, ProbeError};

/// Returns a line for each gateway and user that FreeSWITCH lacks, and one line for those that it has.
///
/// # Errors
/// When FreeSWITCH gives no answer.
pub(super) async fn check(
    probe: &mut Probe,
    node: &str,
    settings: &Settings,
    rules: Option<&Rules>,
) -> Result<Vec<Finding>, ProbeError> {
    let all = contacts(settings, rules);
    let mut lines = gateways(probe, node, &all).await?;
    lines.extend(users(probe, node, &all).await?);
    Ok(lines)
}

/// Returns every contact that is dialled, with the agent, route, queue or trunk that uses it.
fn contacts(settings: &Settings, rules: Option<&Rules>) -> Vec<(String, Contact)> {
    let trunks = settings.callback.trunks.iter().filter_map(|trunk| {
        let example = trunk.dial.example()?;
        Some((format!("[[callback.trunks]] {}", trunk.name()), example))
    });
    let fallback = settings.dialplan.fallback_contact.clone();
    let mut all: Vec<_> = trunks.collect();
    all.extend(fallback.map(|contact| ("[dialplan] fallback_contact".to_owned(), contact)));
    let Some(rules) = rules else { return all };
    for (name, agent) in &rules.agents {
        all.extend(agent.contacts.iter().map(|contact| (format!("agent {name}"), contact.clone())));
    }
    for route in &rules.routes {
        let places = [&route.open, &route.closed].into_iter().filter_map(|to| to.contact().cloned());
        all.extend(places.map(|contact| (format!("route {}", route.name), contact)));
    }
    let overflows = rules.queues.iter();
    all.extend(
        overflows
            .filter_map(|(name, queue)| Some((format!("queue {name}"), queue.overflow.contact()?.clone()))),
    );
    all
}

/// The users of each gateway or directory entry, by its name.
type Used<'a> = BTreeMap<String, Vec<&'a str>>;

async fn gateways(
    probe: &mut Probe,
    node: &str,
    all: &[(String, Contact)],
) -> Result<Vec<Finding>, ProbeError> {
    let mut used = Used::new();
    for (who, contact) in all {
        if let Contact::Gateway { gateway, .. } = contact {
            note(&mut used, gateway.to_string(), who);
        }
    }
    let mut lines = Vec::new();
    let mut good = Vec::new();
    for (gateway, who) in used {
        let said = probe.ask(&format!("sofia status gateway {gateway}")).await?;
        match fault_of_gateway(&said) {
            None => good.push(gateway),
            Some(fault) => lines.push(line_of_gateway(node, &gateway, &who.join(", "), fault)),
        }
    }
    lines.extend(all_good(format!("{node}: gateways"), &good));
    Ok(lines)
}

/// What is wrong with a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GatewayFault {
    /// FreeSWITCH has none of this name.
    Unknown,
    /// It does not answer, or refuses FreeSWITCH's registration.
    Down,
}

/// Reads what `sofia status gateway NAME` prints.
fn fault_of_gateway(said: &str) -> Option<GatewayFault> {
    let value = |name: &str| {
        let line = said.lines().find(|line| line.split_whitespace().next() == Some(name))?;
        line.split_whitespace().nth(1)
    };
    match value("Status") {
        None => Some(GatewayFault::Unknown),
        Some("DOWN") => Some(GatewayFault::Down),
        Some(_) => None,
    }
}

fn line_of_gateway(node: &str, gateway: &str, who: &str, fault: GatewayFault) -> Finding {
    let what = format!("{node}: gateway {gateway}");
    match fault {
        GatewayFault::Unknown => {
            let remedy = "add it to sip_profiles/external/ and `fs_cli -x \"sofia profile external rescan\"`, or correct the name";
            Finding::wrong(what, format!("FreeSWITCH has no such gateway; used by {who}"), remedy)
        }
        GatewayFault::Down => {
            let remedy = format!(
                "`fs_cli -x \"sofia status gateway {gateway}\"` says why: correct its address, user or password, or ask \
                 the operator; then `fs_cli -x \"sofia profile external rescan\"`"
            );
            Finding::down(
                what,
                format!("the gateway does not answer, or refuses the registration; used by {who}"),
                remedy,
            )
        }
    }
}

async fn users(probe: &mut Probe, node: &str, all: &[(String, Contact)]) -> Result<Vec<Finding>, ProbeError> {
    let usual = probe.ask("global_getvar domain").await?;
    let mut used = Used::new();
    for (who, contact) in all {
        if let Contact::User { user, domain } = contact {
            let domain = domain.as_ref().map_or_else(|| usual.trim(), |domain| domain.as_str());
            note(&mut used, format!("{user}@{domain}"), who);
        }
    }
    let mut lines = Vec::new();
    let mut good = Vec::new();
    for (user, who) in used {
        let said = probe.ask(&format!("user_exists id {}", user.replace('@', " "))).await?;
        if said.trim() == "true" {
            good.push(user);
        } else {
            let detail = format!("FreeSWITCH's directory has no such user; used by {}", who.join(", "));
            let remedy = "add the user to directory/ and `fs_cli -x reloadxml`, or correct the contact";
            lines.push(Finding::wrong(format!("{node}: user {user}"), detail, remedy));
        }
    }
    lines.extend(all_good(format!("{node}: users"), &good));
    Ok(lines)
}

fn note<'a>(used: &mut Used<'a>, thing: String, who: &'a str) {
    let all = used.entry(thing).or_default();
    if !all.contains(&who) {
        all.push(who);
    }
}

/// One line for all that FreeSWITCH has.
fn all_good(what: String, good: &[String]) -> Option<Finding> {
    /// Most names that a line lists.
    const MOST: usize = 5;
    let more = good.len().checked_sub(MOST).filter(|more| *more > 0);
    let names = good.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    let names = more.map_or_else(|| names.clone(), |more| format!("{names} and {more} more"));
    (!good.is_empty()).then(|| Finding::ok(what, names))
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn what_freeswitch_says_of_a_gateway_is_understood() {
        let line = |fault| line_of_gateway("fs1", "up", "trunk one", fault);
        assert_eq!(line(GatewayFault::Unknown).state, State::Wrong);
        let down = line(GatewayFault::Down);
        assert_eq!((down.what.as_str(), down.state), ("fs1: gateway up", State::Down));
        assert!(down.detail.contains("used by trunk one") && down.remedy.contains("sofia status gateway up"));
        assert_eq!(fault_of_gateway("Invalid Gateway!\n"), Some(GatewayFault::Unknown));
        let up = "====\nName    \texample.com\nState   \tNOREG\nStatus  \tUP\nUptime  \t1\n";
        assert_eq!(fault_of_gateway(up), None);
        assert_eq!(fault_of_gateway(&up.replace("UP\n", "DOWN\n")), Some(GatewayFault::Down));
        assert_eq!(fault_of_gateway(&up.replace("UP\n", "UP (ping)\n")), None);
    }

    #[test]
    fn of_a_thousand_users_a_few_are_named() {
        let names: Vec<String> = (1000..2000).map(|n| n.to_string()).collect();
        let line = all_good("users".to_owned(), &names).unwrap();
        assert_eq!(line.detail, "1000, 1001, 1002, 1003, 1004 and 995 more");
        assert!(all_good("users".to_owned(), &[]).is_none());
    }
}
