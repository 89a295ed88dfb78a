//! An agent dials at his own phone: a customer, or a word on the customer he has just talked to.
//!
//! In: a call that our dialplan for agents' phones sends (`dozvon_handset` is on its channel: who has registered the
//! phone). Out: the customer, if the guards let him be dialled; then a talk, counted like a callback's. A word
//! (`[callback.codes]`) is recorded as the result of the agent's last talk; tones say whether it was.

use std::sync::Arc;

use tracing::Instrument as _;

use super::story::{AGENT_LEFT, BRIDGE_FAILED, DRAINED, dialled_over, learn, not_dialled, record};
use super::trunks::{Customer, DialFate, Line};
use crate::call::ending::Stage;
use crate::call::facts::Facts;
use crate::call::{Call, Desk, bridge, forward, message};
use crate::ids::{AgentName, CallId, ChannelId, OfferId};
use crate::missed::attempt::{self, Outcome};
use crate::phone::{E164, Party};
use crate::store::callbacks::{End, How};
use crate::store::handset::{self, Begun, Dialled};
use crate::switch::cause::HangupCause;
use crate::switch::{Cancel, Incoming, Leg, Loops};

/// Carries out what was dialled at the phone of `user`, and stays until it is over.
pub async fn run(desk: Arc<Desk>, incoming: Incoming, user: String) {
    let id = CallId::new();
    let hold = desk.held.call(id);
    let span = tracing::info_span!("handset", call.id = %id, user);
    tell(desk, incoming, user, id).instrument(span).await;
    drop(hold);
}

async fn tell(desk: Arc<Desk>, incoming: Incoming, user: String, id: CallId) {
    let Some(node) = desk.nodes.found(incoming.facts.core, crate::call::story::LINK_COMES).await else {
        tracing::error!(core = %incoming.facts.core, "no node of the configuration is this FreeSWITCH");
        return incoming.caller.hangup(HangupCause::TemporaryFailure).await;
    };
    let agent = desk.rules().agent_at(&user).cloned();
    let facts = Facts::read(&incoming.facts, &desk.settings);
    let (arrived_at, core) = (desk.clock.now(), incoming.facts.core);
    let call = Call {
        desk,
        id,
        caller: incoming.caller,
        node,
        facts,
        arrived_at,
        queue: None,
        stage: Stage::Arriving,
    };
    let phone = Phone { user, agent, core };
    if let Some(result) = call.desk.settings.callback.codes.get(&call.facts.dialled).copied() {
        return phone.say(call, result).await;
    }
    match number(&call) {
        Some(number) => phone.dial(call, number).await,
        None => {
            tracing::warn!("this is neither a number to call nor a word");
            call.caller.hangup(HangupCause::UnallocatedNumber).await;
        }
    }
}

/// The number that was dialled, if it is one outside.
fn number(call: &Call) -> Option<E164> {
    let phone = &call.desk.settings.phone;
    match Party::read(&call.facts.dialled, false, &phone.home(), phone.internal_digits) {
        Party::Number(number) => Some(number),
        Party::Internal(_) | Party::Withheld | Party::Invalid => None,
    }
}

/// The phone at which somebody dials.
struct Phone {
    user: String,
    agent: Option<AgentName>,
    core: crate::ids::CoreId,
}

impl Phone {
    /// Records a word on the last talk.
    async fn say(&self, mut call: Call, result: Outcome) {
        let sounds = call.desk.settings.sounds.clone();
        let said = match &self.agent {
            None => {
                tracing::warn!("this is nobody's phone whom the rules know as an agent");
                false
            }
            Some(agent) => self.record(&call, agent, result).await,
        };
        hear(&mut call, if said { &sounds.done } else { &sounds.refused }).await;
        call.caller.hangup(HangupCause::NormalClearing).await;
    }

    async fn record(&self, call: &Call, agent: &AgentName, result: Outcome) -> bool {
        let (terms, at, agent) = (call.desk.terms(), call.desk.clock.now(), agent.clone());
        let who = agent.clone();
        let write = call.desk.store.write("say", move |c| handset::say(c, &terms, &who, result, at));
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
            at: call.desk.clock.now(),
        }
    }

    /// Dials a customer, if there is a line and the guards let him.
    async fn dial(&self, mut call: Call, number: E164) {
        let terms = call.desk.terms();
        let Some(place) = call.desk.trunks.take() else {
            let wanted = self.wanted(&call, &number);
            let kept =
                call.desk.store.write("no_room", move |c| handset::no_room(c, &terms, &wanted, NO_ROOM));
            if let Err(error) = kept.await {
                tracing::error!(%error, "it is not kept that he was refused");
            }
            return refuse(call, NO_ROOM, HangupCause::CircuitCongestion).await;
        };
        let line = place.turn().await;
        let wanted = self.wanted(&call, &number);
        let begun = call.desk.store.write("handset", move |c| handset::begin(c, &terms, &wanted)).await;
        let (owed, refused) = match begun {
            Ok(Begun::Unowed) => (None, None),
            Ok(Begun::Attempt { case, attempt }) => (Some((case, attempt)), None),
            Ok(Begun::Refused(refusal)) => (None, Some(refusal.to_string())),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(why) = refused {
            return refuse(call, &why, HangupCause::CallRejected).await;
        }
        if let Some((_, attempt)) = owed {
            dialled_over(&call.desk, attempt, &line).await;
        }
        let made = connect(&mut call, &line, &number).await;
        learn(&call.desk, &line, &number, made.fate()).await;
        let Some((case, attempt)) = owed else { return };
        let how = match made {
            Made::NotDialled => not_dialled(attempt),
            Made::Unreached { cause, rang } => How::unreached(attempt, &cause, rang),
            Made::Left if call.desk.draining.is_cancelled() => {
                How::without_talk(attempt, Outcome::Cancelled, DRAINED)
            }
            Made::Left => How::without_talk(attempt, Outcome::Cancelled, AGENT_LEFT),
            Made::Apart => How::without_talk(attempt, Outcome::Abandoned, BRIDGE_FAILED),
            Made::Talked { cause, answered_at } => How::Talked { attempt, cause, answered_at },
        };
        let end = End { case, call: call.id, how, at: call.desk.clock.now() };
        record(&call.desk, &call.desk.terms(), end).await;
    }
}

/// Why nobody is dialled when the trunks have as many calls as they may.
const NO_ROOM: &str = "no trunk has room for one more call";

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
    let ring = call.desk.settings.callback.handset_ring;
    let customer = Customer { leg: ChannelId::new(), number, call: call.id, offer: OfferId::new(), ring };
    let Some(leg) = line.ring(&call.node, &customer) else {
        call.caller.hangup(HangupCause::TemporaryFailure).await;
        return Made::NotDialled;
    };
    let ringing = call.desk.settings.callback.ringing.clone();
    let hears = async {
        call.answer().await?;
        call.play(&ringing, Loops::Forever).await
    };
    if hears.await.is_err() {
        leg.cancel(Cancel::OriginatorCancel);
        return Made::Left;
    }
    match forward::answered(call, leg, ring).await {
        Ok(Ok((leg, channel))) => talk(call, leg, channel).await,
        Ok(Err((cause, rang))) => {
            call.caller.hangup(HangupCause::NoAnswer).await;
            Made::Unreached { cause, rang }
        }
        Err(_) => Made::Left,
    }
}

async fn talk(call: &mut Call, leg: Leg, channel: ChannelId) -> Made {
    match bridge::join(call, channel).await {
        Ok(true) => {}
        Ok(false) => {
            leg.cancel(Cancel::OriginatorCancel);
            call.caller.hangup(HangupCause::TemporaryFailure).await;
            return Made::Apart;
        }
        Err(_) => {
            leg.cancel(Cancel::OriginatorCancel);
            return Made::Left;
        }
    }
    leg.in_talk();
    let answered_at = call.desk.clock.now();
    tracing::info!("the customer is reached");
    let (id, store) = (call.id, &call.desk.store);
    let write = || store.write("handset_talk", move |c| handset::talk(c, id, answered_at));
    if let Err(error) = crate::store::until_recorded("handset_talk", write).await {
        tracing::error!(%error, "the talk is not recorded yet; its end will be");
    }
    let cause = bridge::until_hangup(call).await;
    Made::Talked { cause, answered_at }
}

/// Nobody is dialled, and the agent hears so.
async fn refuse(mut call: Call, why: &str, cause: HangupCause) {
    tracing::warn!(why, "not dialled");
    let sound = call.desk.settings.sounds.refused.clone();
    hear(&mut call, &sound).await;
    call.caller.hangup(cause).await;
}

/// Plays a sound to the agent to its end.
async fn hear(call: &mut Call, sound: &str) {
    let heard = async {
        call.answer().await?;
        let playing = call.play(sound, Loops::Once).await?;
        message::heard_out(call, playing).await
    };
    if let Ok(false) = heard.await {
        tracing::error!(sound, "the sound could not be played");
    }
}
