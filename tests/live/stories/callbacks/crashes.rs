//! FreeSWITCH or the controller dies during a callback.

use anyhow::{Context, Result, ensure};
use dozvon::missed::attempt::Disposition;
use tokio::time::Instant;

use super::office::Office;
use crate::floor::{ANSWERS, BUSY, SOON, phone, told};
use crate::sip::{Behaviour, End, SipEnd, Stage};
use crate::stories::Live;
use crate::tone::Tone;

/// FreeSWITCH is killed while the customer's phone rings: that was an attempt. Nobody is rung again before it is time.
pub async fn freeswitch_dies_while_the_customer_is_rung(live: &Live) -> Result<String> {
    let own = Live::start(&live.prefix).await?;
    let anna = phone(ANSWERS).await?;
    let office = Office::open(&own, &anna, Behaviour::Ring).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        office.customer.call(0, SOON, "rings", |_| true).await?;
        own.switch.kill().await?;
        own.switch.come_back().await?;
        let back = Instant::now();
        office.case_is("waiting").await?;
        office.agent_is("idle").await?;
        let settled_ms = back.elapsed().as_millis();
        let made = office.attempts().await?.pop().context("an attempt")?;
        let stands = (made.ordinal, made.disposition.map(|word| word.as_str()));
        ensure!(stands == (Some(1), Some("no_answer")), "it counts: {made:?}");
        ensure!((anna.count(), office.customer.count()) == (1, 1), "nobody is rung twice");
        they_talk_at_last(&office, &anna).await?;
        Ok(format!(
            "the attempt counts {settled_ms} ms after FreeSWITCH was back; the next one reached the customer"
        ))
    })
    .await?;
    office.close().await?;
    own.switch.stop().await?;
    Ok(said)
}

/// FreeSWITCH is killed during the talk: the agent must record the disposition, as after any talk.
pub async fn freeswitch_dies_while_they_talk(live: &Live) -> Result<String> {
    let own = Live::start(&live.prefix).await?;
    let anna = phone(ANSWERS).await?;
    let office = Office::open(&own, &anna, ANSWERS).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let talk = office.customer.call(0, SOON, "is called", |talk| talk.stage == Stage::Talking).await?;
        talk.ear.hears(Tone::Agent, SOON).await?;
        own.switch.kill().await?;
        own.switch.come_back().await?;
        let back = Instant::now();
        office.agent_is("wrapping_up").await?;
        office.word_is_awaited().await?;
        let settled_ms = back.elapsed().as_millis();
        let made = office.attempts().await?.pop().context("an attempt")?;
        ensure!(made.ordinal == Some(1), "it counts: {made:?}");
        office.says(Disposition::Voicemail).await?;
        office.case_is("waiting").await?;
        ensure!((anna.count(), office.customer.count()) == (1, 1), "nobody is rung twice");
        they_talk_at_last(&office, &anna).await?;
        Ok(format!(
            "the result is awaited {settled_ms} ms after FreeSWITCH was back; the next attempt reached the customer"
        ))
    })
    .await?;
    office.close().await?;
    own.switch.stop().await?;
    Ok(said)
}

/// It is time for the second attempt: the two talk, the customer hangs up, and the case is closed.
async fn they_talk_at_last(office: &Office<'_>, anna: &SipEnd) -> Result<()> {
    office.customer.behave(ANSWERS);
    office.later(31);
    let talk = office.customer.call(1, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
    talk.ear.hears(Tone::Agent, SOON).await?;
    let hers = anna.call(1, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
    hers.ear.hears(Tone::Caller, SOON).await?;
    office.customer.hang_up(&talk.id).await?;
    office.agent_is("wrapping_up").await?;
    office.word_is_awaited().await?;
    office.says(Disposition::Reached).await?;
    office.case_is("agent_reached").await?;
    office.floor.comes_to_rest().await?;
    ensure!((anna.count(), office.customer.count()) == (2, 2), "each was rung twice");
    Ok(())
}

/// The controller dies while the customer's phone rings for the third time that day: the next controller has it fall
/// silent, the agent is told and free, the attempt counts, and there is no fourth.
pub async fn the_controller_dies_while_the_customer_is_rung(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut office = Office::open(live, &anna, BUSY).await?;
    office.at_work().await?;
    for (minutes, results) in [(1, &["busy"][..]), (31, &["busy", "busy"])] {
        office.later(minutes);
        office.attempts_are(results).await?;
    }
    office.customer.behave(Behaviour::Ring);
    office.later(91);
    office.customer.call(2, SOON, "rings", |_| true).await?;
    let hers = anna.call(2, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
    hers.ear.hears(Tone::Ringing, SOON).await?;
    office.die().await?;
    office.start().await?;
    let back = Instant::now();
    let said = told(&office.floor, async {
        let silent = Stage::Ended(End::Cancelled);
        office.customer.call(2, SOON, "falls silent", |talk| talk.stage == silent).await?;
        let silent_ms = back.elapsed().as_millis();
        hers.ear.hears(Tone::NoCaller, SOON).await?;
        anna.call(2, SOON, "is released", |talk| talk.stage == Stage::Ended(End::TheyHungUp)).await?;
        office.attempts_are(&["busy", "busy", "orphaned"]).await?;
        office.case_is("handed_over").await?;
        let counted = office.attempts().await?.iter().filter(|made| made.counted).count();
        ensure!(counted == 3, "{counted} attempts count");
        office.agent_is("idle").await?;
        office.later(120);
        office.floor.comes_to_rest().await?;
        ensure!(
            office.customer.count() == 3,
            "the customer's phone was called {} times",
            office.customer.count()
        );
        Ok(format!("the customer's phone falls silent {silent_ms} ms after we are back; no fourth attempt"))
    })
    .await?;
    office.close().await?;
    Ok(said)
}
