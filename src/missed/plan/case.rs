//! A case, and the rules that apply to it.

use std::time::Duration;

use crate::calendar::working_time::WorkingTime;
use crate::clock::UnixMs;
use crate::ids::QueueName;
use crate::missed::case::Stage;
use crate::missed::regulation::DialRules;
use crate::rules::policy::Profile;

/// An open case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the case waits for.
    pub stage: Stage,
    /// When the case was opened.
    pub opened_at: UnixMs,
    /// When the latest call was missed.
    pub last_miss_at: UnixMs,
    /// When the stage ends by itself.
    pub next_at: Option<UnixMs>,
    /// The customer wants no call before this.
    pub not_before: Option<UnixMs>,
    /// When the case last became due.
    pub due_at: Option<UnixMs>,
    /// When the customer was first dialled.
    pub first_attempt_at: Option<UnixMs>,
    /// Whether the repeat-contacts queue has the case.
    pub handed_over: bool,
    /// On how many business days that queue has had the case.
    pub repeat_days: i32,
    /// Whether the case was opened in a flood of calls and waits for people.
    pub flooded: bool,
}

impl Case {
    /// Returns the earliest time from now on at which the customer wants to be called.
    #[must_use]
    pub fn wanted(&self, now: UnixMs) -> UnixMs {
        self.not_before.map_or(now, |wanted| wanted.max(now))
    }

    /// Returns when the reaction time began: at the missed call, or when a retry became due, but not before the
    /// customer wants the call. A case that became due and was then put off keeps its time.
    pub(super) fn reaction_from(&self, now: UnixMs) -> UnixMs {
        let first = self.first_attempt_at.map_or(self.opened_at, |_| now);
        let from = self.due_at.unwrap_or(first);
        self.not_before.map_or(from, |wanted| from.max(wanted))
    }
}

/// The repeat-contacts queue.
#[derive(Debug, Clone, Copy)]
pub struct Repeat<'a> {
    /// The name of the queue.
    pub queue: &'a QueueName,
    /// The profile of the queue's policy: how strict the law is for its calls.
    pub profile: Profile,
    /// The hours of the queue.
    pub hours: WorkingTime<'a>,
}

/// The rules that apply to one case.
#[derive(Debug, Clone, Copy)]
pub struct CaseRules<'a> {
    /// When the number of the case may be dialled.
    pub dial: DialRules<'a>,
    /// The queue that takes over a case whose customer was not reached within a day, if there is one.
    pub repeat: Option<Repeat<'a>>,
    /// The shortest talk that counts as reaching the customer when nobody records a disposition.
    pub least_talk: Duration,
    /// How long an attempt may last, and how long after a talk its disposition may be recorded.
    pub watchdog: Duration,
    /// How long after a talk the agent and the supervisor are reminded of a missing disposition.
    pub remind_after: Duration,
}
