//! A menu: the caller hears prompts and presses keys.
//!
//! Keys that come before a menu listens are kept for it, from the arrival or from the menu before: a caller may type ahead.
//! While the menu waits for a key, the caller hears a sound of silence, so that FreeSWITCH keeps sending audio.

use tokio::time::Instant;

use super::flow::Next;
use super::prompts::{LISTENING, Prompts};
use super::{Call, Gone, heard, over};
use crate::cause::HangupCause;
use crate::ids::{MenuName, PromptName};
use crate::missed::ending::{MenuOutcome, Stage};
use crate::rules::{Destination, Digits, Heard, Menu, MenuOption, Rules};
use crate::store::{self, calls::MenuVisit};
use crate::switch::{CallerEvent, Loops};
use crate::ticks::until;

/// How one round of a menu ended.
enum Round<'m> {
    Chosen(&'m MenuOption),
    Invalid,
    NoKey,
}

/// Plays a menu until the caller has chosen an option, or has failed to.
pub(crate) async fn ask(call: &mut Call, rules: &Rules, name: &MenuName) -> Result<Next, Gone> {
    let Some(menu) = rules.menus.get(name) else {
        tracing::error!(menu = %name, "there is no such menu any more: the call ends");
        call.caller.hangup(HangupCause::TemporaryFailure).await;
        return Ok(Next::Ended(over(call.flow.ending, call.stage, "NO_MENU")));
    };
    (call.stage, call.flow.owed_in_menu) = (Stage::Menu, menu.missed);
    let at = call.app.clock.now();
    call.flow.menus.push(MenuVisit { menu: name.clone(), at, outcome: MenuOutcome::Left, digits: None });
    if let Some(option) = until_chosen(call, rules, menu).await? {
        return choose(call, name, option).await;
    }
    tracing::info!(menu = %name, to = %menu.failed, "the caller chose no option");
    leave(call, MenuOutcome::Failed, None);
    Ok(Next::To(menu.failed.clone()))
}

/// Plays a menu until the caller has chosen an option. None if they have not after all retries.
pub(crate) async fn until_chosen<'m>(
    call: &mut Call,
    rules: &Rules,
    menu: &'m Menu,
) -> Result<Option<&'m MenuOption>, Gone> {
    call.answer().await?;
    call.listen(menu.barge_in).await?;
    call.stop().await?;
    let mut first = None;
    for _ in 0..=menu.retries {
        let mut round = Playing::begin(call, rules, first, menu).await?;
        match round.until_over(call, menu).await? {
            Round::Chosen(option) => return Ok(Some(option)),
            Round::Invalid => first = menu.invalid.as_ref(),
            Round::NoKey => first = menu.no_input.as_ref(),
        }
    }
    Ok(None)
}

/// Carries out an option.
async fn choose(call: &mut Call, name: &MenuName, option: &MenuOption) -> Result<Next, Gone> {
    tracing::info!(menu = %name, digits = %option.digits, "the caller chose an option");
    leave(call, MenuOutcome::Chosen, Some(option.digits.clone()));
    if let Some(language) = option.language {
        call.flow.language = Some(language);
        let id = call.id;
        let spoken = call.app.store.write("language", move |c| store::calls::speaks(c, id, language)).await;
        if let Err(error) = spoken {
            tracing::error!(%error, "the language that the caller chose is not recorded");
        }
    }
    Ok(Next::To(match &option.to {
        Some(to) => {
            if matches!(to, Destination::Menu(_)) {
                call.flow.came_through.push(name.clone());
            }
            to.clone()
        }
        None if option.back => {
            Destination::Menu(call.flow.came_through.pop().unwrap_or_else(|| name.clone()))
        }
        None => Destination::Menu(name.clone()),
    }))
}

fn leave(call: &mut Call, outcome: MenuOutcome, digits: Option<Digits>) {
    if let Some(visit) = call.flow.menus.last_mut() {
        (visit.outcome, visit.digits) = (outcome, digits);
    }
}

/// One round: the prompts, then the wait for keys.
struct Playing {
    prompts: Prompts,
    /// What the caller has pressed in this round.
    pressed: String,
    /// When the wait for a key is over.
    deadline: Option<Instant>,
}

impl Playing {
    /// Begins to play a prompt that says what was wrong, if there is one, then those of the menu.
    async fn begin(
        call: &mut Call,
        rules: &Rules,
        first: Option<&PromptName>,
        menu: &Menu,
    ) -> Result<Self, Gone> {
        // A caller who has typed ahead hears nothing of this menu.
        let is_heard = call.flow.keys.is_empty() || !menu.barge_in;
        let names = first.into_iter().chain(&menu.prompts).filter(|_| is_heard);
        let prompts = Prompts::of(names.filter_map(|name| heard::sound(call, rules, name)));
        let mut round = Self { prompts, pressed: String::new(), deadline: None };
        if !round.prompts.are_none() || call.flow.keys.is_empty() {
            round.play_next(call, menu).await?;
        }
        Ok(round)
    }

    /// Plays the next prompt. After the last one, the wait for a key begins.
    async fn play_next(&mut self, call: &mut Call, menu: &Menu) -> Result<(), Gone> {
        if self.prompts.play_next(call).await? {
            return Ok(());
        }
        // Not below the prompts: that would delay them by a frame, 20 ms.
        call.play(&LISTENING, Loops::Forever).await?;
        if self.deadline.is_none() {
            self.deadline = Some(Instant::now() + menu.timeout);
        }
        Ok(())
    }

    async fn until_over<'m>(&mut self, call: &mut Call, menu: &'m Menu) -> Result<Round<'m>, Gone> {
        loop {
            if let Some(over) = self.take_keys(call, menu).await? {
                return Ok(over);
            }
            tokio::select! {
                biased;
                event = call.next() => match event? {
                    CallerEvent::Digit { digit, .. } => call.flow.keys.push_back(digit),
                    CallerEvent::Played { id, ok } if self.prompts.ended(id, ok) => {
                        self.play_next(call, menu).await?;
                    }
                    _ => {}
                },
                () = until(self.prompts.missing_at()) => {
                    self.prompts.replace_missing(call);
                    self.play_next(call, menu).await?;
                }
                () = until(self.deadline) => return Ok(match menu.heard(&self.pressed) {
                    Heard::Unfinished(Some(option)) | Heard::Chosen(option) => Round::Chosen(option),
                    _ if self.pressed.is_empty() => Round::NoKey,
                    _ => Round::Invalid,
                }),
            }
        }
    }

    /// Takes the keys that wait. The first one stops the prompts, unless they must be heard out.
    async fn take_keys<'m>(&mut self, call: &mut Call, menu: &'m Menu) -> Result<Option<Round<'m>>, Gone> {
        while menu.barge_in || !self.prompts.are_heard() {
            let Some(key) = call.flow.keys.pop_front() else { break };
            self.prompts.stop(call).await?;
            self.pressed.push(key);
            match menu.heard(&self.pressed) {
                Heard::Chosen(option) => return Ok(Some(Round::Chosen(option))),
                Heard::Invalid => {
                    // What was typed ahead was meant for an option that does not exist.
                    call.flow.keys.clear();
                    return Ok(Some(Round::Invalid));
                }
                Heard::Unfinished(_) => {
                    call.play(&LISTENING, Loops::Forever).await?;
                    self.deadline = Some(Instant::now() + menu.digit_timeout);
                }
            }
        }
        Ok(None)
    }
}
