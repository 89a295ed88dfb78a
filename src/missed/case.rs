//! A case: what we owe one caller, and every legal step from its opening to its end.
//!
//! | step | from | to |
//! |---|---|---|
//! | settle, open | settling, deferred, waiting, handed over | due |
//! | defer | settling, due, claimed, attempting, waiting, handed over | deferred |
//! | claim | due | claimed |
//! | release | claimed, attempting | due |
//! | dial | any but attempting | attempting |
//! | retry | attempting | waiting |
//! | hand over | due, claimed, attempting | handed over |
//!
//! Every open case may be closed, wherever it stands; a closed one has no next step. The database holds the same
//! table and refuses every other step, whoever makes it.

crate::vocabulary! {
    /// Whether anything is owed.
    "case state" pub enum State {
        /// We owe the caller something.
        Open = "open",
        /// The debt is paid or given up, for the reason in its row.
        Closed = "closed",
    }
}

crate::vocabulary! {
    /// What an open case waits for.
    "case stage" pub enum Stage {
        /// For the caller, who may ring again at once.
        Settling = "settling",
        /// For a time at which it is lawful, or wanted, to call him.
        Deferred = "deferred",
        /// For somebody to call him.
        Due = "due",
        /// For the agent to whom it is being offered.
        Claimed = "claimed",
        /// For the end of an attempt.
        Attempting = "attempting",
        /// For the gap between two attempts to pass.
        Waiting = "waiting",
        /// For the repeat-contacts queue to take it up on its next business day.
        HandedOver = "handed_over",
    }
}

crate::vocabulary! {
    /// Why a case was opened.
    "case reason" pub enum Reason {
        /// He hung up before a phone rang.
        AbandonedWaiting = "abandoned_waiting",
        /// He hung up while a phone rang.
        AbandonedRinging = "abandoned_ringing",
        /// Nobody took him in the time that he may wait.
        TimedOut = "timed_out",
        /// He called while we were closed.
        ClosedHours = "closed_hours",
        /// The contact that he was forwarded to did not take him.
        ForwardFailed = "forward_failed",
        /// We failed.
        Lost = "lost",
        /// He left a message.
        LeftMessage = "left_message",
        /// He asked for a call back by a key.
        AskedCallback = "asked_callback",
        /// He asked for a call back by a form.
        WebForm = "web_form",
        /// He asked a bot for a call back.
        Bot = "bot",
        /// One of us opened it.
        ByHand = "by_hand",
    }
}

crate::vocabulary! {
    /// Why a case was closed.
    "case close reason" pub enum Closed {
        /// An agent spoke to him.
        AgentReached = "agent_reached",
        /// He called again and got through.
        CallerReachedUs = "caller_reached_us",
        /// The attempts are used up.
        Unreachable = "unreachable",
        /// He wants no calls.
        DoNotCall = "do_not_call",
        /// The number is not his.
        WrongNumber = "wrong_number",
        /// He is no customer.
        Spam = "spam",
        /// His data were erased.
        Erased = "erased",
        /// As the note says.
        Other = "other",
    }
}

impl Closed {
    /// What is said to whoever closes a case as erased and erases nothing.
    pub const ONLY_BY_ERASURE: &'static str =
        "a case is closed as erased only when its person is: `dozvon erase NUMBER` does both";
}

crate::vocabulary! {
    /// A change of an open case.
    "case step" pub enum Step {
        /// It waits for somebody to call: it has settled, its time has come, or another day has begun.
        Open = "open",
        /// It waits for a later time.
        Defer = "defer",
        /// It is being offered to an agent.
        Claim = "claim",
        /// Nobody called: it is offered anew.
        Release = "release",
        /// The customer is being dialled.
        Dial = "dial",
        /// Another attempt is to be made later today.
        Retry = "retry",
        /// The day's attempts, or its lawful time, are used up.
        HandOver = "hand_over",
    }
}

/// A step that is not legal from where the case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a case that is {stage} cannot {step}", step = step_words(*step))]
pub struct Refused {
    /// Where it stands.
    pub stage: Stage,
    /// The step that was refused.
    pub step: Step,
}

const fn step_words(step: Step) -> &'static str {
    match step {
        Step::Open => "become due",
        Step::Defer => "be deferred",
        Step::Claim => "be claimed",
        Step::Release => "be released",
        Step::Dial => "be dialled for",
        Step::Retry => "wait for another attempt",
        Step::HandOver => "be handed over",
    }
}

/// Where `step` leads from `stage`.
///
/// # Errors
/// [`Refused`] when the step is not legal there.
pub const fn step(stage: Stage, step: Step) -> Result<Stage, Refused> {
    use Stage::{Attempting, Claimed, Deferred, Due, HandedOver, Settling, Waiting};
    match (step, stage) {
        (Step::Open, Settling | Deferred | Waiting | HandedOver) | (Step::Release, Claimed | Attempting) => {
            Ok(Due)
        }
        (Step::Defer, Settling | Due | Claimed | Attempting | Waiting | HandedOver) => Ok(Deferred),
        (Step::Claim, Due) => Ok(Claimed),
        (Step::Dial, Settling | Deferred | Due | Claimed | Waiting | HandedOver) => Ok(Attempting),
        (Step::Retry, Attempting) => Ok(Waiting),
        (Step::HandOver, Due | Claimed | Attempting) => Ok(HandedOver),
        _ => Err(Refused { stage, step }),
    }
}

/// Every legal change of stage, for the database's table.
#[must_use]
pub fn legal_changes() -> Vec<(Stage, Stage)> {
    let all = Stage::ALL
        .iter()
        .flat_map(|&stage| Step::ALL.iter().filter_map(move |&made| Some((stage, step(stage, made).ok()?))));
    let mut changes: Vec<_> = all.filter(|(from, to)| from != to).collect();
    changes.sort_unstable();
    changes.dedup();
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_claimed_who_is_not_due_and_only_an_attempt_leads_to_a_retry() {
        for (from, to) in legal_changes() {
            assert!(to != Stage::Claimed || from == Stage::Due, "{from} -> {to}");
            assert!(to != Stage::Waiting || from == Stage::Attempting, "{from} -> {to}");
            assert_ne!(to, Stage::Settling, "a case settles once");
        }
    }

    #[test]
    fn whatever_happens_there_is_a_way_on_but_none_into_a_second_attempt_at_once() {
        for &stage in Stage::ALL {
            assert!(Step::ALL.iter().any(|&made| step(stage, made).is_ok()), "{stage} is no dead end");
        }
        let refused = step(Stage::Attempting, Step::Dial).unwrap_err();
        assert_eq!(refused.to_string(), "a case that is attempting cannot be dialled for");
        assert!(step(Stage::Claimed, Step::Claim).is_err());
    }
}
