//! The workflow of a case: what changes when something happens to it (pure).
//!
//! In: the [`Case`], an [`Event`], the [`CaseRules`] and the time. Out: the [`Change`]s, in the order in which they are
//! made. The store loads the facts, asks [`plan`], and applies what it says in one transaction; the database refuses
//! whatever breaks a rule all the same.

use std::time::Duration;

use super::attempt::{Consequence, Outcome, State, Way};
use super::case::{Closed, Stage, Step};
use super::contact::Contact;
use super::regulation::{self, DialRules, Guard, Next, NumberHistory, Refusal};
use crate::calendar::working_time::WorkingTime;
use crate::clock::UnixMs;
use crate::ids::{AttemptId, QueueName};
use crate::rules::limits::DAY;
use crate::rules::policy::Profile;

/// An open case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it waits for.
    pub stage: Stage,
    /// When it was opened.
    pub opened_at: UnixMs,
    /// When the latest call was missed.
    pub last_miss_at: UnixMs,
    /// When its stage ends by itself.
    pub next_at: Option<UnixMs>,
    /// The customer asked for no call before this.
    pub not_before: Option<UnixMs>,
    /// When it last became due.
    pub due_at: Option<UnixMs>,
    /// When the customer was first dialled.
    pub first_attempt_at: Option<UnixMs>,
    /// Whether the repeat-contacts queue has it.
    pub handed_over: bool,
    /// On how many business days that queue has had it.
    pub repeat_days: i32,
    /// Whether it was opened in a flood of calls, and waits for people.
    pub flooded: bool,
}

impl Case {
    /// The earliest time from now on at which the customer wants to be called.
    #[must_use]
    pub fn wanted(&self, now: UnixMs) -> UnixMs {
        self.not_before.map_or(now, |wanted| wanted.max(now))
    }

    /// Since when somebody is to call: since the miss, or since a retry became due; not before the customer wants it. A
    /// case that is put off meanwhile keeps its time.
    fn reaction_from(&self, now: UnixMs) -> UnixMs {
        let first = self.first_attempt_at.map_or(self.opened_at, |_| now);
        let from = self.due_at.unwrap_or(first);
        self.not_before.map_or(from, |wanted| from.max(wanted))
    }
}

/// The repeat-contacts queue.
#[derive(Debug, Clone, Copy)]
pub struct Repeat<'a> {
    /// Its name.
    pub queue: &'a QueueName,
    /// The law that holds there.
    pub profile: Profile,
    /// Its hours.
    pub hours: WorkingTime<'a>,
}

/// The rules that hold for one case.
#[derive(Debug, Clone, Copy)]
pub struct CaseRules<'a> {
    /// When its number may be dialled.
    pub dial: DialRules<'a>,
    /// Who takes over what could not be reached within a day, if anybody does.
    pub repeat: Option<Repeat<'a>>,
    /// How long a talk must have lasted for the customer to have been reached, when nobody records a disposition.
    pub least_talk: Duration,
    /// How long an attempt may last, and how long after a talk its disposition may be recorded.
    pub watchdog: Duration,
    /// How long after a talk the agent and the supervisor are reminded of a missing disposition.
    pub remind_after: Duration,
}

/// An attempt that goes on, or waits for its disposition.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its number.
    pub id: AttemptId,
    /// How far it is.
    pub state: State,
    /// How it came about.
    pub way: Way,
    /// Whether an agent makes it.
    pub has_agent: bool,
    /// When it was made.
    pub at: UnixMs,
    /// When the customer answered.
    pub answered_at: Option<UnixMs>,
    /// When the talk, or the ringing, was over.
    pub ended_at: Option<UnixMs>,
}

impl Attempt {
    /// Whether the customer was dialled first and no agent has come.
    const fn lacks_agent(&self) -> bool {
        matches!(self.way, Way::CustomerFirst) && !self.has_agent
    }

    /// The disposition of a talk for which nobody records one: its length decides.
    fn disposition_by_length(&self, least_talk: Duration) -> Outcome {
        if self.lacks_agent() {
            return Outcome::Abandoned;
        }
        let talk = self.answered_at.zip(self.ended_at);
        let talk = talk.map(|(began_at, ended_at)| Contact { began_at, ended_at, now: ended_at });
        if talk.is_some_and(|talk| talk.is_talk(least_talk)) { Outcome::Reached } else { Outcome::NoAnswer }
    }
}

/// An attempt that has ended.
#[derive(Debug, Clone, Copy)]
pub struct AttemptEnded {
    /// What came of it.
    pub disposition: Outcome,
    /// Whether it counts.
    pub counted: bool,
    /// When the customer wants to be called, if they said so.
    pub later: Option<UnixMs>,
    /// When contact began: the talk, or the dial if there was none.
    pub began_at: UnixMs,
}

/// What is known of a case whose customer is to be tried again.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// Whether the last attempt counts.
    pub counted: bool,
    /// When the customer asked to be called.
    pub asked: Option<UnixMs>,
    /// What is known of the number now.
    pub standing: &'a NumberHistory,
    /// How many attempts have failed by our own fault since the last that counts.
    pub failed: usize,
    /// How many attempts of the case count since somebody was last reached.
    pub made: i64,
}

/// A dial that a guard refused.
#[derive(Debug, Clone, Copy)]
pub struct RefusedDial<'a> {
    /// Which guard, and why.
    pub refusal: &'a Refusal,
    /// Whether the last refused dial of the case was refused for another reason.
    pub is_new: bool,
    /// Whether people may call the number though we may not.
    pub for_people: bool,
    /// As in [`Again`]; only needed if [`Refusal::is_final`].
    pub made: i64,
}

/// Something that happens to an open case.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// Its pause is over. What the guards say of a dial at [`Case::wanted`].
    PauseOver(Result<(), RefusedDial<'a>>),
    /// It is due, and somebody may have to be reminded. The escalations that were told already, in per cent.
    ReminderDue(&'a [i32]),
    /// It is offered to agents, or being dialled, no more, and no attempt came of it.
    Released,
    /// Its attempt has lasted too long.
    AttemptTooLong(&'a Attempt),
    /// Nobody has recorded a disposition for the talk in time.
    DispositionMissing(&'a Attempt),
    /// The controller died during its attempt.
    ControllerDied(&'a Attempt),
    /// An attempt has ended.
    AttemptEnded(AttemptEnded),
    /// Somebody reports an attempt that was made elsewhere.
    AttemptReported(AttemptEnded),
    /// The customer is to be tried again: [`Change::TryAgain`].
    StillOwed(Again<'a>),
    /// A guard refused a dial.
    DialRefused(RefusedDial<'a>),
    /// It is put off.
    PutOff(UnixMs),
    /// One of us wants it called now.
    CalledUp,
}

/// One change of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// It takes a step, and waits there until then.
    Step(Step, Option<UnixMs>),
    /// It stays where it is until then, or until something happens.
    LookAgain(Option<UnixMs>),
    /// It becomes due.
    BecomeDue {
        /// Since when its reaction time runs.
        due_at: UnixMs,
        /// When that is over.
        react_by: Option<UnixMs>,
        /// When somebody is reminded.
        next_at: Option<UnixMs>,
    },
    /// The repeat-contacts queue takes it over, or has it for another day.
    HandOver {
        /// Its queue from now on; the one before if none.
        queue: Option<QueueName>,
        /// When that queue takes it up.
        next_at: UnixMs,
    },
    /// The customer is tried again, once the facts of [`Again`] are known.
    TryAgain {
        /// Whether the last attempt counts.
        counted: bool,
        /// When the customer asked to be called.
        asked: Option<UnixMs>,
    },
    /// It is closed.
    Close(Closed),
    /// Its number is not to be called any more.
    ForbidCalls(Closed),
    /// The next attempt has a reaction time of its own.
    RestartReaction,
    /// The days of the repeat-contacts queue are counted anew.
    RestartRepeatDays,
    /// The refusal of a dial is kept.
    KeepRefusal(&'a Refusal),
    /// People are told that they have to call.
    TellPeople(&'a Refusal),
    /// So much of the reaction time is over, in per cent: those concerned are told.
    Escalate(i32),
    /// Those concerned are told that a disposition is missing.
    AskDisposition(AttemptId),
    /// The talk is over, and its disposition is awaited; when those concerned are reminded.
    EndTalk(AttemptId, &'static str, UnixMs),
    /// The attempt ends without anybody saying how.
    FinishAttempt {
        /// Which.
        attempt: AttemptId,
        /// What came of it.
        disposition: Outcome,
        /// Our cause.
        cause: Option<&'static str>,
        /// What is noted of it.
        note: Option<&'static str>,
    },
}

/// How soon what cannot be decided now is asked again.
pub const SOON: Duration = Duration::from_secs(30);

/// How soon a case that waits for people is looked at again: the policy may have changed.
const FOR_PEOPLE: Duration = Duration::from_hours(1);

/// How soon a dial that failed by our own fault is made again, the first, second and third time; then as after any
/// attempt.
const FAILED: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(300)];

/// What changes when something happens to an open case.
#[must_use]
pub fn plan<'a>(case: &Case, event: Event<'a>, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    match event {
        Event::PauseOver(asked) => pause_over(case, asked, rules, now),
        Event::ReminderDue(told) => remind(case, told, rules, now),
        Event::Released => vec![Change::Step(Step::Release, Some(now))],
        Event::AttemptTooLong(attempt) => give_up(attempt, rules, now),
        Event::DispositionMissing(attempt) => vec![by_length(attempt, rules)],
        Event::ControllerDied(attempt) => after_death(attempt, rules, now),
        Event::AttemptEnded(ended) => follow(case, &ended, now),
        Event::AttemptReported(ended) => reported(case, &ended, now),
        Event::StillOwed(facts) => again(case, facts, rules, now),
        Event::DialRefused(refused) => {
            let mut changes = vec![Change::KeepRefusal(refused.refusal)];
            changes.extend(dial_refused(case, refused, rules, now));
            changes
        }
        Event::PutOff(until) => vec![put_off(case.stage, until)],
        Event::CalledUp if case.stage == Stage::Due => Vec::new(),
        Event::CalledUp => {
            // What was put off is wanted from now on, and so are the reminders of it.
            let wanted = Case { not_before: case.not_before.map(|at| at.min(now)), ..case.clone() };
            vec![become_due(&wanted, rules, now)]
        }
    }
}

/// When a case is looked at whose customer has turned to us again: what is put off may be lawful, or wanted, sooner now.
#[must_use]
pub fn sooner(case: &Case, at: UnixMs) -> Option<UnixMs> {
    match case.stage {
        // It waits for people, however often the number is shown.
        _ if case.flooded => None,
        // The caller has just rung, and may ring again at once.
        Stage::Settling if case.not_before.is_none() => case.next_at,
        Stage::Settling | Stage::Deferred | Stage::Waiting | Stage::HandedOver => {
            Some(case.next_at.map_or(at, |next| next.min(at)))
        }
        Stage::Due | Stage::Claimed | Stage::Attempting => case.next_at,
    }
}

fn put_off<'a>(stage: Stage, until: UnixMs) -> Change<'a> {
    if stage == Stage::Deferred {
        Change::LookAgain(Some(until))
    } else {
        Change::Step(Step::Defer, Some(until))
    }
}

/// The case becomes due if somebody may call now, or waits until somebody may.
fn pause_over<'a>(
    case: &Case,
    asked: Result<(), RefusedDial<'a>>,
    rules: &CaseRules<'_>,
    now: UnixMs,
) -> Vec<Change<'a>> {
    let wanted = case.wanted(now);
    let refused = match asked {
        Ok(()) if wanted == now => return vec![become_due(case, rules, now)],
        Ok(()) => return vec![put_off(case.stage, wanted)],
        Err(refused) => refused,
    };
    // A refusal that only puts the case off is kept when it stands against a dial.
    let lasts = matches!(refused.refusal.guard, Guard::DoNotCall | Guard::Destination);
    let mut changes = Vec::new();
    if lasts && refused.is_new {
        changes.push(Change::KeepRefusal(refused.refusal));
    }
    changes.extend(dial_refused(case, refused, rules, now));
    changes
}

fn become_due<'a>(case: &Case, rules: &CaseRules<'_>, now: UnixMs) -> Change<'a> {
    let DialRules { policy, hours, .. } = rules.dial;
    let due_at = case.reaction_from(now);
    // What has passed before anybody could call is told at once.
    let passed = !policy.rungs_until(hours, due_at, now).is_empty();
    let next = policy.next_rung(hours, due_at, now).map(|(_, at)| at);
    Change::BecomeDue {
        due_at,
        react_by: hours.after(due_at, policy.reaction),
        next_at: if passed { Some(now) } else { next },
    }
}

/// Another part of the reaction time is over, or nobody may call any more for now.
fn remind<'a>(case: &Case, told: &[i32], rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    let DialRules { policy, hours, .. } = rules.dial;
    let from = case.due_at.unwrap_or(case.opened_at);
    let mut changes: Vec<Change<'_>> = Vec::new();
    for (pct, _) in policy.rungs_until(hours, from, now) {
        let change = Change::Escalate(pct);
        if !told.contains(&pct) && !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes.push(Change::LookAgain(policy.next_rung(hours, from, now).map(|(_, at)| at)));
    changes
}

/// What becomes of a case whose dial a guard refused. People are told once of a number that only they may call.
fn dial_refused<'a>(
    case: &Case,
    refused: RefusedDial<'a>,
    rules: &CaseRules<'_>,
    now: UnixMs,
) -> Vec<Change<'a>> {
    let RefusedDial { refusal, is_new, for_people, made } = refused;
    match (refusal.guard, refusal.until) {
        (Guard::DoNotCall, _) => vec![Change::Close(Closed::DoNotCall)],
        (Guard::Destination, _) if for_people => {
            let told = is_new.then_some(Change::TellPeople(refusal));
            told.into_iter().chain([put_off(case.stage, now + FOR_PEOPLE)]).collect()
        }
        (Guard::Destination, _) => vec![Change::Close(Closed::Unreachable)],
        // It keeps its place among those that are due.
        (Guard::HourCap, _) if case.stage == Stage::Due => Vec::new(),
        (Guard::HourCap, _) => vec![Change::Step(Step::Release, Some(now))],
        (_, Some(until)) if case.stage == Stage::HandedOver => {
            vec![Change::LookAgain(Some(until.max(now + SOON)))]
        }
        (_, Some(until)) => vec![put_off(case.stage, until.max(now + SOON))],
        (_, None) if refusal.is_final() => {
            // The repeat-contacts queue may have other hours.
            let due = !matches!(case.stage, Stage::Due | Stage::Claimed);
            let opened = due.then_some(Change::Step(Step::Open, None));
            opened.into_iter().chain([hand_over(case, made, rules, now)]).collect()
        }
        (_, None) => vec![put_off(case.stage, now + SOON)],
    }
}

/// An attempt has lasted too long: what it is, it is. After a talk its disposition is awaited.
fn give_up<'a>(attempt: &Attempt, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    match attempt.state {
        State::WrappingUp => {
            // An agent who dialled by hand is not kept from work, and where no agent was nobody is: no need to wait.
            let nobody_waits = attempt.way == Way::Handset || !attempt.has_agent;
            let decided_at = attempt.ended_at.unwrap_or(attempt.at) + rules.watchdog;
            if nobody_waits || now >= decided_at {
                return vec![by_length(attempt, rules)];
            }
            vec![Change::AskDisposition(attempt.id), Change::LookAgain(Some(decided_at))]
        }
        State::Talking => vec![Change::EndTalk(attempt.id, "LASTED_TOO_LONG", now + rules.remind_after)],
        State::Reserved | State::Dialling | State::Completed => vec![Change::FinishAttempt {
            attempt: attempt.id,
            disposition: Outcome::Orphaned,
            cause: None,
            note: Some("lasted too long"),
        }],
    }
}

fn by_length<'a>(attempt: &Attempt, rules: &CaseRules<'_>) -> Change<'a> {
    Change::FinishAttempt {
        attempt: attempt.id,
        disposition: attempt.disposition_by_length(rules.least_talk),
        cause: None,
        note: Some("nobody said what came of it: its length decided"),
    }
}

/// Nobody knows how far the attempt was: it counts, so that there is never one too many.
fn after_death<'a>(attempt: &Attempt, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    const CAUSE: &str = "CONTROLLER_RESTARTED";
    match attempt.state {
        State::Talking if !attempt.lacks_agent() => {
            vec![Change::EndTalk(attempt.id, CAUSE, now + rules.remind_after)]
        }
        State::WrappingUp => Vec::new(),
        State::Talking | State::Reserved | State::Dialling | State::Completed => {
            let abandoned = attempt.lacks_agent() && attempt.answered_at.is_some();
            let disposition = if abandoned { Outcome::Abandoned } else { Outcome::Orphaned };
            vec![Change::FinishAttempt { attempt: attempt.id, disposition, cause: Some(CAUSE), note: None }]
        }
    }
}

/// What follows from an attempt: another one, a handover, or the end of the case.
fn follow<'a>(case: &Case, ended: &AttemptEnded, now: UnixMs) -> Vec<Change<'a>> {
    let contact = Contact { began_at: ended.began_at, ended_at: now, now };
    let asked = ended.later.filter(|_| ended.disposition == Outcome::CallLater);
    let again = Change::TryAgain { counted: ended.counted, asked };
    match ended.disposition.consequence() {
        Consequence::Suppress(reason) => vec![Change::ForbidCalls(reason), Change::Close(reason)],
        Consequence::Close(reason) if contact.follows(case.last_miss_at) => vec![Change::Close(reason)],
        // A call was missed since, and that caller is still owed a callback: the repeat days begin anew.
        Consequence::Close(_) => vec![Change::RestartRepeatDays, again],
        Consequence::Again => vec![again],
    }
}

/// Another attempt is due: later today, or by the repeat-contacts queue.
fn again<'a>(case: &Case, facts: Again<'_>, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    let Again { counted, asked, standing, failed, made } = facts;
    let mut changes = Vec::new();
    let pause = if counted {
        changes.push(Change::RestartReaction);
        Duration::ZERO
    } else {
        let pause = FAILED.get(failed.saturating_sub(1)).copied();
        pause.unwrap_or_else(|| rules.dial.policy.gap_after(0))
    };
    let all_made = made >= i64::from(rules.dial.policy.repeat_total);
    changes.push(if asked.is_none() && case.handed_over && all_made {
        Change::Close(Closed::Unreachable)
    } else {
        match regulation::after_attempt(standing, &rules.dial, asked, now) {
            Next::Retry(then) => Change::Step(Step::Retry, Some(then.max(now + pause))),
            Next::HandOver => hand_over(case, made, rules, now),
        }
    });
    changes
}

/// The day's attempts or its lawful time are used up.
fn hand_over<'a>(case: &Case, made: i64, rules: &CaseRules<'_>, now: UnixMs) -> Change<'a> {
    let DialRules { policy, hours, .. } = rules.dial;
    let spent = case.repeat_days >= policy.repeat_days || made >= i64::from(policy.repeat_total);
    if spent && case.handed_over {
        return Change::Close(Closed::Unreachable);
    }
    // A queue under a law that lets more be done does not take over what a stricter one is for.
    let repeat = rules.repeat.filter(|repeat| repeat.profile >= policy.profile);
    let next_hours = repeat.map_or(hours, |repeat| repeat.hours);
    // After midnight of a night shift the next business day may have begun by the other queue's calendar.
    let begun = next_hours.business_day(now) > hours.business_day(now);
    let next_at = if begun { next_hours.next_open(now) } else { next_hours.next_day(now) };
    Change::HandOver {
        queue: repeat.map(|repeat| repeat.queue.clone()),
        // A queue that does not open within a year is asked again all the same: its hours may change.
        next_at: next_at.unwrap_or(now + DAY),
    }
}

/// An attempt that somebody made elsewhere. While somebody of us has the case, their own attempt decides.
fn reported<'a>(case: &Case, ended: &AttemptEnded, now: UnixMs) -> Vec<Change<'a>> {
    let taken = matches!(case.stage, Stage::Claimed | Stage::Attempting);
    let again = ended.disposition.consequence() == Consequence::Again;
    if again && (taken || case.stage == Stage::HandedOver) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    if !taken {
        changes.push(Change::Step(Step::Dial, None));
    }
    changes.extend(follow(case, ended, now));
    changes
}

#[cfg(test)]
mod tests;
