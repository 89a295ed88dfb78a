//! The end of every call: its row, the verdict and, if we owe the caller something, the case, in one transaction.

use super::{Call, Ended};
use crate::missed::verdict::verdict;
use crate::routing::plan::Plan;
use crate::store::{self, until_recorded};

/// Records how the call ended. Whatever fails here is an error in the log: the row is completed at the next start.
pub(crate) async fn ending(call: &Call, plan: &Plan, ended: &Ended) {
    let verdict = verdict(ended.ending, ended.stage, &call.facts.party, plan.open);
    let at = call.desk.clock.now();
    let row = store::calls::Ended {
        call: call.id,
        ending: ended.ending,
        stage: ended.stage,
        cause: ended.cause.clone(),
        answered_at: ended.answered_at,
        verdict,
        at,
    };
    let write = || {
        let row = row.clone();
        call.desk.store.write("end", move |c| store::calls::end(c, &row))
    };
    let recorded = until_recorded("end", write).await;
    call.desk.metrics.call_ended(plan.queue(), ended.ending, verdict);
    match recorded {
        Ok(Some(case)) => {
            tracing::info!(ending = %ended.ending, stage = %ended.stage, case.id = %case, "missed: a case is open");
        }
        Ok(None) => {
            tracing::info!(ending = %ended.ending, stage = %ended.stage, cause = %ended.cause, "the call has ended")
        }
        Err(error) => tracing::error!(%error, ending = %ended.ending, "the ending is not recorded"),
    }
}
