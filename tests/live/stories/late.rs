//! Answers that come too late, and an agent who transfers the caller.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::Live;
use crate::floor::{ANSWERS, Floor, IVAN, SOON, contact, on_floor, phone, talks, told};
use crate::sip::{Behaviour, End, Stage};
use crate::team::Team;
use crate::tone::Tone;

/// The phone's answer crosses the CANCEL when its time is up: the late agent is hung up, the next one has the caller.
pub async fn an_answer_crosses_the_end_of_ringing(live: &Live) -> Result<String> {
    let (anna, boris) = (phone(Behaviour::AnswerWhenCancelled).await?, phone(ANSWERS).await?);
    let mut team = Team::of([("anna", contact(&anna)), ("boris", contact(&boris))]);
    team.ring_timeout = "1s";
    on_floor(live, &team, async |floor| {
        let caller = floor.caller(IVAN).await?;
        let late =
            anna.call(0, SOON, "is hung up", |talk| talk.stage == Stage::Ended(End::TheyHungUp)).await?;
        ensure!(late.when(Stage::Talking).is_some(), "the agent had answered");
        caller.hears(Tone::Agent).await?;
        caller.hangs_up().await?;
        ensure!(floor.bridges_of(&caller).await?.len() == 1, "bridged with the second only");
        let row = floor.controller.ended_call(IVAN).await?;
        let steps = [
            "arrived",
            "joined",
            "offered anna",
            "no_answer anna",
            "offered boris",
            "picked_up boris",
            "left_queue",
            "talk_over boris",
            "ended",
        ];
        row.expect("answered", "talking", &steps)?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// The phone's answer crosses the CANCEL because the caller gave up: the agent is hung up, nobody talks.
pub async fn an_answer_crosses_the_callers_hangup(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::AnswerWhenCancelled).await?;
    on_floor(live, &Team::of([("anna", contact(&anna))]), async |floor| {
        let caller = floor.caller(IVAN).await?;
        anna.call(0, SOON, "rings", |_| true).await?;
        caller.hangs_up().await?;
        anna.call(0, SOON, "is hung up", |talk| talk.stage == Stage::Ended(End::TheyHungUp)).await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("stage")) == ("abandoned", "ringing"), "{:?}", row.steps());
        ensure!(floor.only_case_of(IVAN).await? == "abandoned_ringing", "the reason");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// Caller's hangup and agent's answer within a few milliseconds of each other, either one first: the call has
/// one ending, the agent is free, no leg is left in silence.
pub async fn an_answer_races_the_callers_hangup(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    let (mut answered, mut abandoned) = (0, 0);
    told(&floor, async {
        for round in 0..24 {
            let number = format!("+790012345{round:02}");
            let caller = floor.caller(&number).await?;
            let rings = anna.call(round, SOON, "rings", |_| true).await?;
            let lead = Duration::from_millis(u64::try_from(round)? * 6);
            anna.answer(&rings.id).await?;
            sleep(lead).await;
            caller.hangs_up().await?;
            anna.call(round, SOON, "is over", |talk| talk.is_over()).await?;
            let row = floor.controller.ended_call(&number).await?;
            match row.text("ending") {
                "answered" => answered += 1,
                "abandoned" => abandoned += 1,
                other => anyhow::bail!("ended {other}: {:?}", row.steps()),
            }
            ensure!(
                floor.cases_of(&number).await?.len() == usize::from(row.text("ending") == "abandoned"),
                "a case if and only if the caller did not get through: {}",
                row.0
            );
            floor.comes_to_rest().await?;
        }
        Ok(format!("the caller left 0 to 138 ms after the answer: {answered} talked, {abandoned} abandoned"))
    })
    .await
}

/// The agent transfers the caller blindly with a real REFER: the agent is free while the caller goes on.
pub async fn the_agent_transfers_blindly(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    on_floor(live, &Team::of([("anna", contact(&anna))]), async |floor| {
        let caller = floor.caller(IVAN).await?;
        caller.hears(Tone::Agent).await?;
        let theirs = talks(&anna, 0).await?;
        theirs.ear.hears(Tone::Caller, SOON).await?;
        anna.transfer(&theirs.id, "9990").await?;
        caller.hears(Tone::SomebodyElse).await?;
        let over = anna.call(0, SOON, "is over", |talk| talk.is_over()).await?;
        ensure!(
            over.notified.iter().any(|note| note.contains("200")),
            "the transfer succeeded: {:?}",
            over.notified
        );
        // The agent is free and takes the next caller while the first is still talking.
        let next = floor.caller("+79001234502").await?;
        next.hears(Tone::Agent).await?;
        next.hangs_up().await?;
        caller.hears(Tone::SomebodyElse).await?;
        ensure!(caller.tones()? == [Tone::Music, Tone::Agent, Tone::SomebodyElse], "{:?}", caller.tones()?);
        let live_calls = floor.controller.rows(&["call", "list", "--live"]).await?;
        caller.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "answered" && row.text("agent") == "anna", "{}", row.0);
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed to one who got through");
        let cause = floor.causes_of(&anna, 1).await?.first().cloned().context("a cause")?;
        floor.comes_to_rest().await?;
        Ok(format!(
            "agent's leg: {cause}; the caller's call is {} while the caller talks on",
            live_calls.len()
        ))
    })
    .await
}
