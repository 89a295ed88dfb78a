//! Requests to be called: `POST /api/v1/requests` for programs, `/form/NAME` for people.
//!
//! In: JSON or form fields from anybody on the network. Out: a request that is kept once, with its consent; or what
//! is wrong with it, by the field, and what to do.
//! `fields` reads, `origin` knows from where it comes, `proof` who sent it, `limits` counts; these are pure. `api` answers programs, `form`
//! people, with pages that need no script.
//! **Invariant:** what a sender wrote is bound into SQL, escaped into HTML, and in no header and no log line.
//! **Invariant:** memory, time and work for one sender are bounded: the body, how long it may take, how many are
//! worked on at once of all and of one address, how many come in an hour of one source, of one address, for one number,
//! and of all forms. The fewer forms are left of those of all, the fewer one address may send.
//! **Invariant:** strangers (who is not known, and whoever fills a form in) use up nothing of what sources with a token
//! have. Who signs is a stranger until the body was read.

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
use crate::store::callbacks::Terms;
use crate::store::requests::{self, Received, Request};
use crate::store::{Store, StoreError};
use fields::{Problem, Reading, Said, problem};
use limits::{Counts, Crowd, Seat};

/// What requests are worked on with.
#[derive(Debug)]
pub struct Gate {
    settings: Settings,
    /// The rules of the house, as they were at the start.
    terms: Terms,
    rules: watch::Receiver<Arc<Rules>>,
    clock: Clock,
    store: Store,
    /// What forms are stamped with; another one in every process: forms from before a restart are sent twice.
    secret: [u8; 32],
    places: Places,
    /// Strangers who are worked on now, by address.
    crowd: Crowd,
    sources: Mutex<Counts>,
    addresses: Mutex<Counts>,
    numbers: Mutex<Counts>,
    forms: Mutex<Counts>,
    /// Good forms by address.
    forms_of: Mutex<Counts>,
}

/// How many more can be worked on.
#[derive(Debug)]
struct Places {
    known: Semaphore,
    signed: Semaphore,
    strangers: Semaphore,
}

/// A place on which a request is worked on, until it is dropped.
#[derive(Debug)]
struct Place<'g> {
    _place: SemaphorePermit<'g>,
    _seat: Option<Seat>,
}

impl Gate {
    /// Opens it with the settings of the process.
    #[must_use]
    pub fn new(
        settings: &config::Settings,
        clock: Clock,
        store: Store,
        rules: watch::Receiver<Arc<Rules>>,
    ) -> Arc<Self> {
        let ours = settings.requests.clone();
        let places = || Semaphore::new(ours.max_concurrent.clamp(1, Semaphore::MAX_PERMITS));
        let counts = |most, room| Mutex::new(Counts::new(most, ours.rate_window, room));
        let terms = Terms::of(&settings, Arc::clone(&rules.borrow()));
        Arc::new(Self {
            terms,
            rules,
            clock,
            store,
            secret: rand::random(),
            places: Places { known: places(), signed: places(), strangers: places() },
            // One address takes no more than a quarter of the places: slow bodies of one host keep nobody out.
            crowd: Crowd::new((ours.max_concurrent / 4).max(1), ours.max_concurrent),
            sources: counts(ours.max_per_source, ours.sources.len()),
            addresses: counts(ours.max_per_address, ours.max_tracked),
            numbers: counts(ours.max_per_number, ours.max_tracked),
            forms: counts(ours.max_in_all, 1),
            forms_of: counts(ours.max_per_address, ours.max_tracked),
            settings: ours,
        })
    }
}

/// The addresses under which requests come.
pub fn router(gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/api/v1/requests", post(api::receive))
        .route("/form/{name}", get(form::show).post(form::receive))
        .with_state(gate)
}

/// Why a request is not taken.
#[derive(Debug)]
enum Refused {
    /// The body is too big.
    Big,
    /// The body came too slowly, or broke off.
    Slow,
    /// Too many came; how long to wait.
    Often(Duration),
    /// Something is wrong with it.
    Bad(Problem),
    /// Another request came with the same key.
    Other,
    /// We cannot keep it now.
    Away,
}

impl Gate {
    fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// The rules of the house, as they are now.
    fn terms(&self) -> Terms {
        Terms { rules: Arc::clone(&self.rules.borrow()), ..self.terms.clone() }
    }

    /// The zone whose clocks somebody means who wants to be called by this queue.
    fn zone(&self, queue: Option<&QueueName>) -> Tz {
        self.terms().hours(queue).zone()
    }

    /// The address that a request comes from: behind our own proxies, as they say.
    fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let hops: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).collect();
        let is_proxy =
            |address: &IpAddr| self.settings.trusted_proxies.iter().any(|net| net.contains(address));
        origin::origin(peer.ip(), hops.into_iter(), is_proxy)
    }

    /// Counts a request of a source that is known, and gives it a place to be worked on.
    fn admit_known(&self, source: &Source) -> Result<Place<'_>, Refused> {
        take(&self.sources, &source.name, self.now())?;
        let place = self.places.known.try_acquire().map_err(|_| Refused::Away)?;
        Ok(Place { _place: place, _seat: None })
    }

    /// Counts what came of an address from a stranger, and gives it a place to be worked on. Requests that bear a
    /// signature have places of their own, so that forms never keep programs out.
    fn admit_stranger(&self, address: IpAddr, signed: bool) -> Result<Place<'_>, Refused> {
        let sender = limits::sender(address);
        lock(&self.addresses).take_sender(&sender, self.now()).map_err(Refused::Often)?;
        let seat = self.crowd.enter(sender).ok_or(Refused::Often(Duration::ZERO))?;
        let places = if signed { &self.places.signed } else { &self.places.strangers };
        let place = places.try_acquire().map_err(|_| Refused::Away)?;
        Ok(Place { _place: place, _seat: Some(seat) })
    }

    /// Who was taken for a stranger is a source: it is counted, and its address is not.
    fn recognize(&self, source: &Source, address: IpAddr) -> Result<(), Refused> {
        lock(&self.addresses).give_sender_back(&limits::sender(address));
        take(&self.sources, &source.name, self.now())
    }

    /// Counts a form that was filled in as it should be: against the limit of all, and against the share that its
    /// address has of it now.
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

    /// A form that was counted was not kept: it takes nobody's place.
    fn give_form_back(&self, address: IpAddr) {
        lock(&self.forms).give_back("");
        lock(&self.forms_of).give_sender_back(&limits::sender(address));
    }

    /// Reads a body, as big and as slow as it may be.
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

    /// Reads what is said to those who will call: times without a zone are theirs.
    fn read(&self, fields: &fields::Fields, queue: Option<&QueueName>) -> Result<Said, Refused> {
        let latest = self.settings.max_wanted_ahead;
        let how = Reading { home: self.terms.home, zone: self.zone(queue), now: self.now(), latest };
        fields::read(fields, &how).map_err(Refused::Bad)
    }

    /// Keeps a request, once.
    async fn keep(&self, said: Said, from: From) -> Result<Received, Refused> {
        let Some(consent_text) = said.consent_text.or(from.consent) else {
            let remedy = "send the text as it was shown to him";
            return Err(Refused::Bad(problem("consent_text", "it is missing", remedy)));
        };
        let now = self.now();
        let business_day = self.terms().hours(from.queue.as_ref()).business_day(now).to_string();
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
        // Whoever fills forms in for a number does not keep sources from sending it.
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
    tracing::error!(%error, "a request could not be kept");
    Refused::Away
}

/// Who sends requests.
#[derive(Debug, Clone, Copy)]
enum By {
    /// A program that is known.
    Source,
    /// Somebody with a form.
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
