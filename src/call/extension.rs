//! The dialplan continues with an extension: FreeSWITCH has the caller from then on.

use super::{Call, Ended, Gone, over};
use crate::missed::ending::Ending;
use crate::rules::Extension;
use crate::switch::Variable;

/// The cause of a call that went on in the dialplan, and the value of `dozvon_state` there.
const EXTENSION: &str = "extension";

/// Gives the caller to the dialplan, which transfers them (fs-dialplan/dozvon.xml, `dozvon_after_extension`).
pub(crate) async fn go_on(call: &mut Call, extension: &Extension) -> Result<Ended, Gone> {
    call.set(Variable::Extension, &extension.number).await?;
    call.set(Variable::Context, &extension.context).await?;
    tracing::info!(%extension, "the caller goes on in the dialplan");
    call.caller.hand_back(EXTENSION).await;
    Ok(over(Ending::Taken, call.stage, "EXTENSION"))
}
