//! Requests for a callback: `POST /api/v1/requests` for programs, `/form/NAME` for people.
//!
//! In: JSON or form fields from anybody on the network. Out: a request that is stored once, with its consent; or the
//! field that is wrong, and the remedy. `fields` parses, `origin` finds the client's address, `proof` identifies the
//! sender, `limits` counts; these are pure. `api` answers programs, `form` people, with pages that need no script.
//! **Invariant:** the sender's text is bound into SQL, escaped into HTML, and in no header and no log line.
//! **Invariant:** memory, time and work for one sender are bounded: the size and duration of a body; the requests
//! handled at the same time, in all and per address; the requests per hour of a source, of an address, for a number,
//! and of all forms. The fewer forms are left of the total, the fewer one address may send. **Invariant:** unknown
//! senders and forms use up nothing of the limits of sources with a token. The sender of a signed request is unknown
//! until the body was read.

mod api;
pub mod fields;
mod form;
pub mod limits;
pub mod origin;
mod page;
pub mod proof;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use chrono_tz::Tz;
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::clock::{Clock, UnixMs};
use crate::config;
use crate::config::requests::{Settings, Source};
use crate::ids::QueueName;
use crate::missed::case::Reason;
use crate::rules::Rules;
use crate::store::callbacks::CallbackRules;
use crate::store::requests::{self, Received, Request};
use crate::store::{Store, StoreError};
use fields::{ParsedRequest, Problem, Reading, problem};
use limits::{Counts, Occupancy, Occupant};

/// What handlers of requests share.
#[derive(Debug)]
pub struct Intake {
    settings: Settings,
    /// The rules for callbacks, as they were at the start.
    callback_rules: CallbackRules,
    rules: watch::Receiver<Arc<Rules>>,
    clock: Clock,
    store: Store,
    /// The key of the forms' stamps. It is new in every process: forms from before a restart must be sent again.
    secret: [u8; 32],
    permits: Permits,
    /// Unknown senders whose requests are being handled, by address.
    occupancy: Occupancy,
    sources: Mutex<Counts>,
    addresses: Mutex<Counts>,
    numbers: Mutex<Counts>,
    forms: Mutex<Counts>,
    /// Accepted forms by address.
    forms_of: Mutex<Counts>,
}

/// How many more requests can be handled at the same time.
#[derive(Debug)]
struct Permits {
    known: Semaphore,
    signed: Semaphore,
    strangers: Semaphore,
}

/// The right to handle a request, until it is dropped.
#[derive(Debug)]
struct Permit<'g> {
    _permit: SemaphorePermit<'g>,
    _occupant: Option<Occupant>,
}

impl Intake {
    /// Makes the shared state.
    #[must_use]
    pub fn new(
        settings: &config::Settings,
        clock: Clock,
        store: Store,
        rules: watch::Receiver<Arc<Rules>>,
    ) -> Arc<Self> {
        let ours = settings.requests.clone();
        let permits = || Semaphore::new(ours.max_concurrent.clamp(1, Semaphore::MAX_PERMITS));
        let counts = |most, room| Mutex::new(Counts::new(most, ours.rate_window, room));
        let callback_rules = CallbackRules::of(settings, Arc::clone(&rules.borrow()));
        Arc::new(Self {
            callback_rules,
            rules,
            clock,
            store,
            secret: rand::random(),
            permits: Permits { known: permits(), signed: permits(), strangers: permits() },
            // One address takes at most a quarter of the permits, so that slow bodies of one host block nobody.
            occupancy: Occupancy::new((ours.max_concurrent / 4).max(1), ours.max_concurrent),
            sources: counts(ours.max_per_source, ours.sources.len()),
            addresses: counts(ours.max_per_address, ours.max_tracked),
            numbers: counts(ours.max_per_number, ours.max_tracked),
            forms: counts(ours.max_in_all, 1),
            forms_of: counts(ours.max_per_address, ours.max_tracked),
            settings: ours,
        })
    }
}

/// The routes of requests.
pub fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/api/v1/requests", post(api::receive))
        .route("/form/{name}", get(form::show).post(form::receive))
        .with_state(intake)
}

/// Why a request is refused.
#[derive(Debug)]
enum Refused {
    /// The body is too big.
    Big,
    /// The body arrived too slowly, or broke off.
    Slow,
    /// Too many requests; holds how long to wait.
    Often(Duration),
    /// A field is wrong.
    Bad(Problem),
    /// The key was used for another request.
    Other,
    /// The request cannot be stored now.
    Away,
}

impl Intake {
    fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// The current rules for callbacks.
    fn callback_rules(&self) -> CallbackRules {
        CallbackRules { rules: Arc::clone(&self.rules.borrow()), ..self.callback_rules.clone() }
    }

    /// The time zone of a wanted time for this queue.
    fn zone(&self, queue: Option<&QueueName>) -> Tz {
        self.callback_rules().hours(queue).zone()
    }

    /// The address of the client, behind configured proxies as they report it.
    fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let hops: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).collect();
        let is_proxy =
            |address: &IpAddr| self.settings.trusted_proxies.iter().any(|net| net.contains(address));
        origin::origin(peer.ip(), hops.into_iter(), is_proxy)
    }

    /// Counts a request of a known source, and gives it a permit.
    fn admit_known(&self, source: &Source) -> Result<Permit<'_>, Refused> {
        take(&self.sources, &source.name, self.now())?;
        let permit = self.permits.known.try_acquire().map_err(|_| Refused::Away)?;
        Ok(Permit { _permit: permit, _occupant: None })
    }

    /// Counts a request of an unknown sender by its address, and gives it a permit. Signed requests have permits of
    /// their own, so that forms never block programs.
    fn admit_stranger(&self, address: IpAddr, signed: bool) -> Result<Permit<'_>, Refused> {
        let sender = limits::sender(address);
        lock(&self.addresses).take_sender(&sender, self.now()).map_err(Refused::Often)?;
        let occupant = self.occupancy.enter(sender).ok_or(Refused::Often(Duration::ZERO))?;
        let permits = if signed { &self.permits.signed } else { &self.permits.strangers };
        let permit = permits.try_acquire().map_err(|_| Refused::Away)?;
        Ok(Permit { _permit: permit, _occupant: Some(occupant) })
    }

    /// A sender turned out to be a source: it is counted instead of its address.
    fn recognize(&self, source: &Source, address: IpAddr) -> Result<(), Refused> {
        lock(&self.addresses).give_sender_back(&limits::sender(address));
        take(&self.sources, &source.name, self.now())
    }

    /// Counts an accepted form against the total limit, and against its address's present share of it.
    fn admit_form(&self, address: IpAddr) -> Result<(), Refused> {
        let (sender, now) = (limits::sender(address), self.now());
        let Settings { max_per_address, max_in_all, .. } = self.settings;
        let (mut all, mut own) = (lock(&self.forms), lock(&self.forms_of));
        let taken = all.taken("", now);
        let share = |times: u32| limits::share(max_per_address.saturating_mul(times), max_in_all, taken);
        if let Some(wait) = own.full(&sender, share, now) {
            return Err(Refused::Often(wait));
        }
        all.take("", now).and_then(|()| own.take_sender(&sender, now)).map_err(Refused::Often)
    }

    /// Takes back the count of a form that could not be stored.
    fn give_form_back(&self, address: IpAddr) {
        lock(&self.forms).give_back("");
        lock(&self.forms_of).give_sender_back(&limits::sender(address));
    }

    /// Reads a body, limited in size and time.
    async fn body(&self, body: Body) -> Result<Bytes, Refused> {
        let most = self.settings.max_body_bytes;
        let whole = async {
            let mut read = Vec::new();
            let mut parts = body.into_data_stream();
            while let Some(part) = parts.next().await {
                let part = part.map_err(|_| Refused::Slow)?;
                if read.len() + part.len() > most {
                    return Err(Refused::Big);
                }
                read.extend_from_slice(&part);
            }
            Ok(Bytes::from(read))
        };
        tokio::time::timeout(self.settings.body_timeout, whole).await.unwrap_or(Err(Refused::Slow))
    }

    /// Parses a request. Times without a zone are in that of the queue that will call.
    fn read(&self, fields: &fields::Fields, queue: Option<&QueueName>) -> Result<ParsedRequest, Refused> {
        let latest = self.settings.max_wanted_ahead;
        let how = Reading { home: self.callback_rules.home, zone: self.zone(queue), now: self.now(), latest };
        fields::read(fields, &how).map_err(Refused::Bad)
    }

    /// Stores a request, once.
    async fn keep(&self, said: ParsedRequest, from: From) -> Result<Received, Refused> {
        let Some(consent_text) = said.consent_text.or(from.consent) else {
            let remedy = "send the text as it was shown to the person";
            return Err(Refused::Bad(problem("consent_text", "it is missing", remedy)));
        };
        let now = self.now();
        let business_day = self.callback_rules().hours(from.queue.as_ref()).business_day(now);
        let new = Request {
            key_hash: from.key.map(crate::audit::sha256),
            body_hash: crate::audit::sha256(&from.body),
            number: said.number,
            name: said.name,
            email: said.email,
            text: said.text,
            wanted_at: said.wanted_at,
            language: said.language,
            reason: from.reason,
            source: from.source,
            known: matches!(from.by, By::Source),
            page: said.page,
            queue: from.queue,
            consent_text,
            consent_at: now,
            sms_consent_text: said.sms_consent_text,
            business_day,
            address: from.address.to_string(),
            at: now,
        };
        if let Some(key) = new.key_hash.clone() {
            let body = new.body_hash.clone();
            let before = self.store.read("request_before", move |c| requests::earlier(c, &key, &body)).await;
            if let Some(before) = before.map_err(refused)? {
                return Ok(before);
            }
        }
        // Forms for a number do not use up the limit of sources for it.
        take(&self.numbers, &format!("{:?} {}", from.by, new.number), now)?;
        self.store.write("request", move |c| requests::receive(c, &new)).await.map_err(refused)
    }
}

fn take(counts: &Mutex<Counts>, key: &str, now: UnixMs) -> Result<(), Refused> {
    lock(counts).take(key, now).map_err(Refused::Often)
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(error: StoreError) -> Refused {
    if let StoreError::Exists { .. } = error {
        return Refused::Other;
    }
    tracing::error!(%error, "a request could not be stored");
    Refused::Away
}

/// The kind of sender.
#[derive(Debug, Clone, Copy)]
enum By {
    /// A known program.
    Source,
    /// A person with a form.
    Form,
}

/// Where a request comes from.
struct From {
    by: By,
    key: Option<String>,
    body: Bytes,
    reason: Reason,
    source: String,
    queue: Option<QueueName>,
    consent: Option<String>,
    address: IpAddr,
}
