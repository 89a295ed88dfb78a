//! Contacts, a store of tokens, a CRM made from settings, and a server that answers as the test says.

use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Response;
use dozvon::clock::{Clock, UnixMs};
use dozvon::config::crm::{Kind, Settings};
use dozvon::ids::CaseId;
use dozvon::notify::Trouble;
use dozvon::notify::crm::{Contact, Crm, Direction, Happening, TokenStore, Tokens};
use dozvon::secret::Secret;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::support::http;
pub use crate::support::http::Came;

pub const NOW: UnixMs = UnixMs(1_795_424_400_000);
pub const NUMBER: &str = "+79005550001";

/// A contact of case 7 with [`NUMBER`].
pub fn contact(happening: Happening) -> Contact {
    Contact {
        id: Uuid::new_v4(),
        happening,
        number: NUMBER.parse().unwrap(),
        direction: if happening == Happening::Attempt { Direction::Outbound } else { Direction::Inbound },
        started_at: NOW,
        duration_ms: 0,
        result: None,
        reason: None,
        agent: None,
        case: Some(CaseId(7)),
        queue: Some("sales".parse().unwrap()),
        note: None,
        deadline: None,
    }
}

/// Keeps tokens in memory, unless it is told that it cannot.
#[derive(Debug, Default)]
pub struct Memory {
    pub kept: Mutex<Vec<Tokens>>,
    pub fails: Mutex<u32>,
}

impl Memory {
    pub fn fail(&self, times: u32) {
        *self.fails.lock().unwrap() = times;
    }
}

impl TokenStore for Memory {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, String>> {
        let last = self.kept.lock().unwrap().last().cloned();
        async move { Ok(last) }.boxed()
    }

    fn keep(&self, tokens: Tokens) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let mut fails = self.fails.lock().unwrap();
            if *fails > 0 {
                *fails -= 1;
                return Err("the disk is full".to_owned());
            }
            self.kept.lock().unwrap().push(tokens);
            Ok(())
        }
        .boxed()
    }
}

/// The CRM of the settings.
pub fn open(settings: &Settings) -> Crm {
    open_with(settings, &Arc::default(), Clock::starting_at(NOW))
}

pub fn open_with(settings: &Settings, keeper: &Arc<Memory>, clock: Clock) -> Crm {
    Crm::open(settings, Arc::<Memory>::clone(keeper), clock).unwrap().unwrap()
}

/// What kind of trouble it is, and how many seconds we are to wait.
pub fn kind(trouble: &Trouble) -> (&'static str, Option<u64>) {
    match trouble {
        Trouble::Passing { wait, .. } => ("passing", wait.map(|wait| wait.as_secs())),
        Trouble::Refused { .. } => ("refused", None),
        Trouble::Gone { .. } => ("gone", None),
    }
}

/// A generic CRM that answers everything with what `answer` makes, and what came to it.
pub async fn server(
    answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static,
) -> (Settings, Arc<Mutex<Vec<Came>>>) {
    let log = Arc::<Mutex<Vec<Came>>>::default();
    let of = Arc::clone(&log);
    let address = http::serve(move |request| {
        of.lock().unwrap().push(request.into());
        ready(answer())
    })
    .await;
    let settings = Settings {
        kind: Kind::Generic,
        url: Secret::new(format!("http://{address}/hook-secret/")),
        body: "{}".to_owned(),
        allow_http: true,
        ..Settings::default()
    };
    (settings, log)
}
