//! A FreeSWITCH with callers, and a controller that can be killed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use crate::support::command::Workdir;
use crate::support::esl::Link;
use crate::support::http::{get, metric};
use crate::support::log_lines::Lines;
use dozvon::app::{self, Running};
use dozvon::clock::{Clock, UnixMs};
use dozvon::config::Settings;
use dozvon::config::database::DatabaseUrl;
use dozvon::demo::testbed;
use dozvon::ids::{AgentName, ChannelId};
use dozvon::queue::agent::Step;
use dozvon::rules::file;
use dozvon::sim::{Behaviour, CallerHandle, CallerScript, Sim, SimSettings, Story};
use dozvon::store::agents::{self, AgentRow, StepRequest};
use dozvon::store::callbacks::CallbackRules;
use dozvon::store::calls::{self, CallRow, Wanted};
use dozvon::store::{Store, cases};
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// The longest that anything may take here.
pub const LIMIT: Duration = Duration::from_secs(20);
pub const SOON: Duration = Duration::from_millis(10);

pub const RULES: &str = r#"
[defaults]
wrap_up = "0s"
ring_timeout = "10s"
no_answer_delay = "0s"
rejected_delay = "0s"
busy_delay = "0s"
unreachable_delay = "0s"
max_no_answer = 0

[[prompt]]
name = "sorry"
source = "sorry.wav"

[[prompt]]
name = "gone"
source = "gone.wav"

[[prompt]]
name = "endless"
source = "local_stream://endless"

[[agent]]
name = "anna"
contacts = ["sofia/internal/anna@10.0.0.1"]

[[agent]]
name = "boris"
contacts = ["user/boris"]

[[agent]]
name = "vera"
contacts = ["user/1003"]

[[queue]]
name = "sales"
strategy = "sequential"
max_wait = "never"
overflow = { message = "sorry" }
tiers = [{ agent = "anna" }, { agent = "boris" }]

[[route]]
name = "main"
number = "7001"
open = { queue = "sales" }

[[queue]]
name = "all"
strategy = "ring_all"
max_wait = "never"
overflow = { message = "sorry" }
tiers = [{ agent = "anna" }, { agent = "boris" }]

[[queue]]
name = "then_sales"
max_wait = "200ms"
overflow = { queue = "sales" }
tiers = []

[[queue]]
name = "then_duty"
max_wait = "200ms"
overflow = { forward = "user/duty" }
tiers = []

[[route]]
name = "duty"
number = "7002"
open = { forward = "user/duty" }

[[route]]
name = "all"
number = "7003"
open = { queue = "all" }

[[route]]
name = "then_sales"
number = "7004"
open = { queue = "then_sales" }

[[route]]
name = "then_duty"
number = "7005"
open = { queue = "then_duty" }

[[route]]
name = "gone"
number = "7006"
open = { message = "gone" }

[[route]]
name = "endless"
number = "7007"
open = { message = "endless" }
"#;

/// A FreeSWITCH with callers, and the controller that is killed.
pub struct Stage {
    pub sim: Arc<Sim>,
    pub settings: Settings,
    pub store: Store,
    pub controller: Option<(Runtime, Running)>,
    pub folder: Workdir,
    /// By how many milliseconds the controller's clock is wrong.
    pub wrong_by: &'static AtomicI64,
    /// What the controller logs.
    pub log: Lines,
}

impl Stage {
    pub async fn set() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = Workdir::new();
        let database = DatabaseUrl::Sqlite(folder.path("dozvon.db"));
        let app = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        let sim = SimSettings {
            pace: Duration::from_millis(2),
            missing_sounds: ["gone.wav".to_owned()].into(),
            queues: ["7001", "7003"].map(str::to_owned).into(),
            extensions: [("boss".to_owned(), vec![app("answer", ""), app("bridge", BOSS)])].into(),
            ..SimSettings::default()
        };
        let sim = Sim::start(sim).await.unwrap();
        let mut settings = testbed::settings(database.clone(), sim.node_address());
        settings.switch.listen.set_port(own_port());
        let node = &mut settings.switch.nodes[0];
        node.reconnect_max = Duration::from_millis(100);
        node.leg_check_interval = Duration::from_secs(1);
        settings.calls.reconcile_interval = Duration::from_millis(100);
        settings.calls.drain_timeout = Duration::from_millis(200);
        // A busy disk is no fault of the controller's.
        settings.calls.arrival_timeout = LIMIT;
        settings.callback.agent_pause = Duration::ZERO;
        change(&mut settings);
        let store = Store::open(&database, settings.store.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let rules = file::parse("rules.toml", RULES, settings.zone).unwrap();
        store.write("rules", move |c| dozvon::store::rules::replace(c, &rules).map(drop)).await.unwrap();
        let wrong_by = Box::leak(Box::default());
        let mut stage = Self {
            sim: Arc::new(sim),
            settings,
            store,
            controller: None,
            folder,
            wrong_by,
            log: Lines::default(),
        };
        stage.start().await;
        stage
    }

    /// Starts the controller, at the same address as before.
    pub async fn start(&mut self) {
        let log = self.log.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .on_thread_start(move || log.listen())
            .build()
            .unwrap();
        let settings = self.settings.clone();
        let clock = Clock::wrong_by(self.wrong_by);
        let running = runtime.spawn(app::start(settings, clock)).await.unwrap().unwrap();
        self.settings.switch.listen = running.listen;
        self.sim.set_controllers(&[running.listen]).await;
        self.controller = Some((runtime, running));
    }

    fn running(&self) -> &Running {
        &self.controller.as_ref().unwrap().1
    }

    /// The address of the pages for monitoring.
    pub fn status(&self) -> SocketAddr {
        self.running().status
    }

    /// What time it is by the controller's clock.
    pub fn now(&self) -> UnixMs {
        Clock::wrong_by(self.wrong_by).now()
    }

    /// The rules for callbacks, as the settings and the database state them.
    pub async fn callback_rules(&self) -> CallbackRules {
        let rules = self.store.read("rules", dozvon::store::rules::load).await.unwrap();
        CallbackRules::of(&self.settings, Arc::new(rules))
    }

    /// The controller dies.
    pub async fn kill(&mut self) {
        let (runtime, running) = self.controller.take().unwrap();
        tokio::task::spawn_blocking(move || {
            runtime.shutdown_timeout(LIMIT);
            drop(running);
        })
        .await
        .unwrap();
    }

    pub async fn restart(&mut self) {
        self.kill().await;
        self.start().await;
    }

    pub async fn phone(&self, contact: &str, behaviour: Behaviour) {
        self.sim.phone(contact, behaviour).await;
    }

    pub async fn step(&self, agent: &'static str, step: Step) {
        let at = Clock::system().now();
        let row = self
            .store
            .write("step", move |c| {
                agents::step(c, &StepRequest { agent: &name(agent), step, at, by: "test", why: "test" })
            })
            .await
            .unwrap();
        // A controller that is not there learns of it from the row.
        if self.controller.is_some() {
            self.tell_dispatcher(row).await;
        }
    }

    pub async fn caller(&self, number: u32) -> CallerHandle {
        self.dials(number, "7001").await
    }

    pub async fn dials(&self, number: u32, dialled: &str) -> CallerHandle {
        self.sim.call(CallerScript::new(&format!("+7900123{number:04}"), dialled)).await
    }

    /// How often a command of that kind has come to FreeSWITCH.
    pub async fn commands(&self, kind: &str) -> u64 {
        self.sim.counts().await.of(kind)
    }

    /// How many legs were originated, on connections of their own and by background jobs.
    pub async fn originates(&self) -> u64 {
        let counts = self.sim.counts().await;
        counts.of("api originate") + counts.of("bgapi originate")
    }

    /// The calls, those that came first first.
    pub async fn calls(&self) -> Vec<CallRow> {
        let wanted = Wanted { limit: 1_000, ..Wanted::default() };
        let mut rows = self.store.read("calls", move |c| calls::list(c, &wanted)).await.unwrap();
        rows.reverse();
        rows
    }

    pub async fn agent(&self, agent: &'static str) -> AgentRow {
        self.store.read("agent", move |c| agents::get(c, &name(agent))).await.unwrap()
    }

    pub async fn cases(&self) -> usize {
        self.store.read("cases", |c| cases::list(c, None, None, 100)).await.unwrap().len()
    }

    /// What FreeSWITCH answers to a command on a connection of its own.
    pub async fn ask(&self, command: &str) -> String {
        Link::log_in(self.sim.node_address(), self.sim.password()).await.ask(command).await
    }

    /// The page of metrics, as Prometheus reads it.
    pub async fn metrics(&self) -> String {
        get(self.status(), "/metrics").await.expect("nobody serves /metrics").body
    }

    /// The sum of a metric over those of its labels that contain this; 0 while nothing was counted.
    pub async fn metric(&self, name: &str, labels: &str) -> u64 {
        metric(&self.metrics().await, name, labels).unwrap_or_default() as u64
    }

    /// How many wait, as the controller shows it.
    pub async fn waiting(&self) -> u64 {
        self.metric("dozvon_callers_waiting", "\"sales\"").await
    }

    /// How many nodes are linked, as the controller shows it.
    pub async fn linked(&self) -> u64 {
        self.metric("dozvon_node_link_up", "").await
    }

    /// How often the controller has compared its rows with FreeSWITCH.
    pub async fn self_checks(&self) -> u64 {
        self.metric("dozvon_store_transactions_total", "\"watch\"").await
    }

    /// How many differences between rows and FreeSWITCH were found and mended.
    pub async fn repairs(&self) -> u64 {
        self.metric("dozvon_repairs_total", "").await
    }
}

/// What no administrator can see or do. These tests reach into the controller here and nowhere else.
impl Stage {
    /// Waits until every call and every offer has ended and is recorded.
    pub async fn quiet(&self) {
        self.running().quiet().await;
    }

    /// Tells the dispatcher of an agent at once, as it would learn from the row a moment later, or what no row says.
    pub async fn tell_dispatcher(&self, agent: AgentRow) {
        self.running().app.dispatcher.agent(agent).await;
    }

    /// Whether the controller handles the first call that has not ended, or watches over it.
    pub async fn is_watching(&self) -> bool {
        let open = self.calls().await.into_iter().find(|call| call.ended_at.is_none());
        open.is_some_and(|call| self.running().app.in_flight.has_call(call.id))
    }

    /// Whether the database has kept the controller waiting for so long.
    pub fn stalls(&self, limit: Duration) -> bool {
        self.running().app.store.stalls(limit)
    }

    /// The controller's own connections to the database.
    pub fn own_store(&self) -> Store {
        self.running().app.store.clone()
    }

    /// Asks FreeSWITCH over the controller's own link whether it has a channel.
    pub async fn node_has(&self, channel: ChannelId) -> bool {
        self.running().app.nodes.all()[0].exists(channel).await.unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some((runtime, _)) = self.controller.take() {
            runtime.shutdown_background();
        }
    }
}

/// A port that the system gives to nobody of itself: it is still free when the controller starts again.
fn own_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from((std::process::id() + tried) % 12_000).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn name(agent: &str) -> AgentName {
    agent.parse().unwrap()
}

/// Waits until something is so.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(SOON).await;
        }
    };
    assert!(timeout(LIMIT, wait).await.is_ok(), "did not happen: {what}");
}

pub const ANNA: &str = "sofia/internal/anna@10.0.0.1";
pub const BORIS: &str = "user/boris";
/// Somebody of whom dozvon knows nothing.
pub const BOSS: &str = "user/boss";
/// The contact outside the queues.
pub const DUTY: &str = "user/duty";

pub fn answers() -> Behaviour {
    Behaviour::answers(Duration::from_millis(20))
}

/// What became of a caller, once their call is over.
pub async fn story(caller: CallerHandle) -> Story {
    timeout(LIMIT, caller.story()).await.expect("a caller is held for ever").unwrap()
}
