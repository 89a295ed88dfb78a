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

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use crate::call::attempt::{AGENT_LEFT, BRIDGE_FAILED, DRAINED, dialled_over, learn, not_dialled, record};
use crate::call::facts::Facts;
use crate::call::forward::{self, Answered};
use crate::call::talk::{Between, Talk, TalkOver};
use crate::call::{Call, Gone, LINK_COMES, message};
use crate::cause::HangupCause;
use crate::context::App;
use crate::dispatch::trunks::{Customer, DialFate, Line};
use crate::ids::{AgentName, AttemptId, CallId, CaseId, ChannelId, CoreId, OfferId};
use crate::metrics::HandedBack;
use crate::missed::attempt::{self, Outcome};
use crate::missed::ending::Stage;
use crate::missed::outgoing::Said;
use crate::phone::{E164, Party};
use crate::store::StoreError;
use crate::store::callbacks::{End, How};
use crate::store::handset::{self, Begun, Dialled};
use crate::switch::{Caller, Cancel, Incoming, Leg, Loops, Variable};

/// What the dialplan finds in `dozvon_state` of a call that goes on in the administrator's own dialplan.
const NOT_OURS: &str = "not_ours";
/// The same, of one that comes back to be carried out.
const OURS: &str = "ours";
/// The same, of one that we have begun to carry out: nobody may be dialled for it any more.
const BEGUN: &str = "begun";
/// Why nobody is dialled when the trunks have as many calls as they may.
const NO_ROOM: &str = "no trunk has room for one more call";
/// The cause of an attempt that was recorded when its agent had gone on in the administrator's dialplan.
const TOO_LATE: &str = "RECORDED_TOO_LATE";

/// Carries out what was dialled at the phone of `user`, and stays until it is over.
pub async fn run(app: Arc<App>, incoming: Incoming, user: String) {
    let id = CallId::new();
    let hold = app.held.call(id);
    let span = tracing::info_span!("handset", call.id = %id, user);
    tell(app, incoming, user, id).instrument(span).await;
    drop(hold);
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
    match Party::read(&facts.dialled, false, &phone.home(), phone.internal_digits) {
        Party::Number(number) => Ok((agent, Wish::Customer(number))),
        Party::Internal(_) | Party::Withheld | Party::Invalid => {
            Err(NotOurs::Foreign("this is neither a number outside nor a word"))
        }
    }
}

/// Whether it is ours: of a customer, if they have an open case. The database may not take long: nobody is kept waiting.
async fn is_ours(app: &App, wish: &Wish) -> Result<(), NotOurs> {
    let Wish::Customer(number) = wish else { return Ok(()) };
    let limit = app.settings.callback.handset_lookup;
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

    /// Records a word on the last talk.
    async fn say(&self, mut call: Call, result: Outcome) {
        let sounds = call.app.settings.sounds.clone();
        let said = self.record(&call, &self.agent, result).await;
        hear(&mut call, if said { &sounds.done } else { &sounds.refused }).await;
        call.caller.hangup(HangupCause::NormalClearing).await;
    }

    async fn record(&self, call: &Call, agent: &AgentName, result: Outcome) -> bool {
        let (terms, at, agent) = (call.app.terms(), call.app.clock.now(), agent.clone());
        let who = agent.clone();
        let write = call.app.store.write("say", move |c| handset::say(c, &terms, &who, result, at));
        match write.await {
            Ok(Some(case)) => {
                tracing::info!(%agent, case.id = %case, %result, "the result of his last talk");
                true
            }
            Ok(None) => {
                tracing::warn!(%agent, "he owes no result");
                false
            }
            Err(error) => {
                tracing::error!(%agent, %error, "the result is not recorded");
                false
            }
        }
    }

    /// What he wants now.
    fn wanted(&self, call: &Call, number: &E164) -> Dialled {
        Dialled {
            number: number.clone(),
            call: call.id,
            node: call.node.name().clone(),
            core: self.core,
            channel: call.caller.channel(),
            agent: self.agent.clone(),
            user: self.user.clone(),
            at: call.app.clock.now(),
        }
    }

    /// Dials a customer, if there is a line and the guards let him.
    async fn dial(&self, call: Call, number: E164) {
        let terms = call.app.terms();
        let Some(place) = call.app.trunks.take() else {
            let wanted = self.wanted(&call, &number);
            let kept =
                call.app.store.write("no_room", move |c| handset::no_room(c, &terms, &wanted, NO_ROOM));
            if let Err(error) = kept.await {
                tracing::error!(%error, "it is not kept that the agent was refused");
            }
            return refuse(call, NO_ROOM, HangupCause::CircuitCongestion).await;
        };
        let line = place.turn().await;
        match self.begin(call, &number).await {
            Some((call, Begun::Attempt { case, attempt })) => {
                attempted(call, &line, &number, case, attempt).await;
            }
            Some((call, Begun::Refused(refusal))) => {
                refuse(call, &refusal.to_string(), HangupCause::CallRejected).await;
            }
            None => {}
        }
    }

    /// Asks the guards and takes a place among the day's attempts. None if the call has gone on in the administrator's own
    /// dialplan: the case was closed meanwhile, or the database does not answer in time. What is committed after that is
    /// an attempt that was made: the agent dials the customer in that dialplan.
    async fn begin(&self, call: Call, number: &E164) -> Option<(Call, Begun)> {
        let (app, terms, wanted) = (Arc::clone(&call.app), call.app.terms(), self.wanted(&call, number));
        let limit = app.settings.callback.handset_lookup;
        let patience = if app.store.stalls(limit) { Duration::ZERO } else { limit };
        let writing = app.store.write("handset", move |c| handset::begin(c, &terms, &wanted));
        tokio::pin!(writing);
        match tokio::time::timeout(patience, &mut writing).await {
            Ok(Ok(Some(begun))) => {
                let said = match &begun {
                    Begun::Attempt { .. } => Some(Said::Allowed),
                    Begun::Refused(refusal) => Said::by_guard(refusal.guard),
                };
                app.metrics.dial_said(said);
                return Some((call, begun));
            }
            Ok(Ok(None)) => {
                pass_on(&app, call.caller, NotOurs::Foreign("the case has been closed")).await;
            }
            Ok(Err(error)) => pass_on(&app, call.caller, unknown(&error)).await,
            Err(_) => {
                let id = call.id;
                pass_on(&app, call.caller, unknown(&StoreError::Slow { limit })).await;
                if let Ok(Some(Begun::Attempt { case, attempt })) = writing.await {
                    let how = How::without_talk(attempt, Outcome::Cancelled, TOO_LATE);
                    let end = End { case, call: id, how, at: app.clock.now() };
                    record(&app, &app.terms(), end).await;
                }
            }
        }
        None
    }
}

/// Dials a customer for whom an attempt is recorded, and records what came of it.
async fn attempted(mut call: Call, line: &Line, number: &E164, case: CaseId, attempt: AttemptId) {
    dialled_over(&call.app, attempt, line).await;
    let made = connect(&mut call, line, number).await;
    learn(&call.app, line, number, made.fate()).await;
    let how = match made {
        Made::NotDialled => not_dialled(attempt),
        Made::Unreached { cause, rang } => How::unreached(attempt, &cause, rang),
        Made::Left if call.app.draining.is_cancelled() => {
            How::without_talk(attempt, Outcome::Cancelled, DRAINED)
        }
        Made::Left => How::without_talk(attempt, Outcome::Cancelled, AGENT_LEFT),
        Made::Apart => How::without_talk(attempt, Outcome::Abandoned, BRIDGE_FAILED),
        Made::Talked { cause, answered_at } => How::Talked { attempt, cause, answered_at },
    };
    let end = End { case, call: call.id, how, at: call.app.clock.now() };
    record(&call.app, &call.app.terms(), end).await;
}

/// What came of dialling.
enum Made {
    /// Nobody was dialled, and it was our fault.
    NotDialled,
    /// The customer did not answer.
    Unreached { cause: String, rang: bool },
    /// The agent hung up before that.
    Left,
    /// The customer answered, and the two could not be connected.
    Apart,
    /// They talked.
    Talked { cause: String, answered_at: crate::clock::UnixMs },
}

impl Made {
    /// What it says of the trunk.
    fn fate(&self) -> DialFate<'_> {
        match self {
            Self::Unreached { cause, rang }
                if attempt::of_cause(cause, *rang) == Outcome::TechnicalFailure =>
            {
                DialFate::Failed(cause)
            }
            Self::Unreached { .. } | Self::Talked { .. } | Self::Apart => DialFate::Carried,
            Self::NotDialled | Self::Left => DialFate::Unknown,
        }
    }
}

/// Rings the customer while the agent hears it, connects the two, and stays until they are through.
async fn connect(call: &mut Call, line: &Line, number: &E164) -> Made {
    let ring = call.app.settings.callback.handset_ring;
    let customer = Customer { leg: ChannelId::new(), number, call: call.id, offer: OfferId::new(), ring };
    if take(call).await.is_err() {
        return Made::Left;
    }
    let Some(leg) = line.ring(&call.node, &customer) else {
        call.caller.hangup(HangupCause::TemporaryFailure).await;
        return Made::NotDialled;
    };
    let ringing = call.app.settings.callback.ringing.clone();
    let hears = async {
        call.answer().await?;
        call.play(&ringing, Loops::Forever).await
    };
    if hears.await.is_err() {
        leg.cancel(Cancel::OriginatorCancel);
        return Made::Left;
    }
    match forward::answered(call, leg, ring).await {
        Ok(Answered::By(leg, channel)) => talk(call, leg, channel).await,
        Ok(Answered::No { cause, rang }) => {
            call.caller.hangup(HangupCause::NoAnswer).await;
            Made::Unreached { cause, rang }
        }
        Err(_) => Made::Left,
    }
}

async fn talk(call: &mut Call, leg: Leg, channel: ChannelId) -> Made {
    let talk = match Talk::with_caller(call, channel).await {
        Ok(Some(talk)) => talk,
        Ok(None) => {
            leg.cancel(Cancel::OriginatorCancel);
            call.caller.hangup(HangupCause::TemporaryFailure).await;
            return Made::Apart;
        }
        Err(_) => {
            leg.cancel(Cancel::OriginatorCancel);
            return Made::Left;
        }
    };
    leg.in_talk();
    tracing::info!("the customer is reached");
    // The end of the talk is recorded all the same.
    let _ = talk.record(Between::AgentAndDialled).await;
    let TalkOver { since: answered_at, cause } = talk.until_caller_leaves(call).await;
    Made::Talked { cause, answered_at }
}

/// Nobody is dialled, and the agent hears so.
async fn refuse(mut call: Call, why: &str, cause: HangupCause) {
    tracing::warn!(why, "not dialled");
    let sound = call.app.settings.sounds.refused.clone();
    hear(&mut call, &sound).await;
    call.caller.hangup(cause).await;
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
