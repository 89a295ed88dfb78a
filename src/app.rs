//! Puts the parts together: opens the store, connects the nodes, takes calls, and stops in order.
//!
//! In: [`Settings`]. Out: a [`Running`] controller, which `serve`, the demo, the tests and the benches share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::IntCounter;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call;
use crate::callback::tick::Tick;
use crate::clock::Clock;
use crate::config::Settings;
use crate::context::App;
use crate::dispatch::callbacks_under_way::CallbacksUnderWay;
use crate::dispatch::context::DispatchContext;
use crate::dispatch::in_flight::InFlight;
use crate::dispatch::task;
use crate::dispatch::trunks::Trunks;
use crate::metrics::{Metrics, MetricsError};
use crate::reconcile::Reconciler;
use crate::rules::Rules;
use crate::store::{self, Database, Lock, Store, StoreError};
use crate::switch::{Listener, ListenerStats, Node, Nodes, SwitchError};
use crate::vital::Vital;
use crate::{audit_head, retention, telemetry, web};

/// How often gauges that are counted elsewhere are updated.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// How often a standby checks whether the database is free.
const STAND_BY: Duration = Duration::from_millis(100);

/// How often the controller checks that it still holds the database's lock.
const KEEP_LOCK: Duration = Duration::from_secs(1);

/// How long a standby waits before it tries again a database that was out of reach. It is longer than a controller
/// takes to regain its lock ([`store::Lock`] checks every second).
const RETURN: Duration = Duration::from_secs(5);

/// How long another process, such as `dozvon check`, may hold the lock to see whether it is free.
const LOOK: Duration = Duration::from_millis(500);

/// How long ringing phones may take to stop, and their offers to be recorded, after the stop signal.
const OFFERS_END: Duration = Duration::from_secs(5);

/// How long waiting callers may take to go back to the dialplan after a vital task has ended. Then a standby takes
/// them.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The socket for FreeSWITCH.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// The web port, or the status port.
    #[error(
        "cannot listen on {address}: {source}; another program may have the port: change [{task}] listen"
    )]
    Port {
        /// The task that serves the port, named like its section of the settings.
        task: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// The metrics cannot be registered; a test would show that.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A destination of events.
    #[error(transparent)]
    Notify(#[from] crate::notify::InvalidDestination),
    /// The CRM.
    #[error("the CRM's settings are wrong: {0}")]
    Crm(String),
    /// An essential task has ended.
    #[error(
        "the essential task `{0}` has ended; please report what the log says about it above. Start the controller again"
    )]
    Died(Arc<str>),
    /// The stop signal cannot be listened for.
    #[error("cannot listen for the stop signal: {0}")]
    Signal(std::io::Error),
}

/// A running controller.
#[derive(Debug)]
pub struct Running {
    /// The address for FreeSWITCH.
    pub listen: SocketAddr,
    /// The address for forms and programs.
    pub web: SocketAddr,
    /// The address for monitoring.
    pub status: SocketAddr,
    /// The shared context.
    pub app: Arc<App>,
    stop: CancellationToken,
    stop_web: CancellationToken,
    calls: TaskTracker,
    tasks: TaskTracker,
    _lock: Lock,
}

/// Starts a controller. When this returns, the controller takes calls.
///
/// # Errors
/// [`AppError`] names the problem and the remedy.
pub async fn start(settings: Settings, clock: Clock) -> Result<Running, AppError> {
    begin(settings, clock, false).await
}

/// Waits while another controller has the database, then starts one.
///
/// # Errors
/// [`AppError`] names the problem and the remedy.
pub async fn stand_by(settings: Settings, clock: Clock) -> Result<Running, AppError> {
    begin(settings, clock, true).await
}

async fn begin(settings: Settings, clock: Clock, standby: bool) -> Result<Running, AppError> {
    let settings = Arc::new(settings);
    let metrics = Arc::new(Metrics::new()?);
    metrics.started.set(clock.now().utc().timestamp() as f64);
    // Parsing the first number loads the numbering plans; the first caller should not wait for that.
    let _ = settings.phone.home().number("+79001234567");
    let (store, lock) = open(&settings, standby).await?;
    let controller = format!("{}:{}", std::process::id(), settings.switch.listen.port());
    let (rules, agents) = store.read("rules", read_rules).await?;
    warn_of(&settings, &rules);
    let listener = Listener::bind(&settings.switch).await?;
    let nodes = Nodes::start(&settings.switch.nodes);
    let (tasks, calls, stop) = (TaskTracker::new(), TaskTracker::new(), CancellationToken::new());
    let vital = Vital::new(settings.calls.stall_timeout, stop.clone());
    let in_flight = InFlight::default();
    let (ours, counts) = (store.clone(), Arc::clone(&metrics));
    let context = DispatchContext {
        clock,
        store: ours,
        metrics: counts,
        controller: controller.clone(),
        in_flight: in_flight.clone(),
    };
    let dispatcher = task::start(context.clone(), &tasks, &rules, agents);
    let (rules_now, rules) = watch::channel(rules);
    let app = Arc::new(App {
        settings: Arc::clone(&settings),
        clock,
        store,
        metrics,
        rules,
        dispatcher,
        nodes,
        in_flight,
        callbacks: CallbacksUnderWay::default(),
        trunks: Trunks::new(&settings.callback),
        vital: vital.clone(),
        draining: CancellationToken::new(),
    });
    let reconciler = Reconciler::begin(Arc::clone(&app), context).await?;
    let stop_web = CancellationToken::new();
    let (status, web) = serve_pages(&app, &stop_web, &tasks).await?;
    let listen = listener.local_addr();
    watch_parts(&app, &tasks);
    vital.run("self-check", &tasks, reconciler.run(vital.beat("self-check"), stop.clone()));
    keep_database(&app, &lock, &tasks, &stop);
    follow_nodes(&app, &tasks, &stop);
    vital.run("rules", &tasks, follow_rules(Arc::clone(&app), rules_now, stop.clone()));
    vital.run("gauges", &tasks, sample(Arc::clone(&app), listener.stats(), stop.clone()));
    notify(&app, controller, &tasks, &stop)?;
    let tick = Tick::new(Arc::clone(&app), calls.clone());
    vital.run("callbacks", &tasks, tick.run(vital.beat("callbacks"), stop.clone()));
    vital.show(listener.beat());
    vital.run("listener", &tasks, take_calls(Arc::clone(&app), listener, calls.clone(), stop.clone()));
    tracing::info!(%listen, %web, %status, database = %settings.database, "ready for calls");
    Ok(Running { listen, web, status, app, stop, stop_web, calls, tasks, _lock: lock })
}

/// Runs a controller until it is told to stop (SIGTERM or SIGINT), then drains it. With `standby` it first waits while
/// another controller has the database.
///
/// # Errors
/// [`AppError`] names the problem and the remedy.
pub async fn serve(settings: Settings, standby: bool) -> Result<(), AppError> {
    let stopped = async {
        tokio::select! {
            told = stop_signal() => told,
            told = ignore_hangups() => told,
        }
    };
    tokio::pin!(stopped);
    let running = tokio::select! {
        biased;
        told = &mut stopped => return told.map_err(AppError::Signal),
        running = begin(settings, Clock::system(), standby) => running?,
    };
    running.until(stopped).await
}

impl Running {
    /// Takes calls until `stopped`, then drains. If a vital task dies before, waiting callers go back to the dialplan,
    /// talks go on without the controller, and the database is free for a standby.
    ///
    /// # Errors
    /// [`AppError::Died`] names the task.
    pub async fn until(self, stopped: impl Future<Output = std::io::Result<()>>) -> Result<(), AppError> {
        let dead = tokio::select! {
            biased;
            told = stopped => {
                told.map_err(AppError::Signal)?;
                None
            }
            dead = self.app.vital.death() => Some(dead),
        };
        let Some(task) = dead else {
            self.drain().await;
            return Ok(());
        };
        self.leave(LAST_WORDS, LAST_WORDS).await;
        Err(AppError::Died(task))
    }

    /// Takes no new calls, hands waiting callers back to the dialplan, and waits a while for talks to end. Meanwhile
    /// the status port reports that the controller is stopping.
    pub async fn drain(self) {
        let limit = self.app.settings.calls.drain_timeout;
        self.leave(limit, limit.max(OFFERS_END)).await;
    }

    /// Hands waiting callers back, waits `limit` for talks and `offers` for ringing phones.
    async fn leave(self, limit: Duration, offers: Duration) {
        let offers_end = tokio::time::Instant::now() + offers;
        tracing::info!(
            calls = self.calls.len(),
            ?limit,
            "stopping: no new calls; waiting callers go back to the dialplan"
        );
        self.stop.cancel();
        self.app.draining.cancel();
        self.calls.close();
        if tokio::time::timeout(limit, self.calls.wait()).await.is_err() {
            tracing::warn!(
                calls = self.calls.len(),
                "talks are still going on; they continue without the controller"
            );
        }
        let Self { app, tasks, stop_web, .. } = self;
        // The pages hold the app, and the dispatcher runs as long as anything holds it.
        stop_web.cancel();
        drop(app);
        tasks.close();
        // The offer of a talk lasts as long as the talk, so it needs no time of its own.
        if tokio::time::timeout_at(offers_end, tasks.wait()).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "offers have not ended; the next start closes them");
        }
        tracing::info!("stopped");
    }

    /// Waits until every call and every offer under way has ended and is recorded.
    pub async fn quiet(&self) {
        self.calls.close();
        self.calls.wait().await;
        self.calls.reopen();
        self.app.in_flight.until_idle().await;
    }
}

/// Watches the tasks that other parts have started.
fn watch_parts(app: &App, tasks: &TaskTracker) {
    let vital = &app.vital;
    vital.show(app.store.beat());
    vital.watch("committer", tasks, app.store.ended());
    vital.show(app.dispatcher.beat());
    vital.watch("dispatcher", tasks, app.dispatcher.ended());
    for node in app.nodes.all() {
        node.beats().into_iter().for_each(|beat| vital.show(beat));
        vital.watch(&format!("link to {}", node.name()), tasks, node.ended());
    }
}

/// Starts the tasks that keep the lock, delete rows that are too old, and write the audit's head to the log.
fn keep_database(app: &App, lock: &Lock, tasks: &TaskTracker, stop: &CancellationToken) {
    let (vital, settings, store) = (&app.vital, &app.settings, &app.store);
    let retention = retention::start(store.clone(), app.clock, settings.retention.clone(), stop.clone());
    vital.run("retention", tasks, retention);
    let heads = audit_head::start(store.clone(), settings.audit.head_log_interval, stop.clone());
    vital.run("audit", tasks, heads);
    vital.run("lock", tasks, keep_lock(store.clone(), lock.clone(), stop.clone()));
}

/// Starts the notifications.
fn notify(
    app: &App,
    controller: String,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), AppError> {
    let crm = crate::notify::crm::CrmContext {
        store: app.store.clone(),
        clock: app.clock,
        terms: app.terms(),
        rules: app.rules.clone(),
    };
    let crm = crate::notify::crm::outlet(&app.settings.crm, app.settings.notify.lease, crm);
    let crm = crm.map_err(AppError::Crm)?;
    let context = crate::notify::RelayContext {
        settings: Arc::new(app.settings.notify.clone()),
        store: app.store.clone(),
        clock: app.clock,
        metrics: Arc::clone(&app.metrics),
        zone: app.settings.zone,
        controller,
        destinations: crate::notify::strangers::Destinations::new(
            app.rules.clone(),
            app.settings.phone.region,
        ),
    };
    crate::notify::start(context, crm, &app.vital, tasks, stop.clone())?;
    Ok(())
}

/// Opens the database as its controller, and migrates it. It refuses an audit key other than the database's, under
/// which nothing could be recorded.
async fn open(settings: &Settings, standby: bool) -> Result<(Store, Lock), StoreError> {
    let store = open_store(settings, standby).await?;
    let lock = take_lock(&store, standby).await?;
    store.migrate().await?;
    let key = settings.audit.key.clone();
    let named = key.clone();
    store.read("audit_key", move |c| store::audit::check_key(c, named.as_ref())).await?;
    store.write("audit_mark", store::audit::mark).await?;
    // Callers are served nevertheless: the audit goes on, and `dozvon check` reports the tampering too.
    if let Err(error) = store.read("audit_mark", move |c| store::audit::check_mark(c, key.as_ref())).await {
        tracing::error!(%error, "the audit was changed by somebody without its key");
    }
    Ok((store, lock))
}

/// Opens the database. A standby waits as long as the database is out of reach.
async fn open_store(settings: &Settings, standby: bool) -> Result<Store, StoreError> {
    loop {
        match Store::open(&settings.database, settings.store.clone()).await {
            Err(error) if standby && error.is_passing() => out_of_reach(&error).await,
            opened => return opened,
        }
    }
}

/// Waits, so that a controller that has lost its database for a moment regains it before a standby takes it.
async fn out_of_reach(error: &StoreError) {
    tracing::warn!(%error, again_in = ?RETURN, "standing by: the database is out of reach; trying again");
    tokio::time::sleep(RETURN).await;
}

/// Takes the lock as soon as no other controller has it. A standby waits for ever, others only [`LOOK`].
async fn take_lock(store: &Store, standby: bool) -> Result<Lock, StoreError> {
    let limit = tokio::time::Instant::now() + LOOK;
    let mut told = false;
    loop {
        match store.take_lock().await {
            Err(StoreError::Locked { holder, .. }) if standby => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!("standing by: another controller has the database{holder}");
                }
            }
            Err(error) if standby && error.is_passing() => out_of_reach(&error).await,
            Err(StoreError::Locked { .. }) if tokio::time::Instant::now() < limit => {}
            lock => {
                if told {
                    tracing::warn!("the other controller has ended: taking over");
                }
                return lock;
            }
        }
        tokio::time::sleep(STAND_BY).await;
    }
}

fn read_rules(c: &mut Database) -> Result<(Arc<Rules>, Vec<store::agents::AgentRow>), StoreError> {
    Ok((Arc::new(store::rules::load(c)?), store::agents::all(c)?))
}

/// Warns of settings and rules that are valid, but do not fit together.
fn warn_of(settings: &Settings, rules: &Rules) {
    for line in &settings.outdated {
        tracing::warn!("{line}; the next release reads the new name only");
    }
    if let Some((host, sslmode)) = settings.database.in_clear(std::env::var("PGSSLMODE").ok().as_deref()) {
        tracing::warn!(
            host,
            sslmode,
            "the connection to the database may be unencrypted: see `dozvon check`"
        );
    }
    if let Some((detail, remedy)) = settings.callback.nobody_calls_back(rules) {
        tracing::warn!(remedy, "{detail}");
    }
}

/// Keeps the lock, and ends when another controller has it: two controllers would ring for the same callers.
async fn keep_lock(store: Store, lock: Lock, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(KEEP_LOCK) => {}
        }
        let Some(kept) = stop.run_until_cancelled(store.keep_lock(&lock)).await else { return };
        match kept {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!("the database server still holds the lock for the lost session; trying again")
            }
            Err(error @ StoreError::Locked { .. }) => {
                tracing::error!(%error, "the database was out of reach, and another controller has taken over");
                return;
            }
            Err(error) => tracing::error!(%error, "the database's lock was lost; trying to take it again"),
        }
    }
}

/// Accepts calls from FreeSWITCH, and runs each in a task of its own.
async fn take_calls(app: Arc<App>, mut listener: Listener, calls: TaskTracker, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            incoming = listener.next() => match incoming {
                Some(incoming) => drop(calls.spawn(call::story::run(Arc::clone(&app), incoming))),
                None => return,
            },
        }
    }
}

/// Watches each node: its links, and its other calls.
fn follow_nodes(app: &Arc<App>, tasks: &TaskTracker, stop: &CancellationToken) {
    let vital = &app.vital;
    for node in app.nodes.all() {
        vital.run("nodes", tasks, follow_node(Arc::clone(app), node.clone(), stop.clone()));
        vital.run("other calls", tasks, follow_talks(Arc::clone(app), node.clone(), stop.clone()));
    }
}

/// Tells the dispatcher which directory users of a node are in calls that the controller did not make, until told to
/// stop.
async fn follow_talks(app: Arc<App>, node: Node, stop: CancellationToken) {
    let mut changed = node.talks_changed();
    let truth = node.keep_talks_true();
    tokio::pin!(truth);
    let (mut told, mut told_domain) = (false, None);
    loop {
        // The users are sent before the flag that they are known.
        let counted = node.talks_are_counted();
        let (users, domain) = (node.take_talk_changes(), node.usual_domain());
        if !users.is_empty() || domain != told_domain {
            app.dispatcher.elsewhere(node.name().clone(), domain.clone(), users).await;
            told_domain = domain;
        }
        if counted != told {
            app.dispatcher.counted(node.name().clone(), counted).await;
            told = counted;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = &mut truth => return,
            // The sender lives as long as the node, which this task holds.
            _ = changed.changed() => {}
        }
    }
}

/// Tells the dispatcher whenever the link to a node comes up or goes down.
async fn follow_node(app: Arc<App>, node: Node, stop: CancellationToken) {
    let mut up = node.up();
    loop {
        let now = *up.borrow_and_update();
        app.dispatcher.node(node.name().clone(), now).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = up.changed() => if changed.is_err() { return },
        }
    }
}

/// Reads rules and agents again whenever another process has changed the database.
async fn follow_rules(app: Arc<App>, rules_now: watch::Sender<Arc<Rules>>, stop: CancellationToken) {
    let mut changes = app.store.changes();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
        match app.store.recall("rules", read_rules).await {
            Ok((rules, agents)) => {
                if rules != *rules_now.borrow() {
                    warn_of(&app.settings, &rules);
                }
                app.dispatcher.reload(Arc::clone(&rules), agents).await;
                rules_now.send_replace(rules);
                tracing::debug!("rules and agents were read again");
            }
            Err(error) => {
                tracing::error!(%error, "the changed rules cannot be read: going on with the old ones")
            }
        }
    }
}

/// Updates gauges that are counted elsewhere.
async fn sample(app: Arc<App>, door: Arc<ListenerStats>, stop: CancellationToken) {
    let mut every = tokio::time::interval(SAMPLE_EVERY);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        show_nodes(&app);
        show_trunks(&app);
        show_store(&app);
        grow(&app.metrics.log_dropped, telemetry::dropped_lines());
        show_door(&app.metrics, &door);
        match app.store.read("gauges", store::reports::gauges).await {
            Ok(gauges) => show(&app.metrics, &gauges),
            Err(error) => tracing::error!(%error, "the gauges cannot be read"),
        }
    }
}

/// Updates the store's metrics.
fn show_store(app: &App) {
    let (metrics, stats) = (&app.metrics, app.store.take_stats());
    metrics.store_queue.set(i64::try_from(stats.waiting).unwrap_or(i64::MAX));
    grow(&metrics.commits, stats.commits);
    for took in &stats.commit_times {
        metrics.commit_seconds.observe(took.as_secs_f64());
    }
    for (name, transactions) in &stats.transactions {
        grow(&metrics.transactions.with_label_values(&[name, "done"]), transactions.done);
        grow(&metrics.transactions.with_label_values(&[name, "failed"]), transactions.failed);
        let time = metrics.transaction_seconds.with_label_values(&[name]);
        time.inc_by((transactions.time.as_secs_f64() - time.get()).max(0.0));
    }
}

/// Updates the nodes' metrics.
fn show_nodes(app: &App) {
    for node in app.nodes.all() {
        let name = node.name().as_str();
        let metrics = &app.metrics;
        metrics.link_up.with_label_values(&[name]).set(i64::from(*node.up().borrow()));
        let stats = node.stats();
        for (counter, count) in metrics.node_counters.iter().zip(stats.counts()) {
            grow(&counter.with_label_values(&[name]), count);
        }
        metrics.node_queue_depth.with_label_values(&[name]).set(level(&stats.queue_depth));
        metrics.node_legs.with_label_values(&[name]).set(level(&stats.legs));
    }
}

/// Updates the trunks' metrics.
fn show_trunks(app: &App) {
    for (trunk, calls) in app.trunks.calls() {
        let calls = i64::try_from(calls).unwrap_or(i64::MAX);
        app.metrics.trunk_calls.with_label_values(&[trunk.name()]).set(calls);
    }
}

/// Updates the listener's metrics.
fn show_door(metrics: &Metrics, door: &ListenerStats) {
    for (result, count) in door.results() {
        grow(&metrics.connections.with_label_values(&[result]), count);
    }
    metrics.connections_open.set(level(&door.open));
    grow(&metrics.accept_failures, door.accept_failed.load(Ordering::Relaxed));
}

/// Raises a counter to a count that is kept elsewhere.
fn grow(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

fn level(now: &AtomicU64) -> i64 {
    i64::try_from(now.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
}

fn show(metrics: &Metrics, gauges: &store::reports::Gauges) {
    metrics.cases_open.set(gauges.cases_open);
    metrics.cases_flooded.set(gauges.cases_flooded);
    metrics.audit_gaps.set(gauges.audit_gaps);
    metrics.agents.reset();
    for (status, activity, count) in &gauges.agents {
        metrics.agents.with_label_values(&[status.as_str(), activity.as_str()]).set(*count);
    }
}

/// Serves the pages. Returns the addresses of the status port and the web port.
async fn serve_pages(
    app: &Arc<App>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<(SocketAddr, SocketAddr), AppError> {
    let settings = &app.settings;
    let port = Port { vital: &app.vital, stop, tasks };
    let (pages, limits) = (web::status(app), web::status_limits(settings));
    let status = port.serve("status", settings.status.listen, pages, limits).await?;
    let (pages, limits) = (web::public(app), web::public_limits(settings));
    let web = port.serve("web", settings.web.listen, pages, limits).await?;
    Ok((status, web))
}

/// A port to serve.
struct Port<'a> {
    vital: &'a Vital,
    stop: &'a CancellationToken,
    tasks: &'a TaskTracker,
}

impl Port<'_> {
    /// Listens at an address and serves pages there as a vital task. Returns the actual address.
    async fn serve(
        &self,
        task: &'static str,
        address: SocketAddr,
        pages: axum::Router,
        limits: web::port::Limits,
    ) -> Result<SocketAddr, AppError> {
        let cannot = |source| AppError::Port { task, address, source };
        let socket = tokio::net::TcpListener::bind(address).await.map_err(cannot)?;
        let bound = socket.local_addr().map_err(cannot)?;
        let serving = web::port::serve(socket, pages, limits, self.stop.clone());
        self.vital.run(task, self.tasks, serving);
        Ok(bound)
    }
}

/// Logs that SIGHUP does nothing, for ever. Without a handler the signal would end the process.
async fn ignore_hangups() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = signal(SignalKind::hangup())?;
    while hangups.recv().await.is_some() {
        tracing::warn!(
            "SIGHUP does nothing: the settings (dozvon.toml and the environment) are read at the start only, so \
             restart the controller after a change; rules need no signal, `dozvon apply` is enough"
        );
    }
    std::future::pending().await
}

/// Waits until the process is told to stop: SIGTERM or Ctrl-C.
///
/// # Errors
/// If signals cannot be listened for.
pub async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
