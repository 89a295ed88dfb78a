//! The limits that a call back must keep, each with its source.

/// Counted attempts to one number on one business day, across queues.
///
/// Source: the house rule of the business text ("at most three callback attempts during a working day").
/// No statute sets it for service calls; some set less for others, which policies will lower it to.
pub const CAP_A_DAY: i32 = 3;

/// No further attempt is allowed on this business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number has had its {cap} attempts of this business day: the next one is allowed on the next")]
pub struct CapReached {
    /// The limit.
    pub cap: i32,
}
