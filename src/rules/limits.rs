//! The bounds of each limit of a policy, and their source: a law, or dozvon's own limit.
//!
//! In: a [`Policy`]. Out: its [`Limit`]s, and a [`Fault`] for each that is out of bounds. docs/compliance.md lists the
//! sources by the numbers given here (R3 and so on). **Invariant:** the defaults of every profile are lawful.

use std::fmt::Display;
use std::time::Duration;

use crate::duration;
use crate::rules::destination::is_country;
use crate::rules::policy::{CAP_A_DAY, Minutes, Policy, Profile, show_minutes};

/// The span of a policy's cap of 24 hours.
pub const DAY: Duration = Duration::from_secs(86_400);

/// The span of a policy's cap of a week: the length of a calendar week in which the clocks are set back by two hours.
pub const WEEK: Duration = Duration::from_secs(7 * 86_400 + 7200);

/// The span of a policy's cap of a month: the length of the longest calendar month in which the clocks are set back.
pub const MONTH: Duration = Duration::from_secs(31 * 86_400 + 7200);

/// One limit of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its key in the rules file.
    pub key: &'static str,
    /// The value in the policy.
    pub value: String,
    /// The values that are allowed.
    pub bound: String,
    /// The law or rule that sets the bound.
    pub law: &'static str,
    /// Whether the value is within the bound.
    pub lawful: bool,
}

/// A limit that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {policy}: {key} = {value} is not allowed: {law} allows {bound}")]
pub struct Fault {
    /// The policy.
    pub policy: String,
    /// The limit.
    pub key: &'static str,
    /// The value in the policy.
    pub value: String,
    /// The values that are allowed.
    pub bound: String,
    /// The law or rule that sets the bound.
    pub law: &'static str,
}

const OWN: &str = "dozvon's own limit";
const OWN_CAP: &str = "dozvon's own limit (at most three attempts a business day)";
const DEBT: &str = "230-FZ article 7 part 3 (R3)";
const UNSET: &str =
    "dozvon's own limit (laws set lower ones for sales, R15: 4 in 30 days, R21: 3 in 24 hours)";
const SALES: &str = "47 CFR 64.1200(c)(1) and 16 CFR 310.4(c) (R16), some laws less (R15, R21)";
const SPACING: &str = "12 CFR 1006.14 and 47 CFR 68.318, calls in rapid succession (R20, R22)";
const RINGING: &str = "47 CFR 64.1200(a)(6) and 68.318(b) (R17, R22)";
const RECENT: &str = "dozvon's own rule (within an hour of a call by the customer)";
const CONSENT: &str = "38-FZ article 18 (R1) and 230-FZ article 7 part 3 (R3)";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// A larger number of attempts counts as a mistake.
const MANY: i64 = 1000;

impl Policy {
    /// Every limit, in the order of the rules file.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let parts = self.caps().into_iter().chain(self.times()).chain(self.hours());
        parts.chain(self.ends()).collect()
    }

    /// Every limit that is not allowed.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let unlawful = self.limits().into_iter().filter(|limit| !limit.lawful);
        unlawful
            .map(|Limit { key, value, bound, law, .. }| Fault {
                policy: self.name.to_string(),
                key,
                value,
                bound,
                law,
            })
            .collect()
    }

    /// The limits on how often a number is called.
    fn caps(&self) -> [Limit; 4] {
        let debt = self.profile == Profile::Debt;
        let (most, law) = if debt { (1, DEBT) } else { (CAP_A_DAY, OWN_CAP) };
        let span = |key, cap: Option<i64>, most_of_debt: i64| {
            let (most, law) = if debt { (most_of_debt, DEBT) } else { (MANY, UNSET) };
            let lawful = cap.map_or(!debt, |cap| (1..=most).contains(&cap));
            let or_none = if debt { "" } else { ", or none" };
            let value = cap.map_or_else(|| "none".to_owned(), |cap| cap.to_string());
            let bound = format!("{}{or_none}", from_to(1, most));
            Limit { key, value, bound, law, lawful }
        };
        [
            number("max_attempts_per_day", self.cap_day, 1, most, law),
            span("max_attempts_per_24h", self.cap_24h, 1),
            span("max_attempts_per_week", self.cap_week, 2),
            span("max_attempts_per_month", self.cap_month, 8),
        ]
    }

    /// The limits on durations: between attempts, of ringing, until somebody reacts.
    fn times(&self) -> [Limit; 4] {
        let shares_rise = self.escalation_pct.windows(2).all(|pair| pair[0] < pair[1]);
        [
            Limit {
                key: "retry_delays",
                value: list(self.retry_delays.iter().map(|gap| duration::show(*gap))),
                bound: "1 to 3 durations of 15m to 1d".to_owned(),
                law: SPACING,
                lawful: (1..=3).contains(&self.retry_delays.len())
                    && self.retry_delays.iter().all(|gap| (MINUTE * 15..=DAY).contains(gap)),
            },
            span("ring_timeout", self.ring, SECOND * 15, MINUTE, RINGING),
            span("reaction_time", self.reaction, SECOND, DAY, OWN),
            Limit {
                key: "escalation_pct",
                value: list(self.escalation_pct.iter()),
                bound: format!("1 to 10 rising shares of 1 to {MANY}"),
                law: OWN,
                lawful: (1..=10).contains(&self.escalation_pct.len())
                    && shares_rise
                    && self.escalation_pct.iter().all(|share| (1..=MANY).contains(&i64::from(*share))),
            },
        ]
    }

    /// The limits on the time of the day.
    fn hours(&self) -> [Limit; 4] {
        let (weekdays, weekends, law) = match self.profile {
            Profile::Service => ((0, 1440), (0, 1440), OWN),
            Profile::Sales => ((480, 1260), (480, 1260), SALES),
            Profile::Debt => ((480, 1320), (540, 1200), DEBT),
        };
        let stretch = |key, is: Minutes, may: Minutes, other: Minutes| {
            let closed = is == (0, 0);
            let (from, to) = self.inside(is);
            let long_enough = is.0 >= may.0 && is.1 <= may.1 && from < to;
            let bound = format!("hours within {}, longer than the margins, or closed", show_minutes(may));
            let lawful = if closed { other != (0, 0) } else { long_enough };
            Limit { key, value: show_minutes(is), bound, law, lawful }
        };
        let service = self.profile == Profile::Service;
        let recent = Limit {
            key: "recent_contact",
            value: duration::show_limit(self.recent_contact),
            bound: if service { "1s to 1h, or never" } else { "never" }.to_owned(),
            law: if service { RECENT } else { CONSENT },
            lawful: self.recent_contact.is_none_or(|span| service && (SECOND..=MINUTE * 60).contains(&span)),
        };
        [
            stretch("weekday_hours", self.weekdays, weekdays, self.weekends),
            stretch("weekend_hours", self.weekends, weekends, self.weekdays),
            span("hours_margin", self.margin, SECOND, DAY, OWN),
            recent,
        ]
    }

    /// The limits on when callbacks begin and end, and which numbers they may go to.
    fn ends(&self) -> [Limit; 6] {
        let place = |text: &String| {
            if is_country(text) {
                return text.parse::<crate::phone::Region>().is_ok();
            }
            let digits = text.strip_prefix('+').unwrap_or_default();
            (1..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        };
        let (prefixes, premium) = (&self.destinations, self.premium);
        [
            span("grace", self.grace, SECOND, DAY, OWN),
            span("accept_timeout", self.lease, SECOND, DAY, OWN),
            number("repeat_days", self.repeat_days, 1, 31, OWN),
            number("max_attempts", self.repeat_total, 1, 100, OWN),
            Limit {
                key: "allowed_destinations",
                value: if prefixes.is_empty() { "our country".to_owned() } else { list(prefixes.iter()) },
                bound: "up to 100 prefixes such as +7495, or countries such as KZ".to_owned(),
                law: OWN,
                lawful: prefixes.len() <= 100 && prefixes.iter().all(place),
            },
            Limit {
                key: "allow_premium",
                value: premium.to_string(),
                bound: "true or false".to_owned(),
                law: OWN,
                lawful: true,
            },
        ]
    }
}

fn from_to<T: Display + PartialEq>(least: T, most: T) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

fn number(key: &'static str, value: i32, least: i32, most: i32, law: &'static str) -> Limit {
    let bound = from_to(least, most);
    Limit { key, value: value.to_string(), bound, law, lawful: (least..=most).contains(&value) }
}

fn span(key: &'static str, value: Duration, least: Duration, most: Duration, law: &'static str) -> Limit {
    let bound = format!("{} to {}", duration::show(least), duration::show(most));
    Limit { key, value: duration::show(value), bound, law, lawful: (least..=most).contains(&value) }
}

fn list<T: Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Policy);

    /// Each change of a profile's defaults makes exactly this one limit unlawful, by a source that holds `law`.
    fn each_is_one_fault(profile: Profile, changes: &[(&str, &str, Change)]) {
        for (key, law, change) in changes {
            let mut policy = Policy::of(profile);
            change(&mut policy);
            let faults = policy.faults();
            assert_eq!(faults.iter().map(|fault| fault.key).collect::<Vec<_>>(), [*key], "{faults:?}");
            assert!(faults[0].law.contains(law), "{faults:?}");
        }
    }

    #[test]
    fn the_defaults_are_lawful() {
        for &profile in Profile::ALL {
            assert_eq!(Policy::of(profile).faults(), [], "{profile}");
        }
    }

    #[test]
    fn a_limit_above_the_law_is_named_with_its_source() {
        let debt = Policy { cap_day: 4, ..Policy::of(Profile::Debt) };
        let said = debt.faults()[0].to_string();
        let meant =
            "policy debt: max_attempts_per_day = 4 is not allowed: 230-FZ article 7 part 3 (R3) allows 1";
        assert_eq!(said, meant);
    }

    #[test]
    fn the_law_on_debts_bounds_what_it_names() {
        each_is_one_fault(
            Profile::Debt,
            &[
                ("max_attempts_per_day", "230-FZ", |p| p.cap_day = 2),
                ("max_attempts_per_day", "230-FZ", |p| p.cap_day = 0),
                ("max_attempts_per_24h", "230-FZ", |p| p.cap_24h = None),
                ("max_attempts_per_24h", "230-FZ", |p| p.cap_24h = Some(2)),
                ("max_attempts_per_week", "230-FZ", |p| p.cap_week = None),
                ("max_attempts_per_week", "230-FZ", |p| p.cap_week = Some(3)),
                ("max_attempts_per_month", "230-FZ", |p| p.cap_month = None),
                ("max_attempts_per_month", "230-FZ", |p| p.cap_month = Some(9)),
                ("weekday_hours", "230-FZ", |p| p.weekdays = (479, 1320)),
                ("weekday_hours", "230-FZ", |p| p.weekdays = (480, 1321)),
                ("weekend_hours", "230-FZ", |p| p.weekends = (539, 1200)),
                ("weekend_hours", "230-FZ", |p| p.weekends = (540, 1201)),
                ("recent_contact", "R3", |p| p.recent_contact = Some(SECOND)),
            ],
        );
    }

    #[test]
    fn sales_have_hours_and_consent() {
        each_is_one_fault(
            Profile::Sales,
            &[
                ("max_attempts_per_day", "own limit", |p| p.cap_day = 4),
                ("weekday_hours", "R16", |p| p.weekdays = (479, 1260)),
                ("weekday_hours", "R16", |p| p.weekdays = (480, 1261)),
                ("weekend_hours", "R16", |p| p.weekends = (480, 1261)),
                ("recent_contact", "38-FZ", |p| p.recent_contact = Some(MINUTE)),
            ],
        );
    }

    #[test]
    fn our_own_limits_bound_the_rest() {
        each_is_one_fault(
            Profile::Service,
            &[
                ("max_attempts_per_day", "three attempts", |p| p.cap_day = 4),
                ("max_attempts_per_24h", "own limit", |p| p.cap_24h = Some(0)),
                ("max_attempts_per_week", "own limit", |p| p.cap_week = Some(0)),
                ("max_attempts_per_month", "own limit", |p| p.cap_month = Some(1001)),
                ("retry_delays", "rapid succession", |p| p.retry_delays = vec![]),
                ("retry_delays", "rapid succession", |p| {
                    p.retry_delays = vec![MINUTE * 30, MINUTE * 15 - SECOND]
                }),
                ("retry_delays", "rapid succession", |p| p.retry_delays = vec![DAY + SECOND]),
                ("retry_delays", "rapid succession", |p| p.retry_delays = vec![MINUTE * 15; 4]),
                ("ring_timeout", "68.318", |p| p.ring = SECOND * 14),
                ("ring_timeout", "68.318", |p| p.ring = SECOND * 61),
                ("reaction_time", "own limit", |p| p.reaction = Duration::ZERO),
                ("reaction_time", "own limit", |p| p.reaction = DAY + SECOND),
                ("escalation_pct", "own limit", |p| p.escalation_pct = vec![]),
                ("escalation_pct", "own limit", |p| p.escalation_pct = vec![50, 50]),
                ("escalation_pct", "own limit", |p| p.escalation_pct = vec![0, 50]),
                ("escalation_pct", "own limit", |p| p.escalation_pct = vec![50, 1001]),
                ("escalation_pct", "own limit", |p| p.escalation_pct = (1..=11).collect()),
                ("weekday_hours", "own limit", |p| p.weekdays = (600, 620)),
                ("weekend_hours", "own limit", |p| p.weekends = (1200, 600)),
                ("recent_contact", "an hour", |p| p.recent_contact = Some(MINUTE * 61)),
                ("recent_contact", "an hour", |p| p.recent_contact = Some(Duration::ZERO)),
                ("hours_margin", "own limit", |p| p.margin = Duration::ZERO),
                ("grace", "own limit", |p| p.grace = Duration::ZERO),
                ("accept_timeout", "own limit", |p| p.lease = DAY + SECOND),
                ("repeat_days", "own limit", |p| p.repeat_days = 0),
                ("max_attempts", "own limit", |p| p.repeat_total = 101),
                ("allowed_destinations", "own limit", |p| p.destinations = vec!["7495".to_owned()]),
                ("allowed_destinations", "own limit", |p| p.destinations = vec!["+".to_owned()]),
                ("allowed_destinations", "own limit", |p| p.destinations = vec!["XQ".to_owned()]),
                ("allowed_destinations", "own limit", |p| p.destinations = vec!["kz".to_owned()]),
                ("allowed_destinations", "own limit", |p| p.destinations = vec!["+7".to_owned(); 101]),
            ],
        );
    }

    #[test]
    fn a_day_may_be_closed_but_not_every_day() {
        let weekdays_only = Policy { weekends: (0, 0), ..Policy::of(Profile::Sales) };
        assert_eq!(weekdays_only.faults(), []);
        assert_eq!(Policy { weekdays: (0, 0), ..weekdays_only }.faults().len(), 2);
    }
}
