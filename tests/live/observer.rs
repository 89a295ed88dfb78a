//! What FreeSWITCH reports: every channel event, with FreeSWITCH's own time, independent of the controller.
//!
//! In: a connection of its own to the event socket. Out: the events so far, and events to wait for. **Invariant:** the
//! task that reads waits for nothing but the socket; a slow reader would stall FreeSWITCH.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::esl::{Access, Esl, Headers, decoded, headers};
use crate::wait::within;

/// What is subscribed to in a story.
const STORY_EVENTS: &str = "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_PARK \
    CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE";
/// What is subscribed to while time is measured: less, so that the observer disturbs less.
const TIMING_EVENTS: &str =
    "CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_PARK CHANNEL_BRIDGE CHANNEL_HANGUP_COMPLETE";
/// Text that a hostile caller tries to have evaluated; no event may ever hold the result.
pub const FORBIDDEN: &str = "31337313";

/// The headers that are kept, beside those that every event has.
const KEPT: [&str; 24] = [
    "Answer-State",
    "Application",
    "Application-Data",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "Call-Direction",
    "Caller-Caller-ID-Name",
    "Caller-Caller-ID-Number",
    "Caller-Destination-Number",
    "Channel-Name",
    "Hangup-Cause",
    "Other-Leg-Unique-ID",
    "variable_dozvon_call",
    "variable_dozvon_handset",
    "variable_dozvon_leg",
    "variable_dozvon_offer",
    "variable_dozvon_served",
    "variable_dozvon_state",
    "variable_endpoint_disposition",
    "variable_sip_call_id",
    "variable_sip_hangup_disposition",
    "variable_socket_resume",
    "variable_hangup_after_bridge",
    "variable_transfer_history",
];

/// One event.
#[derive(Clone)]
pub struct Event {
    /// Such as `CHANNEL_CREATE`.
    pub kind: String,
    /// The channel's `Unique-ID`.
    pub channel: String,
    /// When FreeSWITCH fired it: microseconds since 1970, in steps of its 1 ms clock.
    pub at_us: i64,
    kept: Headers,
    /// Whether it holds [`FORBIDDEN`] anywhere.
    pub forbidden: bool,
}

impl Event {
    fn new(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let mut all = headers(&text);
        let mut take = |name: &str| all.remove(name).map(|value| decoded(&value));
        let (kind, channel) = (take("Event-Name").unwrap_or_default(), take("Unique-ID").unwrap_or_default());
        let at_us = take("Event-Date-Timestamp").and_then(|at| at.parse().ok()).unwrap_or_default();
        let kept = KEPT.iter().filter_map(|name| Some(((*name).to_owned(), take(name)?))).collect();
        Self { kind, channel, at_us, kept, forbidden: text.contains(FORBIDDEN) }
    }

    /// A header's value; empty if the event does not have it (or it is not kept).
    pub fn get(&self, header: &str) -> &str {
        self.kept.get(header).map_or("", String::as_str)
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time_ms = self.at_us / 1000 % 10_000_000;
        write!(f, "{time_ms:>7} {:<24} {:.8} {}", self.kind, self.channel, self.get("Channel-Name"))?;
        for header in ["Application", "Application-Data", "Hangup-Cause", "Bridge-B-Unique-ID"] {
            if !self.get(header).is_empty() {
                write!(f, " {header}={:.60}", self.get(header))?;
            }
        }
        Ok(())
    }
}

/// Every channel event since it was started.
pub struct Observer {
    events: watch::Receiver<Vec<Event>>,
    reading: JoinHandle<()>,
}

impl Observer {
    /// Watches everything of interest to a story.
    pub async fn of_story(access: &Access) -> Result<Self> {
        Self::start(access, STORY_EVENTS).await
    }

    /// Watches only what times are taken from.
    pub async fn of_times(access: &Access) -> Result<Self> {
        Self::start(access, TIMING_EVENTS).await
    }

    async fn start(access: &Access, kinds: &str) -> Result<Self> {
        let mut esl = Esl::connect(access).await.context("observer")?;
        esl.command(&format!("event plain {kinds}")).await?;
        let (told, events) = watch::channel(Vec::new());
        let reading = tokio::spawn(async move {
            while let Ok(message) = esl.read().await {
                let event = Event::new(&message.body);
                told.send_modify(|events: &mut Vec<Event>| events.push(event));
            }
        });
        Ok(Self { events, reading })
    }

    /// All events so far, in the order in which FreeSWITCH sent them.
    pub fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    /// The events so far that satisfy `wanted`.
    pub fn having(&self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        self.events.borrow().iter().filter(|event| wanted(event)).cloned().collect()
    }

    /// The first event that satisfies `wanted`, whether it has come or comes within `limit`.
    pub async fn sees(&self, limit: Duration, what: &str, wanted: impl Fn(&Event) -> bool) -> Result<Event> {
        self.sees_count(limit, what, 1, wanted).await.map(|mut all| all.remove(0))
    }

    /// All events that satisfy `wanted`, once there are at least `count`.
    pub async fn sees_count(
        &self,
        limit: Duration,
        what: &str,
        count: usize,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Vec<Event>> {
        let mut events = self.events.clone();
        let enough = events.wait_for(|all| all.iter().filter(|event| wanted(event)).count() >= count);
        within(limit, what, enough).await?.context("the observer lost FreeSWITCH")?;
        Ok(self.having(wanted))
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
