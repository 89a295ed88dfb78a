//! Ten thousand histories of a case, each played against the planner alone: no database, no clock.

use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::calendar::schedule::Schedule;
use crate::calendar::schedule::tests::{at, schedule};
use crate::calendar::working_time::WorkingTime;
use crate::calendar::zone::Whereabouts;
use crate::ids::AttemptId;
use crate::missed::attempt::{Disposition, State, Way};
use crate::missed::case::Closed;
use crate::missed::case::step;
use crate::missed::regulation::check;
use crate::missed::regulation::{DialRules, NumberHistory, Refusal};
use crate::phone::{E164, Region};
use crate::rules::limits::DAY;
use crate::rules::policy::Policy;
use crate::rules::policy::Profile;

const MINUTE: Duration = Duration::from_secs(60);

/// A world with one case. It holds what the database would hold.
struct World<'a> {
    case: Case,
    closed: Option<Closed>,
    number: E164,
    policy: Policy,
    hours: &'a Schedule,
    repeat_hours: &'a Schedule,
    whereabouts: Whereabouts,
    /// When each counted attempt was made.
    counted: Vec<UnixMs>,
    failed: usize,
    suppressed: bool,
    attempt: Option<Attempt>,
    awaits_disposition: bool,
    escalated: Vec<(UnixMs, i32)>,
    now: UnixMs,
    attempts: i64,
}

/// The next event: the time since the last one, its kind, and its variant.
type Happening = (u16, u8, u8);

impl<'a> World<'a> {
    fn new(policy: Policy, hours: &'a Schedule, repeat_hours: &'a Schedule) -> Self {
        let now = at("2026-11-23T10:00:00+03:00");
        let number: E164 = "+74951234567".parse().unwrap();
        let case = Case {
            stage: Stage::Settling,
            opened_at: now,
            last_miss_at: now,
            next_at: Some(now + MINUTE),
            not_before: None,
            due_at: None,
            first_attempt_at: None,
            handed_over: false,
            repeat_days: 0,
            flooded: false,
        };
        Self {
            case,
            closed: None,
            whereabouts: Whereabouts::of(&number),
            number,
            policy,
            hours,
            repeat_hours,
            counted: Vec::new(),
            failed: 0,
            suppressed: false,
            attempt: None,
            awaits_disposition: false,
            escalated: Vec::new(),
            now,
            attempts: 0,
        }
    }

    fn working(&self, hours: &'a Schedule) -> WorkingTime<'a> {
        WorkingTime::new(Some(hours), Tz::UTC)
    }

    fn today(&self) -> usize {
        let hours = self.working(self.hours);
        let day = hours.business_day(self.now);
        self.counted.iter().filter(|at| hours.business_day(**at) == day).count()
    }

    fn history(&self) -> NumberHistory {
        let since = |span: Duration| self.counted.iter().filter(|at| **at > self.now - span).count();
        let count = |count: usize| i64::try_from(count).unwrap();
        let last = self.counted.last().copied();
        NumberHistory {
            number: self.number.clone(),
            open: self.closed.is_none(),
            live_call: self.attempt.is_some() && !self.awaits_disposition,
            suppressed: self.suppressed,
            undisposed: self.awaits_disposition,
            counted_today: count(self.today()),
            counted_24h: count(since(DAY)),
            counted_week: count(since(DAY * 7)),
            counted_month: count(since(DAY * 31)),
            last_counted_at: last,
            gap_until: None,
            contact_at: None,
            abroad_allowed: false,
        }
    }

    fn happen(&mut self, event: &dyn Fn(&Self) -> Event<'static>) {
        let event = event(self);
        self.tell(event);
    }

    /// Asks the planner, and applies the changes.
    fn tell(&mut self, event: Event<'_>) {
        let (policy, queue) = (self.policy.clone(), "repeat".parse().unwrap());
        let whereabouts = self.whereabouts.clone();
        let dial = DialRules {
            policy: &policy,
            hours: self.working(self.hours),
            whereabouts: &whereabouts,
            home: Region::RU,
        };
        let repeat =
            Repeat { queue: &queue, profile: policy.profile, hours: self.working(self.repeat_hours) };
        let rules = CaseRules {
            dial,
            repeat: Some(repeat),
            least_talk: Duration::from_secs(5),
            watchdog: MINUTE * 120,
            remind_after: MINUTE * 10,
        };
        for change in plan(&self.case, event, &rules, self.now) {
            assert_eq!(self.closed, None, "a closed case changes no more: {change:?}");
            self.apply(change);
        }
    }

    fn apply(&mut self, change: Change<'_>) {
        match change {
            Change::Step(made, next_at) => self.step(made, next_at),
            Change::LookAgain(next_at) => self.case.next_at = next_at,
            Change::BecomeDue { due_at, react_by, next_at } => {
                assert!(react_by.is_none_or(|by| by > due_at), "there is time to react");
                self.step(Step::Open, next_at);
                self.case.due_at = Some(due_at);
            }
            Change::HandOver { next_at, .. } => {
                assert!(next_at > self.now, "the repeat-contacts queue takes it up later");
                self.step(Step::HandOver, Some(next_at));
                self.case.repeat_days += 1;
                self.case.handed_over = true;
            }
            Change::TryAgain { counted, asked } => {
                let history = self.history();
                let facts =
                    Again { counted, asked, history: &history, failed: self.failed, made: self.attempts };
                self.tell(Event::TryAgain(facts));
            }
            Change::Close(reason) => self.closed = Some(reason),
            Change::ForbidCalls(_) => self.suppressed = true,
            Change::RestartReaction => self.case.due_at = None,
            Change::RestartRepeatDays => {
                self.case.repeat_days = 0;
                self.attempts = 0;
            }
            Change::Escalate(pct) => {
                let told = (self.case.due_at.unwrap(), pct);
                assert!(!self.escalated.contains(&told), "nobody is told twice: {told:?}");
                self.escalated.push(told);
            }
            Change::EndTalk(_, _, remind_at) => {
                self.attempt.as_mut().unwrap().state = State::WrappingUp;
                self.attempt.as_mut().unwrap().ended_at = Some(self.now);
                self.awaits_disposition = true;
                self.case.next_at = Some(remind_at);
            }
            Change::FinishAttempt { disposition, .. } => self.finish(disposition, None),
            Change::KeepRefusal(_) | Change::TellPeople(_) | Change::AskDisposition(_) => {}
        }
    }

    fn step(&mut self, made: Step, next_at: Option<UnixMs>) {
        self.case.stage = step(self.case.stage, made).unwrap();
        self.case.next_at = next_at;
    }

    fn finish(&mut self, disposition: Disposition, later: Option<UnixMs>) {
        let attempt = self.attempt.take().unwrap();
        let counted = disposition != Disposition::TechnicalFailure;
        self.awaits_disposition = false;
        if counted {
            (self.failed, self.attempts) = (0, self.attempts + 1);
        } else {
            self.counted.pop();
            self.failed += 1;
        }
        let began_at = attempt.answered_at.unwrap_or(attempt.at);
        self.tell(Event::AttemptEnded(AttemptEnded { disposition, counted, later, began_at }));
    }

    /// The tick finds that the time of the case has come.
    fn tick(&mut self) {
        match self.case.stage {
            Stage::Settling | Stage::Deferred | Stage::Waiting | Stage::HandedOver => {
                let wanted = self.case.wanted(self.now);
                match self.asked(wanted) {
                    Ok(()) => self.tell(Event::PauseOver(Ok(()))),
                    Err(refusal) => {
                        let refused = self.refused(&refusal);
                        self.tell(Event::PauseOver(Err(refused)));
                    }
                }
            }
            Stage::Due => {
                let from = self.case.due_at.unwrap_or(self.case.opened_at);
                let told = self.escalated.iter().filter(|(due_at, _)| *due_at == from);
                let told: Vec<i32> = told.map(|(_, pct)| *pct).collect();
                self.tell(Event::ReminderDue(&told));
            }
            Stage::Claimed => self.tell(Event::Released),
            Stage::Attempting => match self.attempt.clone() {
                Some(attempt) => self.tell(Event::AttemptTooLong(&attempt)),
                None => self.tell(Event::Released),
            },
        }
    }

    fn asked(&self, at: UnixMs) -> Result<(), Refusal> {
        let dial_rules = DialRules {
            policy: &self.policy,
            hours: self.working(self.hours),
            whereabouts: &self.whereabouts,
            home: Region::RU,
        };
        check(&self.history(), &dial_rules, at).map(drop)
    }

    fn refused<'r>(&self, refusal: &'r Refusal) -> RefusedDial<'r> {
        RefusedDial { refusal, is_new: true, for_people: false, made: self.attempts }
    }

    /// An agent accepts, and the customer is dialled if the guards allow it.
    fn dial(&mut self) {
        if let Err(refusal) = self.asked(self.now) {
            let refused = self.refused(&refusal);
            return self.tell(Event::DialRefused(refused));
        }
        self.step(Step::Dial, Some(self.now + MINUTE * 120));
        self.case.first_attempt_at.get_or_insert(self.now);
        self.counted.push(self.now);
        self.attempt = Some(Attempt {
            id: AttemptId(1),
            state: State::Dialling,
            way: Way::Callback,
            has_agent: true,
            at: self.now,
            answered_at: None,
            ended_at: None,
        });
        assert!(self.today() <= usize::try_from(self.policy.cap_day).unwrap(), "the day's cap holds");
    }

    /// One thing happens.
    fn live(&mut self, (wait, what, how): Happening) {
        self.now = self.now + Duration::from_secs(u64::from(wait) * 7);
        if self.case.next_at.is_some_and(|next| next <= self.now) {
            self.tick();
        }
        if self.closed.is_some() {
            return;
        }
        let disposition = Disposition::ALL[usize::from(how) % Disposition::ALL.len()];
        match (self.case.stage, what % 6) {
            (Stage::Due, 0 | 1) => {
                self.step(Step::Claim, Some(self.now + MINUTE * 3));
                self.dial();
            }
            (Stage::Claimed | Stage::Attempting, 0) if self.attempt.is_none() => {
                self.happen(&|_| Event::Released);
            }
            (Stage::Attempting, 0 | 1) if self.attempt.is_some() => {
                let later = (how > 127).then(|| self.now + MINUTE * u32::from(how));
                self.finish(disposition, later);
            }
            (Stage::Attempting, 2) if self.attempt.is_some() => {
                let attempt = self.attempt.clone().unwrap();
                self.tell(Event::ControllerDied(&attempt));
            }
            (Stage::Attempting, 3) if self.attempt.is_some() && !self.awaits_disposition => {
                let attempt = self.attempt.as_mut().unwrap();
                (attempt.state, attempt.answered_at) = (State::Talking, Some(self.now));
            }
            (stage, 4) if !matches!(stage, Stage::Claimed | Stage::Attempting) => {
                let until = self.now + MINUTE * u32::from(how);
                self.happen(&|_| Event::PutOff(until));
            }
            (_, 5) => {
                self.case.last_miss_at = self.now;
                self.case.next_at = sooner(&self.case, self.now + MINUTE);
            }
            _ => {}
        }
    }

    /// Checks what must hold after every event.
    fn holds(&self) {
        if self.closed.is_some() {
            return;
        }
        let waits_for_agents = matches!(self.case.stage, Stage::Due);
        assert!(self.case.next_at.is_some() || waits_for_agents, "nothing is forgotten: {:?}", self.case);
        assert!(self.case.repeat_days <= self.policy.repeat_days.max(1), "{:?}", self.case);
        assert_eq!(self.case.stage == Stage::Attempting, self.attempt.is_some(), "{:?}", self.case);
        assert!(self.case.stage != Stage::Due || self.case.due_at.is_some(), "{:?}", self.case);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    /// In every order of events, each step is legal, the caps of the day hold, nobody is told the same twice,
    /// nothing waits for ever, and a closed case stays as it is.
    #[test]
    fn no_history_breaks_the_workflow(
        history in prop::collection::vec(any::<Happening>(), 1..16),
        profile in prop::sample::select(Profile::ALL),
        nights in any::<bool>(),
    ) {
        let hours = schedule("Europe/Moscow", &[if nights { "mon-sun 20:00-06:00" } else { "mon-fri 09:00-18:00" }], &[]);
        let repeat_hours = schedule("Europe/Moscow", &["mon-sat 10:00-17:00"], &[]);
        let mut world = World::new(Policy::of(profile), &hours, &repeat_hours);
        for happening in history {
            if world.closed.is_some() {
                break;
            }
            world.live(happening);
            world.holds();
        }
    }
}

#[test]
fn no_customer_is_tried_for_ever() {
    let hours = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
    let mut world = World::new(Policy::of(Profile::Service), &hours, &hours);
    while world.closed.is_none() {
        world.now = world.case.next_at.unwrap_or(world.now + MINUTE).max(world.now + MINUTE);
        world.tick();
        if world.case.stage == Stage::Due && world.closed.is_none() {
            world.step(Step::Claim, None);
            world.dial();
            if world.attempt.is_some() {
                world.finish(Disposition::NoAnswer, None);
            }
        }
        world.holds();
        assert!(world.now < at("2027-01-01T00:00:00+03:00"), "the case ends by itself");
    }
    assert_eq!((world.closed, world.attempts), (Some(Closed::Unreachable), 6));
}
