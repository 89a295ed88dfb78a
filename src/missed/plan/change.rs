//! What changes in a case.

use crate::clock::UnixMs;
use crate::ids::{AttemptId, QueueName};
use crate::missed::attempt::Disposition;
use crate::missed::case::{Closed, Step};
use crate::missed::regulation::Refusal;

/// One change of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// The case takes a step, and stays in the new stage until this time.
    Step(Step, Option<UnixMs>),
    /// The case keeps its stage until this time, or until something happens.
    LookAgain(Option<UnixMs>),
    /// The case becomes due.
    BecomeDue {
        /// When the reaction time began.
        due_at: UnixMs,
        /// When the reaction time is over.
        react_by: Option<UnixMs>,
        /// When somebody is reminded.
        next_at: Option<UnixMs>,
    },
    /// The repeat-contacts queue takes the case over, or keeps it for another day.
    HandOver {
        /// The queue of the case from now on. None keeps the current queue.
        queue: Option<QueueName>,
        /// When that queue takes up the case.
        next_at: UnixMs,
    },
    /// The customer is tried again, once the facts of [`Again`](super::event::Again) are known.
    TryAgain {
        /// Whether the last attempt counts.
        counted: bool,
        /// When the customer asked to be called.
        asked: Option<UnixMs>,
    },
    /// The case is closed.
    Close(Closed),
    /// The number of the case must not be called any more.
    ForbidCalls(Closed),
    /// The next attempt gets a reaction time of its own.
    RestartReaction,
    /// The count of days in the repeat-contacts queue starts again.
    RestartRepeatDays,
    /// The refusal of a dial is recorded.
    KeepRefusal(&'a Refusal),
    /// People are told that they have to call the customer.
    TellPeople(&'a Refusal),
    /// This percentage of the reaction time is over. The people concerned are told.
    Escalate(i32),
    /// The people concerned are told that a disposition is missing.
    AskDisposition(AttemptId),
    /// The talk is over and waits for its disposition. The fields: the attempt, the cause, and when the people
    /// concerned are reminded.
    EndTalk(AttemptId, &'static str, UnixMs),
    /// The attempt ends with a disposition that nobody recorded.
    FinishAttempt {
        /// The attempt.
        attempt: AttemptId,
        /// The disposition.
        disposition: Disposition,
        /// The cause on our side.
        cause: Option<&'static str>,
        /// The note on the attempt.
        note: Option<&'static str>,
    },
}
