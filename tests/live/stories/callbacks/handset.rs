//! An agent dials a customer at their own phone, and records the result with a code.

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::office::{NUMBER, Office};
use super::own_way::OwnWay;
use crate::floor::{BUSY, SOON, phone, told};
use crate::sip::{Behaviour, End, Stage};
use crate::stories::Live;
use crate::tone::Tone;

/// The agent hears the customer's phone ring, they talk, the customer hangs up; the recorded result closes the case.
pub async fn reached_and_said_so(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let office = Office::open(live, &anna, Behaviour::Ring).await?;
    let said = told(&office.floor, async {
        let own = OwnWay::open(&office.floor).await?;
        office.later(1);
        office.case_is("due").await?;
        let dialled = Instant::now();
        let call = office.dials("84951234567").await?;
        let talk = office.customer.call(0, SOON, "rings", |_| true).await?;
        let rang_ms = talk.history[0].1.duration_since(dialled).as_millis();
        ensure!(talk.from.contains("74957654321"), "the customer sees our number: {}", talk.from);
        call.hears(Tone::Ringing).await?;
        let answered = Instant::now();
        office.customer.answer(&talk.id).await?;
        talk.ear.hears(Tone::Agent, SOON).await?;
        call.hears(Tone::Caller).await?;
        let heard_ms = answered.elapsed().as_millis();
        office.customer.hang_up(&talk.id).await?;
        ensure!(call.is_over().await? == Stage::Ended(End::TheyHungUp), "the agent is hung up, too");
        let heard = call.tones()?;
        ensure!(heard == [Tone::Ringing, Tone::Caller], "she heard {heard:?}");
        office.word_is_awaited().await?;
        let begun = Instant::now();
        hears_only(&office, "*71", Tone::Done).await?;
        let said_ms = begun.elapsed().as_millis();
        office.case_is("agent_reached").await?;
        let made = office.attempts().await?.pop().context("an attempt")?;
        let stands = (made.way.as_str(), made.ordinal, made.disposition.map(|word| word.as_str()));
        ensure!(stands == ("handset", Some(1), Some("reached")), "it counts: {made:?}");
        ensure!(office.customer.count() == 1, "the customer's phone was called {} times", office.customer.count());
        ensure!(anna.count() == 0, "nobody rang her");
        let calls = office.floor.controller.rows(&["call", "list"]).await?;
        let directions: Vec<_> = calls.iter().filter_map(|call| call["direction"].as_str()).collect();
        ensure!(directions == ["manual", "inbound"], "the calls are {directions:?}");
        own.is_not_taken()?;
        office.floor.comes_to_rest().await?;
        Ok(format!(
            "the customer's phone rings {rang_ms} ms after the agent dialled; both hear each other {heard_ms} ms after the customer picked up; \
             her word is taken within {said_ms} ms"
        ))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// Three calls by hand are the day's attempts: at the fourth the agent hears that it may not be, and the customer's
/// phone is silent.
pub async fn refused_after_three(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let office = Office::open(live, &anna, BUSY).await?;
    let said = told(&office.floor, async {
        for (minutes, results) in
            [(1, &["busy"][..]), (31, &["busy", "busy"]), (91, &["busy", "busy", "busy"])]
        {
            office.later(minutes);
            office.case_is("due").await?;
            office.dials(NUMBER).await?.is_over().await?;
            office.attempts_are(results).await?;
        }
        office.case_is("handed_over").await?;
        office.later(200);
        let begun = Instant::now();
        hears_only(&office, NUMBER, Tone::Refused).await?;
        let told_ms = begun.elapsed().as_millis();
        ensure!(
            office.customer.count() == 3,
            "the customer's phone was called {} times",
            office.customer.count()
        );
        office.floor.comes_to_rest().await?;
        Ok(format!("three calls by hand; the fourth was refused within {told_ms} ms"))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// The agent dials this number, hears this tone and nothing else, and the call is ended.
async fn hears_only(office: &Office<'_>, number: &str, tone: Tone) -> Result<()> {
    let call = office.dials(number).await?;
    call.hears(tone).await?;
    let end = call.is_over().await?;
    ensure!(end == Stage::Ended(End::TheyHungUp), "{number}: {end:?}");
    let heard = call.tones()?;
    ensure!(heard == [tone], "{number}: she heard {heard:?}");
    Ok(())
}
