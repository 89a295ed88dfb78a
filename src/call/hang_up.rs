//! The call ends with a cause that the rules state.

use super::{Call, Ended, over};
use crate::cause::HangupCause;

/// Ends the call. A caller who was never answered hears what their network plays for the cause.
pub(crate) async fn end(call: &Call, cause: HangupCause) -> Ended {
    call.caller.hangup(cause).await;
    over(call.flow.ending, call.stage, cause.as_str())
}
