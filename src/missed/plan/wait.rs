//! A case waits: until a later time, or until it is checked again.

use super::case::Case;
use super::change::Change;
use crate::clock::UnixMs;
use crate::missed::case::{Stage, Step};

pub(super) fn put_off<'a>(stage: Stage, until: UnixMs) -> Change<'a> {
    if stage == Stage::Deferred {
        Change::LookAgain(Some(until))
    } else {
        Change::Step(Step::Defer, Some(until))
    }
}

/// Returns when a case is checked again after its customer asked by a key to be called back: they wait for the call, so
/// nothing keeps the case but the rules for dials.
#[must_use]
pub fn at_once(case: &Case, at: UnixMs) -> Option<UnixMs> {
    match case.stage {
        Stage::Settling if !case.flooded => Some(case.next_at.map_or(at, |next| next.min(at))),
        _ => sooner(case, at),
    }
}

/// Returns when a case is checked again after its customer has contacted us. A case that was put off may be lawful, or
/// wanted, sooner now.
#[must_use]
pub fn sooner(case: &Case, at: UnixMs) -> Option<UnixMs> {
    match case.stage {
        // The case waits for people, however often a caller shows the number.
        _ if case.flooded => None,
        // The caller has just called, and may call again at once.
        Stage::Settling if case.not_before.is_none() => case.next_at,
        Stage::Settling | Stage::Deferred | Stage::Waiting | Stage::HandedOver => {
            Some(case.next_at.map_or(at, |next| next.min(at)))
        }
        Stage::Due | Stage::Claimed | Stage::Attempting => case.next_at,
    }
}
