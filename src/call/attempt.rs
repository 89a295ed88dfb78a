//! What is recorded when a customer is dialled, by a callback or by an agent at the phone.

use crate::context::App;
use crate::dispatch::trunks::{DialFate, TrunkCall};
use crate::ids::AttemptId;
use crate::missed::attempt::{Disposition, NO_PROGRESS, is_unseen};
use crate::phone::E164;
use crate::store::callbacks::{self, CallbackEnd, CallbackResult, CallbackRules};
use crate::store::{attempts, outbox};
use crate::switch::{Cancel, Unanswered};

/// The cause of an attempt that ended because the controller stops.
pub(crate) const DRAINED: &str = "DRAINED";

pub(crate) const AGENT_LEFT: &str = "AGENT_LEFT";

pub(crate) const BRIDGE_FAILED: &str = "BRIDGE_FAILED";

/// Records how a callback ended, and what follows for its case.
pub(crate) async fn record(app: &App, callback_rules: &CallbackRules, end: CallbackEnd) {
    let (callback_rules, ended) = (callback_rules.clone(), end.clone());
    match app.store.record("end_callback", move |c| callbacks::end(c, &callback_rules, &ended)).await {
        Ok(stage) => {
            app.metrics.callbacks.with_label_values(&[end.how.label()]).inc();
            tracing::info!(case.id = %end.case, result = end.how.label(), why = end.how.cause(), case.stage = %stage, "{}", end.how.sentence());
        }
        Err(error) => {
            tracing::error!(%error, how = end.how.label(), "the end of the callback is not recorded")
        }
    }
}

/// Records over which trunk the customer is dialled. A trunk's claim that a number does not exist can be confirmed by
/// another trunk.
pub(crate) async fn dialled_over(app: &App, attempt: AttemptId, trunk_call: &TrunkCall) {
    let trunk = trunk_call.trunk().name().to_owned();
    let kept =
        app.store.write("over_trunk", move |c| attempts::over_trunk(c, attempt, &trunk).map(drop)).await;
    if let Err(error) = kept {
        tracing::error!(%error, "the trunk of this attempt is not recorded");
    }
}

/// Records what the end of a call says about its trunk. The supervisor is notified of a trunk that keeps failing.
pub(crate) async fn learn(app: &App, trunk_call: &TrunkCall, number: &E164, fate: DialFate<'_>) {
    let Some(event) = trunk_call.ended(number, fate, app.clock.now()) else { return };
    tracing::error!(
        trunk = trunk_call.trunk().name(),
        "the trunk keeps failing: check its registration, its credit and its operator"
    );
    let told = app.store.write("trunk_failing", move |c| outbox::emit(c, &event).map(drop)).await;
    if let Err(error) = told {
        tracing::error!(%error, "the event trunk.failing is not recorded: nobody is notified");
    }
}

/// Returns the result of an attempt that was not dialled, because of a failure on our side.
pub(crate) fn not_dialled(attempt: AttemptId) -> CallbackResult {
    CallbackResult::without_talk(attempt, Disposition::TechnicalFailure, "NODE_DOWN")
}

/// Returns why a dialled number did not answer, and whether its phone is known to have rung. If the trunk reported no
/// progress before the time limit, the phone has not rung.
pub(crate) fn why_unanswered(leg: Unanswered) -> (String, bool) {
    match leg {
        Unanswered { timed_out: false, cause, rang, .. } => (cause, rang),
        Unanswered { rang: true, .. } => (Cancel::NoAnswer.as_str().to_owned(), true),
        Unanswered { cause, .. } if is_unseen(&cause) => (cause, false),
        Unanswered { .. } => (NO_PROGRESS.to_owned(), false),
    }
}
