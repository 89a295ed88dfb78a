//! How many customers may be dialled in an hour, all together: what numbers of strangers have us dial costs us money.
//!
//! In: the limit of the settings. Out: the refusal of a dial that is one too many. Counted in the rows of the attempts,
//! so a restart changes nothing, and all controllers of a database share the limit. The dials of one attempt over several
//! trunks count once; what somebody says they dialled elsewhere does not count.

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

/// What of the hour's dials one at a time may do, on PostgreSQL.
const LOCK: &str = "dials";

/// How sure a dial is that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Asked {
    /// It is about to be made, or is only asked about.
    Dial,
    /// An agent is to be rung for it first: the callbacks for which agents are being rung have their dials promised.
    Promise,
}

/// The refusal of one more dial, if it is one too many.
pub(super) fn refusal(
    c: &mut Database,
    terms: &CallbackRules,
    asked: Asked,
    at: UnixMs,
) -> Result<Option<Refusal>, StoreError> {
    let limit = i64::from(terms.max_dials_per_hour);
    if limit == 0 {
        return Ok(None);
    }
    let promised = match asked {
        Asked::Dial => 0,
        Asked::Promise => promised(c)?,
    };
    let Some(until) = full_until(c, limit, promised, at)? else { return Ok(None) };
    let why = format!(
        "{limit} customers dialled in an hour are the most for all together: [callback] max_dials_per_hour"
    );
    Ok(Some(Refusal { guard: Guard::HourCap, until: Some(until), why }))
}

/// The same for a dial that is made if it is not refused: those who ask at one time follow each other. The supervisor
/// hears of a refusal once an hour.
pub(in crate::store) fn refuse(
    c: &mut Database,
    terms: &CallbackRules,
    asked: Asked,
    at: UnixMs,
) -> Result<Option<Refusal>, StoreError> {
    if terms.max_dials_per_hour > 0 {
        hold::name(c, LOCK)?;
    }
    let refusal = refusal(c, terms, asked, at)?;
    if refusal.is_some() {
        outbox::emit_at_most_every(c, HOUR, &Event::of_dials(at, terms.max_dials_per_hour))?;
    }
    Ok(refusal)
}

/// Callbacks for which an agent is being rung.
fn promised(c: &mut Database) -> Result<i64, StoreError> {
    let claimed = cases::closed_at.is_null().and(cases::stage.eq(Stage::Claimed));
    Ok(cases::table.filter(claimed).count().get_result(c)?)
}

/// Until when the dials of an hour are used up, or promised; none if there is room. No more rows are looked at than the
/// limit, however many there are.
fn full_until(c: &mut Database, limit: i64, promised: i64, at: UnixMs) -> Result<Option<UnixMs>, StoreError> {
    let soon = at + SOON;
    let Some(before) = limit.checked_sub(promised + 1).filter(|before| *before >= 0) else {
        return Ok(Some(soon));
    };
    // The one that reaches the limit: when its hour is over there is room for another.
    let reaching: Option<i64> = attempts::table
        .filter(attempts::at.gt(at - HOUR).and(attempts::way.ne(Way::Reported)))
        .order(attempts::at.desc())
        .offset(before)
        .limit(1)
        .select(attempts::at)
        .first(c)
        .optional()?;
    let room_at = reaching.map(|made_at| UnixMs(made_at) + HOUR);
    // What is promised may come to nothing.
    Ok(room_at.map(|room_at| if promised > 0 { room_at.min(soon) } else { room_at }))
}
