//! Callers ask for a callback by a key while they wait, and keep their places.

use anyhow::{Result, ensure};
use dozvon::missed::attempt::Disposition;

use super::office::Office;
use crate::floor::{ANSWERS, Caller, SOON, phone, told};
use crate::sip::{End, SipEnd, Stage};
use crate::stories::Live;
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;

/// Fixed lines in Moscow, so that the hour at which this runs does not matter.
const NUMBERS: [&str; 4] = ["+74951234501", "+74951234502", "+74951234503", "+74951234504"];

/// Callers in the queue are called back by key 1. What they are told is a tone.
async fn office<'a>(live: &'a Live, anna: &SipEnd, seconds: u32) -> Result<Office<'a>> {
    let contact = format!("sofia/internal/{}@127.0.0.1:{}", live.switch.anna.user, anna.port());
    let mut team = Team::of([("anna", contact)]);
    team.defaults = "keys = [{ digits = \"1\", to = { callback = \"sales\" } }]";
    let told = Tone::Notice.source(seconds).parse()?;
    Office::of(live, &team, ANSWERS, |settings| settings.sounds.missing_prompt = told).await
}

/// Waits until the case of a number stands in the queue, in the place of its caller.
async fn keeps_place(office: &Office<'_>, number: &str) -> Result<()> {
    until(SOON, format!("{number} keeps the place"), async || {
        let cases = office.floor.cases_of(number).await?;
        let Some(case) = cases.first() else { return Ok(None) };
        ensure!(case["reason"] == "asked_callback", "{case}");
        Ok((case["stage"] == "claimed").then_some(()))
    })
    .await
}

async fn waits(office: &Office<'_>, number: &str) -> Result<Caller> {
    let caller = office.floor.caller(number).await?;
    caller.hears(Tone::Music).await?;
    Ok(caller)
}

async fn asks(office: &Office<'_>, number: &str) -> Result<()> {
    let caller = waits(office, number).await?;
    caller.presses('1').await?;
    caller.hears(Tone::Notice).await?;
    ensure!(caller.is_over().await? == Stage::Ended(End::TheyHungUp), "hung up after the promise");
    keeps_place(office, number).await
}

/// The customer is called, talks, and hangs up; the agent records the result.
async fn is_called(office: &Office<'_>, index: usize) -> Result<()> {
    let talk =
        office.customer.call(index, SOON, "is called and talks", |talk| talk.stage == Stage::Talking).await?;
    talk.ear.hears(Tone::Agent, SOON).await?;
    office.customer.hang_up(&talk.id).await?;
    office.agent_is("wrapping_up").await?;
    office.records(Disposition::Reached).await
}

async fn is_answered(caller: &Caller) -> Result<()> {
    caller.hears(Tone::Agent).await?;
    caller.hangs_up().await
}

/// Two who wait and two who asked, each in turn.
pub async fn two_who_wait_and_two_who_asked(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let office = office(live, &anna, 1).await?;
    let said = told(&office.floor, async {
        asks(&office, NUMBERS[0]).await?;
        let second = waits(&office, NUMBERS[1]).await?;
        asks(&office, NUMBERS[2]).await?;
        let fourth = waits(&office, NUMBERS[3]).await?;
        office.at_work().await?;
        is_called(&office, 0).await?;
        is_answered(&second).await?;
        is_called(&office, 1).await?;
        is_answered(&fourth).await?;
        until(SOON, "all talks are recorded", async || {
            Ok((office.talked().await?.len() == NUMBERS.len()).then_some(()))
        })
        .await?;
        let talked = office.talked().await?;
        ensure!(talked == NUMBERS, "{talked:?}");
        office.floor.comes_to_rest().await?;
        Ok(format!("served in the order of their calls: {}", talked.join(", ")))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// A caller hangs up while waiting, calls again, and is served before the one who called meanwhile.
pub async fn a_caller_who_was_cut_off_gets_the_place_back(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let office = office(live, &anna, 1).await?;
    told(&office.floor, async {
        let first = waits(&office, NUMBERS[0]).await?;
        let second = waits(&office, NUMBERS[1]).await?;
        first.hangs_up().await?;
        office.floor.controller.ended_call(NUMBERS[0]).await?.expect(
            "abandoned",
            "waiting",
            &["arrived", "joined", "left_queue", "ended", "case"],
        )?;
        let again = waits(&office, NUMBERS[0]).await?;
        office.at_work().await?;
        is_answered(&again).await?;
        is_answered(&second).await?;
        office.floor.comes_to_rest().await
    })
    .await?;
    office.close().await?;
    Ok(String::new())
}

/// The controller dies while the caller hears that they will be called back.
pub async fn the_controller_dies_after_the_key(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut office = office(live, &anna, 4).await?;
    let caller = waits(&office, NUMBERS[0]).await?;
    caller.presses('1').await?;
    caller.hears(Tone::Notice).await?;
    office.die().await?;
    office.start().await?;
    told(&office.floor, async {
        ensure!(caller.is_over().await? == Stage::Ended(End::TheyHungUp), "hung up after the promise");
        keeps_place(&office, NUMBERS[0]).await?;
        office.at_work().await?;
        is_called(&office, 0).await?;
        let open = office.floor.cases_of(NUMBERS[0]).await?;
        ensure!(open.is_empty(), "the customer was reached: {open:?}");
        office.floor.comes_to_rest().await
    })
    .await?;
    office.close().await?;
    Ok(String::new())
}
