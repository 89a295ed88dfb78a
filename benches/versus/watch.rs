//! A connection to the event socket that sees only what times are taken from: the same for both systems, so that its
//! cost falls on both.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::esl::{Access, Esl};
use crate::figures::calls::Calls;
use crate::figures::event::{Event, KINDS, Kind};
use crate::wait::within;

/// What has been seen.
#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    open: BTreeSet<String>,
    created: usize,
    bridged: usize,
}

/// Sees all channels from the moment in which it is started.
pub struct Watch {
    seen: watch::Receiver<Seen>,
    reading: JoinHandle<()>,
}

impl Watch {
    /// Subscribes.
    pub async fn start(access: &Access) -> Result<Self> {
        let mut esl = Esl::connect(access).await.context("event socket")?;
        esl.command(&format!("event plain {KINDS}")).await?;
        let (tell, seen) = watch::channel(Seen::default());
        let reading = tokio::spawn(async move {
            while let Ok(message) = esl.read().await {
                if let Some(event) = Event::parse(&String::from_utf8_lossy(&message.body)) {
                    tell.send_modify(|seen| seen.take(event));
                }
            }
        });
        Ok(Self { seen, reading })
    }

    /// Waits until so many channels were created, or more.
    pub async fn created(&self, count: usize, limit: Duration) -> Result<()> {
        self.sees(limit, "enough channels are there", |seen| seen.created >= count).await
    }

    /// Waits until so many talks have begun, or more.
    pub async fn bridged(&self, count: usize, limit: Duration) -> Result<()> {
        self.sees(limit, "enough talks have begun", |seen| seen.bridged >= count).await
    }

    /// Waits until no channel is left.
    pub async fn is_quiet(&self, limit: Duration) -> Result<()> {
        self.sees(limit, "every channel is gone", |seen| seen.open.is_empty()).await
    }

    async fn sees(&self, limit: Duration, what: &str, wanted: impl Fn(&Seen) -> bool) -> Result<()> {
        let mut seen = self.seen.clone();
        within(limit, what, seen.wait_for(|seen| wanted(seen))).await?.context("FreeSWITCH is gone")?;
        Ok(())
    }

    /// The calls so far.
    pub fn calls(&self) -> Calls {
        Calls::of(&self.seen.borrow().events)
    }
}

impl Seen {
    fn take(&mut self, event: Event) {
        match event.kind {
            Kind::Create => {
                self.created += 1;
                self.open.insert(event.channel.clone());
            }
            Kind::End => drop(self.open.remove(&event.channel)),
            Kind::Bridge => self.bridged += 1,
            Kind::Answer => {}
        }
        self.events.push(event);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
