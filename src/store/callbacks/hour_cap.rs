//! The limit on dials to all customers together in an hour. Strangers could show numbers that are expensive to dial,
//! and each dial costs money.
//!
//! In: the limit from the settings. Out: the refusal of a dial beyond the limit. The dials are counted in the rows of
//! the attempts. So a restart changes nothing, and all controllers of a database share the limit. The dials of one
//! attempt over several trunks count once. An attempt that a person reports to have made elsewhere does not count.

use diesel::prelude::*;

use super::callback_rules::CallbackRules;
use crate::clock::UnixMs;
use crate::event::Event;
use crate::missed::attempt::Way;
use crate::missed::case::Stage;
use crate::missed::outgoing::HOUR;
use crate::missed::plan::SOON;
use crate::missed::regulation::{Guard, Refusal};
use crate::store::dialect::hold;
use crate::store::schema::{attempts, cases};
use crate::store::{Database, StoreError, outbox};

/// The name of the PostgreSQL lock under which one transaction at a time checks the hour's dials.
const LOCK: &str = "dials";

/// How certain the dial in question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum DialTime {
    /// The dial is about to be made, or the question is only for information.
    Now,
    /// An agent is rung before the dial. So the dials of other callbacks whose agents are being rung count too.
    AfterAgent,
}

/// Returns the refusal of one more dial, if it would exceed the limit.
pub(super) fn refusal(
    c: &mut Database,
    callback_rules: &CallbackRules,
    asked: DialTime,
    at: UnixMs,
) -> Result<Option<Refusal>, StoreError> {
    let limit = i64::from(callback_rules.max_dials_per_hour);
    if limit == 0 {
        return Ok(None);
    }
    let promised = match asked {
        DialTime::Now => 0,
        DialTime::AfterAgent => promised(c)?,
    };
    let Some(until) = full_until(c, limit, promised, at)? else { return Ok(None) };
    let why = format!(
        "{limit} customers dialled in an hour is the limit for all dials together: see [callback] max_dials_per_hour"
    );
    Ok(Some(Refusal { guard: Guard::HourCap, until: Some(until), why }))
}

/// Like `refusal`, for a dial that is made if it is not refused. Simultaneous requests are checked one after another.
/// The supervisor is told of a refusal once an hour.
pub(in crate::store) fn refuse(
    c: &mut Database,
    callback_rules: &CallbackRules,
    asked: DialTime,
    at: UnixMs,
) -> Result<Option<Refusal>, StoreError> {
    if callback_rules.max_dials_per_hour > 0 {
        hold::name(c, LOCK)?;
    }
    let refusal = refusal(c, callback_rules, asked, at)?;
    if refusal.is_some() {
        outbox::emit_at_most_every(c, HOUR, &Event::of_dials(at, callback_rules.max_dials_per_hour))?;
    }
    Ok(refusal)
}

/// Returns how many callbacks have an agent being rung.
fn promised(c: &mut Database) -> Result<i64, StoreError> {
    let claimed = cases::closed_at.is_null().and(cases::stage.eq(Stage::Claimed));
    Ok(cases::table.filter(claimed).count().get_result(c)?)
}

/// Returns until when the dials of the hour are used up or reserved. None if another dial is possible. At most as many
/// rows as the limit are read.
fn full_until(c: &mut Database, limit: i64, promised: i64, at: UnixMs) -> Result<Option<UnixMs>, StoreError> {
    let soon = at + SOON;
    let Some(before) = limit.checked_sub(promised + 1).filter(|before| *before >= 0) else {
        return Ok(Some(soon));
    };
    // The attempt that reaches the limit: another dial is possible when it is an hour old.
    let reaching: Option<i64> = attempts::table
        .filter(attempts::at.gt(at - HOUR).and(attempts::way.ne(Way::Reported)))
        .order(attempts::at.desc())
        .offset(before)
        .limit(1)
        .select(attempts::at)
        .first(c)
        .optional()?;
    let room_at = reaching.map(|made_at| UnixMs(made_at) + HOUR);
    // A reserved dial may never be made.
    Ok(room_at.map(|room_at| if promised > 0 { room_at.min(soon) } else { room_at }))
}
