//! Ringing: from the originate until somebody answers, every leg has ended, or the ringing is stopped from outside.
//!
//! In: legs that were just started, their time limits, and what ends the ringing early. Out: [`Rung`].
//! **Invariants:** a leg whose time is over is cancelled and can no longer answer; once every leg has had its time, the
//! result is how they ended, and nothing ends the ringing early any more.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::deadlines::Deadlines;
use super::{Cancel, Leg};
use crate::cause;
use crate::ids::ChannelId;
use crate::switch::leg_event::LegEvent;

/// How long phones may ring.
#[derive(Debug, Clone, Copy)]
pub struct RingLimits {
    /// From the originate until a phone is picked up.
    pub ring: Duration,
    /// From then until the key is pressed, where it is asked for.
    pub confirm: Option<Duration>,
}

/// How a leg ended on which nobody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// FreeSWITCH's cause, or one of [`cause`]'s.
    pub cause: String,
    /// Whether the phone was picked up.
    pub picked_up: bool,
    /// Whether the phone is known to have rung.
    pub rang: bool,
    /// Whether the leg was ended here because its time was over.
    pub timed_out: bool,
}

/// What came of ringing several phones at once.
#[derive(Debug)]
pub enum Rung<S> {
    /// Somebody answered.
    Answered {
        /// Their leg.
        leg: Leg,
        /// The channel to connect.
        channel: ChannelId,
        /// The legs that still ring.
        others: Vec<Leg>,
    },
    /// Every leg has ended.
    Ended(Vec<Unanswered>),
    /// The ringing was stopped from outside.
    Stopped {
        /// The legs that still ring.
        legs: Vec<Leg>,
        /// What stopped it.
        by: S,
    },
}

impl From<Duration> for RingLimits {
    /// Picking up is enough.
    fn from(ring: Duration) -> Self {
        Self { ring, confirm: None }
    }
}

/// What came of ringing one phone.
#[derive(Debug)]
pub enum Answer<S> {
    /// Somebody answered: the leg, and the channel to connect.
    Answered(Leg, ChannelId),
    /// The leg has ended.
    Ended(Unanswered),
    /// The ringing was stopped from outside; the leg still rings.
    Stopped(Leg, S),
}

impl Leg {
    /// Waits until somebody answers, the leg has ended, or `stop` comes. After its limit the leg is cancelled, and its end is
    /// waited for. `created` runs once, when the phone is being called.
    pub async fn until_answered<S>(
        self,
        limits: impl Into<RingLimits>,
        created: impl Future<Output = ()>,
        stop: impl Future<Output = S>,
    ) -> Answer<S> {
        match until_answered(vec![self], limits.into(), created, stop).await {
            Rung::Answered { leg, channel, .. } => Answer::Answered(leg, channel),
            Rung::Stopped { legs, by } => match legs.into_iter().next() {
                Some(leg) => Answer::Stopped(leg, by),
                None => Answer::Ended(Unanswered::unknown()),
            },
            Rung::Ended(ended) => Answer::Ended(ended.into_iter().next().unwrap_or_else(Unanswered::unknown)),
        }
    }
}

impl Unanswered {
    fn unknown() -> Self {
        Self { cause: cause::UNKNOWN.to_owned(), picked_up: false, rang: false, timed_out: false }
    }
}

/// Waits until somebody answers one of these legs, all have ended, or `stop` comes. Each leg has its own time; after it
/// the leg is cancelled, and its end is waited for. `created` runs once, when the first phone is being called.
pub async fn until_answered<S>(
    mut legs: Vec<Leg>,
    limits: RingLimits,
    created: impl Future<Output = ()>,
    stop: impl Future<Output = S>,
) -> Rung<S> {
    let mut times = Deadlines::ringing(legs.iter().map(Leg::id), Instant::now() + limits.ring);
    let (mut ended, mut created) = (Vec::new(), Some(Box::pin(created)));
    tokio::pin!(stop);
    while !legs.is_empty() {
        let time_up = times.next();
        tokio::select! {
            biased;
            (place, event) = next_event(&mut legs) => match event {
                LegEvent::Created => if let Some(created) = created.take() {
                    created.await;
                },
                LegEvent::PickedUp => if let Some(confirm) = limits.confirm {
                    times.picked_up(legs[place].id(), Instant::now() + confirm);
                },
                LegEvent::Answered { .. } if !times.has(legs[place].id()) => {}
                LegEvent::Answered { channel } => {
                    let leg = legs.swap_remove(place);
                    return Rung::Answered { leg, channel, others: legs };
                }
                LegEvent::Ended { cause, picked_up, rang, .. } => {
                    let leg = legs.swap_remove(place).id();
                    let timed_out = !times.has(leg);
                    times.ended(leg);
                    ended.push(Unanswered { cause, picked_up, rang, timed_out });
                }
            },
            by = &mut stop, if time_up.is_some() => return Rung::Stopped { legs, by },
            // The end of a leg that is cancelled tells whether it was picked up.
            () = sleep_until(time_up.unwrap_or_else(Instant::now)), if time_up.is_some() => {
                let over = times.run_out(Instant::now());
                legs.iter().filter(|leg| over.contains(&leg.id())).for_each(|leg| leg.cancel(Cancel::NoAnswer));
            }
        }
    }
    Rung::Ended(ended)
}

/// The next event of any of these legs, with the leg's index.
async fn next_event(legs: &mut [Leg]) -> (usize, LegEvent) {
    let events: FuturesUnordered<_> =
        legs.iter_mut().enumerate().map(|(index, leg)| async move { (index, leg.event().await) }).collect();
    match events.into_future().await.0 {
        Some(event) => event,
        None => std::future::pending().await,
    }
}

/// Cancels legs and waits until each is known to be gone.
pub async fn hang_up(legs: Vec<Leg>, cancel: Cancel) {
    for leg in &legs {
        leg.cancel(cancel);
    }
    for mut leg in legs {
        leg.ended().await;
    }
}
