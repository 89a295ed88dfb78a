//! A company that calls back: its rules, and each step of a callback as the product makes it.

use std::sync::Arc;
use std::time::Duration;

use dozvon::calendar::schedule::Schedule;
use dozvon::clock::UnixMs;
use dozvon::config::Settings;
use dozvon::ids::{AttemptId, CallId, CaseId, ChannelId, CoreId, OfferId, QueueName};
use dozvon::missed::attempt::Disposition;
use dozvon::missed::regulation::{Guard, Refusal};
use dozvon::missed::verdict::{Verdict, verdict};
use dozvon::phone::Party;
use dozvon::queue::agent::Activity;
use dozvon::queue::offer;
use dozvon::rules::policy::Profile;
use dozvon::rules::{Queue, Rules};
use dozvon::store::attempts::{self, AttemptRow, ReportedAttempt};
use dozvon::store::callbacks::{
    self, CallbackEnd, CallbackResult, CallbackRules, GivenDisposition, LeaseRequest, Leased, LeasedCase,
    NotReserved, Reserve,
};
use dozvon::store::cases::{self, CaseRow};
use dozvon::store::offers::{self, EndUnanswered};
use dozvon::store::{Database, Store, StoreError, agents, calls, rules};

use dozvon::missed::ending::{Ending, Stage};

use crate::support::company::NOON;
use crate::support::company::{abandoned, agent, arrival, company, log_in, queue, ring};
use crate::support::database::Db;

/// A fixed line in Moscow: by day it may be called whenever we are open.
pub const MOSCOW: &str = "+74951234567";
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// So many minutes after noon of that Monday; before it if negative.
pub const fn min(minutes: i64) -> UnixMs {
    UnixMs(NOON.0 + minutes * MINUTE)
}

/// Queues with every policy, a night shift, and who takes up what could not be reached.
fn house() -> Rules {
    let mut rules = company();
    let hours = |hours: &[&str]| Schedule::parse("Europe/Moscow", hours, &[]).unwrap();
    rules.schedules.insert("office".parse().unwrap(), hours(&["mon-fri 09:00-18:00"]));
    rules.schedules.insert("night".parse().unwrap(), hours(&["mon-sun 20:00-08:00"]));
    let sales = rules.queues[&queue("sales")].clone();
    let night = Some("night".parse().unwrap());
    for (name, more) in [
        ("repeat", sales.clone()),
        ("debt", Queue { policy: Profile::Debt.into(), ..sales.clone() }),
        ("night", Queue { schedule: night, ..sales }),
    ] {
        rules.queues.insert(queue(name), more);
    }
    rules
}

pub fn callback_rules() -> CallbackRules {
    CallbackRules {
        repeat_queue: Some(queue("repeat")),
        ..CallbackRules::of(&Settings::default(), Arc::new(house()))
    }
}

/// A process that calls back: its store and its rules.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub callback_rules: CallbackRules,
}

/// A callback that an agent has accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub work: LeasedCase,
    pub wanted: Reserve,
}

impl App {
    /// Makes the company, with all agents logged in since long ago.
    pub async fn open(db: &Db) -> Self {
        let callback_rules = callback_rules();
        let rules = Arc::clone(&callback_rules.rules);
        db.write(move |c| {
            rules::replace(c, &rules)?;
            ["anna", "boris", "vera"].iter().try_for_each(|name| log_in(c, name, UnixMs(0)).map(drop))
        })
        .await;
        Self { store: db.store.clone(), callback_rules }
    }

    /// Another process on the same database.
    pub async fn beside(&self, db: &Db) -> Self {
        Self { store: db.other().await, callback_rules: self.callback_rules.clone() }
    }

    pub async fn try_write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database, &CallbackRules) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let callback_rules = self.callback_rules.clone();
        self.store.write("test", move |c| work(c, &callback_rules)).await
    }

    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database, &CallbackRules) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.try_write(work).await.unwrap()
    }

    /// A caller gives up in a queue. Returns the case, if one is opened.
    pub async fn miss_of(&self, party: Party, name: &str, at: UnixMs) -> Option<CaseId> {
        let name = queue(name);
        self.write(move |c, callback_rules| {
            let mut new = arrival(Some(name.as_str()), at);
            new.business_day = callback_rules.hours(Some(&name)).business_day(at);
            let owed = verdict(Ending::Abandoned, Stage::Waiting, &party, true);
            new.party = party;
            calls::arrive(c, &new)?;
            calls::end(c, &calls::Ended { verdict: owed, ..abandoned(new.id, at) })
        })
        .await
    }

    pub async fn miss(&self, number: &str, queue: &str, at: UnixMs) -> CaseId {
        self.miss_of(Party::Number(number.parse().unwrap()), queue, at).await.unwrap()
    }

    /// A caller is on the line, and talks to nobody yet.
    pub async fn rings_in(&self, number: &str, at: UnixMs) -> CallId {
        let party = Party::Number(number.parse().unwrap());
        self.write(move |c, _| {
            let new = dozvon::store::calls::Arrival { party, ..arrival(None, at) };
            calls::arrive(c, &new)?;
            Ok(new.id)
        })
        .await
    }

    /// The caller has talked to somebody for so long.
    pub async fn talked(&self, call: CallId, from: UnixMs, to: UnixMs) {
        self.write(move |c, _| {
            let ended = calls::Ended {
                ending: Ending::Answered,
                stage: Stage::Talking,
                answered_at: Some(from),
                verdict: Verdict::Nothing(dozvon::missed::verdict::Why::GotThrough),
                ..abandoned(call, to)
            };
            calls::end(c, &ended)
        })
        .await;
    }

    /// One round of the tick: whatever is due is moved on, until nothing is.
    pub async fn tick(&self, at: UnixMs) {
        for _ in 0..8 {
            let due = self.store.read("due", move |c| callbacks::due(c, at, 100, &[])).await.unwrap();
            if due.is_empty() {
                return;
            }
            for case in due {
                self.write(move |c, callback_rules| callbacks::advance(c, case, callback_rules, at)).await;
            }
        }
        panic!("the tick of {at:?} comes to no end");
    }

    /// A miss that has settled: its case is due.
    pub async fn due(&self, number: &str, queue: &str, at: UnixMs) -> CaseId {
        let case = self.miss(number, queue, at).await;
        self.tick(at + Duration::from_secs(60)).await;
        assert_eq!(self.stage(case).await, "due");
        case
    }

    pub async fn lease(&self, name: &str, at: UnixMs) -> Vec<LeasedCase> {
        let wanted = LeaseRequest {
            queue: queue(name),
            node: "fs1".parse().unwrap(),
            core: CoreId(uuid::Uuid::nil()),
            at,
        };
        self.write(move |c, callback_rules| {
            let ready = callbacks::ready(c, &wanted.queue, 10, &[])?;
            let leased = ready.into_iter().map(|case| callbacks::lease(c, case, callback_rules, &wanted));
            leased.filter_map(|leased| leased.map(Leased::work).transpose()).collect()
        })
        .await
    }

    /// The agent accepts a lease.
    pub async fn accept(&self, work: &LeasedCase, name: &'static str, at: UnixMs) -> Option<Accepted> {
        let call = work.call;
        let offer = self.try_write(move |c, _| ring(c, call, name, at)).await.ok()?;
        let wanted = Reserve {
            case: work.case,
            call,
            offer,
            agent: agent(name),
            leg: ChannelId::new(),
            answered_at: at,
            at,
        };
        Some(Accepted { work: work.clone(), wanted })
    }

    pub async fn reserve(&self, accepted: &Accepted, at: UnixMs) -> Result<AttemptId, NotReserved> {
        let wanted = Reserve { at, ..accepted.wanted.clone() };
        self.write(move |c, callback_rules| callbacks::reserve(c, callback_rules, &wanted)).await
    }

    /// Leases the only due case of a queue, and an agent accepts it.
    pub async fn take(&self, name: &str, who: &'static str, at: UnixMs) -> Accepted {
        let mut leased = self.lease(name, at).await;
        assert_eq!(leased.len(), 1, "{leased:?}");
        self.accept(&leased.remove(0), who, at).await.unwrap()
    }

    /// From the lease to the customer's ringing phone.
    pub async fn dial(&self, name: &str, who: &'static str, at: UnixMs) -> (Accepted, AttemptId) {
        let accepted = self.take(name, who, at).await;
        let attempt = self.reserve(&accepted, at).await.unwrap();
        self.write(move |c, _| attempts::dialled(c, attempt, at)).await;
        (accepted, attempt)
    }

    /// One whole attempt that reaches nobody.
    pub async fn no_answer(&self, name: &str, who: &'static str, at: UnixMs) -> AttemptId {
        let (accepted, attempt) = self.dial(name, who, at).await;
        self.end(&accepted, unreached(attempt, Disposition::NoAnswer), at).await;
        attempt
    }

    /// The end of a callback, and of the agent's part in it. Where the case stands then.
    pub async fn end(&self, accepted: &Accepted, how: CallbackResult, at: UnixMs) -> String {
        let end = CallbackEnd { case: accepted.work.case, call: accepted.work.call, how, at };
        let stage = self.write(move |c, callback_rules| callbacks::end(c, callback_rules, &end)).await;
        self.free(accepted.wanted.offer, at).await;
        stage.to_string()
    }

    /// The end of a callback that nobody accepted.
    pub async fn end_work(&self, work: &LeasedCase, how: CallbackResult, at: UnixMs) -> String {
        let end = CallbackEnd { case: work.case, call: work.call, how, at };
        self.write(move |c, callback_rules| callbacks::end(c, callback_rules, &end)).await.to_string()
    }

    /// The agent's offer ends: after a talk they wrap up, else they are free.
    async fn free(&self, offer: OfferId, at: UnixMs) {
        self.write(move |c, _| {
            let talks =
                |row: &agents::AgentRow| row.offer == Some(offer) && row.activity == Activity::Talking;
            if agents::all(c)?.iter().any(talks) {
                return offers::end_talk(c, offer, at, Duration::ZERO).map(drop);
            }
            let outcome = offer::Outcome::Cancelled;
            let cause = "TEST".to_owned();
            offers::end_unanswered(
                c,
                &EndUnanswered { offer, outcome, cause, at, ready_at: UnixMs(0), max_no_answer: 0 },
            )
            .map(drop)
        })
        .await;
    }

    /// From the lease to the end of a talk.
    pub async fn talk(&self, name: &str, who: &'static str, at: UnixMs) -> (Accepted, AttemptId) {
        let (accepted, attempt) = self.talking(name, who, at).await;
        self.talk_ends(&accepted, attempt, at, at + Duration::from_secs(30)).await;
        (accepted, attempt)
    }

    /// From the lease to a talk that goes on.
    pub async fn talking(&self, name: &str, who: &'static str, at: UnixMs) -> (Accepted, AttemptId) {
        let (accepted, attempt) = self.dial(name, who, at).await;
        let (offer, call) = (accepted.wanted.offer, accepted.work.call);
        self.write(move |c, _| callbacks::talk(c, attempt, offer, call, at)).await;
        (accepted, attempt)
    }

    /// A talk that began at `from` is over.
    pub async fn talk_ends(&self, accepted: &Accepted, attempt: AttemptId, from: UnixMs, at: UnixMs) {
        let cause = "NORMAL_CLEARING".to_owned();
        self.end(accepted, CallbackResult::Talked { attempt, cause, answered_at: from }, at).await;
    }

    /// Somebody wants the customer to be called now.
    pub async fn now(&self, case: CaseId, at: UnixMs) -> Result<(), Refusal> {
        self.write(move |c, callback_rules| callbacks::now(c, callback_rules, case, "olga", at)).await
    }

    pub async fn record_disposition(
        &self,
        case: CaseId,
        result: Disposition,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.dispose_later(case, result, None, at).await
    }

    pub async fn dispose_later(
        &self,
        case: CaseId,
        result: Disposition,
        later: Option<UnixMs>,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.try_write(move |c, callback_rules| {
            let said = GivenDisposition { case, disposition: result, later, note: None, by: "anna", at };
            callbacks::record_disposition(c, callback_rules, &said).map(drop)
        })
        .await
    }

    /// An agent says that they called.
    pub async fn report(
        &self,
        case: CaseId,
        result: Disposition,
        at: UnixMs,
    ) -> Result<AttemptRow, StoreError> {
        self.try_write(move |c, callback_rules| {
            let row = cases::get(c, case)?;
            let name: Option<QueueName> = row.queue.clone();
            let day = callback_rules.hours(name.as_ref()).business_day(at);
            let counted = !result.may_be_uncounted();
            let cap = callback_rules.cap(&row);
            let made = ReportedAttempt {
                case,
                business_day: day,
                cap,
                counted,
                disposition: result,
                by: "boris",
                note: None,
                at,
            };
            callbacks::report(c, callback_rules, &made)
        })
        .await
    }

    pub async fn case(&self, case: CaseId) -> CaseRow {
        self.store.read("case", move |c| cases::get(c, case)).await.unwrap()
    }

    /// Where an open case stands, or why a closed one was closed.
    pub async fn stage(&self, case: CaseId) -> String {
        let row = self.case(case).await;
        row.close_reason.map_or(row.stage.as_str(), |reason| reason.as_str()).to_owned()
    }

    pub async fn attempts(&self, case: CaseId) -> Vec<AttemptRow> {
        self.store.read("attempts", move |c| attempts::of_case(c, case)).await.unwrap()
    }
}

pub fn unreached(attempt: AttemptId, result: Disposition) -> CallbackResult {
    CallbackResult::without_talk(attempt, result, "TEST")
}

/// A guard's refusal, if it was one.
pub fn guard(refused: &Result<AttemptId, NotReserved>) -> Option<Guard> {
    match refused {
        Err(NotReserved::Guard(refusal)) => Some(refusal.guard),
        _ => None,
    }
}
