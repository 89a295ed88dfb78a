//! People: callers with their patience, and phones with their owners' behaviour.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// A caller, and what the caller will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerScript {
    /// The caller's number on the wire.
    pub number: String,
    /// The caller's name on the wire; any bytes.
    pub name: Vec<u8>,
    /// The dialled number.
    pub dialled: String,
    /// Whether the number is private.
    pub private: bool,
    /// The registered user of an agent's phone, which the dialplan for agents' phones passes on.
    pub user: Option<String>,
    /// How long after the start the caller hangs up, unless in a talk; none: never.
    pub patience: Option<Duration>,
    /// How long after its start the caller ends a talk; none: the other side ends it.
    pub talk: Option<Duration>,
    /// Keys that the caller presses, each with its time after the start of the call.
    pub keys: Vec<(Duration, char)>,
    /// How long the caller speaks in each recording, one after the other. Without a further one they speak on and on.
    pub speech: Vec<Duration>,
}

impl CallerScript {
    /// A caller with endless patience and a number that is shown.
    #[must_use]
    pub fn new(number: &str, dialled: &str) -> Self {
        Self {
            number: number.to_owned(),
            name: number.as_bytes().to_vec(),
            dialled: dialled.to_owned(),
            private: false,
            user: None,
            patience: None,
            talk: None,
            keys: Vec::new(),
            speech: Vec::new(),
        }
    }

    /// An agent at their own phone.
    #[must_use]
    pub fn at_phone_of(user: &str, dialled: &str) -> Self {
        Self { user: Some(user.to_owned()), ..Self::new(user, dialled) }
    }

    /// Sets the name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how long after the start the caller hangs up, unless in a talk.
    #[must_use]
    pub const fn patient_for(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Sets how long after its start the caller ends a talk.
    #[must_use]
    pub const fn talking_for(mut self, talk: Duration) -> Self {
        self.talk = Some(talk);
        self
    }
}

/// What an agent does when the phone rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pickup {
    /// Answers after ringing for this long.
    Answers(Duration),
    /// Presses "reject" after this long.
    Rejects(Duration),
    /// The phone is busy.
    Busy,
    /// No phone rings: the trunk ends the dial at once with this cause, such as `UNALLOCATED_NUMBER` after a SIP 404.
    Fails(&'static str),
    /// Redirects the call (302) to a phone that answers at once; with `outbound_redirect_fatal` the dial ends.
    Redirects,
    /// Lets it ring.
    NoAnswer,
    /// No phone rings: the trunk does not answer the dial.
    Silent,
    /// The phone is not registered: no channel, `SUBSCRIBER_ABSENT`.
    Unreachable,
    /// Lets it ring, and answers at the very moment at which the ringing is cancelled.
    AnswersAsCancelled,
}

/// How an agent ends a talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Talk {
    /// The caller ends it.
    UntilCallerLeaves,
    /// Hangs up after this long.
    HangsUpAfter(Duration),
    /// Transfers the caller blindly to an extension after this long.
    TransfersAfter(Duration, String),
}

/// The behaviour of an agent in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// What happens when the phone rings.
    pub pickup: Pickup,
    /// How the talk ends.
    pub talk: Talk,
    /// How long after answering the confirmation key is pressed, if one is needed; none: never.
    pub confirms: Option<Duration>,
    /// Whether the phone sends sound while it rings (183 instead of 180).
    pub early_media: bool,
}

impl Behaviour {
    /// Does this when the phone rings. The agent presses the key after a second, and talks until the caller hangs up.
    #[must_use]
    pub const fn new(pickup: Pickup) -> Self {
        let confirms = Some(Duration::from_secs(1));
        Self { pickup, talk: Talk::UntilCallerLeaves, confirms, early_media: false }
    }

    /// Answers after ringing for `ring`.
    #[must_use]
    pub const fn answers(ring: Duration) -> Self {
        Self::new(Pickup::Answers(ring))
    }

    /// Hangs up after `talk`.
    #[must_use]
    pub fn hanging_up_after(mut self, talk: Duration) -> Self {
        self.talk = Talk::HangsUpAfter(talk);
        self
    }

    /// Transfers the caller to an extension after `talk`.
    #[must_use]
    pub fn transferring_after(mut self, talk: Duration, extension: &str) -> Self {
        self.talk = Talk::TransfersAfter(talk, extension.to_owned());
        self
    }
}

/// Weights of behaviours, and ranges from which durations are drawn evenly.
#[derive(Debug, Clone)]
pub struct Odds {
    /// Weight of picking up.
    pub answers: u32,
    /// Weight of letting it ring.
    pub no_answer: u32,
    /// Weight of rejecting.
    pub rejects: u32,
    /// Weight of being busy.
    pub busy: u32,
    /// Weight of not being registered.
    pub unreachable: u32,
    /// How long the phone rings before it is answered or rejected.
    pub ring: RangeInclusive<Duration>,
    /// How long a talk lasts before the agent hangs up.
    pub talk: RangeInclusive<Duration>,
}

/// How the owner of a phone behaves, call after call.
#[derive(Debug, Clone)]
pub enum Behaviours {
    /// The same each time.
    Always(Behaviour),
    /// One after the other; the last one stays. An empty list lets the phone ring.
    InTurn(Vec<Behaviour>),
    /// Drawn at random each time.
    Drawn(Odds),
}

impl From<Behaviour> for Behaviours {
    fn from(behaviour: Behaviour) -> Self {
        Self::Always(behaviour)
    }
}

impl From<Pickup> for Behaviours {
    fn from(pickup: Pickup) -> Self {
        Self::Always(Behaviour::new(pickup))
    }
}

impl From<Vec<Behaviour>> for Behaviours {
    fn from(list: Vec<Behaviour>) -> Self {
        Self::InTurn(list)
    }
}

impl From<Odds> for Behaviours {
    fn from(odds: Odds) -> Self {
        Self::Drawn(odds)
    }
}

/// Draws evenly from a range.
pub(super) fn draw(rng: &mut ChaCha8Rng, range: &RangeInclusive<Duration>) -> Duration {
    let micros = |span: &Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let (low, high) = (micros(range.start()), micros(range.end()));
    Duration::from_micros(rng.random_range(low..=high.max(low)))
}

impl Behaviours {
    /// The owner's behaviour in the next call.
    pub(super) fn next(&mut self, rng: &mut ChaCha8Rng) -> Behaviour {
        match self {
            Self::Always(behaviour) => behaviour.clone(),
            Self::InTurn(list) if list.len() > 1 => list.remove(0),
            Self::InTurn(list) => list.first().cloned().unwrap_or(Behaviour::new(Pickup::NoAnswer)),
            Self::Drawn(odds) => odds.draw(rng),
        }
    }

    /// Whether the phone will not be registered for the next call.
    pub(super) fn is_unreachable(&self) -> bool {
        let unreachable = |behaviour: &Behaviour| behaviour.pickup == Pickup::Unreachable;
        match self {
            Self::Always(behaviour) => unreachable(behaviour),
            Self::InTurn(list) => list.first().is_some_and(unreachable),
            Self::Drawn(_) => false,
        }
    }
}

impl Odds {
    fn draw(&self, rng: &mut ChaCha8Rng) -> Behaviour {
        let ring = draw(rng, &self.ring);
        let talk = Talk::HangsUpAfter(draw(rng, &self.talk));
        let weights = [self.answers, self.no_answer, self.rejects, self.busy, self.unreachable];
        let mut at = rng.random_range(0..weights.iter().sum::<u32>().max(1));
        let mut pickups = [
            Pickup::Answers(ring),
            Pickup::NoAnswer,
            Pickup::Rejects(ring),
            Pickup::Busy,
            Pickup::Unreachable,
        ]
        .into_iter()
        .zip(weights);
        let pickup = pickups.find_map(|(pickup, weight)| {
            let mine = at < weight;
            at = at.saturating_sub(weight);
            mine.then_some(pickup)
        });
        Behaviour { talk, ..Behaviour::new(pickup.unwrap_or(Pickup::NoAnswer)) }
    }
}

/// A phone and its owner.
#[derive(Debug)]
pub(super) struct Phone {
    pub behaviours: Behaviours,
    /// The leg on the phone.
    pub busy_with: Option<super::ids::Key>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn odds_are_kept_and_come_from_the_seed() {
        let range = Duration::from_millis(10)..=Duration::from_millis(20);
        let odds = Odds {
            answers: 6,
            no_answer: 2,
            rejects: 1,
            busy: 1,
            unreachable: 0,
            ring: range.clone(),
            talk: range.clone(),
        };
        let run = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut behaviours = Behaviours::from(odds.clone());
            (0..1000).map(|_| behaviours.next(&mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let answered = run(7).iter().filter(|b| matches!(b.pickup, Pickup::Answers(_))).count();
        assert!((540..660).contains(&answered), "{answered}");
        assert!(run(7).iter().all(|b| b.pickup != Pickup::Unreachable));
    }

    #[test]
    fn a_list_is_used_up_and_its_last_stays() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut behaviours =
            Behaviours::from(vec![Behaviour::new(Pickup::Busy), Behaviour::answers(Duration::from_secs(1))]);
        let got: Vec<_> = (0..3).map(|_| behaviours.next(&mut rng).pickup).collect();
        let answers = Pickup::Answers(Duration::from_secs(1));
        assert_eq!(got, [Pickup::Busy, answers.clone(), answers]);
    }
}
