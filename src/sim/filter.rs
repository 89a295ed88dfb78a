//! Filters of one connection, with FreeSWITCH's semantics (mod_event_socket.c, `event_handler`).
//!
//! In: `filter` commands; an event's headers, by name. Out: whether the connection gets the event. Header names are
//! compared without regard to case. Filters without a sign or with `+` are alternatives; a filter with `-` that
//! matches is a veto; a value that begins with `/` is a regular expression. **Invariant, and a trap:** once there is
//! any filter, an event passes only if a positive filter matches. Hence filters with `-` alone let nothing through,
//! and events without the header are dropped.

use std::borrow::Cow;

use regex::Regex;

/// One filter.
#[derive(Debug)]
struct Filter {
    header: String,
    value: String,
    want: Want,
}

#[derive(Debug)]
enum Want {
    Equal { to: String, positive: bool },
    Matches(Option<Regex>),
}

/// The filters of one connection.
#[derive(Debug, Default)]
pub(super) struct Filters(Vec<Filter>);

impl Filters {
    /// Carries out the arguments of `filter`. Returns FreeSWITCH's reply.
    pub fn command(&mut self, arguments: &str) -> String {
        let (first, rest) = cut(arguments.trim_start_matches(' '));
        match rest {
            Some(rest) if first.eq_ignore_ascii_case("delete") => self.delete(rest),
            Some(rest) if first.eq_ignore_ascii_case("add") => match cut(rest) {
                (header, Some(value)) => self.add(header, value),
                (_, None) => "-ERR invalid syntax".to_owned(),
            },
            Some(value) => self.add(first, value),
            None => "-ERR invalid syntax".to_owned(),
        }
    }

    fn add(&mut self, header: &str, value: &str) -> String {
        self.0.push(Filter { header: header.to_owned(), value: value.to_owned(), want: want(value) });
        format!("+OK filter added. [{header}]=[{value}]")
    }

    fn delete(&mut self, arguments: &str) -> String {
        let (header, value) = cut(arguments);
        if header.eq_ignore_ascii_case("all") {
            self.0.clear();
        } else {
            self.0.retain(|filter| {
                !filter.header.eq_ignore_ascii_case(header)
                    || value.is_some_and(|value| filter.value != value)
            });
        }
        format!("+OK filter deleted. [{header}][{}]", value.unwrap_or_default())
    }

    /// Whether an event with these headers passes.
    pub fn pass<'a>(&self, mut header: impl FnMut(&str) -> Option<Cow<'a, str>>) -> bool {
        let mut send = self.0.is_empty();
        for filter in &self.0 {
            let Some(value) = header(&filter.header) else { continue };
            match &filter.want {
                Want::Equal { to, positive: true } => send = send || value.eq_ignore_ascii_case(to),
                Want::Equal { to, positive: false } if value.eq_ignore_ascii_case(to) => return false,
                Want::Equal { .. } => {}
                Want::Matches(pattern) => send = send || pattern.as_ref().is_some_and(|p| p.is_match(&value)),
            }
        }
        send
    }

    /// The only channels whose events can pass, if the filters restrict them.
    pub fn channels(&self) -> Option<impl Iterator<Item = &str>> {
        let names_channel = |header: &str| {
            ["Unique-ID", "Bridge-B-Unique-ID"].iter().any(|name| header.eq_ignore_ascii_case(name))
        };
        let only = |filter: &Filter| match filter.want {
            Want::Equal { positive, .. } => !positive || names_channel(&filter.header),
            Want::Matches(_) => false,
        };
        let known = !self.0.is_empty() && self.0.iter().all(only);
        known.then(|| {
            self.0.iter().filter_map(|filter| match &filter.want {
                Want::Equal { to, positive: true } => Some(to.as_str()),
                Want::Equal { .. } | Want::Matches(_) => None,
            })
        })
    }
}

fn cut(text: &str) -> (&str, Option<&str>) {
    text.split_once(' ').map_or((text, None), |(first, rest)| (first, Some(rest)))
}

/// Parses a value. Signs are read up to the first other character. The regular expression is between two slashes
/// (switch_regex.c: with `i` after the second one, whatever the case).
fn want(value: &str) -> Want {
    if let Some(pattern) = value.strip_prefix('/') {
        let (pattern, flags) = pattern.rsplit_once('/').unwrap_or((pattern, ""));
        let pattern = if flags.contains('i') { format!("(?i){pattern}") } else { pattern.to_owned() };
        return Want::Matches(Regex::new(&pattern).ok());
    }
    let to = value.trim_start_matches(['+', '-', ' ']);
    let signs = &value[..value.len() - to.len()];
    let positive = signs.rfind(['+', '-']).is_none_or(|at| signs[at..].starts_with('+'));
    Want::Equal { to: to.to_owned(), positive }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(commands: &[&str]) -> Filters {
        let mut filters = Filters::default();
        for command in commands {
            assert!(filters.command(command).starts_with("+OK"), "{command}");
        }
        filters
    }

    fn passes(filters: &Filters, headers: &[(&str, &'static str)]) -> bool {
        filters.pass(|name| {
            headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| Cow::Borrowed(*value))
        })
    }

    const RINGING: &[(&str, &str)] = &[("Event-Name", "CHANNEL_ANSWER"), ("variable_dozvon_offer", "17")];
    const JOB: &[(&str, &str)] = &[("Event-Name", "BACKGROUND_JOB")];

    #[test]
    fn positive_filters_are_alternatives_and_a_missing_header_drops() {
        assert!(passes(&filters(&[]), JOB));
        let offers = filters(&["variable_dozvon_offer /./"]);
        assert!(passes(&offers, RINGING));
        assert!(!passes(&offers, JOB), "an event that lacks every filtered header is dropped");
        let both = filters(&["variable_dozvon_offer /./", "add Event-Name BACKGROUND_JOB"]);
        assert!(passes(&both, RINGING) && passes(&both, JOB));
        assert!(passes(&filters(&["event-name background_job"]), JOB), "case does not matter");
        assert!(!passes(&filters(&["Event-Name BACKGROUND"]), JOB), "equality, not prefix");
    }

    #[test]
    fn a_veto_wins_and_alone_drops_everything() {
        let vetoed = filters(&["Event-Name CHANNEL_ANSWER", "variable_dozvon_offer -17"]);
        assert!(!passes(&vetoed, RINGING));
        let other = filters(&["Event-Name CHANNEL_ANSWER", "variable_dozvon_offer -18"]);
        assert!(passes(&other, RINGING));
        assert!(!passes(&filters(&["Event-Name -HEARTBEAT"]), JOB), "a veto alone lets nothing through");
        assert!(passes(&filters(&["Event-Name -+BACKGROUND_JOB"]), JOB), "the last sign counts");
        let regex = filters(&["Event-Name -/JOB/", "Event-Name BACKGROUND_JOB"]);
        assert!(passes(&regex, JOB), "a signed pattern is compared literally");
    }

    #[test]
    fn filters_can_be_deleted_one_by_one_or_all() {
        let mut three = filters(&["Event-Name BACKGROUND_JOB", "Event-Name HEARTBEAT", "Unique-ID x"]);
        assert_eq!(
            three.command("delete Event-Name HEARTBEAT"),
            "+OK filter deleted. [Event-Name][HEARTBEAT]"
        );
        assert!(passes(&three, JOB));
        three.command("delete Event-Name");
        assert!(!passes(&three, JOB));
        assert_eq!(three.channels().unwrap().collect::<Vec<_>>(), ["x"]);
        three.command("Bridge-B-Unique-ID x");
        three.command("Application -answer");
        assert_eq!(three.channels().unwrap().collect::<Vec<_>>(), ["x", "x"], "a veto lets nothing through");
        three.command("delete all");
        assert!(passes(&three, JOB));
        assert!(three.channels().is_none());
        assert_eq!(three.command("Event-Name"), "-ERR invalid syntax");
    }
}
