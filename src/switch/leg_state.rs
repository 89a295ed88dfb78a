//! The state of one originate (pure). In: signals, in any order, twice, or not at all. Out: events for the leg's owner, each
//! once, and whether the leg is over.
//!
//! A leg is one `originate`. It usually has one channel; a directory user who is registered from several phones has one for
//! each, of which FreeSWITCH lets one win. The leg is over when the originate has a result (or can have none any more) and
//! every channel that it made is gone.
//!
//! The leg can be connected when the originate has succeeded, not when the phone is picked up: FreeSWITCH parks the leg
//! up to 20 ms later, which undoes a bridge that began in between. The two channels then wait for each other for ever (seen
//! about once in a hundred quick answers).

use smallvec::SmallVec;

use crate::ids::ChannelId;

use super::leg_event::LegEvent;

/// FreeSWITCH's cause of an originate whose phone redirected it, where redirects are not followed.
const UNAVAILABLE: &str = "REQUESTED_CHAN_UNAVAIL";

/// A signal about one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LegSignal {
    /// A channel of it exists.
    Created(ChannelId),
    /// A channel of it was picked up.
    Answered(ChannelId),
    /// A channel of it is gone, and why.
    HungUp(ChannelId, String),
    /// A channel of it had rung.
    Rang(ChannelId),
    /// The originate succeeded with this channel.
    Succeeded(ChannelId),
    /// The originate failed with this cause.
    Failed(String),
    /// The originate's result cannot come any more.
    JobLost,
}

/// How far an originate has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Job {
    Pending,
    Succeeded,
    Failed(String),
    Lost,
}

#[derive(Debug)]
struct Channel {
    id: ChannelId,
    cause: Option<String>,
}

/// The state of one leg.
#[derive(Debug)]
pub(super) struct LegState {
    /// The only identity its channel can have, if we chose it.
    own: Option<ChannelId>,
    channels: SmallVec<[Channel; 1]>,
    job: Job,
    rang: bool,
    picked_up: bool,
    answered: Option<ChannelId>,
}

type NewEvents = SmallVec<[LegEvent; 3]>;

impl LegState {
    pub(super) fn new(own: Option<ChannelId>) -> Self {
        Self {
            own,
            channels: SmallVec::new(),
            job: Job::Pending,
            rang: false,
            picked_up: false,
            answered: None,
        }
    }

    /// Takes in a signal, and returns what is new for the leg's owner.
    pub(super) fn apply(&mut self, signal: LegSignal) -> NewEvents {
        let mut events = NewEvents::new();
        match signal {
            LegSignal::Created(id) => self.note_channel(id, &mut events),
            LegSignal::Answered(id) => {
                self.note_channel(id, &mut events);
                self.pick_up(&mut events);
            }
            LegSignal::Rang(id) => {
                self.note_channel(id, &mut events);
                self.rang = true;
            }
            LegSignal::HungUp(id, cause) => {
                self.note_channel(id, &mut events);
                self.channels.iter_mut().filter(|channel| channel.id == id).for_each(|channel| {
                    channel.cause.get_or_insert_with(|| cause.clone());
                });
            }
            LegSignal::Succeeded(id) => {
                self.note_channel(id, &mut events);
                self.set_job(Job::Succeeded);
                self.answer(id, &mut events);
            }
            LegSignal::Failed(cause) => self.set_job(Job::Failed(cause)),
            LegSignal::JobLost => self.set_job(Job::Lost),
        }
        events
    }

    fn set_job(&mut self, job: Job) {
        if matches!(self.job, Job::Pending | Job::Lost) {
            self.job = job;
        }
    }

    fn note_channel(&mut self, id: ChannelId, events: &mut NewEvents) {
        if self.channels.iter().any(|channel| channel.id == id) {
            return;
        }
        if self.channels.is_empty() {
            events.push(LegEvent::Created);
        }
        self.channels.push(Channel { id, cause: None });
    }

    fn pick_up(&mut self, events: &mut NewEvents) {
        if !self.picked_up {
            self.picked_up = true;
            events.push(LegEvent::PickedUp);
        }
    }

    fn answer(&mut self, id: ChannelId, events: &mut NewEvents) {
        self.pick_up(events);
        if self.answered.is_none() {
            self.answered = Some(id);
            events.push(LegEvent::Answered { channel: id });
        }
    }

    /// The last event, if the leg is over.
    pub(super) fn ended(&self) -> Option<LegEvent> {
        let over = self.job != Job::Pending && self.channels.iter().all(|channel| channel.cause.is_some());
        over.then(|| self.ending())
    }

    /// The event that ends the leg, from what is known now.
    pub(super) fn ending(&self) -> LegEvent {
        let of_channel = |id| self.channels.iter().find(|channel| Some(channel.id) == id)?.cause.clone();
        let any = || self.channels.iter().find_map(|channel| channel.cause.clone());
        let cause = match (&self.job, self.answered) {
            // The originate's cause hides that the phone redirected the call.
            (Job::Failed(cause), _) if cause == UNAVAILABLE && self.is_redirected() => {
                Some(crate::cause::REDIRECTED.to_owned())
            }
            (Job::Failed(cause), _) => Some(cause.clone()),
            (_, Some(channel)) => of_channel(Some(channel)),
            _ => any(),
        };
        let default_cause =
            if self.job == Job::Lost { crate::cause::LINK_LOST } else { crate::cause::UNKNOWN };
        LegEvent::Ended {
            cause: cause.unwrap_or_else(|| default_cause.to_owned()),
            answered: self.answered.is_some(),
            picked_up: self.picked_up,
            rang: self.rang || self.picked_up,
        }
    }

    fn is_redirected(&self) -> bool {
        self.channels.iter().any(|channel| channel.cause.as_deref() == Some(crate::cause::REDIRECTED))
    }

    /// The channels that are not known to be gone.
    pub(super) fn alive(&self) -> SmallVec<[ChannelId; 1]> {
        self.channels.iter().filter(|channel| channel.cause.is_none()).map(|channel| channel.id).collect()
    }

    /// Channels that exist, or may still come to exist under an identity that we know.
    pub(super) fn suspects(&self) -> SmallVec<[ChannelId; 1]> {
        let mut suspects = self.alive();
        if let Some(own) = self.own
            && self.channels.is_empty()
        {
            suspects.push(own);
        }
        suspects
    }

    /// Whether channels existed, and none does any more.
    pub(super) fn all_gone(&self) -> bool {
        !self.channels.is_empty() && self.channels.iter().all(|channel| channel.cause.is_some())
    }

    /// Whether the originate has neither succeeded nor failed nor been lost.
    pub(super) fn is_pending(&self) -> bool {
        self.job == Job::Pending
    }

    /// Whether a phone was picked up.
    pub(super) const fn is_picked_up(&self) -> bool {
        self.picked_up
    }

    /// Whether it can be connected.
    pub(super) const fn is_answered(&self) -> bool {
        self.answered.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ended(cause: &str, answered: bool, picked_up: bool) -> Option<LegEvent> {
        Some(LegEvent::Ended { cause: cause.into(), answered, picked_up, rang: picked_up })
    }

    #[test]
    fn busy() {
        let id = ChannelId::new();
        let mut state = LegState::new(Some(id));
        assert_eq!(state.apply(LegSignal::Created(id)).as_slice(), [LegEvent::Created]);
        assert!(state.apply(LegSignal::HungUp(id, "USER_BUSY".into())).is_empty());
        assert_eq!(state.ended(), None);
        assert!(state.apply(LegSignal::Failed("USER_BUSY".into())).is_empty());
        assert_eq!(state.ended(), ended("USER_BUSY", false, false));
    }

    #[test]
    fn a_redirect_is_what_the_channel_says_whatever_the_originate_does() {
        for (said, cause) in [(crate::cause::REDIRECTED, crate::cause::REDIRECTED), ("OTHER", UNAVAILABLE)] {
            let id = ChannelId::new();
            let mut state = LegState::new(Some(id));
            state.apply(LegSignal::Created(id));
            state.apply(LegSignal::HungUp(id, said.into()));
            state.apply(LegSignal::Failed(UNAVAILABLE.into()));
            assert_eq!(state.ended(), ended(cause, false, false), "{said}");
        }
    }

    #[test]
    fn nobody_to_ring_makes_no_channel_at_all() {
        let mut state = LegState::new(None);
        assert!(state.apply(LegSignal::Failed("SUBSCRIBER_ABSENT".into())).is_empty());
        assert_eq!(state.ended(), ended("SUBSCRIBER_ABSENT", false, false));
    }

    #[test]
    fn answered_talked_and_hung_up() {
        let id = ChannelId::new();
        let mut state = LegState::new(Some(id));
        state.apply(LegSignal::Created(id));
        assert_eq!(state.apply(LegSignal::Answered(id)).as_slice(), [LegEvent::PickedUp]);
        assert_eq!(state.apply(LegSignal::Succeeded(id)).as_slice(), [LegEvent::Answered { channel: id }]);
        assert_eq!(state.ended(), None);
        state.apply(LegSignal::HungUp(id, "NORMAL_CLEARING".into()));
        assert_eq!(state.ended(), ended("NORMAL_CLEARING", true, true));
    }

    #[test]
    fn a_key_must_be_pressed_where_it_is_asked_for() {
        let id = ChannelId::new();
        let mut state = LegState::new(Some(id));
        state.apply(LegSignal::Created(id));
        assert_eq!(state.apply(LegSignal::Answered(id)).as_slice(), [LegEvent::PickedUp]);
        state.apply(LegSignal::Failed("NO_ANSWER".into()));
        assert_eq!(state.ended(), None, "the channel is still there");
        state.apply(LegSignal::HungUp(id, "NO_ANSWER".into()));
        assert_eq!(state.ended(), ended("NO_ANSWER", false, true));
    }

    #[test]
    fn news_may_come_late_or_not_at_all() {
        let id = ChannelId::new();
        let mut state = LegState::new(Some(id));
        let all = [LegEvent::Created, LegEvent::PickedUp, LegEvent::Answered { channel: id }];
        assert_eq!(state.apply(LegSignal::Succeeded(id)).as_slice(), all);
        assert!(
            state.apply(LegSignal::Created(id)).is_empty() && state.apply(LegSignal::Answered(id)).is_empty()
        );
    }

    #[test]
    fn of_several_phones_freeswitch_names_the_winner() {
        let (one, two) = (ChannelId::new(), ChannelId::new());
        let mut state = LegState::new(None);
        assert_eq!(state.apply(LegSignal::Created(one)).as_slice(), [LegEvent::Created]);
        assert!(state.apply(LegSignal::Created(two)).is_empty());
        assert_eq!(state.apply(LegSignal::Answered(one)).as_slice(), [LegEvent::PickedUp]);
        assert_eq!(state.apply(LegSignal::Succeeded(two)).as_slice(), [LegEvent::Answered { channel: two }]);
        state.apply(LegSignal::HungUp(two, "NORMAL_CLEARING".into()));
        assert_eq!(state.ended(), None);
        assert_eq!(state.alive().as_slice(), [one]);
        state.apply(LegSignal::HungUp(one, "LOSE_RACE".into()));
        assert_eq!(state.ended(), ended("NORMAL_CLEARING", true, true));
    }

    #[test]
    fn a_lost_result_may_still_come() {
        let id = ChannelId::new();
        let mut state = LegState::new(Some(id));
        state.apply(LegSignal::Created(id));
        state.apply(LegSignal::JobLost);
        state.apply(LegSignal::Failed("USER_BUSY".into()));
        state.apply(LegSignal::HungUp(id, "NORMAL_CLEARING".into()));
        assert_eq!(state.ended(), ended("USER_BUSY", false, false));
    }

    #[test]
    fn what_does_not_exist_yet_is_suspected() {
        let id = ChannelId::new();
        let mut state = LegState::new(Some(id));
        assert!(state.alive().is_empty());
        assert_eq!(state.suspects().as_slice(), [id]);
        state.apply(LegSignal::HungUp(id, "X".into()));
        assert!(state.suspects().is_empty());
    }

    fn signal() -> impl Strategy<Value = (u8, u8)> {
        (0..6_u8, 0..3_u8)
    }

    proptest! {
        #[test]
        fn every_thing_is_told_once_and_in_order(
            signals in prop::collection::vec(signal(), 0..30), own in any::<bool>(),
        ) {
            let ids = [ChannelId::new(), ChannelId::new(), ChannelId::new()];
            let mut state = LegState::new(own.then_some(ids[0]));
            let mut events = Vec::new();
            let mut over = false;
            for (kind, which) in signals {
                let id = ids[usize::from(which)];
                events.extend(state.apply(match kind {
                    0 => LegSignal::Created(id),
                    1 => LegSignal::Answered(id),
                    2 => LegSignal::HungUp(id, "A".into()),
                    3 => LegSignal::Succeeded(id),
                    4 => LegSignal::Failed("B".into()),
                    _ => LegSignal::JobLost,
                }));
                over = state.ended().is_some();
                prop_assert!(!over || state.alive().is_empty());
            }
            let rank = |event: &LegEvent| match event {
                LegEvent::Created => 0,
                LegEvent::PickedUp => 1,
                LegEvent::Answered { .. } => 2,
                LegEvent::Ended { .. } => 3,
            };
            prop_assert!(events.windows(2).all(|pair| rank(&pair[0]) < rank(&pair[1])), "{events:?}");
            prop_assert!(over || state.ended().is_none());
        }
    }
}
