//! After hours: a message and a case, or the duty phone.

use anyhow::{Result, ensure};

use super::Live;
use crate::floor::{ANSWERS, BUSY, IVAN, OLGA, contact, on_floor, phone, talks};
use crate::sip::{End, Stage};
use crate::team::Team;
use crate::tone::Tone;

/// The message is heard out, or not: a case each time, and no phone rings.
pub async fn closed_with_a_message(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    team.open = false;
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Closed).await?;
        ensure!(ivan.is_over().await? == Stage::Ended(End::TheyHungUp), "hung up after the message");
        floor.controller.ended_call(IVAN).await?.expect(
            "refused",
            "message",
            &["arrived", "ended", "case"],
        )?;
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Closed).await?;
        olga.hangs_up().await?;
        floor.controller.ended_call(OLGA).await?.expect(
            "abandoned",
            "message",
            &["arrived", "ended", "case"],
        )?;
        for number in [IVAN, OLGA] {
            ensure!(floor.only_case_of(number).await? == "closed_hours", "the reason");
        }
        ensure!(anna.count() == 0, "nobody was rung");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// The duty phone takes the call, or is busy and the caller gets a case.
pub async fn closed_with_a_duty_phone(live: &Live) -> Result<String> {
    let (anna, duty) = (phone(ANSWERS).await?, phone(ANSWERS).await?);
    let mut team = Team::of([("anna", contact(&anna))]);
    team.open = false;
    team.closed = format!("{{ forward = \"{}\" }}", contact(&duty));
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        talks(&duty, 0).await?;
        ivan.hangs_up().await?;
        floor.controller.ended_call(IVAN).await?.expect(
            "forwarded",
            "talking",
            &["arrived", "answered", "ended"],
        )?;
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
        duty.behave(BUSY);
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Fallback).await?;
        olga.hangs_up().await?;
        let row = floor.controller.ended_call(OLGA).await?;
        ensure!(row.text("stage") == "forwarding", "{}", row.0);
        ensure!(floor.only_case_of(OLGA).await? == "forward_failed", "the reason");
        ensure!(anna.count() == 0, "no agent was rung");
        floor.comes_to_rest().await?;
        Ok(format!("duty busy: ended {} while {}", row.text("ending"), row.text("stage")))
    })
    .await
}
