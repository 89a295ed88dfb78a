//! The caller asks to be called back: that is put on record, and they hear that they will be.
//!
//! The row says so before the caller hears anything of it, so nothing is lost however the call goes on: if they hang up,
//! or the controller dies, the end of the call opens the case.

use tokio::time::Instant;

use super::flow::Next;
use super::prompts::{LISTENING, Prompts};
use super::{Call, Gone, heard, message, over};
use crate::cause::HangupCause;
use crate::ids::QueueName;
use crate::missed::asked::{AskNumber, Asked, END, Entered, entered};
use crate::missed::ending::{Ending, Stage};
use crate::phone::{E164, Party};
use crate::rules::{Rules, Then, destination};
use crate::spoken::{Phrase, Sentence};
use crate::store;
use crate::switch::{CallerEvent, Loops};
use crate::ticks::until;

/// The most keys of a number. A caller who presses more has not entered one.
const MOST_KEYS: usize = 24;

/// Takes the caller's request for a callback, then goes on with what follows, or hangs up.
pub(crate) async fn ask(call: &mut Call, rules: &Rules, queue: &QueueName, then: Then) -> Result<Next, Gone> {
    let has_waited = call.queue.as_ref() == Some(queue);
    tracing::info!(%queue, "the caller asks for a callback");
    asked(call, queue);
    keep(call).await;
    (call.stage, call.flow.ending) = (Stage::Message, Ending::AskedCallback);
    call.answer().await?;
    call.stop().await?;
    let said = if is_number_known(call, rules, queue).await? {
        promise(call, rules, queue, has_waited)
    } else {
        Sentence::NotPossible
    };
    let sound = heard::said(call, &said.into());
    message::play_if_any(call, sound).await?;
    if let Some(then) = then {
        return Ok(Next::To(*then));
    }
    call.caller.hangup(HangupCause::NormalClearing).await;
    Ok(Next::Ended(over(Ending::AskedCallback, Stage::Message, "NORMAL_CLEARING")))
}

/// The caller has asked: from now on the end of the call opens a case, whatever comes next.
pub(super) fn asked(call: &mut Call, queue: &QueueName) {
    let number = call.flow.asked.take().and_then(|earlier| earlier.number);
    call.flow.asked = Some(Asked { queue: queue.clone(), number });
}

/// Puts on record what the caller asks for. If the database fails, only this process knows it until the call ends.
async fn keep(call: &Call) {
    let Some(asked) = call.flow.asked.clone() else { return };
    let (id, at) = (call.id, call.app.clock.now());
    let kept = call.app.store.write("ask_callback", move |c| store::calls::ask_callback(c, id, &asked, at));
    if let Err(error) = kept.await {
        tracing::error!(%error, "it is not recorded yet what the caller asks for: the end of the call will record it");
    }
}

/// Returns what the caller is told: that they keep their place, or that we call back when we open, or soon.
fn promise(call: &Call, rules: &Rules, queue: &QueueName, has_waited: bool) -> Sentence {
    let now = call.app.clock.now();
    match rules.schedule(Some(queue)) {
        Some(schedule) if !schedule.is_open(now) => Sentence::CallbackWhenOpen,
        _ if has_waited => Sentence::CallbackKeepsPlace,
        _ => Sentence::CallbackSoon,
    }
}

/// Asks for a number if the settings say so. Returns whether there is one that can be called.
async fn is_number_known(call: &mut Call, rules: &Rules, queue: &QueueName) -> Result<bool, Gone> {
    let is_callable = matches!(call.facts.party, Party::Number(_));
    let has_entered = call.flow.asked.as_ref().is_some_and(|asked| asked.number.is_some());
    match call.app.settings.callback.ask_number {
        _ if has_entered => return Ok(true),
        AskNumber::Never => return Ok(is_callable),
        AskNumber::Unknown if is_callable => return Ok(true),
        AskNumber::Unknown | AskNumber::Always => {}
    }
    let question = if is_callable { Sentence::ConfirmNumber } else { Sentence::EnterNumber };
    let mut phrase = Phrase::from(question);
    call.listen(true).await?;
    for _ in 0..call.app.settings.callback.number_tries {
        let keys = Question::ask(call, &phrase).await?;
        match entered(&keys, is_callable) {
            Entered::Shown => return Ok(true),
            Entered::Digits(digits) => {
                if let Some(number) = callable(call, rules, queue, digits) {
                    take(call, number).await;
                    return Ok(true);
                }
                phrase = Phrase::from(Sentence::NumberNotPossible).then(question);
            }
            // Whoever presses nothing is called back at the number that they show.
            Entered::Nothing if is_callable => return Ok(true),
            Entered::Nothing => phrase = question.into(),
        }
    }
    Ok(is_callable)
}

/// Returns the number that was entered, if the queue's policy lets it be called.
fn callable(call: &Call, rules: &Rules, queue: &QueueName, digits: &str) -> Option<E164> {
    let home = call.app.settings.phone.home();
    let number = home.number(digits)?;
    let policy = rules.policy(Some(queue));
    match destination::check(&number, &policy.destinations, policy.premium, home.region) {
        Ok(()) => Some(number),
        Err(barred) => {
            tracing::info!(%barred, "the caller entered a number that is not called back");
            None
        }
    }
}

/// Records the number that the caller entered.
async fn take(call: &mut Call, number: E164) {
    if let Some(asked) = &mut call.flow.asked {
        asked.number = Some(number);
    }
    keep(call).await;
}

/// A question that the caller answers by keys.
struct Question {
    prompts: Prompts,
    pressed: String,
    /// When the wait for a key is over.
    deadline: Option<Instant>,
}

impl Question {
    /// Plays a phrase, and returns the keys that the caller pressed until they ended the number, or paused.
    async fn ask(call: &mut Call, phrase: &Phrase) -> Result<String, Gone> {
        let prompts = Prompts::of(heard::said(call, phrase));
        let mut question = Self { prompts, pressed: String::new(), deadline: None };
        question.play_next(call).await?;
        loop {
            tokio::select! {
                biased;
                event = call.next() => match event? {
                    CallerEvent::Digit { digit, .. } => {
                        let is_last = question.presses(call, digit).await?;
                        if is_last {
                            return Ok(question.pressed);
                        }
                    }
                    CallerEvent::Played { id, ok } if question.prompts.ended(id, ok) => {
                        question.play_next(call).await?;
                    }
                    _ => {}
                },
                () = until(question.prompts.missing_at()) => {
                    question.prompts.replace_missing(call);
                    question.play_next(call).await?;
                }
                () = until(question.deadline) => return Ok(question.pressed),
            }
        }
    }

    /// Plays the next sound. After the last one, the wait for a key begins.
    async fn play_next(&mut self, call: &mut Call) -> Result<(), Gone> {
        if !self.prompts.play_next(call).await? {
            self.listen(call).await?;
        }
        Ok(())
    }

    async fn listen(&mut self, call: &mut Call) -> Result<(), Gone> {
        call.play(&LISTENING, Loops::Forever).await?;
        self.deadline = Some(Instant::now() + call.app.settings.callback.number_timeout);
        Ok(())
    }

    /// The caller presses a key, which stops the question. Returns whether that was the last one.
    async fn presses(&mut self, call: &mut Call, key: char) -> Result<bool, Gone> {
        self.prompts.stop(call).await?;
        self.pressed.push(key);
        self.listen(call).await?;
        Ok(key == END || self.pressed.len() > MOST_KEYS)
    }
}
