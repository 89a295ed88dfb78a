//! The workflow of a case: what changes when something happens to it (pure).
//!
//! In: the [`Case`], an [`Event`], the [`CaseRules`] and the time. Out: the [`Change`]s, in the order in which they are
//! made. The store loads the facts, calls [`plan`], and applies the changes in one transaction. The database still
//! refuses every change that breaks a rule.

use std::time::Duration;

use super::attempt::{Consequence, Disposition, State, Way};
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
    /// customer wants the call. A case that is put off meanwhile keeps its time.
    fn reaction_from(&self, now: UnixMs) -> UnixMs {
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
    /// The profile of law that applies to the queue.
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

/// An attempt that is under way, or waits for its disposition.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The number of the attempt.
    pub id: AttemptId,
    /// How far the attempt is.
    pub state: State,
    /// How the attempt came about.
    pub way: Way,
    /// Whether an agent makes the attempt.
    pub has_agent: bool,
    /// When the attempt was made.
    pub at: UnixMs,
    /// When the customer answered.
    pub answered_at: Option<UnixMs>,
    /// When the talk, or the ringing, was over.
    pub ended_at: Option<UnixMs>,
}

impl Attempt {
    /// Whether the customer was dialled first and no agent has joined.
    const fn lacks_agent(&self) -> bool {
        matches!(self.way, Way::CustomerFirst) && !self.has_agent
    }

    /// Returns the disposition of a talk for which nobody records one. The length of the talk decides.
    fn disposition_by_length(&self, least_talk: Duration) -> Disposition {
        if self.lacks_agent() {
            return Disposition::Abandoned;
        }
        let talk = self.answered_at.zip(self.ended_at);
        let talk = talk.map(|(began_at, ended_at)| Contact { began_at, ended_at, now: ended_at });
        if talk.is_some_and(|talk| talk.is_talk(least_talk)) {
            Disposition::Reached
        } else {
            Disposition::NoAnswer
        }
    }
}

/// An attempt that has ended.
#[derive(Debug, Clone, Copy)]
pub struct AttemptEnded {
    /// The disposition of the attempt.
    pub disposition: Disposition,
    /// Whether the attempt counts.
    pub counted: bool,
    /// When the customer wants to be called, if they said so.
    pub later: Option<UnixMs>,
    /// When contact began: the start of the talk, or of the dial if there was no talk.
    pub began_at: UnixMs,
}

/// The facts about a case whose customer must be tried again.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// Whether the last attempt counts.
    pub counted: bool,
    /// When the customer asked to be called.
    pub asked: Option<UnixMs>,
    /// The current facts about the number.
    pub standing: &'a NumberHistory,
    /// How many attempts have failed on our side since the last attempt that counts.
    pub failed: usize,
    /// How many attempts of the case count since the customer was last reached.
    pub made: i64,
}

/// A dial that a guard refused.
#[derive(Debug, Clone, Copy)]
pub struct RefusedDial<'a> {
    /// The guard, and its reason.
    pub refusal: &'a Refusal,
    /// Whether the last refused dial of the case was refused for a different reason.
    pub is_new: bool,
    /// Whether people may call the number although the controller may not.
    pub for_people: bool,
    /// As in [`Again`]; only needed if [`Refusal::is_final`].
    pub made: i64,
}

/// Something that happens to an open case.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The pause of the case is over. The value is what the guards say of a dial at [`Case::wanted`].
    PauseOver(Result<(), RefusedDial<'a>>),
    /// The case is due, and somebody may have to be reminded. The value lists the escalations that were already told,
    /// in per cent.
    ReminderDue(&'a [i32]),
    /// The case is no longer being offered to agents or dialled, and no attempt came of it.
    Released,
    /// The attempt has lasted too long.
    AttemptTooLong(&'a Attempt),
    /// Nobody has recorded a disposition for the talk in time.
    DispositionMissing(&'a Attempt),
    /// The controller died during the attempt.
    ControllerDied(&'a Attempt),
    /// An attempt has ended.
    AttemptEnded(AttemptEnded),
    /// Somebody reports an attempt that they made elsewhere.
    AttemptReported(AttemptEnded),
    /// The customer must be tried again: the answer to [`Change::TryAgain`].
    TryAgain(Again<'a>),
    /// A guard refused a dial.
    DialRefused(RefusedDial<'a>),
    /// Somebody puts the case off until this time.
    PutOff(UnixMs),
    /// A member of staff wants the customer called now.
    CalledUp,
}

/// One change of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// The case takes a step, and stays in the new stage until this time.
    Step(Step, Option<UnixMs>),
    /// The case keeps its stage until this time, or until something happens.
    LookAgain(Option<UnixMs>),
    /// The case becomes due.
    BecomeDue {
        /// When the reaction time began.
        due_at: UnixMs,
        /// When the reaction time is over.
        react_by: Option<UnixMs>,
        /// When somebody is reminded.
        next_at: Option<UnixMs>,
    },
    /// The repeat-contacts queue takes the case over, or keeps it for another day.
    HandOver {
        /// The queue of the case from now on. None keeps the current queue.
        queue: Option<QueueName>,
        /// When that queue takes up the case.
        next_at: UnixMs,
    },
    /// The customer is tried again, once the facts of [`Again`] are known.
    TryAgain {
        /// Whether the last attempt counts.
        counted: bool,
        /// When the customer asked to be called.
        asked: Option<UnixMs>,
    },
    /// The case is closed.
    Close(Closed),
    /// The number of the case must not be called any more.
    ForbidCalls(Closed),
    /// The next attempt gets a reaction time of its own.
    RestartReaction,
    /// The count of days in the repeat-contacts queue starts again.
    RestartRepeatDays,
    /// The refusal of a dial is recorded.
    KeepRefusal(&'a Refusal),
    /// People are told that they have to call the customer.
    TellPeople(&'a Refusal),
    /// This percentage of the reaction time is over. The people concerned are told.
    Escalate(i32),
    /// The people concerned are told that a disposition is missing.
    AskDisposition(AttemptId),
    /// The talk is over and waits for its disposition. The fields: the attempt, the cause, and when the people
    /// concerned are reminded.
    EndTalk(AttemptId, &'static str, UnixMs),
    /// The attempt ends with a disposition that nobody recorded.
    FinishAttempt {
        /// The attempt.
        attempt: AttemptId,
        /// The disposition.
        disposition: Disposition,
        /// The cause on our side.
        cause: Option<&'static str>,
        /// The note on the attempt.
        note: Option<&'static str>,
    },
}

/// How soon a question that cannot be decided now is asked again.
pub const SOON: Duration = Duration::from_secs(30);

/// How soon a case that waits for people is checked again. The policy may have changed by then.
const FOR_PEOPLE: Duration = Duration::from_hours(1);

/// The pauses after the first, second and third dial that failed on our side. After that, the usual gap between
/// attempts applies.
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
        Event::TryAgain(facts) => again(case, facts, rules, now),
        Event::DialRefused(refused) => {
            let mut changes = vec![Change::KeepRefusal(refused.refusal)];
            changes.extend(dial_refused(case, refused, rules, now));
            changes
        }
        Event::PutOff(until) => vec![put_off(case.stage, until)],
        Event::CalledUp if case.stage == Stage::Due => Vec::new(),
        Event::CalledUp => {
            // The customer is wanted from now on, so the reminders begin now.
            let wanted = Case { not_before: case.not_before.map(|at| at.min(now)), ..case.clone() };
            vec![become_due(&wanted, rules, now)]
        }
    }
}

/// Returns when a case is checked again after its customer has contacted us. A case that was put off may be lawful, or
/// wanted, sooner now.
#[must_use]
pub fn sooner(case: &Case, at: UnixMs) -> Option<UnixMs> {
    match case.stage {
        // The case waits for people, however often a caller shows the number.
        _ if case.flooded => None,
        // The caller has just called, and may call again at once.
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

/// Makes the case due if somebody may call now, or lets it wait until somebody may.
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
    // A refusal that only puts the case off is recorded only when it stops a dial.
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
    // Escalations that passed before anybody could call are told at once.
    let passed = !policy.rungs_until(hours, due_at, now).is_empty();
    let next = policy.next_rung(hours, due_at, now).map(|(_, at)| at);
    Change::BecomeDue {
        due_at,
        react_by: hours.after(due_at, policy.reaction),
        next_at: if passed { Some(now) } else { next },
    }
}

/// Tells the next part of the reaction time that is over, or lets the case wait if nobody may call for now.
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

/// Decides what happens to a case whose dial a guard refused. People are told once about a number that only they may
/// call.
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
        // The case keeps its place among the due cases.
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

/// Ends an attempt that has lasted too long, with what is known of it. After a talk, the attempt waits for its
/// disposition.
fn give_up<'a>(attempt: &Attempt, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    match attempt.state {
        State::WrappingUp => {
            // There is no need to wait: an agent who dialled by hand is not kept from work, and without an agent nobody
            // records a disposition.
            let nobody_waits = attempt.way == Way::ManualDial || !attempt.has_agent;
            let decided_at = attempt.ended_at.unwrap_or(attempt.at) + rules.watchdog;
            if nobody_waits || now >= decided_at {
                return vec![by_length(attempt, rules)];
            }
            vec![Change::AskDisposition(attempt.id), Change::LookAgain(Some(decided_at))]
        }
        State::Talking => vec![Change::EndTalk(attempt.id, "LASTED_TOO_LONG", now + rules.remind_after)],
        State::Reserved | State::Dialling | State::Completed => vec![Change::FinishAttempt {
            attempt: attempt.id,
            disposition: Disposition::Orphaned,
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

/// Ends an attempt of which nobody knows how far it came. The attempt counts, so that there is never one too many.
fn after_death<'a>(attempt: &Attempt, rules: &CaseRules<'_>, now: UnixMs) -> Vec<Change<'a>> {
    const CAUSE: &str = "CONTROLLER_RESTARTED";
    match attempt.state {
        State::Talking if !attempt.lacks_agent() => {
            vec![Change::EndTalk(attempt.id, CAUSE, now + rules.remind_after)]
        }
        State::WrappingUp => Vec::new(),
        State::Talking | State::Reserved | State::Dialling | State::Completed => {
            let abandoned = attempt.lacks_agent() && attempt.answered_at.is_some();
            let disposition = if abandoned { Disposition::Abandoned } else { Disposition::Orphaned };
            vec![Change::FinishAttempt { attempt: attempt.id, disposition, cause: Some(CAUSE), note: None }]
        }
    }
}

/// Decides what follows from an attempt: another attempt, a handover, or the end of the case.
fn follow<'a>(case: &Case, ended: &AttemptEnded, now: UnixMs) -> Vec<Change<'a>> {
    let contact = Contact { began_at: ended.began_at, ended_at: now, now };
    let asked = ended.later.filter(|_| ended.disposition == Disposition::CallLater);
    let again = Change::TryAgain { counted: ended.counted, asked };
    match ended.disposition.consequence() {
        Consequence::Suppress(reason) => vec![Change::ForbidCalls(reason), Change::Close(reason)],
        Consequence::Close(reason) if contact.follows(case.last_miss_at) => vec![Change::Close(reason)],
        // A call was missed since, and its caller must still be called back. The repeat days start again.
        Consequence::Close(_) => vec![Change::RestartRepeatDays, again],
        Consequence::Again => vec![again],
    }
}

/// Plans another attempt: later today, or by the repeat-contacts queue.
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

/// Hands the case over, or closes it, once the day's attempts or lawful hours are used up.
fn hand_over<'a>(case: &Case, made: i64, rules: &CaseRules<'_>, now: UnixMs) -> Change<'a> {
    let DialRules { policy, hours, .. } = rules.dial;
    let spent = case.repeat_days >= policy.repeat_days || made >= i64::from(policy.repeat_total);
    if spent && case.handed_over {
        return Change::Close(Closed::Unreachable);
    }
    // A case of a stricter profile is not handed to a queue whose profile allows more.
    let repeat = rules.repeat.filter(|repeat| repeat.profile >= policy.profile);
    let next_hours = repeat.map_or(hours, |repeat| repeat.hours);
    // On a night shift, the other queue's next business day may already have begun after midnight.
    let begun = next_hours.business_day(now) > hours.business_day(now);
    let next_at = if begun { next_hours.next_open(now) } else { next_hours.next_day(now) };
    Change::HandOver {
        queue: repeat.map(|repeat| repeat.queue.clone()),
        // A queue that does not open within a year is asked again all the same: its hours may change.
        next_at: next_at.unwrap_or(now + DAY),
    }
}

/// Decides what follows from an attempt that somebody made elsewhere. While an agent works on the case, the agent's own
/// attempt decides.
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
