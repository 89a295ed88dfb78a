//! A store with a relay, and an HTTP receiver that answers as the test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use dozvon::clock::{Clock, UnixMs};
use dozvon::config::database::DatabaseUrl;
use dozvon::config::notify::Settings;
use dozvon::config::notify::{Destination, Kind};
use dozvon::egress;
use dozvon::event::{Event, EventKind};
use dozvon::metrics::Metrics;
use dozvon::notify::{Outlet, Relay, RelayContext, outlets};
use dozvon::secret::Secret;
use dozvon::store::Store;
use dozvon::store::outbox::{self, DeliveryRow};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::http;
pub use crate::support::http::Came;

pub const NOW: UnixMs = UnixMs(1_795_424_400_000);
/// How long a test waits for what must come.
pub const LIMIT: Duration = Duration::from_secs(30);
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A store, and what a relay is made of.
pub struct App {
    pub context: RelayContext,
    pub tasks: TaskTracker,
    _folder: tempfile::TempDir,
}

impl App {
    pub async fn new(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("dozvon.db"));
        // Days pass in virtual time: nobody looks twenty times a second whether others have written.
        let patient = dozvon::config::store::Settings {
            watch_interval: Duration::from_secs(86_400),
            ..dozvon::config::store::Settings::default()
        };
        let store = Store::open(&url, patient).await.unwrap();
        store.migrate().await.unwrap();
        let context = RelayContext {
            settings: Arc::new(settings),
            store,
            clock: Clock::starting_at(NOW),
            metrics: Arc::new(Metrics::new().unwrap()),
            zone: chrono_tz::Tz::Europe__Moscow,
            controller: "test".to_owned(),
            destinations: destinations(),
        };
        Self { context, tasks: TaskTracker::new(), _folder: folder }
    }

    /// A relay with the destinations of the settings.
    pub fn relay(&self) -> (Relay, CancellationToken) {
        self.relay_to(outlets(&self.context, &egress::system_lookup(), &TaskTracker::new()).unwrap())
    }

    pub fn relay_to(&self, outlets: Vec<Outlet>) -> (Relay, CancellationToken) {
        let stop = CancellationToken::new();
        (Relay::new(self.context.clone(), outlets, self.tasks.clone(), stop.clone()), stop)
    }

    /// Keeps an event of a case.
    pub async fn emit(&self, kind: EventKind, case: i64, data: Value) {
        let event = Event { kind, aggregate: format!("case:{case}"), at: self.context.clock.now(), data };
        self.context.store.write("test", move |c| outbox::emit(c, &event)).await.unwrap();
    }

    /// Every delivery, in the order in which they were made.
    pub async fn rows(&self) -> Vec<DeliveryRow> {
        let read = self.context.store.read("test", |c| outbox::list(c, None, None, 10_000));
        let mut rows = read.await.unwrap();
        rows.reverse();
        rows
    }

    /// Does once all there is to do, and waits until its tries have ended.
    pub async fn tick(&self, relay: &Relay) {
        relay.tick().await.unwrap();
        self.tasks.close();
        tokio::time::timeout(LIMIT, self.tasks.wait())
            .await
            .unwrap_or_else(|_| panic!("the tries do not end"));
        self.tasks.reopen();
    }

    /// Keeps one event, tells it, and returns the result.
    pub async fn one(&self, data: Value) -> DeliveryRow {
        self.emit(EventKind::CaseOpened, 1, data).await;
        let (relay, _stop) = self.relay();
        self.tick(&relay).await;
        self.rows().await.pop().unwrap()
    }

    /// How many tries had this result.
    pub fn counted(&self, destination: &str, result: &str) -> u64 {
        self.context.metrics.deliveries.with_label_values(&[destination, result]).get()
    }
}

/// What is answered: status, a header, body; none: nothing for ever.
pub type Answer = Option<(u16, Option<(&'static str, String)>, Vec<u8>)>;

/// A receiver that answers what it is told, in order; then 200.
#[derive(Clone, Default)]
pub struct Receiver {
    came: Arc<Mutex<Vec<Came>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> (Self, SocketAddr) {
        let receiver =
            Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() };
        let it = receiver.clone();
        let address = http::serve(move |request| {
            let it = it.clone();
            async move { it.answer(request.into()).await }
        })
        .await;
        (receiver, address)
    }

    async fn answer(&self, request: Came) -> Response<Body> {
        self.came.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            None => Response::new(Body::empty()),
            Some(None) => std::future::pending().await,
            Some(Some((status, header, body))) => {
                let mut response = Response::builder().status(status);
                if let Some((name, value)) = header {
                    response = response.header(name, value);
                }
                response.body(Body::from(body)).unwrap()
            }
        }
    }

    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

pub fn status(status: u16) -> Answer {
    Some((status, None, Vec::new()))
}

pub fn says(text: &str) -> Answer {
    Some((200, None, text.as_bytes().to_vec()))
}

/// A destination of this kind at an address on loopback.
pub fn destination(kind: Kind, url: String) -> Destination {
    let mut to = Destination::new("crm".parse().unwrap(), kind, vec!["*".parse().unwrap()]);
    (to.url, to.allow_private, to.allow_http) = (url, true, true);
    to
}

pub fn webhook(address: SocketAddr) -> Destination {
    let mut to = destination(Kind::Webhook, format!("http://{address}/hook"));
    to.secret = Secret::from(SECRET);
    to
}

/// Settings with one destination, without chance.
pub fn settings(to: Destination) -> Settings {
    Settings { destinations: vec![to], jitter_pct: 0, ..Settings::default() }
}

/// A missed call of somebody with a hostile name.
pub fn hostile() -> Value {
    json!({
        "case": 17, "number": "+79001112233", "queue": "sales", "reason": "abandoned_waiting", "sms_consent": true,
        "name": "x\r\nBcc: all@example.ru\r\n\r\n<b>&to=+7900\"},{{ number }}\u{202e}",
        "caller": {"email": "ivan@example.ru"}, "supervisor": {"email": "boss@example.ru", "telegram": 42},
    })
}

/// The check of addresses that strangers gave, by the built-in rules of a company in Russia.
pub fn destinations() -> dozvon::notify::strangers::Destinations {
    let (_, rules) = tokio::sync::watch::channel(Arc::default());
    dozvon::notify::strangers::Destinations::new(rules, dozvon::config::phone::Phone::default().region)
}
