//! Which agents are in a call that dozvon does not control (pure).
//!
//! In: the rules, and which directory users are in such a call on which node. Out: the agents for whom that changed. A
//! user belongs to an agent if one of the agent's contacts is that user. A contact without a domain means the node's
//! own domain (the global variable `domain`), as when FreeSWITCH dials it. While a domain is not known, any domain
//! matches.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{AgentName, NodeName};
use crate::rules::Rules;
use crate::rules::contact::Contact;

/// What changed: an agent, and whether they are in another call now.
pub type Change = (AgentName, bool);

/// Who is in another call.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// By user name, the agents that have such a contact, each with the contact's domain if it names one.
    agents: BTreeMap<String, BTreeSet<(AgentName, Option<String>)>>,
    /// The users who are in such a call: by user name, the domain and the node.
    talks: BTreeMap<String, BTreeSet<(String, NodeName)>>,
    /// The domain that each node adds to a contact without one, as far as it is known.
    domains: BTreeMap<NodeName, String>,
    busy: BTreeSet<AgentName>,
}

impl Elsewhere {
    /// The agents who are in another call.
    #[must_use]
    pub const fn busy(&self) -> &BTreeSet<AgentName> {
        &self.busy
    }

    /// The rules have changed.
    pub fn reload(&mut self, rules: &Rules) -> Vec<Change> {
        let of = |(name, contact): (&AgentName, &Contact)| match contact {
            Contact::User { user, domain } => {
                let domain = domain.as_ref().map(|domain| domain.as_str().to_owned());
                Some((user.as_str().to_owned(), (name.clone(), domain)))
            }
            Contact::Sofia { .. } | Contact::Gateway { .. } | Contact::Loopback { .. } => None,
        };
        self.agents.clear();
        let contacts =
            rules.agents.iter().flat_map(|(name, agent)| agent.contacts.iter().map(move |to| (name, to)));
        for (user, agent) in contacts.filter_map(of) {
            self.agents.entry(user).or_default().insert(agent);
        }
        let all = self.agents.values().flatten().map(|(name, _)| name.clone());
        self.changes(all.chain(self.busy.clone()).collect())
    }

    /// A node adds this domain to a contact without one. None if the domain is not known.
    pub fn resolves(&mut self, node: &NodeName, domain: Option<&str>) -> Vec<Change> {
        let before = match domain {
            Some(domain) => self.domains.insert(node.clone(), domain.to_owned()),
            None => self.domains.remove(node),
        };
        if before.as_deref() == domain {
            return Vec::new();
        }
        let all = self.agents.values().flatten().map(|(name, _)| name.clone());
        self.changes(all.collect())
    }

    /// A user begins or ends calls on a node.
    pub fn hear(&mut self, node: &NodeName, (user, domain): (&str, &str), talks: bool) -> Vec<Change> {
        let place = (domain.to_owned(), node.clone());
        if talks {
            self.talks.entry(user.to_owned()).or_default().insert(place);
        } else if let Some(places) = self.talks.get_mut(user) {
            places.remove(&place);
            if places.is_empty() {
                self.talks.remove(user);
            }
        }
        let touched = self.agents.get(user).into_iter().flatten().map(|(name, _)| name.clone()).collect();
        self.changes(touched)
    }

    /// Checks these agents again, and returns those for whom something changed.
    fn changes(&mut self, touched: BTreeSet<AgentName>) -> Vec<Change> {
        let now: Vec<Change> = touched.into_iter().map(|name| (name.clone(), self.is_busy(&name))).collect();
        let changed = |(name, busy): &Change| self.busy.contains(name) != *busy;
        let changed: Vec<Change> = now.into_iter().filter(changed).collect();
        for (name, busy) in &changed {
            if *busy {
                self.busy.insert(name.clone())
            } else {
                self.busy.remove(name)
            };
        }
        changed
    }

    /// Searches only the users who are in calls, since they are few.
    fn is_busy(&self, name: &AgentName) -> bool {
        self.talks.iter().any(|(user, places)| {
            let contacts = self.agents.get(user).into_iter().flatten();
            let mut domains = contacts.filter(|(agent, _)| agent == name).map(|(_, domain)| domain);
            domains.any(|domain| places.iter().any(|place| self.is_meant(domain.as_deref(), place)))
        })
    }

    /// Whether a contact means a user of this domain on this node. `contact` is the domain that the contact names, if
    /// any.
    fn is_meant(&self, contact: Option<&str>, (domain, node): &(String, NodeName)) -> bool {
        match contact {
            Some(named) => named == domain,
            None => domain.is_empty() || self.domains.get(node).is_none_or(|usual| usual == domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Agent;

    fn name(text: &str) -> AgentName {
        text.parse().unwrap()
    }

    fn rules(agents: &[(&str, &[&str])]) -> Rules {
        let agent = |contacts: &[&str]| {
            let mut agent = Agent::new("an agent".to_owned());
            agent.contacts = contacts.iter().map(|contact| contact.parse().unwrap()).collect();
            agent
        };
        let agents = agents.iter().map(|(who, contacts)| (name(who), agent(contacts))).collect();
        Rules { agents, ..Rules::default() }
    }

    #[test]
    fn an_agent_is_busy_while_a_user_of_theirs_talks_on_any_node() {
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let mut elsewhere = Elsewhere::default();
        let both: &[&str] = &["user/1001", "user/1002@pbx"];
        elsewhere.reload(&rules(&[("anna", both), ("boris", &["sofia/internal/1001@10.0.0.7"])]));
        let anna = |busy| vec![(name("anna"), busy)];
        assert_eq!(elsewhere.hear(&one, ("1001", "any"), true), anna(true));
        assert_eq!(elsewhere.hear(&two, ("1001", "any"), true), []);
        assert_eq!(elsewhere.hear(&one, ("1001", "any"), false), []);
        assert_eq!(elsewhere.hear(&one, ("1002", "pbx"), true), []);
        assert_eq!(elsewhere.hear(&two, ("1001", "any"), false), []);
        assert_eq!(elsewhere.hear(&one, ("1002", "pbx"), false), anna(false));
        assert_eq!(elsewhere.hear(&one, ("1002", "other"), true), [], "somebody of another domain");
        assert!(elsewhere.busy().is_empty());
    }

    #[test]
    fn a_contact_without_a_domain_means_the_nodes_own_once_that_is_known() {
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let mut elsewhere = Elsewhere::default();
        elsewhere.reload(&rules(&[("anna", &["user/1001"])]));
        let anna = |busy| vec![(name("anna"), busy)];
        assert_eq!(
            elsewhere.hear(&one, ("1001", "strangers"), true),
            anna(true),
            "while the domain of the node is not known, any domain matches"
        );
        assert_eq!(elsewhere.resolves(&one, Some("ours")), anna(false));
        assert_eq!(elsewhere.resolves(&one, Some("ours")), []);
        assert_eq!(elsewhere.hear(&one, ("1001", "ours"), true), anna(true));
        assert_eq!(elsewhere.hear(&one, ("1001", "ours"), false), anna(false));
        assert_eq!(elsewhere.hear(&one, ("1001", ""), true), anna(true), "a user without a domain matches");
        assert_eq!(elsewhere.hear(&one, ("1001", ""), false), anna(false));
        // Each node has its own.
        elsewhere.resolves(&two, Some("strangers"));
        assert_eq!(elsewhere.hear(&two, ("1001", "strangers"), true), anna(true));
        assert_eq!(elsewhere.hear(&two, ("1001", "strangers"), false), anna(false));
        assert_eq!(elsewhere.resolves(&one, None), anna(true));
    }

    #[test]
    fn new_rules_make_whoever_has_the_phone_now_busy() {
        let node = "one".parse().unwrap();
        let mut elsewhere = Elsewhere::default();
        elsewhere.reload(&rules(&[("anna", &["user/1001"])]));
        elsewhere.hear(&node, ("1001", "pbx"), true);
        let changes = elsewhere.reload(&rules(&[("boris", &["user/1001"])]));
        assert_eq!(changes, [(name("anna"), false), (name("boris"), true)]);
    }
}
