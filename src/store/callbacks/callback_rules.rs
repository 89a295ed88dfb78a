//! The rules for callbacks, and the part of them that applies to one case.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use crate::calendar::business_day::BusinessDay;
use crate::calendar::working_time::WorkingTime;
use crate::calendar::zone::Whereabouts;
use crate::clock::UnixMs;
use crate::config::Settings;
use crate::ids::QueueName;
use crate::missed::plan::{CaseRules, Repeat};
use crate::missed::regulation::DialRules;
use crate::phone::{E164, Home};
use crate::rules::Rules;
use crate::rules::policy::Policy;
use crate::store::cases::CaseRow;

/// The rules for callbacks. A clone is cheap.
#[derive(Debug, Clone)]
pub struct CallbackRules {
    /// The queues, their hours and their policies.
    pub rules: Arc<Rules>,
    /// The time zone of calls without a queue.
    pub zone: Tz,
    /// The controller's own country.
    pub home: Home,
    /// The queue that calls back callers who reached no queue. None: the only queue, if there is just one.
    pub queue: Option<QueueName>,
    /// The queue that takes over cases whose customers could not be reached within a day. None: the case's own queue.
    pub repeat_queue: Option<QueueName>,
    /// The shortest talk after which the customer counts as reached, when nobody gives a disposition.
    pub min_talk: Duration,
    /// How long an attempt may last before it is given up as lost. If a talk has no disposition after the same time,
    /// its length decides the result.
    pub max_attempt_time: Duration,
    /// How long after a talk a missing disposition is reported to the people who should know.
    pub disposition_timeout: Duration,
    /// How many customers may be dialled in an hour. 0: no limit.
    pub max_dials_per_hour: u32,
}

impl CallbackRules {
    /// Returns the callback rules that the settings and `rules` give.
    #[must_use]
    pub fn of(settings: &Settings, rules: Arc<Rules>) -> Self {
        Self {
            rules,
            zone: settings.zone,
            home: settings.phone.home(),
            queue: settings.callback.queue.clone(),
            repeat_queue: settings.callback.repeat_queue.clone(),
            min_talk: settings.callback.min_talk,
            max_attempt_time: settings.callback.max_attempt_time,
            max_dials_per_hour: settings.callback.max_dials_per_hour,
            disposition_timeout: settings.callback.disposition_timeout,
        }
    }
}

/// The rules that apply to one case.
pub(super) struct RulesForCase<'a> {
    pub(super) number: E164,
    pub(super) policy: Policy,
    pub(super) hours: WorkingTime<'a>,
    pub(super) whereabouts: Whereabouts,
}

impl RulesForCase<'_> {
    pub(super) const fn dial_rules(&self, callback_rules: &CallbackRules) -> DialRules<'_> {
        DialRules {
            policy: &self.policy,
            hours: self.hours,
            whereabouts: &self.whereabouts,
            home: callback_rules.home.region,
        }
    }

    pub(super) fn case_rules<'a>(&'a self, callback_rules: &'a CallbackRules) -> CaseRules<'a> {
        let repeat = callback_rules
            .repeat_queue
            .as_ref()
            .filter(|name| callback_rules.rules.queues.contains_key(*name));
        CaseRules {
            dial: self.dial_rules(callback_rules),
            repeat: repeat.map(|queue| Repeat {
                queue,
                profile: callback_rules.rules.policy(Some(queue)).profile,
                hours: callback_rules.hours(Some(queue)),
            }),
            least_talk: callback_rules.min_talk,
            watchdog: callback_rules.max_attempt_time,
            remind_after: callback_rules.disposition_timeout,
        }
    }
}

impl CallbackRules {
    /// Returns the hours of a queue. If the queue is not named or does not exist, returns those of the queue that calls
    /// back.
    #[must_use]
    pub fn hours(&self, queue: Option<&QueueName>) -> WorkingTime<'_> {
        let queue = self.queue_or(queue.cloned());
        WorkingTime::new(self.rules.schedule(queue.as_ref()), self.zone)
    }

    /// Returns the highest number of attempts that a case's number may have on a business day.
    #[must_use]
    pub fn cap(&self, case: &CaseRow) -> i32 {
        self.policy(case).cap_day
    }

    /// Returns the policy under which a case is called back.
    pub(in crate::store) fn policy(&self, case: &CaseRow) -> Policy {
        self.rules.policy(self.queue_of(case).as_ref())
    }

    /// Returns the business day of an attempt for a case. It is the day of the queue that calls back.
    #[must_use]
    pub fn business_day(&self, case: &CaseRow, at: UnixMs) -> BusinessDay {
        self.hours(self.queue_of(case).as_ref()).business_day(at)
    }

    /// Returns the queue whose agents call back for a case.
    pub(in crate::store) fn queue_of(&self, case: &CaseRow) -> Option<QueueName> {
        self.queue_or(case.queue.clone())
    }

    /// Returns the named queue, or else the queue that calls back callers who reached none.
    pub(super) fn queue_or(&self, named: Option<QueueName>) -> Option<QueueName> {
        let only = || Some(self.rules.queues.keys().next()?.clone()).filter(|_| self.rules.queues.len() == 1);
        let fallback = || self.queue.clone().filter(|name| self.rules.queues.contains_key(name));
        let there = named.filter(|name| self.rules.queues.contains_key(name));
        there.or_else(fallback).or_else(only)
    }

    /// Returns the time by which somebody must have called back in this queue, for a case that is open since `from`.
    #[must_use]
    pub fn react_by(&self, queue: Option<QueueName>, from: UnixMs) -> Option<UnixMs> {
        let queue = self.queue_or(queue);
        self.hours(queue.as_ref()).after(from, self.rules.policy(queue.as_ref()).reaction)
    }

    pub(super) fn for_case(&self, case: &CaseRow) -> RulesForCase<'_> {
        let queue = self.queue_of(case);
        RulesForCase {
            policy: self.rules.policy(queue.as_ref()),
            hours: self.hours(queue.as_ref()),
            whereabouts: Whereabouts::of(&case.number),
            number: case.number.clone(),
        }
    }
}
