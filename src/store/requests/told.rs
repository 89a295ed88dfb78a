//! The event of a request.

use serde_json::json;

use super::Request;
use crate::event::{Event, EventKind};
use crate::ids::CaseId;
use crate::store::notes::caller;
use crate::store::{Database, StoreError, cases, outbox};

/// Writes the event of a request. The event about the case that the request opened or joined comes before it.
pub(super) fn requested(c: &mut Database, new: &Request, id: i64, case: CaseId) -> Result<(), StoreError> {
    let row = cases::get(c, case)?;
    let caller_data = caller(c, &row, new.name.as_deref(), new.at)?;
    let data = json!({
        "case": case,
        "number": new.number,
        "name": new.name,
        "queue": new.queue,
        "note": new.text,
        "request": id,
        "source": new.source,
        "page": new.page,
        "wanted_at": new.wanted_at,
        "caller": caller_data["caller"],
        "sms_consent": caller_data["sms_consent"],
    });
    outbox::emit(c, &Event::of_case(EventKind::RequestReceived, case, new.at, data)).map(drop)
}
