//! Calls, put together from FreeSWITCH's events: who was served, and how fast.

use std::collections::BTreeMap;

use super::event::{Event, Kind};

/// The cause with which dozvon's dialplan ends a call that no controller serves.
const HANDED_BACK: &str = "NORMAL_CIRCUIT_CONGESTION";

/// Times of a channel, in microseconds since 1970.
#[derive(Debug, Clone, Default)]
struct Channel {
    inbound: bool,
    name: String,
    created: i64,
    answered: Option<i64>,
    /// The first bridge, and who is on its other side.
    bridged: Option<(i64, String)>,
    ended: Option<i64>,
    cause: String,
}

/// All channels that were created while FreeSWITCH was watched.
#[derive(Debug, Default)]
pub struct Calls {
    channels: BTreeMap<String, Channel>,
}

/// A caller who was connected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    /// When the caller's INVITE came, in microseconds since 1970.
    pub came_us: i64,
    /// From the caller's INVITE to the INVITE of the agent who served them.
    pub rung_ms: f64,
    /// From the agent's answer to the bridge.
    pub bridged_ms: f64,
}

fn ms(from: i64, to: i64) -> f64 {
    (to - from) as f64 / 1000.0
}

impl Calls {
    /// Puts them together; events may come in any order.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut calls = Self::default();
        events.into_iter().for_each(|event| calls.add(event));
        calls.channels.retain(|_, channel| channel.created > 0);
        calls
    }

    fn add(&mut self, event: &Event) {
        if event.kind == Kind::Bridge {
            let [one, other] = &event.sides;
            self.bridge(one, other, event.at_us);
            self.bridge(other, one, event.at_us);
            return;
        }
        let channel = self.channels.entry(event.channel.clone()).or_default();
        match event.kind {
            Kind::Create => {
                (channel.inbound, channel.created) = (event.inbound, event.at_us);
                channel.name.clone_from(&event.name);
            }
            Kind::Answer => channel.answered = Some(event.at_us),
            Kind::End => {
                channel.ended = Some(event.at_us);
                channel.cause.clone_from(&event.cause);
            }
            Kind::Bridge => {}
        }
    }

    fn bridge(&mut self, one: &str, other: &str, at: i64) {
        let channel = self.channels.entry(one.to_owned()).or_default();
        if channel.bridged.as_ref().is_none_or(|(before, _)| at < *before) {
            channel.bridged = Some((at, other.to_owned()));
        }
    }

    fn callers(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values().filter(|channel| channel.inbound)
    }

    fn legs(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values().filter(|channel| !channel.inbound)
    }

    /// When each caller came, in order.
    pub fn came_us(&self) -> Vec<i64> {
        let mut came: Vec<i64> = self.callers().map(|caller| caller.created).collect();
        came.sort_unstable();
        came
    }

    /// Seconds from the first caller to the last.
    pub fn came_over_s(&self) -> f64 {
        let came = self.came_us();
        came.first().zip(came.last()).map_or(0.0, |(first, last)| ms(*first, *last) / 1000.0)
    }

    /// Those who were connected to an agent, by their time of coming.
    pub fn served(&self) -> Vec<Served> {
        let mut served: Vec<Served> = self
            .callers()
            .filter_map(|caller| {
                let (at, agent) = caller.bridged.as_ref()?;
                let agent = self.channels.get(agent)?;
                Some(Served {
                    came_us: caller.created,
                    rung_ms: ms(caller.created, agent.created),
                    bridged_ms: ms(agent.answered?, *at),
                })
            })
            .collect();
        served.sort_by_key(|call| call.came_us);
        served
    }

    /// When each caller came who was never connected.
    pub fn not_served_us(&self) -> Vec<i64> {
        self.callers().filter(|caller| caller.bridged.is_none()).map(|caller| caller.created).collect()
    }

    /// How many were handed back to the dialplan, which told them so.
    pub fn handed_back(&self) -> usize {
        self.callers().filter(|caller| caller.bridged.is_none() && caller.cause == HANDED_BACK).count()
    }

    /// How many phones were picked up, and nobody was there.
    pub fn picked_up_for_nobody(&self) -> usize {
        self.legs().filter(|leg| leg.answered.is_some() && leg.bridged.is_none()).count()
    }

    /// From the end of an agent's talk to the next INVITE to this agent, for talks that end after `from_us`.
    pub fn freed_ms(&self, from_us: i64) -> Vec<f64> {
        let mut by_phone: BTreeMap<&str, Vec<&Channel>> = BTreeMap::new();
        for leg in self.legs() {
            by_phone.entry(&leg.name).or_default().push(leg);
        }
        let mut freed = Vec::new();
        for legs in by_phone.values_mut() {
            legs.sort_by_key(|leg| leg.created);
            for pair in legs.windows(2) {
                let talked = pair[0].bridged.is_some();
                let end = pair[0].ended.filter(|end| talked && *end >= from_us);
                freed.extend(end.map(|end| ms(end, pair[1].created)));
            }
        }
        freed
    }
}
