//! Puts the parts together: opens the store, connects the nodes, takes calls, and stops them in order.
//!
//! In: [`Settings`]. Out: a [`Running`] controller, which `serve`, the demo, the tests and the benches share.

mod database;
mod follow;
mod gauges;
mod ports;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call;
use crate::callback::tick::Tick;
use crate::clock::Clock;
use crate::config::Settings;
use crate::config::sounds::Sounds;
use crate::context::App;
use crate::dispatch::callbacks_under_way::CallbacksUnderWay;
use crate::dispatch::context::DispatchContext;
use crate::dispatch::in_flight::InFlight;
use crate::dispatch::task;
use crate::dispatch::trunks::Trunks;
use crate::metrics::{Metrics, MetricsError};
use crate::prompts::Prompts;
use crate::reconcile::Reconciler;
use crate::recordings::Recordings;
use crate::store::{Lock, StoreError};
use crate::switch::{Listener, Nodes, SwitchError};
use crate::vital::Vital;
use crate::{audit_head, retention};

use self::database::{keep_lock, open};
use self::follow::{follow_nodes, follow_rules, read_rules, warn_of};
use self::gauges::sample;
use self::ports::serve_pages;
use self::signals::ignore_hangups;
pub use self::signals::stop_signal;

/// How long phones may take to stop ringing after the stop signal, and their offers to be recorded.
const OFFERS_END: Duration = Duration::from_secs(5);

/// How long waiting callers may take to go back to the dialplan after a vital task has ended. After that, a standby
/// takes over.
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
    /// The metrics cannot be registered. A test would show that.
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
    /// The process cannot receive the stop signal.
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
    // Parsing the first number loads the numbering plans. The first caller should not wait for that.
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
        nodes: nodes.clone(),
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
        prompts: Arc::new(prompts(&settings.sounds)),
        recordings: Arc::new(Recordings::new(&settings.voicemail)),
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

fn prompts(sounds: &Sounds) -> Prompts {
    Prompts::open(sounds.prompts.clone(), sounds.missing_prompt.clone(), sounds.longest_prompt)
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
    /// Takes calls until `stopped`, then drains. If a vital task dies before that, waiting callers go back to the
    /// dialplan, talks continue without the controller, and a standby can take the database.
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

    /// Hands waiting callers back. Waits at most `limit` for talks and `offers` for ringing phones.
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
            tracing::warn!(calls = self.calls.len(), "talks continue without the controller");
        }
        let Self { app, tasks, stop_web, .. } = self;
        // The pages hold the app, and the dispatcher runs until nothing holds the app.
        stop_web.cancel();
        drop(app);
        tasks.close();
        // The offer of a talk lasts as long as the talk, so only ringing phones need time here.
        if tokio::time::timeout_at(offers_end, tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = tasks.len(),
                "offers have not ended; the next start of a controller closes them"
            );
        }
        tracing::info!("stopped");
    }

    /// Waits until every call and every offer has ended and is recorded.
    pub async fn quiet(&self) {
        self.calls.close();
        self.calls.wait().await;
        self.calls.reopen();
        self.app.in_flight.until_idle().await;
    }
}

/// Watches the vital tasks that other parts have started.
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
    let recordings = Arc::clone(&app.recordings);
    let retention =
        retention::start(store.clone(), recordings, app.clock, settings.retention.clone(), stop.clone());
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
        callback_rules: app.callback_rules(),
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
