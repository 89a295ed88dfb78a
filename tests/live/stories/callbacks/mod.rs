//! Somebody is missed and called back.

pub mod agents;
pub mod crashes;
pub mod customer_first;
mod desk;
pub mod handset;
pub mod own_way;
pub mod trunks;

use anyhow::{Context, Result, ensure};
use dozvon::missed::attempt::Outcome;
use tokio::time::Instant;

use self::desk::{Desk, NUMBER};
use super::Live;
use crate::floor::{ANSWERS, BUSY, SOON, phone, told};
use crate::sip::{Behaviour, Stage, Talk};
use crate::tone::Tone;

/// A miss, then the callback reaches the customer; the agent gets no more work before the disposition.
pub async fn missed_then_reached(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let desk = Desk::open(live, &anna, ANSWERS).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        desk.later(1);
        let due = Instant::now();
        let offered = anna.call(0, SOON, "rings", |_| true).await?;
        let rings_ms = due.elapsed().as_millis();
        let shown = &offered.from;
        ensure!(
            shown.contains(NUMBER) && shown.contains("callback"),
            "the agent sees whom he calls, and why: {shown}"
        );
        let talk =
            desk.customer.call(0, SOON, "is called and talks", |talk| talk.stage == Stage::Talking).await?;
        ensure!(talk.from.contains("74957654321"), "the customer sees our number: {}", talk.from);
        talk.ear.hears(Tone::Agent, SOON).await?;
        offered.ear.hears(Tone::Caller, SOON).await?;
        let picked_up = talk.when(Stage::Talking).context("he picked up")?;
        let heard_ms = Instant::now().duration_since(picked_up).as_millis();
        desk.customer.hang_up(&talk.id).await?;
        desk.agent_is("wrapping_up").await?;
        desk.word_is_awaited().await?;
        desk.says(Outcome::Reached).await?;
        desk.case_is("agent_reached").await?;
        desk.floor.comes_to_rest().await?;
        Ok(format!(
            "agent rings {rings_ms} ms after the case is due; both hear each other within {heard_ms} ms"
        ))
    })
    .await?;
    desk.close().await?;
    Ok(said)
}

/// Three misses a day, then the handover; no fourth.
pub async fn three_misses_then_the_handover(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let desk = Desk::open(live, &anna, BUSY).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        for (minutes, results) in
            [(1, &["busy"][..]), (31, &["busy", "busy"]), (91, &["busy", "busy", "busy"])]
        {
            desk.later(minutes);
            desk.attempts_are(results).await?;
        }
        desk.case_is("handed_over").await?;
        desk.later(120);
        desk.floor.comes_to_rest().await?;
        ensure!(desk.customer.count() == 3, "his phone was called {} times", desk.customer.count());
        Ok("his phone was called 3 times, then the case was handed over".to_owned())
    })
    .await?;
    desk.close().await?;
    Ok(said)
}

/// He rings in while he is being called: he gets the agent who calls him.
pub async fn glare(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let desk = Desk::open(live, &anna, Behaviour::Ring).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        desk.later(1);
        let ringing = desk.customer.call(0, SOON, "rings", |talk| talk.stage == Stage::Ringing).await?;
        let begun = Instant::now();
        let caller = desk.floor.caller(NUMBER).await?;
        caller.hears(Tone::Agent).await?;
        let heard_ms = begun.elapsed().as_millis();
        desk.customer.reaches(&ringing.id, SOON, "his phone falls silent", Talk::is_over).await?;
        // Before that is on record the talk has not begun.
        desk.agent_is("talking").await?;
        desk.seconds_later(6);
        caller.hangs_up().await?;
        desk.attempts_are(&["cancelled"]).await?;
        desk.case_is("caller_reached_us").await?;
        desk.floor.comes_to_rest().await?;
        ensure!(anna.count() == 1, "the agent was rung {} times", anna.count());
        Ok(format!("the caller heard the agent {heard_ms} ms after he dialled"))
    })
    .await?;
    desk.close().await?;
    Ok(said)
}

/// The agent never answers: the customer is never called.
pub async fn an_agent_who_never_answers(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let desk = Desk::open(live, &anna, ANSWERS).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        desk.later(1);
        anna.call(0, SOON, "rings", |_| true).await?;
        let causes = desk.floor.causes_of(&anna, 1).await?;
        ensure!(causes == ["NO_ANSWER"], "{causes:?}");
        desk.attempts_are(&[]).await?;
        ensure!(desk.customer.count() == 0, "the customer was called");
        desk.floor.controller.command(&["agent", "logout", "anna"]).await?;
        Ok("no attempt was made".to_owned())
    })
    .await?;
    desk.close().await?;
    Ok(said)
}
