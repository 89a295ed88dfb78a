//! An attempt: one dialling of the customer for a case.

use super::regulation::{CAP_A_DAY, CapReached};

crate::words! {
    /// What came of an attempt.
    "attempt result" pub enum Outcome {
        /// The customer was spoken to.
        Reached = "reached",
        /// He asks to be called later.
        CallLater = "call_later",
        /// He did not answer.
        NoAnswer = "no_answer",
        /// His phone was busy.
        Busy = "busy",
        /// He rejected the call.
        Rejected = "rejected",
        /// A machine answered.
        Voicemail = "voicemail",
        /// The number does not exist.
        InvalidNumber = "invalid_number",
        /// The number is somebody else's.
        WrongNumber = "wrong_number",
        /// Our side failed before the customer's phone rang.
        TechnicalFailure = "technical_failure",
        /// As the note says.
        Other = "other",
    }
}

/// The place of the next counted attempt among those of one number on one business day: 1, 2 or 3.
///
/// # Errors
/// [`CapReached`] when `counted` attempts are the most that the day allows.
pub fn next_ordinal(counted: i64) -> Result<i32, CapReached> {
    match i32::try_from(counted) {
        Ok(counted) if (0..CAP_A_DAY).contains(&counted) => Ok(counted + 1),
        _ => Err(CapReached { cap: CAP_A_DAY }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_attempt_is_refused() {
        assert_eq!([0, 1, 2].map(|n| next_ordinal(n).unwrap()), [1, 2, 3]);
        for counted in [3, 4, i64::MAX, -1] {
            assert_eq!(next_ordinal(counted), Err(CapReached { cap: 3 }));
        }
    }
}
