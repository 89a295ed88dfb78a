//! A case: one caller to call back, and every legal step from the opening of the case to its end.
//!
//! | step | from | to |
//! |---|---|---|
//! | open | settling, deferred, waiting, handed over | due |
//! | defer | settling, due, claimed, attempting, waiting, handed over | deferred |
//! | claim | due | claimed |
//! | release | claimed, attempting | due |
//! | dial | any but attempting | attempting |
//! | retry | attempting | waiting |
//! | hand over | due, claimed, attempting | handed over |
//!
//! An open case may be closed in any stage. A closed case has no next step. The database holds the same table and
//! refuses every other step, no matter who asks for it.

crate::vocabulary! {
    /// Whether a case is open.
    "case state" pub enum State {
        /// The caller must be called back.
        Open = "open",
        /// The case is done or given up, for the reason in its row.
        Closed = "closed",
    }
}

crate::vocabulary! {
    /// What an open case waits for.
    "case stage" pub enum Stage {
        /// The caller has just called, and may call again at once.
        Settling = "settling",
        /// The case waits for a time at which a call is lawful, or at which the customer wants one.
        Deferred = "deferred",
        /// The case waits for somebody to call the customer.
        Due = "due",
        /// The case is being offered to an agent.
        Claimed = "claimed",
        /// An attempt is under way.
        Attempting = "attempting",
        /// The case waits for the gap between two attempts to pass.
        Waiting = "waiting",
        /// The repeat-contacts queue takes up the case on its next business day.
        HandedOver = "handed_over",
    }
}

crate::vocabulary! {
    /// Why a case was opened.
    "case reason" pub enum Reason {
        /// The caller hung up before a phone rang.
        AbandonedWaiting = "abandoned_waiting",
        /// The caller hung up while a phone rang.
        AbandonedRinging = "abandoned_ringing",
        /// No agent answered within the caller's maximum waiting time.
        TimedOut = "timed_out",
        /// The caller called while we were closed.
        ClosedHours = "closed_hours",
        /// The call was forwarded to a contact, and the contact did not answer.
        ForwardFailed = "forward_failed",
        /// The call was lost by a failure on our side.
        Lost = "lost",
        /// The caller left a message.
        LeftMessage = "left_message",
        /// The caller pressed a key to ask for a callback.
        AskedCallback = "asked_callback",
        /// The customer asked for a callback by a web form.
        WebForm = "web_form",
        /// The customer asked a bot for a callback.
        Bot = "bot",
        /// An agent, a supervisor or an administrator opened the case.
        ByHand = "by_hand",
    }
}

crate::vocabulary! {
    /// Why a case was closed.
    "case close reason" pub enum Closed {
        /// An agent talked with the customer.
        AgentReached = "agent_reached",
        /// The customer called again and got through.
        CallerReachedUs = "caller_reached_us",
        /// The attempts are used up.
        Unreachable = "unreachable",
        /// The customer wants no calls.
        DoNotCall = "do_not_call",
        /// The number does not belong to the customer.
        WrongNumber = "wrong_number",
        /// The caller is not a customer.
        Spam = "spam",
        /// The customer's data were erased.
        Erased = "erased",
        /// The note tells the reason.
        Other = "other",
    }
}

impl Closed {
    /// The error text for closing a case as erased without an erasure.
    pub const ONLY_BY_ERASURE: &'static str =
        "a case is closed as erased only together with its customer's data: `dozvon erase NUMBER` does both";
}

crate::vocabulary! {
    /// A change of an open case.
    "case step" pub enum Step {
        /// The case waits for somebody to call: its grace is over, its time has come, or another day has begun.
        Open = "open",
        /// The case waits for a later time.
        Defer = "defer",
        /// The case is being offered to an agent.
        Claim = "claim",
        /// Nobody called, so the case can be offered again.
        Release = "release",
        /// The customer is being dialled.
        Dial = "dial",
        /// Another attempt is to be made later today.
        Retry = "retry",
        /// The day's attempts, or the lawful hours of the day, are used up.
        HandOver = "hand_over",
    }
}

/// A step that is not legal from the stage of the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a case that is {stage} cannot {step}", step = step_words(*step))]
pub struct Refused {
    /// The stage of the case.
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

/// Returns the stage to which `step` leads from `stage`.
///
/// # Errors
/// [`Refused`] when the step is not legal from that stage.
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

/// Returns every legal change of stage, for the database's table.
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
    fn only_a_due_case_is_claimed_and_only_an_attempt_leads_to_a_retry() {
        for (from, to) in legal_changes() {
            assert!(to != Stage::Claimed || from == Stage::Due, "{from} -> {to}");
            assert!(to != Stage::Waiting || from == Stage::Attempting, "{from} -> {to}");
            assert_ne!(to, Stage::Settling, "no step leads back to settling");
        }
    }

    #[test]
    fn every_stage_has_a_next_step_and_no_attempt_leads_straight_to_a_second_one() {
        for &stage in Stage::ALL {
            assert!(Step::ALL.iter().any(|&made| step(stage, made).is_ok()), "{stage} has a next step");
        }
        let refused = step(Stage::Attempting, Step::Dial).unwrap_err();
        assert_eq!(refused.to_string(), "a case that is attempting cannot be dialled for");
        assert!(step(Stage::Claimed, Step::Claim).is_err());
    }
}
