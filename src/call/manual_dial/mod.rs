//! What is dialled at a phone whose calls our dialplan shows us: ours is a number with an open case that an agent dials, and
//! a word on the customer whom the agent has just talked to.
//!
//! In: a call that our dialplan for phones sends (`dozvon_handset` is on its channel: who has registered the phone). Out:
//! the customer, if the guards let them be dialled; then a talk, counted like a callback's. A word (`[callback.codes]`) is
//! recorded as the result of the agent's last talk; tones say whether it was.
//! The call comes twice: first we only say whether it is ours, and then the dialplan brings it where nothing of the
//! administrator's can follow (fs-dialplan/README.md).
//! **Invariant:** whatever is not ours, and everything while the database does not say in time that it is, goes on in the
//! administrator's own dialplan: not answered, nothing played, no row.

mod customer;
mod disposition;

use std::sync::Arc;

use tokio::time::Instant;
use tracing::Instrument as _;

use crate::call::facts::Facts;
use crate::call::{Call, Gone, LINK_COMES, message};
use crate::context::App;
use crate::ids::{AgentName, CallId, CoreId};
use crate::metrics::HandedBack;
use crate::missed::attempt::Outcome;
use crate::missed::ending::Stage;
use crate::phone::{E164, Party};
use crate::store::{StoreError, handset};
use crate::switch::{Caller, Incoming, Loops, Variable};

/// What the dialplan finds in `dozvon_state` of a call that goes on in the administrator's own dialplan.
const NOT_OURS: &str = "not_ours";
/// The same, of one that comes back to be carried out.
const OURS: &str = "ours";
/// The same, of one that we have begun to carry out: nobody may be dialled for it any more.
const BEGUN: &str = "begun";

/// Carries out what was dialled at the phone of `user`, and stays until it is over.
pub async fn run(app: Arc<App>, incoming: Incoming, user: String) {
    let id = CallId::new();
    let guard = app.in_flight.call(id);
    let span = tracing::info_span!("handset", call.id = %id, user);
    tell(app, incoming, user, id).instrument(span).await;
    drop(guard);
}

async fn tell(app: Arc<App>, incoming: Incoming, user: String, id: CallId) {
    let facts = Facts::read(&incoming.facts, &app.settings);
    let wanted = wanted(&app, &facts, &user);
    let comes_back = incoming.facts.state.as_deref() == Some(OURS);
    match wanted {
        Err(why) => pass_on(&app, incoming.caller, why).await,
        Ok((agent, wish)) if comes_back => {
            let phone = Phone { user, agent, core: incoming.facts.core };
            phone.carry_out(app, incoming.caller, facts, id, wish).await;
        }
        Ok((_, wish)) => match is_ours(&app, &wish).await {
            Ok(()) => incoming.caller.hand_back(OURS).await,
            Err(why) => pass_on(&app, incoming.caller, why).await,
        },
    }
}

/// What an agent may want of us.
enum Wish {
    /// A word on the last talk.
    Word(Outcome),
    /// A customer with an open case.
    Customer(E164),
}

/// Why a call goes on in the administrator's own dialplan.
enum NotOurs {
    /// It is none of our business.
    Foreign(&'static str),
    /// It may be ours, and we cannot tell or carry it out.
    Failed(HandedBack),
}

/// Who may want what of us.
fn wanted(app: &App, facts: &Facts, user: &str) -> Result<(AgentName, Wish), NotOurs> {
    let agent = app.rules().agent_at(user).cloned().ok_or(NotOurs::Foreign("the phone is no agent's"))?;
    if let Some(result) = app.settings.callback.codes.get(&facts.dialled) {
        return Ok((agent, Wish::Word(*result)));
    }
    let phone = &app.settings.phone;
    match Party::read(&facts.dialled, false, &phone.home(), phone.extension_digits) {
        Party::Number(number) => Ok((agent, Wish::Customer(number))),
        Party::Internal(_) | Party::Withheld | Party::Invalid => {
            Err(NotOurs::Foreign("this is neither a number outside nor a word"))
        }
    }
}

/// Whether it is ours: of a customer, if they have an open case. The database may not take long: nobody is kept waiting.
async fn is_ours(app: &App, wish: &Wish) -> Result<(), NotOurs> {
    let Wish::Customer(number) = wish else { return Ok(()) };
    let limit = app.settings.callback.manual_dial_lookup_timeout;
    if app.store.stalls(limit) {
        return Err(unknown(&StoreError::Slow { limit }));
    }
    let number = number.clone();
    let read = app.store.read("is_owed", move |c| handset::is_owed(c, &number));
    match tokio::time::timeout(limit, read).await.unwrap_or(Err(StoreError::Slow { limit })) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotOurs::Foreign("the number has no open case")),
        Err(error) => Err(unknown(&error)),
    }
}

fn unknown(error: &StoreError) -> NotOurs {
    tracing::error!(%error, "what is dialled can neither be guarded nor counted");
    NotOurs::Failed(HandedBack::NotRecorded)
}

/// Lets a call go on in the administrator's own dialplan.
async fn pass_on(app: &App, caller: Caller, why: NotOurs) {
    match why {
        NotOurs::Foreign(why) => tracing::info!(why, "not ours: it goes on in the dialplan"),
        NotOurs::Failed(reason) => {
            let reason = reason.as_str();
            tracing::warn!(reason, "it goes on in the dialplan");
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
    async fn carry_out(self, app: Arc<App>, caller: Caller, facts: Facts, id: CallId, wish: Wish) {
        let Some(node) = app.nodes.found(self.core, LINK_COMES).await else {
            tracing::error!(core = %self.core, "no node of the configuration is this FreeSWITCH");
            return pass_on(&app, caller, NotOurs::Failed(HandedBack::UnknownNode)).await;
        };
        let arrived_at = app.clock.now();
        let (here_since, is_back, queue, stage) = (Instant::now(), false, None, Stage::Arriving);
        let call = Call { app, id, caller, node, facts, arrived_at, here_since, is_back, queue, stage };
        match wish {
            Wish::Word(result) => self.say(call, result).await,
            Wish::Customer(number) => self.dial(call, number).await,
        }
    }
}

/// Plays a sound to the agent to its end.
async fn hear(call: &mut Call, sound: &str) {
    let heard = async {
        take(call).await?;
        call.answer().await?;
        let playing = call.play(sound, Loops::Once).await?;
        message::heard_out(call, playing).await
    };
    if let Ok(false) = heard.await {
        tracing::error!(sound, "the sound could not be played");
    }
}

/// From now on nobody else may dial for it: should we die, the dialplan hangs up.
async fn take(call: &mut Call) -> Result<(), Gone> {
    call.set(Variable::State, BEGUN).await
}
