//! The CRM behind the relay: deliveries while it is away, while it refuses further requests, and after a restart of the
//! controller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::{Response, StatusCode};
use dozvon::clock::{Clock, UnixMs};
use dozvon::config::crm::Kind;
use dozvon::config::notify::Settings;
use dozvon::ids::{CallId, CaseId, ChannelId, CoreId};
use dozvon::missed::attempt::Disposition;
use dozvon::missed::case::{Closed, Reason};
use dozvon::missed::ending::{Ending, Stage};
use dozvon::missed::verdict::{Verdict, Why};
use dozvon::notify::Outlet;
use dozvon::notify::crm;
use dozvon::notify::crm::{Crm, TokenTable};
use dozvon::phone::Party;
use dozvon::rules::Rules;
use dozvon::secret::Secret;
use dozvon::store::attempts::ReportedAttempt;
use dozvon::store::callbacks::{self, CallbackRules};
use dozvon::store::calls::{self, Arrival, Ended};
use dozvon::store::{case_closing, cases};
use serde_json::json;
use tokio::sync::watch;

use super::support::*;
use crate::support::bitrix24::{Bitrix24, Trouble};
use crate::support::http;

const BORIS: &str = "[[agent]]\nname = \"boris\"\ncontacts = [\"user/boris\"]\n";

/// The day of [`NOW`].
const TODAY: &str = "2026-11-23";

/// A app at whose clock we turn. It begins at [`NOW`]: late in a real evening there is no time left for an attempt.
pub struct Days {
    pub app: App,
    ahead_ms: &'static AtomicI64,
    rules: watch::Sender<Arc<Rules>>,
}

impl Days {
    pub async fn new() -> Self {
        let settings = Settings { jitter_pct: 0, ..Settings::default() };
        let mut app = App::new(settings).await;
        let ahead_ms: &'static AtomicI64 = Box::leak(Box::default());
        ahead_ms.store(NOW.0 - Clock::system().now().0, Ordering::Relaxed);
        app.context.clock = Clock::wrong_by(ahead_ms);
        let rules = dozvon::rules::file::parse("rules.toml", BORIS, app.context.zone).unwrap();
        app.context.store.write("rules", move |c| dozvon::store::rules::replace(c, &rules)).await.unwrap();
        Self { app, ahead_ms, rules: watch::channel(Arc::default()).0 }
    }

    pub fn now(&self) -> UnixMs {
        self.app.context.clock.now()
    }

    fn callback_rules(&self) -> CallbackRules {
        let zone = self.app.context.zone;
        CallbackRules::of(
            &dozvon::config::Settings { zone, ..dozvon::config::Settings::default() },
            Arc::default(),
        )
    }

    fn outlets(&self, settings: &dozvon::config::crm::Settings) -> Vec<Outlet> {
        let context = crm::CrmContext {
            store: self.app.context.store.clone(),
            clock: self.app.context.clock,
            callback_rules: self.callback_rules(),
            rules: self.rules.subscribe(),
        };
        let lease = self.app.context.settings.lease;
        crm::outlet(settings, lease, context).unwrap().into_iter().collect()
    }

    /// Tells until nothing waits; the clock jumps to whatever is due next. `look` sees each instant.
    pub async fn pass(&self, settings: &dozvon::config::crm::Settings, look: impl Fn(UnixMs)) {
        let (relay, _stop) = self.app.relay_to(self.outlets(settings));
        loop {
            self.app.tick(&relay).await;
            let rows = self.app.rows().await;
            let Some(next) = rows.iter().filter_map(|row| row.next_at).min() else { return };
            let ahead = (next - self.now().0).max(0) + 1;
            self.ahead_ms.fetch_add(ahead, Ordering::Relaxed);
            look(self.now());
        }
    }

    /// A call with this number; when it is answered, and how it ends.
    pub async fn call(&self, number: &str, answered: bool) -> Option<CaseId> {
        self.call_of(90, number, answered).await
    }

    /// A call of so many seconds.
    pub async fn call_of(&self, seconds: u64, number: &str, answered: bool) -> Option<CaseId> {
        let (at, number) = (self.now(), number.to_owned());
        let arrival = Arrival {
            id: CallId::new(),
            node: "fs".parse().unwrap(),
            channel: ChannelId::new(),
            core: CoreId(uuid::Uuid::nil()),
            party: Party::Number(number.parse().unwrap()),
            caller_number: number,
            caller_name: String::new(),
            dialled: "7001".to_owned(),
            came_by: None,
            route: None,
            open: true,
            why: "test".to_owned(),
            queue: None,
            service_level: None,
            business_day: TODAY.parse().unwrap(),
            at,
        };
        let (ending, stage, verdict) = if answered {
            (Ending::Answered, Stage::Talking, Verdict::Nothing(Why::Internal))
        } else {
            (Ending::Abandoned, Stage::Waiting, Verdict::Case(Reason::AbandonedWaiting))
        };
        let end = Ended {
            call: arrival.id,
            ending,
            stage,
            cause: "NORMAL_CLEARING".to_owned(),
            answered_at: answered.then_some(at),
            asked: None,
            verdict,
            grace: Duration::from_secs(60),
            min_talk: Duration::from_secs(5),
            flood: dozvon::missed::flood::Limits::default(),
            tell: true,
            menus: Vec::new(),
            left_message: false,
            calls_back: None,
            at: at + Duration::from_secs(seconds),
            now: at + Duration::from_secs(seconds),
        };
        let write = self.app.context.store.write("test", move |c| {
            calls::arrive(c, &arrival)?;
            calls::end(c, &end)
        });
        write.await.unwrap()
    }

    /// An agent says that they called for a case.
    pub async fn attempt(&self, case: CaseId, result: Disposition) {
        let (callback_rules, at) = (self.callback_rules(), self.now());
        let write = self.app.context.store.write("test", move |c| {
            let made = ReportedAttempt {
                case,
                business_day: TODAY.parse().unwrap(),
                cap: 3,
                counted: true,
                disposition: result,
                by: "boris",
                note: Some("asks for \"Olga\""),
                at,
            };
            callbacks::report(c, &callback_rules, &made).map(drop)
        });
        write.await.unwrap();
    }
}

pub fn number(nth: usize) -> String {
    format!("+7900555{nth:04}")
}

/// Story 22. Every answer that gets lost on the way is one more try: it must not be one more entry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_without_the_crm_lose_nothing_turn_nothing_round_and_write_nothing_twice() {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    portal.portal().down = true;
    for nth in 0..6 {
        let case = days.call(&number(nth), false).await.unwrap();
        assert_eq!(days.call(&number(nth), false).await, Some(case));
        days.attempt(case, Disposition::Busy).await;
        let at = days.now();
        let close = move |c: &mut _| {
            case_closing::close(c, case, Closed::Other, "boris", Some("moved"), at).map(drop)
        };
        days.app.context.store.write("test", close).await.unwrap();
    }
    let back = days.now() + Duration::from_secs(3 * 86_400);
    let settings = dozvon::config::crm::Settings { rate: 10_000, burst: 10_000, ..portal.settings() };
    let of = portal.clone();
    days.pass(&settings, move |now| {
        let mut portal = of.portal();
        if portal.down && now >= back {
            portal.down = false;
            // Of every five requests, one is done without an answer.
            portal.troubles = (1..=60).map(|n| (n % 5 == 0).then_some(Trouble::Lost)).collect();
        }
    })
    .await;
    let rows = days.app.rows().await;
    assert_eq!(rows.len(), 24, "{rows:?}");
    assert!(rows.iter().all(|row| row.state == "done"), "nothing is lost: {rows:?}");
    assert_eq!(portal.portal().leads.len(), 6, "one lead a customer");
    for nth in 0..6 {
        let number = number(nth);
        let told = portal.told(&number);
        let expected = [
            "Missed call",
            "Missed call",
            "Attempt to call back; Result: busy",
            "Case closed; Reason: other",
        ];
        assert_eq!(told.len(), 4, "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told:?} is not {expected:?}");
        }
    }
    assert!(portal.portal().activities.iter().all(|activity| activity.done), "no task is left over");
    assert!(portal.portal().activities.iter().any(|activity| activity.text.contains("asks for \"Olga\"")));
}

/// Story 23.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_has_too_much_is_left_alone_for_as_long_as_it_asks() {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    days.call(&number(1), false).await.unwrap();
    let settings =
        dozvon::config::crm::Settings { blocked_pause: Duration::from_secs(7_200), ..portal.settings() };
    let (relay, _stop) = days.app.relay_to(days.outlets(&settings));
    let reset = (days.now().0 + 1_000_000) / 1000;
    let says = |status, code: &str| Some(Trouble::Says(status, json!({ "error": code })));
    let used_up = json!({ "error": "OPERATION_TIME_LIMIT", "time": { "operating_reset_at": reset } });
    let troubles = [
        // The bucket of 50 runs empty at 2 a second; [notify] pauses has only 5 s.
        (says(503, "QUERY_LIMIT_EXCEEDED"), 25..40),
        // What the answer says, 1000 s after the beginning; only 300 s here.
        (Some(Trouble::Says(429, used_up)), 940..1_000),
        // [crm] block; only half an hour here.
        (says(503, "OVERLOAD_LIMIT"), 7_200..7_210),
    ];
    for (trouble, waits) in troubles {
        portal.portal().troubles.push_back(trouble);
        days.app.tick(&relay).await;
        let row = days.app.rows().await.remove(0);
        let wait = UnixMs(row.next_at.unwrap()).since(days.now()).as_secs() + 1;
        assert!(waits.contains(&wait), "{wait} is not in {waits:?}: {row:?}");
        days.ahead_ms.fetch_add(row.next_at.unwrap() - days.now().0 + 1, Ordering::Relaxed);
    }
    days.app.tick(&relay).await;
    let row = days.app.rows().await.remove(0);
    assert_eq!((row.state.as_str(), row.attempt_no), ("done", 4), "{row:?}");
    assert_eq!(portal.told(&number(1)).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_call_is_a_task_until_the_reaction_time_and_its_case_is_the_owners() {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    portal.portal().owners = BTreeMap::from([(number(1), 12), (number(2), 13)]);
    let cases = [days.call(&number(1), false).await, days.call(&number(2), false).await];
    days.pass(&portal.settings(), |_| {}).await;
    let mut assignees = Vec::new();
    for case in cases.into_iter().flatten() {
        let row = days.app.context.store.read("test", move |c| cases::get(c, case)).await.unwrap();
        assignees.push(row.assignee);
    }
    assert_eq!(assignees, [Some("boris".parse().unwrap()), None], "13 is nobody of ours");
    let portal = portal.portal();
    assert_eq!(portal.leads, [""; 0], "both have cards");
    assert!(
        portal.activities.iter().all(|task| !task.done && task.subject.starts_with("Call back +7900555"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_is_told_and_what_is_no_contact_is_not() {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    assert_eq!(days.call(&number(1), true).await, None);
    days.app.emit(dozvon::event::EventKind::CaseDue, 1, json!({ "number": number(1) })).await;
    days.app.emit(dozvon::event::EventKind::CaseClosed, 1, json!({ "number": "withheld" })).await;
    days.pass(&portal.settings(), |_| {}).await;
    let rows = days.app.rows().await;
    let states: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.state.as_str())).collect();
    assert_eq!(states, [("call.ended", "done"), ("case.closed", "skipped")]);
    assert_eq!(rows[1].last_error.as_deref(), Some("the event names no number that can be called"));
    assert!(portal.told(&number(1))[0].starts_with("Talk"), "{:?}", portal.told(&number(1)));
}

/// An amoCRM that knows nobody and whose access tokens last for six requests.
async fn amo(store: dozvon::store::Store) -> (std::net::SocketAddr, Arc<std::sync::Mutex<Vec<String>>>) {
    let (said, left) = (Arc::<std::sync::Mutex<Vec<String>>>::default(), Arc::new(AtomicI64::new(0)));
    let log = Arc::clone(&said);
    let generation = Arc::new(AtomicI64::new(1));
    let address = http::serve(move |request| {
        let (log, left, generation, store) =
            (Arc::clone(&log), Arc::clone(&left), Arc::clone(&generation), store.clone());
        async move {
            let answer = |status: u16, body: String| {
                let mut response = Response::new(body);
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                response
            };
            let now = generation.load(Ordering::SeqCst);
            if request.uri().path() == "/oauth2/access_token" {
                let asked: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
                let refresh = asked["refresh_token"].as_str().unwrap().to_owned();
                log.lock().unwrap().push(format!("renew with {refresh}"));
                if refresh != format!("refresh-{now}") {
                    return answer(400, json!({ "hint": "Token has been revoked" }).to_string());
                }
                generation.store(now + 1, Ordering::SeqCst);
                left.store(6, Ordering::SeqCst);
                let (access, refresh) = (format!("access-{}", now + 1), format!("refresh-{}", now + 1));
                return answer(200, json!({ "access_token": access, "refresh_token": refresh }).to_string());
            }
            let token = request.headers()["authorization"].to_str().unwrap().replace("Bearer ", "");
            if token != format!("access-{now}") || left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                return answer(401, "{}".to_owned());
            }
            let kept = store.read("test", dozvon::store::crm::tokens).await.unwrap();
            log.lock()
                .unwrap()
                .push(format!("{token}, kept {}", kept.is_some_and(|kept| kept.access == token)));
            answer(204, String::new())
        }
    })
    .await;
    (address, said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_is_kept_before_it_is_needed_and_outlives_a_restart() {
    let days = Days::new().await;
    let (store, clock) = (days.app.context.store.clone(), days.app.context.clock);
    let (address, said) = amo(store.clone()).await;
    let settings = dozvon::config::crm::Settings {
        kind: Kind::Amocrm,
        url: Secret::new(format!("http://{address}")),
        client_id: "id".to_owned(),
        client_secret: Secret::new("hush"),
        redirect_uri: "https://example.ru/".to_owned(),
        access_token: Secret::new("access-1"),
        refresh_token: Secret::new("refresh-1"),
        rate: 10_000,
        burst: 10_000,
        allow_http: true,
        ..dozvon::config::crm::Settings::default()
    };
    for _ in 0..4 {
        // Each is a start of the process, with the tokens of the settings.
        let keeper = Arc::new(TokenTable::new(store.clone(), clock));
        let crm = Crm::open(&settings, keeper, clock).unwrap().unwrap();
        for _ in 0..2 {
            assert_eq!(crm.owner(&number(1).parse().unwrap()).await, Ok(None));
        }
    }
    let said = said.lock().unwrap().clone();
    let renewals: Vec<_> = said.iter().filter(|line| line.starts_with("renew")).collect();
    assert_eq!(renewals, ["renew with refresh-1", "renew with refresh-2", "renew with refresh-3"]);
    assert!(said.iter().all(|line| !line.ends_with("false")), "used before it was kept: {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_crm_blocks_us_because_of_one_contact_no_other_asks_it() {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    let (relay, _stop) = days.app.relay_to(days.outlets(&portal.settings()));
    days.call(&number(1), false).await.unwrap();
    portal.portal().troubles.push_back(Some(Trouble::Says(503, json!({ "error": "OVERLOAD_LIMIT" }))));
    days.app.tick(&relay).await;
    assert_eq!(portal.portal().called.len(), 1);
    days.call(&number(2), false).await.unwrap();
    days.app.tick(&relay).await;
    assert_eq!(portal.portal().called.len(), 1);
    let rows = days.app.rows().await;
    assert!(rows.iter().all(|row| row.state == "waiting" && row.attempt_no == 1), "{rows:?}");
    days.ahead_ms.fetch_add(3_601_000, Ordering::Relaxed);
    days.app.tick(&relay).await;
    assert!(days.app.rows().await.iter().all(|row| row.state == "done"));
    assert_eq!((portal.told(&number(1)).len(), portal.told(&number(2)).len()), (1, 1));
}
