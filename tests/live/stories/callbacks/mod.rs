//! A caller is missed and called back.

pub mod agents;
pub mod crashes;
pub mod customer_first;
pub mod handset;
mod office;
pub mod own_way;
pub mod places;
pub mod trunks;

use anyhow::{Context, Result, ensure};
use dozvon::missed::attempt::Disposition;
use tokio::time::Instant;

use self::office::{NUMBER, Office};
use super::Live;
use crate::floor::{ANSWERS, BUSY, SOON, phone, told};
use crate::sip::{Behaviour, Stage, Talk};
use crate::tone::Tone;

/// A miss, then the callback reaches the customer; the agent gets no more work before the disposition.
pub async fn missed_then_reached(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let office = Office::open(live, &anna, ANSWERS).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let due = Instant::now();
        let offered = anna.call(0, SOON, "rings", |_| true).await?;
        let rings_ms = due.elapsed().as_millis();
        let shown = &offered.from;
        ensure!(
            shown.contains(NUMBER) && shown.contains("callback"),
            "the agent sees whom they call, and why: {shown}"
        );
        let talk =
            office.customer.call(0, SOON, "is called and talks", |talk| talk.stage == Stage::Talking).await?;
        ensure!(talk.from.contains("74957654321"), "the customer sees our number: {}", talk.from);
        talk.ear.hears(Tone::Agent, SOON).await?;
        offered.ear.hears(Tone::Caller, SOON).await?;
        let picked_up = talk.when(Stage::Talking).context("the customer picked up")?;
        let heard_ms = Instant::now().duration_since(picked_up).as_millis();
        office.customer.hang_up(&talk.id).await?;
        office.agent_is("wrapping_up").await?;
        office.word_is_awaited().await?;
        office.says(Disposition::Reached).await?;
        office.case_is("agent_reached").await?;
        office.floor.comes_to_rest().await?;
        Ok(format!(
            "agent rings {rings_ms} ms after the case is due; both hear each other within {heard_ms} ms"
        ))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// Three misses a day, then the handover; no fourth.
pub async fn three_misses_then_the_handover(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let office = Office::open(live, &anna, BUSY).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        for (minutes, results) in
            [(1, &["busy"][..]), (31, &["busy", "busy"]), (91, &["busy", "busy", "busy"])]
        {
            office.later(minutes);
            office.attempts_are(results).await?;
        }
        office.case_is("handed_over").await?;
        office.later(120);
        office.floor.comes_to_rest().await?;
        ensure!(
            office.customer.count() == 3,
            "the customer's phone was called {} times",
            office.customer.count()
        );
        Ok("the customer's phone was called 3 times, then the case was handed over".to_owned())
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// The customer rings in while being called: they get the agent who calls them.
pub async fn glare(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let office = Office::open(live, &anna, Behaviour::Ring).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let ringing = office.customer.call(0, SOON, "rings", |talk| talk.stage == Stage::Ringing).await?;
        let begun = Instant::now();
        let caller = office.floor.caller(NUMBER).await?;
        caller.hears(Tone::Agent).await?;
        let heard_ms = begun.elapsed().as_millis();
        office
            .customer
            .reaches(&ringing.id, SOON, "the customer's phone falls silent", Talk::is_over)
            .await?;
        // Before that is on record the talk has not begun.
        office.agent_is("talking").await?;
        office.seconds_later(6);
        caller.hangs_up().await?;
        office.attempts_are(&["cancelled"]).await?;
        office.case_is("caller_reached_us").await?;
        office.floor.comes_to_rest().await?;
        ensure!(anna.count() == 1, "the agent was rung {} times", anna.count());
        Ok(format!("the caller heard the agent {heard_ms} ms after the customer dialled"))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// The agent never answers: the customer is never called.
pub async fn an_agent_who_never_answers(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let office = Office::open(live, &anna, ANSWERS).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        anna.call(0, SOON, "rings", |_| true).await?;
        let causes = office.floor.causes_of(&anna, 1).await?;
        ensure!(causes == ["NO_ANSWER"], "{causes:?}");
        office.attempts_are(&[]).await?;
        ensure!(office.customer.count() == 0, "the customer was called");
        office.floor.controller.command(&["agent", "logout", "anna"]).await?;
        Ok("no attempt was made".to_owned())
    })
    .await?;
    office.close().await?;
    Ok(said)
}
