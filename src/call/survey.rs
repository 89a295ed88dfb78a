//! A survey: after their talk with an agent, the caller answers questions by keys.
//!
//! The call of the talk has ended when the caller comes back for this: nothing here changes how it ended, and the agent is
//! free already. A caller who hangs up, or answers nothing, loses nothing.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::Instrument as _;

use super::facts::Facts;
use super::flow::Flow;
use super::{Call, Gone, LINK_LIMIT, heard, menu, message};
use crate::cause::HangupCause;
use crate::context::App;
use crate::ids::{CallId, PromptName};
use crate::missed::ending::Stage;
use crate::rules::{Digits, MARKS, Menu, MenuOption, Rules, Survey};
use crate::store::surveys::{self, Answer, Talked};
use crate::store::{Awaited, Database};
use crate::switch::{Incoming, Node};

/// Asks a caller who has talked. Returns when the caller is gone or was hung up.
pub(crate) async fn run(app: Arc<App>, incoming: Incoming, call: CallId) {
    let channel = incoming.facts.channel;
    let talked = match app.store.read("talked", move |c| surveys::talked(c, call, channel)).await {
        Ok(talked) => talked,
        Err(error) => {
            tracing::error!(%error, %channel, "the talk of a caller cannot be read: there is no survey");
            None
        }
    };
    let node = app.nodes.found(incoming.facts.core, LINK_LIMIT).await;
    let (Some(talked), Some(node)) = (talked, node) else {
        return incoming.caller.hangup(HangupCause::NormalClearing).await;
    };
    let _guard = app.in_flight.call(talked.call);
    let span = tracing::info_span!("survey", call.id = %talked.call, %channel);
    after_talk(app, incoming, node, talked).instrument(span).await;
}

async fn after_talk(app: Arc<App>, incoming: Incoming, node: Node, talked: Talked) {
    let rules = app.rules();
    let mut flow = Flow::begin(talked.language, None);
    flow.is_answered = true;
    let now = app.clock.now();
    let mut call = Call {
        id: talked.call,
        node,
        facts: Facts::read(&incoming.facts, &app.settings),
        arrived_at: now,
        place_at: now,
        here_since: Instant::now(),
        is_back: true,
        queue: talked.queue,
        stage: Stage::Talking,
        flow,
        caller: incoming.caller,
        app: Arc::clone(&app),
    };
    let survey = call.queue.as_ref().and_then(|queue| rules.queues.get(queue)?.survey.as_ref());
    let asked = match survey {
        Some(survey) => ask(&mut call, &rules, survey).await,
        None => Ok(()),
    };
    match asked {
        Ok(()) => call.caller.hangup(HangupCause::NormalClearing).await,
        Err(gone) => tracing::debug!(?gone, "the caller has left the survey"),
    }
}

/// Asks the questions in turn, until one has no answer.
async fn ask(call: &mut Call, rules: &Rules, survey: &Survey) -> Result<(), Gone> {
    for (ordinal, question) in (1..).zip(survey.questions()) {
        let menu = menu(question);
        let Some(option) = menu::until_chosen(call, rules, &menu).await? else { return Ok(()) };
        record(call, ordinal, question, &option.digits).await;
    }
    let thanks = survey.thanks().and_then(|thanks| heard::sound(call, rules, thanks));
    message::play_if_any(call, thanks).await
}

/// A question as a menu: each mark is an option.
fn menu(question: &PromptName) -> Menu {
    let option = |digits| MenuOption { digits, to: None, back: false, language: None };
    let keys = MARKS.filter_map(|mark| mark.to_string().parse().ok());
    Menu { retries: 1, ..Menu::new(vec![question.clone()], keys.map(option).collect()) }
}

/// Records an answer, even if the caller hangs up meanwhile.
async fn record(call: &Call, ordinal: i32, question: &PromptName, digits: &Digits) {
    let Ok(mark) = digits.as_str().parse() else { return };
    let answer =
        Answer { call: call.id, ordinal, question: question.clone(), mark, at: call.app.clock.now() };
    let write = move |c: &mut Database| surveys::answer(c, &answer);
    match call.app.store.record_awaited("survey", Awaited::ByNobody, write).await {
        Ok(()) => tracing::info!(%question, mark, "the caller has answered a question"),
        Err(error) => tracing::error!(%error, %question, mark, "the answer of a caller is not recorded"),
    }
}
