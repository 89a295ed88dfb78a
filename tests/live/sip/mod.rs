//! Real SIP phones and callers over UDP, each steered by the test.
//!
//! In: orders (dial, answer, hang up, transfer), and a behaviour for calls that come in. Out: every call that the end
//! made or received, with its stage and its sound. **Invariant:** an end answers every request of FreeSWITCH, so that
//! nothing hangs because an answer is missing. Deliberately absent: proxies, and anything but UDP on the loopback
//! interface.

mod agent;
mod dialog;
mod digest;
mod message;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::media::{Ear, Media};
use crate::tone::Tone;
use crate::wait::within;

pub use digest::Login;

/// SIP on this machine takes a few milliseconds; a busy machine is given much more.
const SOON: Duration = Duration::from_secs(10);

/// What a phone does when a call comes in.
#[derive(Debug, Clone, Copy)]
pub enum Behaviour {
    /// Rings, answers, and perhaps hangs up.
    Answer {
        /// How long it rings.
        after: Duration,
        /// How long it talks before it hangs up; until the other side does if none.
        talk: Option<Duration>,
    },
    /// Rings, then refuses with this status.
    Refuse {
        /// How long it rings.
        after: Duration,
        /// 486 is busy, 603 is rejected.
        status: u16,
    },
    /// Refuses with this status at once, as a trunk does: nothing rings.
    RefuseAtOnce {
        /// 403 is without funds, 404 a number that is not there, 484 a wrong format.
        status: u16,
    },
    /// Rings, then redirects the call (302) to the phone at this port.
    Redirect {
        /// Where the other phone is.
        port: u16,
    },
    /// Rings for ever.
    Ring,
    /// Rings until it is cancelled, and answers at that moment: the answer crosses the CANCEL.
    AnswerWhenCancelled,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// We hung up a call that was answered.
    WeHungUp,
    /// The other side hung up a call that was answered.
    TheyHungUp,
    /// Given up before it was answered, by whichever side called.
    Cancelled,
    /// The one who was called refused with this status.
    Refused(u16),
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Dialled, nothing heard from the other side.
    Calling,
    /// Ringing, or told that it is.
    Ringing,
    /// Answered.
    Talking,
    /// Over.
    Ended(End),
}

/// A call that an end made or got.
#[derive(Debug, Clone)]
pub struct Talk {
    /// `Call-ID`.
    pub id: String,
    /// The caller as the `From` header names them.
    pub from: String,
    /// Where it is.
    pub stage: Stage,
    /// When it reached each stage.
    pub history: Vec<(Stage, Instant)>,
    /// What is heard in it.
    pub ear: Ear,
    /// Bodies of NOTIFY: how a transfer goes.
    pub notified: Vec<String>,
}

/// All that an end has seen.
#[derive(Debug, Default)]
struct Seen {
    talks: Vec<Talk>,
    registered: bool,
}

/// Something that an end is to do; calls are named by `Call-ID`.
enum Order {
    Dial(Dial),
    Answer(String),
    Refuse(String, u16),
    HangUp(String),
    Transfer(String, String),
    Join(String, String),
    Press(String, u8),
    Inform(String, char),
    Register(String, SocketAddr),
    SendAgain(String, u32),
}

/// A call to make.
pub struct Dial {
    id: String,
    /// Where to.
    pub to: SocketAddr,
    /// The number.
    pub number: String,
    /// The `From` header without its tag, byte for byte.
    pub from: Vec<u8>,
    /// More headers.
    pub extra: Vec<(&'static str, String)>,
    /// How the caller authenticates, if asked to.
    login: Option<Login>,
}

impl Dial {
    /// A call from this number to that.
    pub fn new(to: SocketAddr, number: &str, caller: &str) -> Self {
        let from = format!("\"{caller}\" <sip:{caller}@127.0.0.1>").into_bytes();
        Self { id: message::mark(), to, number: number.into(), from, extra: Vec::new(), login: None }
    }

    /// A call to that number from the phone of this user.
    pub fn at_phone_of(to: SocketAddr, login: &Login, number: &str) -> Self {
        Self { login: Some(login.clone()), ..Self::new(to, number, &login.user) }
    }

    /// The same call with another `From`.
    pub fn named(mut self, from: impl AsRef<[u8]>) -> Self {
        self.from = from.as_ref().to_owned();
        self
    }

    /// The same call with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }
}

/// A SIP end: a phone, or a caller's.
pub struct SipEnd {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    behaviour: watch::Sender<Behaviour>,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl SipEnd {
    /// Opens one that speaks this tone and listens; without a tone it has no sound.
    pub async fn open(voice: Option<Tone>) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let (orders, orders_in) = mpsc::channel(64);
        let (behaviour, behaves) = watch::channel(Behaviour::Ring);
        let (told, seen) = watch::channel(Seen::default());
        let agent = agent::UserAgent::new(socket, address, voice, behaves, told, orders.downgrade());
        let task = tokio::spawn(agent.run(orders_in));
        Ok(Self { address, orders, behaviour, seen, task })
    }

    /// Its UDP port, which tells it from all others.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it does from the next call on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// Registers as this user.
    pub async fn register(&self, user: &str, registrar: SocketAddr) -> Result<()> {
        self.order(Order::Register(user.to_owned(), registrar)).await?;
        let mut seen = self.seen.clone();
        within(SOON, format!("{user} is registered"), seen.wait_for(|seen| seen.registered)).await??;
        Ok(())
    }

    /// Calls; gives the call's `Call-ID`.
    pub async fn dial(&self, dial: Dial) -> Result<String> {
        let id = dial.id.clone();
        self.order(Order::Dial(dial)).await?;
        self.reaches(&id, SOON, "dials", |_| true).await?;
        Ok(id)
    }

    /// Answers a call.
    pub async fn answer(&self, id: &str) -> Result<()> {
        self.order(Order::Answer(id.to_owned())).await
    }

    /// Hangs up a call, or gives it up if it was not answered.
    pub async fn hang_up(&self, id: &str) -> Result<()> {
        self.order(Order::HangUp(id.to_owned())).await
    }

    /// Transfers a call blindly (REFER, RFC 3515) to this number.
    pub async fn transfer(&self, id: &str, number: &str) -> Result<()> {
        self.order(Order::Transfer(id.to_owned(), number.to_owned())).await
    }

    /// Presses the key of this digit in a call.
    pub async fn press(&self, id: &str, digit: u8) -> Result<()> {
        self.order(Order::Press(id.to_owned(), digit)).await
    }

    /// Presses a key, which is told by SIP INFO.
    pub async fn inform(&self, id: &str, key: char) -> Result<()> {
        self.order(Order::Inform(id.to_owned(), key)).await
    }

    /// Leaves two calls of its own to each other (an attended transfer: REFER with Replaces, RFC 3891).
    pub async fn join(&self, id: &str, other: &str) -> Result<()> {
        self.order(Order::Join(id.to_owned(), other.to_owned())).await
    }

    async fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).await.ok().context("the SIP end has stopped")
    }

    /// Every call so far.
    pub fn talks(&self) -> Vec<Talk> {
        self.seen.borrow().talks.clone()
    }

    /// How many calls there have been.
    pub fn count(&self) -> usize {
        self.seen.borrow().talks.len()
    }

    /// The call numbered `index` (from 0), once it has come and is as `wanted`.
    pub async fn call(
        &self,
        index: usize,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Talk) -> bool,
    ) -> Result<Talk> {
        let mut seen = self.seen.clone();
        let port = self.port();
        let ready = seen.wait_for(|seen| seen.talks.get(index).is_some_and(&wanted));
        let found = within(limit, format!("the end at {port}: call {index} {what}"), ready).await;
        match found {
            Ok(seen) => seen?.talks.get(index).cloned().context("calls are never forgotten"),
            Err(late) => Err(late.context(format!("{:#?}", self.stages()))),
        }
    }

    /// The call with this `Call-ID`, once it is as `wanted`.
    pub async fn reaches(
        &self,
        id: &str,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Talk) -> bool,
    ) -> Result<Talk> {
        let mut seen = self.seen.clone();
        let find = |seen: &Seen| seen.talks.iter().position(|talk| talk.id == id && wanted(talk));
        let found = within(limit, what, seen.wait_for(|seen| find(seen).is_some())).await;
        match found {
            Ok(seen) => {
                seen?.talks.iter().find(|talk| talk.id == id).cloned().context("calls are never forgotten")
            }
            Err(late) => Err(late.context(format!("{:?}", self.stages()))),
        }
    }

    fn stages(&self) -> Vec<Stage> {
        self.seen.borrow().talks.iter().map(|talk| talk.stage).collect()
    }
}

impl Drop for SipEnd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Talk {
    fn new(id: String, from: String, stage: Stage, media: &Media) -> Self {
        let history = vec![(stage, Instant::now())];
        Self { id, from, stage, history, ear: media.ear(), notified: Vec::new() }
    }

    /// Whether it is over, however.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// When it first reached a stage.
    pub fn when(&self, stage: Stage) -> Option<Instant> {
        self.history.iter().find(|(reached, _)| *reached == stage).map(|(_, at)| *at)
    }
}
