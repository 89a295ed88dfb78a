//! The end of a callback: its call, its attempt and the next step of the case, in one transaction.

use std::time::Duration;

use super::apply::{finish_and_follow, happen};
use super::callback_rules::CallbackRules;
use super::steps::look_again;
use crate::clock::UnixMs;
use crate::ids::{AttemptId, CallId, CaseId};
use crate::missed::attempt::{Claim, Disposition, EarlierClaim, State, of_cause};
use crate::missed::case::Stage;
use crate::missed::claim::Candidate;
use crate::missed::ending::{Ending, Stage as CallStage};
use crate::missed::flood::Limits;
use crate::missed::plan::{Attempt, Event};
use crate::missed::regulation::Guard;
use crate::missed::verdict::{Verdict, Why};
use crate::store::attempts::Finish;
use crate::store::cases::{self as case_rows, CaseRow, lock};
use crate::store::{Database, StoreError, attempts, calls as call_rows};

/// How a callback ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackResult {
    /// No agent talked with the customer, for this reason. The case is offered again.
    Released(&'static str),
    /// A guard refused the dial.
    Refused(Guard),
    /// The customer was dialled, or about to be dialled, and was not reached.
    Unreached {
        /// The attempt.
        attempt: AttemptId,
        /// The disposition of the attempt.
        disposition: Disposition,
        /// The cause from FreeSWITCH, or the controller's own.
        cause: String,
        /// The trunks that refused the dial before the last one.
        refused: Vec<TrunkRefusal>,
    },
    /// The agent and the customer talked.
    Talked {
        /// The attempt.
        attempt: AttemptId,
        /// Why the customer's leg ended.
        cause: String,
        /// When they began to talk.
        answered_at: UnixMs,
    },
    /// The controller stopped during the callback, so nobody knows how it ended.
    Lost,
}

/// A trunk's refusal to dial a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkRefusal {
    /// The trunk's name.
    pub trunk: String,
    /// The cause from FreeSWITCH.
    pub cause: String,
}

impl CallbackResult {
    /// Returns how a callback ended whose customer's leg ended with `cause` before anybody answered.
    #[must_use]
    pub fn unreached(attempt: AttemptId, cause: &str, rang: bool) -> Self {
        Self::without_talk(attempt, of_cause(cause, rang), cause)
    }

    /// Returns a result without a talk, for a cause of the controller's own.
    #[must_use]
    pub fn without_talk(attempt: AttemptId, disposition: Disposition, cause: &str) -> Self {
        Self::Unreached { attempt, disposition, cause: cause.to_owned(), refused: Vec::new() }
    }

    /// Returns the same result with the trunks that refused the dial before.
    #[must_use]
    pub fn after(mut self, trunks: Vec<TrunkRefusal>) -> Self {
        if let Self::Unreached { refused, .. } = &mut self {
            *refused = trunks;
        }
        self
    }

    /// Returns the label of the result in metrics and logs.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Released(_) => "released",
            Self::Refused(_) => "refused",
            Self::Unreached { .. } => "unreached",
            Self::Talked { .. } => "talked",
            Self::Lost => "lost",
        }
    }

    /// Returns the sentence for the log.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::Released(_) => "the callback was not placed",
            Self::Refused(_) => "a rule refused the callback",
            Self::Unreached { .. } => "the customer was not reached",
            Self::Talked { .. } => "the talk with the customer is over",
            Self::Lost => "the controller stopped during the callback: its end is not known",
        }
    }

    /// Returns the cause that is recorded with the call.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Released(why) => (*why).to_owned(),
            Self::Refused(guard) => guard.as_str().to_owned(),
            Self::Unreached { cause, .. } | Self::Talked { cause, .. } => cause.clone(),
            Self::Lost => "CONTROLLER_RESTARTED".to_owned(),
        }
    }

    const fn ending(&self) -> (Ending, CallStage) {
        match self {
            Self::Talked { .. } => (Ending::Answered, CallStage::Talking),
            Self::Released(_) | Self::Refused(_) => (Ending::Refused, CallStage::Waiting),
            Self::Unreached { .. } => (Ending::TimedOut, CallStage::Ringing),
            Self::Lost => (Ending::Lost, CallStage::Ringing),
        }
    }
}

/// A callback that has ended.
#[derive(Debug, Clone)]
pub struct CallbackEnd {
    /// The case.
    pub case: CaseId,
    /// The callback's call.
    pub call: CallId,
    /// How the callback ended.
    pub how: CallbackResult,
    /// When the callback ended.
    pub at: UnixMs,
}

/// Records the end of a callback: its call, its attempt and the next step of the case, in one transaction. Returns the
/// stage of the case. A repeated call changes nothing.
///
/// # Errors
/// When the database fails.
pub fn end(c: &mut Database, callback_rules: &CallbackRules, end: &CallbackEnd) -> Result<Stage, StoreError> {
    let case = lock(c, end.case)?;
    let attempt = attempts::of_call(c, end.call)?;
    let talked = attempt.as_ref().is_some_and(|row| matches!(row.state, State::Talking | State::WrappingUp));
    let (ending, stage) = if talked { (Ending::Answered, CallStage::Talking) } else { end.how.ending() };
    let answered_at = match end.how {
        CallbackResult::Talked { answered_at, .. } => Some(answered_at),
        _ => None,
    };
    call_rows::end(
        c,
        &call_rows::Ended {
            call: end.call,
            ending,
            stage,
            cause: end.how.cause(),
            answered_at,
            asked: None,
            verdict: Verdict::Nothing(Why::Internal),
            grace: Duration::ZERO,
            min_talk: callback_rules.min_talk,
            flood: Limits::default(),
            tell: false,
            menus: Vec::new(),
            left_message: false,
            calls_back: None,
            at: end.at,
            now: end.at,
        },
    )?;
    match &end.how {
        CallbackResult::Released(_) => release(c, &case, callback_rules, end)?,
        CallbackResult::Refused(_) => {}
        CallbackResult::Unreached { attempt, disposition, cause, refused } => {
            let disposition = believed(c, *attempt, *disposition, (cause, refused))?;
            let note = in_words(refused);
            let finish = Finish {
                cause: Some(cause),
                note: note.as_deref(),
                ..Finish::new(*attempt, disposition, end.at)
            };
            finish_and_follow(c, &case, callback_rules, &finish, None)?;
        }
        CallbackResult::Talked { attempt, cause, answered_at } => {
            attempts::answered(c, *attempt, *answered_at)?;
            if attempts::talk_ended(c, *attempt, cause, end.at)? && case.closed_at.is_none() {
                look_again(c, &case, Some(end.at + callback_rules.disposition_timeout))?;
            }
        }
        CallbackResult::Lost => match attempt.filter(|row| row.disposition.is_none()) {
            Some(row) => {
                let attempt = Attempt::from(&row);
                happen(c, &case, callback_rules, Event::ControllerDied(&attempt), "system", end.at)?;
            }
            None => release(c, &case, callback_rules, end)?,
        },
    }
    Ok(case_rows::get(c, end.case)?.stage)
}

/// Returns a note that names the trunks that refused the dial before the last one, with their causes. None if no trunk
/// refused.
fn in_words(refused: &[TrunkRefusal]) -> Option<String> {
    let said: Vec<String> = refused.iter().map(|said| format!("{} ({})", said.trunk, said.cause)).collect();
    (!said.is_empty()).then(|| format!("refused before by trunk {}", said.join(", ")))
}

/// Returns the disposition of an attempt that failed. The claim of the last trunk about the customer is accepted only
/// if it is confirmed: by an earlier attempt, or by a trunk that was tried before.
fn believed(
    c: &mut Database,
    attempt: AttemptId,
    disposition: Disposition,
    (cause, refused): (&str, &[TrunkRefusal]),
) -> Result<Disposition, StoreError> {
    let Some(claim) = Claim::of(cause).filter(|_| disposition == Disposition::TechnicalFailure) else {
        return Ok(disposition);
    };
    let mut before = attempts::earlier_claims(c, attempt, claim)?;
    let the_same = refused.iter().filter(|said| Claim::of(&said.cause) == Some(claim));
    before.extend(the_same.map(|_| EarlierClaim { by_another: true, works_since: false }));
    Ok(claim.confirmed(&before).unwrap_or(disposition))
}

/// Offers the case again, if this callback still has it.
fn release(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    end: &CallbackEnd,
) -> Result<(), StoreError> {
    if Candidate::from(case).is_claimed_by(end.call) {
        happen(c, case, callback_rules, Event::Released, "system", end.at)?;
    }
    Ok(())
}
