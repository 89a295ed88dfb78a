//! What happens to a case, with the facts that the planner needs about it.

use std::time::Duration;

use crate::clock::UnixMs;
use crate::ids::AttemptId;
use crate::missed::attempt::{Disposition, State, Way};
use crate::missed::contact::Contact;
use crate::missed::regulation::{NumberHistory, Refusal};

/// An attempt that is under way, or waits for its disposition.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The number of the attempt.
    pub id: AttemptId,
    /// How far the attempt is.
    pub state: State,
    /// How the attempt came about.
    pub way: Way,
    /// Whether an agent makes the attempt.
    pub has_agent: bool,
    /// When the attempt was made.
    pub at: UnixMs,
    /// When the customer answered.
    pub answered_at: Option<UnixMs>,
    /// When the talk, or the ringing, was over.
    pub ended_at: Option<UnixMs>,
}

impl Attempt {
    /// Whether the customer was dialled first and no agent has joined.
    pub(super) const fn lacks_agent(&self) -> bool {
        matches!(self.way, Way::CustomerFirst) && !self.has_agent
    }

    /// Returns the disposition of a talk for which nobody records one. The length of the talk decides.
    pub(super) fn disposition_by_length(&self, least_talk: Duration) -> Disposition {
        if self.lacks_agent() {
            return Disposition::Abandoned;
        }
        let talk = self.answered_at.zip(self.ended_at);
        let talk = talk.map(|(began_at, ended_at)| Contact { began_at, ended_at, now: ended_at });
        if talk.is_some_and(|talk| talk.is_talk(least_talk)) {
            Disposition::Reached
        } else {
            Disposition::NoAnswer
        }
    }
}

/// An attempt that has ended.
#[derive(Debug, Clone, Copy)]
pub struct AttemptEnded {
    /// The disposition of the attempt.
    pub disposition: Disposition,
    /// Whether the attempt counts.
    pub counted: bool,
    /// When the customer wants to be called, if they said so.
    pub later: Option<UnixMs>,
    /// When contact began: the start of the talk, or of the dial if there was no talk.
    pub began_at: UnixMs,
}

/// The facts about a case whose customer must be tried again.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// Whether the last attempt counts.
    pub counted: bool,
    /// When the customer asked to be called.
    pub asked: Option<UnixMs>,
    /// The current facts about the number.
    pub history: &'a NumberHistory,
    /// How many attempts have failed on our side since the last attempt that counts.
    pub failed: usize,
    /// How many attempts of the case count since the customer was last reached.
    pub made: i64,
}

/// A dial that a guard refused.
#[derive(Debug, Clone, Copy)]
pub struct RefusedDial<'a> {
    /// The guard, and its reason.
    pub refusal: &'a Refusal,
    /// Whether the last refused dial of the case was refused for a different reason.
    pub is_new: bool,
    /// Whether people may call the number although the controller may not.
    pub for_people: bool,
    /// As in [`Again`]; only needed if [`Refusal::is_final`].
    pub made: i64,
}

/// Something that happens to an open case.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The pause of the case is over. The value is the guards' answer for a dial at
    /// [`Case::wanted`](super::Case::wanted).
    PauseOver(Result<(), RefusedDial<'a>>),
    /// The case is due, and somebody may have to be reminded. The value lists the escalations that were already told,
    /// in per cent.
    ReminderDue(&'a [i32]),
    /// The case is no longer being offered to agents or dialled, and no attempt came of it.
    Released,
    /// The attempt has lasted too long.
    AttemptTooLong(&'a Attempt),
    /// Nobody has recorded a disposition for the talk in time.
    DispositionMissing(&'a Attempt),
    /// The controller died during the attempt.
    ControllerDied(&'a Attempt),
    /// An attempt has ended.
    AttemptEnded(AttemptEnded),
    /// Somebody reports an attempt that they made elsewhere.
    AttemptReported(AttemptEnded),
    /// The customer must be tried again: the answer to [`Change::TryAgain`](super::Change::TryAgain).
    TryAgain(Again<'a>),
    /// A guard refused a dial.
    DialRefused(RefusedDial<'a>),
    /// Somebody puts the case off until this time.
    PutOff(UnixMs),
    /// A member of staff wants the customer called now.
    CalledUp,
}
