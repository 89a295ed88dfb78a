//! What agents dial at their own phones: a number that has an open case, or a code that records a disposition.
//!
//! In: a call that our dialplan for phones sends; `dozvon_handset` on its channel names the user who registered the
//! phone. Out: a talk with the customer if the guards allow it, counted like a callback; or the disposition of the
//! agent's last talk (`[callback.codes]`), confirmed by a tone. Each call comes twice. The first time we only say
//! whether we handle it. The dialplan then sends it to a context where none of the administrator's actions follow, and
//! there we carry it out (fs-dialplan/README.md).
//! **Invariant:** any other call goes on in the administrator's own dialplan, and so does a call for which the database
//! does not answer in time. Such a call is not answered, hears nothing from us, and has no row.

mod customer;
mod disposition;

use std::sync::Arc;

use tokio::time::Instant;
use tracing::Instrument as _;

use crate::call::facts::Facts;
use crate::call::flow::Flow;
use crate::call::{Call, Gone, LINK_LIMIT, message};
use crate::context::App;
use crate::ids::{AgentName, CallId, CoreId};
use crate::metrics::HandedBack;
use crate::missed::attempt::Disposition;
use crate::missed::ending::Stage;
use crate::phone::{E164, Party};
use crate::sound::Sound;
use crate::store::{StoreError, manual_dial};
use crate::switch::{Caller, Incoming, Loops, Variable};

/// The value of `dozvon_state` for a call that goes on in the administrator's own dialplan.
const NOT_OURS: &str = "not_ours";
/// The value of `dozvon_state` for a call that comes back to be carried out.
const OURS: &str = "ours";
/// The value of `dozvon_state` for a call that is being carried out: nobody else may dial for it.
const BEGUN: &str = "begun";

/// Carries out what was dialled at the phone of `user`. Returns when the call is over.
pub async fn run(app: Arc<App>, incoming: Incoming, user: String) {
    let id = CallId::new();
    let guard = app.in_flight.call(id);
    let span = tracing::info_span!("manual_dial", call.id = %id, user);
    decide(app, incoming, user, id).instrument(span).await;
    drop(guard);
}

async fn decide(app: Arc<App>, incoming: Incoming, user: String, id: CallId) {
    let facts = Facts::read(&incoming.facts, &app.settings);
    let wanted = wanted(&app, &facts, &user);
    let comes_back = incoming.facts.state.as_deref() == Some(OURS);
    match wanted {
        Err(why) => pass_on(&app, incoming.caller, why).await,
        Ok((agent, dialled)) if comes_back => {
            let phone = Phone { user, agent, core: incoming.facts.core };
            phone.carry_out(app, incoming.caller, facts, id, dialled).await;
        }
        Ok((_, dialled)) => match is_ours(&app, &dialled).await {
            Ok(()) => incoming.caller.hand_back(OURS).await,
            Err(why) => pass_on(&app, incoming.caller, why).await,
        },
    }
}

/// What an agent may dial.
enum Wanted {
    /// A code for the disposition of the last talk.
    Disposition(Disposition),
    /// A customer with an open case.
    Customer(E164),
}

/// Why a call goes on in the administrator's own dialplan.
enum NotOurs {
    /// We do not handle such calls.
    Foreign(&'static str),
    /// The call may be one of ours, but we cannot find out, or cannot carry it out.
    Failed(HandedBack),
}

/// Returns the agent at this phone, and what the agent dials.
fn wanted(app: &App, facts: &Facts, user: &str) -> Result<(AgentName, Wanted), NotOurs> {
    let agent = app.rules().agent_at(user).cloned().ok_or(NotOurs::Foreign("no agent has this phone"))?;
    if let Some(result) = app.settings.callback.codes.get(&facts.dialled) {
        return Ok((agent, Wanted::Disposition(*result)));
    }
    let phone = &app.settings.phone;
    match Party::read(&facts.dialled, false, &phone.home(), phone.extension_digits) {
        Party::Number(number) => Ok((agent, Wanted::Customer(number))),
        Party::Internal(_) | Party::Withheld | Party::Invalid => {
            Err(NotOurs::Foreign("this is neither an outside number nor a code"))
        }
    }
}

/// Whether we handle the call; a customer must have an open case. The database has little time to answer, since the
/// agent waits.
async fn is_ours(app: &App, dialled: &Wanted) -> Result<(), NotOurs> {
    let Wanted::Customer(number) = dialled else { return Ok(()) };
    let limit = app.settings.callback.manual_dial_lookup_timeout;
    if app.store.stalls(limit) {
        return Err(unknown(&StoreError::Slow { limit }));
    }
    let number = number.clone();
    let read = app.store.read("has_open_case", move |c| manual_dial::has_open_case(c, &number));
    match tokio::time::timeout(limit, read).await.unwrap_or(Err(StoreError::Slow { limit })) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotOurs::Foreign("the number has no open case")),
        Err(error) => Err(unknown(&error)),
    }
}

fn unknown(error: &StoreError) -> NotOurs {
    tracing::error!(%error, "the dialled number cannot be checked or counted: the call goes on in the administrator's dialplan");
    NotOurs::Failed(HandedBack::NotRecorded)
}

/// Lets a call go on in the administrator's own dialplan.
async fn pass_on(app: &App, caller: Caller, why: NotOurs) {
    match why {
        NotOurs::Foreign(why) => tracing::info!(why, "the call is passed on to the administrator's dialplan"),
        NotOurs::Failed(reason) => {
            let reason = reason.as_str();
            tracing::warn!(reason, "the call cannot be handled: passed on to the administrator's dialplan");
            app.metrics.handed_back.with_label_values(&[reason]).inc();
        }
    }
    caller.hand_back(NOT_OURS).await;
}

/// The phone of an agent who dials.
struct Phone {
    user: String,
    agent: AgentName,
    core: CoreId,
}

impl Phone {
    async fn carry_out(self, app: Arc<App>, caller: Caller, facts: Facts, id: CallId, dialled: Wanted) {
        let Some(node) = app.nodes.found(self.core, LINK_LIMIT).await else {
            tracing::error!(core = %self.core, "the call comes from a FreeSWITCH that no node of [switch] is linked to: add it, or check its link");
            return pass_on(&app, caller, NotOurs::Failed(HandedBack::UnknownNode)).await;
        };
        let arrived_at = app.clock.now();
        let (here_since, is_back, queue, stage) = (Instant::now(), false, None, Stage::Arriving);
        let flow = Flow::begin(None, None);
        let place_at = arrived_at;
        let call = Call {
            app,
            id,
            caller,
            node,
            facts,
            arrived_at,
            place_at,
            here_since,
            is_back,
            queue,
            stage,
            flow,
        };
        match dialled {
            Wanted::Disposition(result) => self.record_disposition(call, result).await,
            Wanted::Customer(number) => self.dial(call, number).await,
        }
    }
}

/// Plays a sound to the agent to its end.
async fn hear(call: &mut Call, sound: &Sound) {
    let heard = async {
        take(call).await?;
        call.answer().await?;
        let playing = call.play(sound, Loops::Once).await?;
        message::heard_out(call, playing).await
    };
    if let Ok(false) = heard.await {
        tracing::error!(%sound, "the sound could not be played");
    }
}

/// Marks the call as begun. If the controller dies from now on, the dialplan hangs up instead of dialling.
async fn take(call: &mut Call) -> Result<(), Gone> {
    call.set(Variable::State, BEGUN).await
}
