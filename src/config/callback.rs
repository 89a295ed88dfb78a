//! The section `[callback]`: how callbacks are made. The policy of the queue decides whether a number may be called.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::duration;
use crate::ids::QueueName;
use crate::missed::asked::AskNumber;
use crate::missed::attempt::Disposition;
use crate::missed::flood::Limits;
use crate::phone::E164;
use crate::rules::Rules;
use crate::rules::contact::Contact;
use crate::sound::Sound;

/// The codes that an agent dials, and the result of the last call that each records.
const CODES: [(&str, Disposition); 7] = [
    ("*71", Disposition::Reached),
    ("*72", Disposition::CallLater),
    ("*73", Disposition::NoAnswer),
    ("*74", Disposition::Voicemail),
    ("*75", Disposition::WrongNumber),
    ("*76", Disposition::Refused),
    ("*77", Disposition::Busy),
];

/// The default of customers dialled in one second: over one trunk, and over all trunks.
const DIALS_A_SECOND: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// The section `[callback]`. In a file, times are written as `5s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The trunks over which customers are dialled. Without one, cases wait for people.
    #[serde(deserialize_with = "distinct")]
    pub trunks: Vec<Trunk>,
    /// The number that customers see, unless the trunk has its own. Empty: what the gateway shows.
    pub caller_id: String,
    /// The largest share of a queue's available agents that may be busy with callbacks at once, in per cent. One agent
    /// always may.
    #[serde(deserialize_with = "percent")]
    pub agent_share_pct: u8,
    /// The most calls to customers at one time, over all trunks, including those that agents dial themselves.
    pub max_calls: usize,
    /// The most customers dialled in any one second, over all trunks.
    pub max_dials_per_second: NonZeroU32,
    /// The most customers dialled in any one hour, over all trunks and by all controllers of the database. Further
    /// callbacks wait, and the supervisor is told (`dials.limited`). 0: no limit.
    pub max_dials_per_hour: u32,
    /// How often due cases are looked up.
    #[serde(with = "duration::Interval")]
    pub poll_interval: Duration,
    /// Cases that are handled per pass.
    pub batch: u32,
    /// The text before the customer's name on the agent's display.
    pub display_prefix: String,
    /// Whether an agent has to press 1 before the customer is dialled.
    pub confirm: bool,
    /// The sound that asks the agent to press 1: a tone, or a file with your words. It is repeated.
    pub confirm_sound: Sound,
    /// How long an agent is offered nothing after a callback that did not reach the customer. After a talk, the agent's
    /// `wrap_up` applies instead.
    #[serde(with = "duration::Within::<0, { duration::DAY }>")]
    pub agent_pause: Duration,
    /// The sound that the agent hears while the customer's phone rings.
    pub ringback: Sound,
    /// How long a case is offered only to its assignee, such as the customer's owner in the CRM, while that agent is
    /// available. `0s`: to anybody at once.
    #[serde(with = "duration::Within::<0, { duration::DAY }>")]
    pub assignee_first: Duration,
    /// Whether the customer is dialled first, and an agent is rung once the customer has answered. The law sets
    /// conditions: an agent must be free; in 30 days at most 3 % of the customers may find no agent; a customer who
    /// found no agent must not be called like this for 72 hours. Where a condition is not met, and for debts, the agent
    /// is rung first.
    pub customer_first: bool,
    /// How long a customer who was dialled first waits for an agent. In sales 2 s at most (47 CFR 64.1200(a)(7)).
    #[serde(with = "duration::Within::<100, { duration::MINUTE }>")]
    pub customer_max_wait: Duration,
    /// The sound that such a customer hears after answering. It must say who calls.
    pub greeting: Sound,
    /// The sound that such a customer hears when no agent came. It must say who called.
    pub apology: Sound,
    /// How long the apology plays.
    #[serde(with = "duration::Within::<0, { 10 * duration::MINUTE }>")]
    pub apology_length: Duration,
    /// How long the customer's phone rings when an agent dials the customer by hand.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub manual_dial_timeout: Duration,
    /// How long the database may take to say whether a number that an agent dials has an open case. After that, the
    /// call continues in your own dialplan.
    #[serde(with = "duration::Within::<10, { 10 * duration::SECOND }>")]
    pub manual_dial_lookup_timeout: Duration,
    /// The codes that an agent dials to record the result of the last talk: `*71` and so on.
    #[serde(deserialize_with = "codes")]
    pub codes: BTreeMap<String, Disposition>,
    /// A talk of at least this length closes the case if no agent records a result.
    #[serde(with = "duration::Within::<0, { duration::HOUR }>")]
    pub min_talk: Duration,
    /// A caller who hangs up earlier than this gets no case. `0s`: every caller gets one.
    #[serde(with = "duration::Within::<0, { 10 * duration::MINUTE }>")]
    pub min_wait: Duration,
    /// How many new cases missed calls may open in an hour before further ones wait for people.
    pub flood: Limits,
    /// Whether a caller is connected to the callback's agent at once if the caller's number is being called back at
    /// that moment. Anybody can show any number. With `false`, the agent talks only to the person who answers at the
    /// number.
    pub join_callers: bool,
    /// How long an agent has to record the result of a call. After that, the agent and the supervisor are told
    /// (`attempt.undisposed`).
    #[serde(with = "duration::Within::<{ duration::SECOND }, { 7 * duration::DAY }>")]
    pub disposition_timeout: Duration,
    /// How long an attempt may last before it counts as lost. If a talk has no result for as long, its length decides.
    #[serde(with = "duration::Within::<{ duration::MINUTE }, { 7 * duration::DAY }>")]
    pub max_attempt_time: Duration,
    /// When callers who press the key for a callback are asked for their number: `unknown`, if the number that they show
    /// cannot be called back; `always`, so that they confirm it with 1 or enter another; `never`.
    pub ask_number: AskNumber,
    /// How long such a caller may take for the next digit of the number.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::MINUTE }>")]
    pub number_timeout: Duration,
    /// How often such a caller is asked.
    pub number_tries: u32,
    /// A caller who was cut off while waiting, and calls the same queue from the same number again within this time, gets
    /// their place back. `0s`: nobody does.
    #[serde(with = "duration::Within::<0, { duration::HOUR }>")]
    pub resume_place: Duration,
    /// The queue that calls back callers who reached no queue, such as callers after hours. None: the only queue, if
    /// there is only one.
    pub queue: Option<QueueName>,
    /// The queue that takes over cases whose customer was not reached within a day. None: cases stay in their queue.
    pub repeat_queue: Option<QueueName>,
}

impl Settings {
    /// If nobody calls back callers who reached no queue, returns the reason and the remedy.
    #[must_use]
    pub fn nobody_calls_back(&self, rules: &Rules) -> Option<(String, &'static str)> {
        let what = match &self.queue {
            _ if rules.queues.len() <= 1 => return None,
            Some(name) if rules.queues.contains_key(name) => return None,
            Some(name) => format!("[callback] queue names {name}, and there is no such queue"),
            None => {
                format!("there are {} queues, and [callback] queue names none of them", rules.queues.len())
            }
        };
        let detail = format!("{what}: cases of callers who reached no queue are offered to nobody");
        Some((detail, "name the queue that calls them back: [callback] queue in dozvon.toml"))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trunks: Vec::new(),
            caller_id: String::new(),
            agent_share_pct: 50,
            max_calls: 100,
            max_dials_per_second: DIALS_A_SECOND,
            max_dials_per_hour: 1000,
            poll_interval: Duration::from_secs(1),
            batch: 200,
            display_prefix: "callback".to_owned(),
            confirm: true,
            confirm_sound: Sound::ours("tone_stream://%(200,100,440);%(300,2000,660)"),
            agent_pause: Duration::from_secs(5),
            ringback: Sound::ours("tone_stream://%(1000,4000,425);loops=-1"),
            assignee_first: Duration::from_secs(60),
            customer_first: false,
            customer_max_wait: Duration::from_secs(2),
            greeting: Sound::ours("tone_stream://%(200,100,600);%(2000,0,440)"),
            apology: Sound::ours("tone_stream://%(330,15,950);%(330,15,1400);%(330,1000,1800);loops=2"),
            apology_length: Duration::from_secs(5),
            manual_dial_timeout: Duration::from_secs(60),
            manual_dial_lookup_timeout: Duration::from_secs(1),
            codes: usual_codes(),
            min_talk: Duration::from_secs(5),
            min_wait: Duration::from_secs(3),
            flood: Limits::default(),
            join_callers: true,
            disposition_timeout: Duration::from_secs(600),
            max_attempt_time: Duration::from_secs(7_200),
            ask_number: AskNumber::Unknown,
            number_timeout: Duration::from_secs(5),
            number_tries: 3,
            resume_place: Duration::from_secs(60),
            queue: None,
            repeat_queue: None,
        }
    }
}

impl Settings {
    /// Returns how many of `available` agents may be busy with callbacks at once.
    #[must_use]
    pub fn share_of(&self, available: usize) -> usize {
        let share = available * usize::from(self.agent_share_pct.min(100)) / 100;
        share.max(1).min(available)
    }
}

/// A contact over which customers are dialled: a section `[[callback.trunks]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// The contact that is dialled, with `{number}` (`+79001234567`) or `{digits}` (`79001234567`) in it.
    pub dial: Dial,
    /// The name of the trunk in logs and metrics. Empty: its `dial`.
    #[serde(default)]
    pub name: String,
    /// The number that customers see. Empty: that of `[callback]`.
    #[serde(default)]
    pub caller_id: String,
    /// The most calls over the trunk at one time. 0: the trunk is out of use.
    #[serde(default = "Trunk::usual_live")]
    pub max_calls: usize,
    /// The most customers dialled over the trunk in any one second. Further customers wait for the next second.
    #[serde(default = "Trunk::usual_dials")]
    pub max_dials_per_second: NonZeroU32,
    /// How long the trunk is the last choice after a dial that failed before a phone rang.
    #[serde(default = "Trunk::usual_rest", with = "duration::Within::<0, { duration::DAY }>")]
    pub failure_pause: Duration,
    /// After how many such failures in a row the supervisor is told (`trunk.failing`). 0: never.
    #[serde(default = "Trunk::usual_alarm")]
    pub alarm_after: u32,
    /// Whether FreeSWITCH follows a redirect (302) of the trunk. No policy is asked where it leads. Otherwise, a
    /// redirected dial fails.
    #[serde(default)]
    pub follow_redirects: bool,
}

impl Trunk {
    /// A trunk with the defaults for everything else.
    #[must_use]
    pub const fn new(dial: Dial) -> Self {
        Self {
            dial,
            name: String::new(),
            caller_id: String::new(),
            max_calls: Self::usual_live(),
            max_dials_per_second: Self::usual_dials(),
            failure_pause: Self::usual_rest(),
            alarm_after: Self::usual_alarm(),
            follow_redirects: false,
        }
    }

    /// An example that shows the type of each setting.
    pub(crate) fn example() -> Option<Self> {
        Dial::try_from("gateway/trunk/{number}".to_owned()).ok().map(Self::new)
    }

    /// The name of the trunk in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.name.is_empty() { &self.dial.0 } else { &self.name }
    }

    const fn usual_live() -> usize {
        30
    }

    const fn usual_dials() -> NonZeroU32 {
        DIALS_A_SECOND
    }

    const fn usual_alarm() -> u32 {
        5
    }

    const fn usual_rest() -> Duration {
        Duration::from_secs(60)
    }
}

fn usual_codes() -> BTreeMap<String, Disposition> {
    CODES.iter().map(|(code, result)| ((*code).to_owned(), *result)).collect()
}

/// Reads codes. In an empty section every line is commented out, so the usual codes hold.
fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Disposition>, D::Error> {
    let codes = BTreeMap::<String, Disposition>::deserialize(deserializer)?;
    Ok(if codes.is_empty() { usual_codes() } else { codes })
}

/// Reads a share in per cent. A share above 100 counts as 100 when it is used.
fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let given = i64::deserialize(deserializer)?;
    u8::try_from(given)
        .map_err(|_| D::Error::custom(format!("{given} is not a share in per cent; write 0 to 100")))
}

/// Reads trunks, and refuses two of one name.
fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Trunk>, D::Error> {
    let trunks = Vec::<Trunk>::deserialize(deserializer)?;
    let mut names = BTreeSet::new();
    match trunks.iter().map(Trunk::name).find(|name| !names.insert(*name)) {
        Some(name) => {
            Err(D::Error::custom(format!("there are two trunks {name}; give each a name of its own")))
        }
        None => Ok(trunks),
    }
}

/// How a number is dialled: a contact with a place for the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dial(String);

impl Dial {
    /// The contact for a number.
    ///
    /// # Errors
    /// Never for a text that was read by `try_from`: every number gives a contact or none does.
    pub fn contact(&self, number: &E164) -> Result<Contact, crate::rules::contact::InvalidContact> {
        let digits = number.digits();
        self.0.replace("{number}", number.as_str()).replace("{digits}", digits).parse()
    }
}

impl Dial {
    /// The contact for some number: shows which gateway or profile is dialled.
    #[must_use]
    pub fn example(&self) -> Option<Contact> {
        self.contact(&"+79001234567".parse().ok()?).ok()
    }
}

impl TryFrom<String> for Dial {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if !text.contains("{number}") && !text.contains("{digits}") {
            return Err(format!(
                "{text:?} has no place for the number: write {{number}} or {{digits}} in it, such as gateway/trunk/{{number}}"
            ));
        }
        let dial = Self(text);
        let example =
            "+79001234567".parse().map_err(|error: crate::phone::InvalidNumber| error.to_string())?;
        dial.contact(&example).map_err(|error| error.to_string())?;
        Ok(dial)
    }
}

impl From<Dial> for String {
    fn from(dial: Dial) -> Self {
        dial.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_place_in_the_dial_string_and_nothing_else_does() {
        let dial = |text: &str| Dial::try_from(text.to_owned());
        let number = "+79001234567".parse().unwrap();
        let contact = |text: &str| dial(text).unwrap().contact(&number).unwrap().to_string();
        assert_eq!(contact("gateway/trunk/{number}"), "gateway/trunk/+79001234567");
        assert_eq!(contact("sofia/out/{digits}@10.0.0.1:5070"), "sofia/out/79001234567@10.0.0.1:5070");
        for bad in ["gateway/trunk", "gateway/trunk/{number},user/1", "trunk/{number}", "{number}"] {
            assert!(dial(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_share_is_of_those_who_are_there_and_somebody_always_calls_back() {
        let settings = Settings { agent_share_pct: 50, ..Settings::default() };
        assert_eq!([0, 1, 2, 3, 10].map(|there| settings.share_of(there)), [0, 1, 1, 1, 5]);
        let none = Settings { agent_share_pct: 0, ..Settings::default() };
        assert_eq!(none.share_of(10), 1);
    }
}
