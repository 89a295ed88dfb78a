//! The rules of callbacks hold whatever happens, in any order, in two processes, with clocks that jump.
//!
//! A sequence of events is played on a database. After each event, plain SQL checks that no rule is broken. At the end
//! all agents are free and time passes: then no case may be stuck.

use std::cell::RefCell;

use dozvon::clock::UnixMs;
use dozvon::ids::{AttemptId, CallId, CaseId};
use dozvon::missed::attempt::Disposition;
use dozvon::missed::case::Closed;
use dozvon::store::callbacks::{self, CallbackResult, LeasedCase, NotReserved};
use dozvon::store::{attempts, audit, case_closing, dnc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::store::calling_back::{Accepted, App, HOUR, MINUTE, min, unreached};
use crate::support::database::{Db, Raw, on_postgres, on_sqlite};

/// A fixed line in Moscow, one in Kamchatka, and a mobile that may be anywhere.
const NUMBERS: [&str; 3] = ["+74951234567", "+74152123456", "+79001234567"];
const QUEUES: [&str; 3] = ["sales", "support", "night"];
const AGENTS: [&str; 3] = ["anna", "boris", "vera"];

/// Something that happens. The first number of most is the process; who or what is meant is taken from those there are.
#[derive(Debug, Clone)]
enum Event {
    Miss {
        number: usize,
        queue: usize,
    },
    RingsIn {
        number: usize,
    },
    /// The caller who rang in is done: they got through, or not.
    Leaves {
        through: bool,
    },
    Tick {
        app: usize,
    },
    Lease {
        app: usize,
        queue: usize,
    },
    /// An agent accepts a lease, and the customer may be dialled.
    Reserve {
        app: usize,
        which: usize,
        agent: usize,
        twice: bool,
    },
    /// A whole attempt: a customer whose case is due is called, and the call ends like this.
    Attempt {
        app: usize,
        agent: usize,
        how: usize,
    },
    Dialled {
        which: usize,
    },
    Talk {
        which: usize,
    },
    Ends {
        which: usize,
        how: usize,
        twice: bool,
    },
    Dispose {
        which: usize,
        result: usize,
        later_min: Option<i64>,
    },
    Report {
        which: usize,
        result: usize,
    },
    Defer {
        which: usize,
        minutes: i64,
    },
    Forbid {
        number: usize,
    },
    Close {
        which: usize,
    },
    /// All processes die, and whatever was live is found lost.
    Restart,
    /// Time passes; or goes back.
    Passes {
        minutes: i64,
    },
}

fn any_event() -> impl Strategy<Value = Event> {
    let which = 0_usize..8;
    let minutes = prop_oneof![6 => 0_i64..20, 4 => 20_i64..130, 1 => 600_i64..3000, 1 => -200_i64..0, 1 => -4000_i64..-1000];
    prop_oneof![
        4 => (0..NUMBERS.len(), 0..QUEUES.len()).prop_map(|(number, queue)| Event::Miss { number, queue }),
        1 => (0..NUMBERS.len()).prop_map(|number| Event::RingsIn { number }),
        1 => any::<bool>().prop_map(|through| Event::Leaves { through }),
        6 => (0_usize..2).prop_map(|app| Event::Tick { app }),
        6 => (0_usize..2, 0_usize..4).prop_map(|(app, queue)| Event::Lease { app, queue }),
        8 => (0_usize..2, which.clone(), 0_usize..3, any::<bool>())
            .prop_map(|(app, which, agent, twice)| Event::Reserve { app, which, agent, twice }),
        12 => (0_usize..2, 0_usize..3, 1_usize..9).prop_map(|(app, agent, how)| Event::Attempt { app, agent, how }),
        4 => which.clone().prop_map(|which| Event::Dialled { which }),
        3 => which.clone().prop_map(|which| Event::Talk { which }),
        8 => (which.clone(), 0_usize..9, any::<bool>()).prop_map(|(which, how, twice)| Event::Ends { which, how, twice }),
        4 => (which.clone(), 0_usize..6, prop::option::of(-60_i64..2000))
            .prop_map(|(which, result, later_min)| Event::Dispose { which, result, later_min }),
        2 => (which.clone(), 0_usize..4).prop_map(|(which, result)| Event::Report { which, result }),
        1 => (which.clone(), -60_i64..2000).prop_map(|(which, minutes)| Event::Defer { which, minutes }),
        1 => (0..NUMBERS.len()).prop_map(|number| Event::Forbid { number }),
        1 => which.prop_map(|which| Event::Close { which }),
        1 => Just(Event::Restart),
        10 => minutes.prop_map(|minutes| Event::Passes { minutes }),
    ]
}

/// The world in which events happen.
struct World {
    desks: [App; 2],
    raw: Raw,
    now: UnixMs,
    leased: Vec<LeasedCase>,
    accepted: Vec<(Accepted, Option<AttemptId>)>,
    on_the_line: Option<CallId>,
}

impl World {
    async fn new(db: &Db) -> Self {
        let one = App::open(db).await;
        let two = one.beside(db).await;
        let (desks, raw) = ([one, two], db.raw());
        Self { desks, raw, now: min(-60), leased: Vec::new(), accepted: Vec::new(), on_the_line: None }
    }

    /// One of the cases there are.
    fn case(&mut self, which: usize) -> Option<CaseId> {
        let all = self.raw.numbers("SELECT id AS v FROM cases ORDER BY id DESC LIMIT 4");
        (!all.is_empty()).then(|| CaseId(all[which % all.len()]))
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each event")]
    async fn happens(&mut self, event: &Event) {
        let now = self.now;
        match *event {
            Event::Miss { number, queue } => {
                drop(self.desks[0].miss(NUMBERS[number], QUEUES[queue], now).await)
            }
            Event::RingsIn { number } if self.on_the_line.is_none() => {
                self.on_the_line = Some(self.desks[0].rings_in(NUMBERS[number], now).await);
            }
            Event::RingsIn { .. } => {}
            Event::Leaves { through } => {
                if let Some(call) = self.on_the_line.take() {
                    let talk = if through { 10_000 } else { 0 };
                    self.desks[1].talked(call, now, UnixMs(now.0 + talk)).await;
                }
            }
            Event::Tick { app } => self.desks[app].tick(now).await,
            Event::Lease { app, queue } => {
                let name = QUEUES.get(queue).copied().unwrap_or("repeat");
                let other = self.desks[1 - app].lease(name, now);
                let (ours, theirs) = tokio::join!(self.desks[app].lease(name, now), other);
                self.leased.extend(ours.into_iter().chain(theirs));
            }
            Event::Reserve { app, which, agent, twice } if !self.leased.is_empty() => {
                let work = self.leased.remove(which % self.leased.len());
                self.reserve(app, work, AGENTS[agent], twice).await;
            }
            Event::Attempt { app, agent, how } => self.attempt(app, AGENTS[agent], how).await,
            Event::Dialled { which } => {
                if let Some((_, Some(attempt))) = self.pick(which) {
                    self.desks[0].write(move |c, _| attempts::dialled(c, attempt, now)).await;
                }
            }
            Event::Talk { which } => {
                if let Some((accepted, Some(attempt))) = self.pick(which) {
                    let (offer, call) = (accepted.wanted.offer, accepted.work.call);
                    self.desks[1].write(move |c, _| callbacks::talk(c, attempt, offer, call, now)).await;
                }
            }
            Event::Ends { which, how, twice } => self.ends(which, how, twice).await,
            Event::Dispose { which, result, later_min } => {
                self.record_disposition(which, result, later_min).await
            }
            Event::Report { which, result } => {
                if let Some(case) = self.case(which) {
                    let results = [
                        Disposition::NoAnswer,
                        Disposition::Busy,
                        Disposition::TechnicalFailure,
                        Disposition::Reached,
                    ];
                    // What the rules refuse is refused; that they hold is seen afterwards.
                    let _ = self.desks[1].report(case, results[result], now).await;
                }
            }
            Event::Defer { which, minutes } => {
                if let Some(case) = self.case(which) {
                    let until = UnixMs(now.0 + minutes * MINUTE);
                    let _ = self.desks[0]
                        .try_write(move |c, callback_rules| {
                            callbacks::defer(c, callback_rules, case, until, "olga", min(0))
                        })
                        .await;
                }
            }
            Event::Forbid { number } => {
                let number = NUMBERS[number].parse().unwrap();
                let add = move |c: &mut _, _: &_| {
                    let (reason, until) = (dnc::Reason::DoNotCall, Some(UnixMs(now.0 + 6 * HOUR)));
                    dnc::add(c, &dnc::Add { number: &number, reason, by: "olga", note: None, at: now, until })
                };
                self.desks[0].write(add).await;
            }
            Event::Close { which } => {
                if let Some(case) = self.case(which) {
                    let close =
                        move |c: &mut _, _: &_| case_closing::close(c, case, Closed::Spam, "olga", None, now);
                    let _ = self.desks[1].try_write(close).await;
                }
            }
            Event::Restart => self.restart().await,
            Event::Passes { minutes } => self.pass(minutes * MINUTE),
            Event::Reserve { .. } => {}
        }
    }

    fn pass(&mut self, ms: i64) {
        self.now = UnixMs(self.now.0 + ms);
        if ms < 0 {
            // An agent who was free stays free.
            self.raw.run("UPDATE agents SET ready_at = 0").unwrap();
        }
    }

    fn pick(&self, which: usize) -> Option<(Accepted, Option<AttemptId>)> {
        (!self.accepted.is_empty()).then(|| self.accepted[which % self.accepted.len()].clone())
    }

    async fn reserve(&mut self, app: usize, work: LeasedCase, agent: &'static str, twice: bool) {
        let now = self.now;
        let Some(accepted) = self.desks[app].accept(&work, agent, now).await else {
            self.desks[app].end_work(&work, CallbackResult::Released("REJECTED"), now).await;
            return;
        };
        let mut made = self.desks[app].reserve(&accepted, now).await;
        if twice {
            let again = self.desks[1 - app].reserve(&accepted, now).await;
            made = made.or(again);
        }
        match made {
            Ok(attempt) => self.accepted.push((accepted, Some(attempt))),
            Err(NotReserved::Guard(refusal)) => {
                self.desks[app].end(&accepted, CallbackResult::Refused(refusal.guard), now).await;
            }
            Err(NotReserved::NotOurs | NotReserved::Taken) => {
                self.desks[app].end(&accepted, CallbackResult::Released("TAKEN"), now).await;
            }
        }
    }

    async fn attempt(&mut self, app: usize, agent: &'static str, how: usize) {
        self.desks[app].tick(self.now).await;
        for queue in QUEUES.iter().chain(&["repeat"]) {
            for work in self.desks[app].lease(queue, self.now).await {
                let before = self.accepted.len();
                self.reserve(app, work, agent, false).await;
                if self.accepted.len() > before {
                    self.ends(before, how, false).await;
                }
            }
        }
    }

    async fn ends(&mut self, which: usize, how: usize, twice: bool) {
        let now = self.now;
        if how == 0 && !self.leased.is_empty() {
            let work = self.leased.remove(which % self.leased.len());
            self.desks[0].end_work(&work, CallbackResult::Released("NO_AGENT"), now).await;
            return;
        }
        if self.accepted.is_empty() {
            return;
        }
        let (accepted, attempt) = self.accepted.remove(which % self.accepted.len());
        let Some(attempt) = attempt else { return };
        let talked =
            self.raw.texts(&format!("SELECT state AS v FROM attempts WHERE id = {attempt}"))[0] == "talking";
        let results = [
            Disposition::NoAnswer,
            Disposition::Busy,
            Disposition::Rejected,
            Disposition::InvalidNumber,
            Disposition::TechnicalFailure,
        ];
        let cause = "NORMAL_CLEARING".to_owned();
        let how = match how {
            7 => CallbackResult::Lost,
            _ if talked => CallbackResult::Talked { attempt, cause, answered_at: now },
            0 | 6 => CallbackResult::without_talk(attempt, Disposition::Cancelled, "CALLER_IS_HERE"),
            8 => CallbackResult::Talked { attempt, cause, answered_at: now },
            place => unreached(attempt, results[place - 1]),
        };
        for app in &self.desks[..if twice { 2 } else { 1 }] {
            app.end(&accepted, how.clone(), now).await;
        }
    }

    async fn record_disposition(&mut self, which: usize, result: usize, later_min: Option<i64>) {
        let owed =
            self.raw.numbers("SELECT case_id AS v FROM attempts WHERE state = 'wrapping_up' ORDER BY id");
        if owed.is_empty() {
            return;
        }
        let results = [
            Disposition::CallLater,
            Disposition::CallLater,
            Disposition::Voicemail,
            Disposition::Reached,
            Disposition::Refused,
            Disposition::WrongNumber,
        ];
        let later = later_min.map(|minutes| UnixMs(self.now.0 + minutes * MINUTE));
        let case = CaseId(owed[which % owed.len()]);
        self.desks[0].dispose_later(case, results[result], later, self.now).await.unwrap();
        self.wrapped_up();
    }

    /// An agent whose dispositions are all recorded is free.
    fn wrapped_up(&mut self) {
        let free = "UPDATE agents SET activity = 'idle', ready_at = 0 WHERE activity = 'wrapping_up' AND NOT EXISTS \
                    (SELECT 1 FROM attempts WHERE agent = agents.name AND state IN ('talking', 'wrapping_up'))";
        self.raw.run(free).unwrap();
    }

    async fn restart(&mut self) {
        let app = &self.desks[0];
        for work in self.leased.drain(..) {
            app.end_work(&work, CallbackResult::Lost, self.now).await;
        }
        for (accepted, _) in self.accepted.drain(..) {
            app.end(&accepted, CallbackResult::Lost, self.now).await;
        }
    }

    /// Whether one of the attempts since then was made though the number was not to be called.
    fn called_forbidden(&mut self, before: i64) -> bool {
        let sql = format!(
            "SELECT count(*) AS v FROM attempts AS a JOIN do_not_call AS d ON d.number = a.number WHERE a.id > {before} \
             AND a.way <> 'reported' AND (d.expires_at IS NULL OR d.expires_at > a.at)"
        );
        self.raw.number(&sql) > 0
    }

    /// The rules that are broken.
    fn broken(&mut self) -> Vec<String> {
        let raw = &mut self.raw;
        let broken = |(rule, sql): (&str, &str)| {
            let found = raw.number(&format!("SELECT count(*) AS v FROM ({sql}) AS found"));
            (found > 0).then(|| rule.to_owned())
        };
        RULES.into_iter().filter_map(broken).collect()
    }

    /// All agents are free, customers are busy, and time passes: in the end every case is closed or handed over.
    async fn quiet_end(&mut self) -> Result<(), String> {
        self.restart().await;
        if let Some(call) = self.on_the_line.take() {
            self.desks[0].talked(call, self.now, self.now).await;
        }
        for _ in 0..200 {
            self.record_disposition(0, 2, None).await;
            self.wrapped_up();
            self.attempt(0, "anna", 2).await;
            if let Some(rule) = self.broken().pop() {
                return Err(rule);
            }
            let open = "SELECT count(*) AS v FROM cases WHERE closed_at IS NULL AND stage <> 'handed_over'";
            if self.raw.number(open) == 0 {
                return Ok(());
            }
            let next = "SELECT min(next_at) AS v FROM cases WHERE closed_at IS NULL AND next_at IS NOT NULL HAVING count(*) > 0";
            let Some(next) = self.raw.numbers(next).first().copied() else { break };
            self.pass((next - self.now.0).max(MINUTE));
        }
        let stuck = "SELECT number || ' ' || stage || ' ' || coalesce(queue, '-') AS v FROM cases WHERE closed_at IS NULL";
        let live = "SELECT number || ' ' || state || ' of case ' || case_id AS v FROM attempts WHERE state <> 'completed' \
                    UNION SELECT number || ' ' || direction AS v FROM calls WHERE ended_at IS NULL";
        Err(format!("stuck: {:?}, live: {:?}", self.raw.texts(stuck), self.raw.texts(live)))
    }
}

/// What must be true whatever has happened: nothing that these find.
const RULES: [(&str, &str); 11] = [
    (
        "more than three attempts to a number on a business day",
        "SELECT number FROM attempts WHERE ordinal IS NOT NULL GROUP BY number, business_day HAVING count(*) > 3",
    ),
    (
        "two open cases of a number",
        "SELECT number FROM cases WHERE closed_at IS NULL GROUP BY number HAVING count(*) > 1",
    ),
    (
        "two attempts to a number at once",
        "SELECT number FROM attempts WHERE state <> 'completed' GROUP BY number HAVING count(*) > 1",
    ),
    (
        "two of our own attempts within a quarter of an hour",
        "SELECT a.number FROM attempts AS a JOIN attempts AS b ON a.number = b.number AND a.id < b.id \
         WHERE a.ordinal IS NOT NULL AND b.ordinal IS NOT NULL AND a.way <> 'reported' AND b.way <> 'reported' \
         AND b.at < a.at + 900000 AND a.at < b.at + 900000",
    ),
    (
        "an attempt outside the calling window",
        "SELECT number FROM attempts WHERE way <> 'reported' AND (local_min IS NULL \
         OR local_min < window_from_min OR local_min >= window_to_min)",
    ),
    (
        "an attempt without a case of its number",
        "SELECT number FROM attempts AS a WHERE NOT EXISTS \
         (SELECT 1 FROM cases AS c WHERE c.id = a.case_id AND c.number = a.number)",
    ),
    (
        "a closed case without a reason, or with an appointment",
        "SELECT number FROM cases WHERE closed_at IS NOT NULL AND (close_reason IS NULL OR next_at IS NOT NULL)",
    ),
    (
        "an attempt during which we died, and which does not count",
        "SELECT number FROM attempts WHERE cause = 'CONTROLLER_RESTARTED' AND ordinal IS NULL",
    ),
    (
        "a case handed over twice",
        "SELECT aggregate FROM outbox WHERE kind = 'case.handed_over' GROUP BY aggregate HAVING count(*) > 1",
    ),
    (
        "a case that is being called without an attempt",
        "SELECT number FROM cases AS c WHERE closed_at IS NULL AND stage = 'attempting' AND NOT EXISTS \
         (SELECT 1 FROM attempts AS a WHERE a.case_id = c.id AND a.state <> 'completed')",
    ),
    (
        "an attempt under way for an open case that is not being called",
        "SELECT c.number FROM attempts AS a JOIN cases AS c ON c.id = a.case_id \
         WHERE a.state <> 'completed' AND c.closed_at IS NULL AND c.stage <> 'attempting'",
    ),
];

const LAST_ATTEMPT: &str = "SELECT coalesce(max(id), 0) AS v FROM attempts";

/// Plays a sequence of events. What it broke, and after which event.
async fn play(db: &Db, events: &[Event]) -> Result<(), String> {
    let mut world = World::new(db).await;
    for (number, event) in events.iter().enumerate() {
        let before = world.raw.number(LAST_ATTEMPT);
        world.happens(event).await;
        // What forbids calls may well come of a call.
        if !matches!(event, Event::Forbid { .. } | Event::Dispose { .. }) && world.called_forbidden(before) {
            return Err(format!("after event {number}, {event:?}: a call to somebody who wants none"));
        }
        if let Some(rule) = world.broken().pop() {
            return Err(format!("after event {number}, {event:?}: {rule}"));
        }
    }
    world.quiet_end().await.map_err(|rule| format!("in the end: {rule}"))?;
    let proof = db.store.read("verify", |c| audit::verify(c, None, None)).await.unwrap();
    match proof.broken {
        None => Ok(()),
        Some(broken) => Err(format!("the audit is broken: {broken:?}")),
    }
}

/// How many sequences are tried: `PROPTEST_CASES`, or so many.
fn sequences(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").map_or(default, |count| count.parse().unwrap())
}

/// Looks for a sequence that breaks a rule, and for the shortest such; each on a database of its own.
fn search(cases: u32, postgres: bool) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let events = prop::collection::vec(any_event(), 1..80);
    let found = TestRunner::new(config).run(&events, |events| {
        let said = RefCell::new(Ok(()));
        let test = async |db: &Db| drop(said.replace(play(db, &events).await));
        if postgres {
            on_postgres(&test)
        } else {
            on_sqlite(&test)
        }
        said.into_inner().map_err(TestCaseError::fail)
    });
    if let Err(error) = found {
        panic!("{error}");
    }
}

#[test]
fn no_sequence_of_events_breaks_a_rule_or_leaves_a_case_hanging() {
    search(sequences(64), false);
}

#[test]
fn no_sequence_of_events_breaks_a_rule_on_postgresql_either() {
    search(sequences(64).div_ceil(10), true);
}
