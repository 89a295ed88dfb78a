//! The customer is dialled before an agent is there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dozvon::missed::attempt::Disposition;
use tokio::time::Instant;

use super::office::Office;
use crate::floor::{ANSWERS, BUSY, SOON, phone, told};
use crate::sip::{Behaviour, End, SipEnd, Stage, Talk};
use crate::stories::Live;
use crate::tone::Tone;

async fn open<'a>(live: &'a Live, anna: &SipEnd, customer: Behaviour, wait: Duration) -> Result<Office<'a>> {
    let (greeting, apology) = (Tone::Greeting.source(10).parse()?, Tone::Apology.source(5).parse()?);
    Office::with(live, anna, customer, |settings| {
        settings.callback.customer_first = true;
        settings.callback.customer_max_wait = wait;
        settings.callback.greeting = greeting;
        settings.callback.apology = apology;
        settings.callback.apology_length = Duration::from_secs(1);
    })
    .await
}

/// The customer answers, hears who calls, and gets an agent.
pub async fn an_agent_comes(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let office = open(live, &anna, Behaviour::Ring, SOON).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let rings = office.customer.call(0, SOON, "rings", |_| true).await?;
        ensure!(anna.count() == 0, "the agent is rung only when the customer has answered");
        office.customer.answer(&rings.id).await?;
        let offered = anna.call(0, SOON, "rings", |_| true).await?;
        rings.ear.hears(Tone::Greeting, SOON).await?;
        anna.answer(&offered.id).await?;
        rings.ear.hears(Tone::Agent, SOON).await?;
        offered.ear.hears(Tone::Caller, SOON).await?;
        let heard = Instant::now();
        let talk = office.customer.call(0, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
        let answered = talk.when(Stage::Talking).context("the customer answered")?;
        let [rang_ms, heard_ms] = [offered.history[0].1, heard].map(|at| at.duration_since(answered).as_millis());
        let tones = talk.ear.tones();
        ensure!(tones == [Tone::Greeting, Tone::Agent], "the customer heard {tones:?}");
        office.customer.hang_up(&talk.id).await?;
        office.agent_is("wrapping_up").await?;
        office.word_is_awaited().await?;
        office.says(Disposition::Reached).await?;
        office.case_is("agent_reached").await?;
        let made = office.attempts().await?.pop().context("an attempt")?;
        ensure!((made.way.as_str(), made.agent.as_ref().map(|name| name.as_str())) == ("customer_first", Some("anna")), "{made:?}");
        office.floor.comes_to_rest().await?;
        Ok(format!(
            "the agent's phone rings {rang_ms} ms after the customer answered; both hear each other {heard_ms} ms after the customer answered"
        ))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// The customer answers and nobody comes: they are told so, once. The next time an agent is there before the customer
/// is called.
pub async fn no_agent_comes(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let office = open(live, &anna, ANSWERS, Duration::from_secs(1)).await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let talk = office.customer.call(0, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
        talk.ear.hears(Tone::Apology, SOON).await?;
        let told_ms = talk.when(Stage::Talking).context("the customer answered")?.elapsed().as_millis();
        let over = office.customer.call(0, SOON, "is over", Talk::is_over).await?;
        ensure!(over.stage == Stage::Ended(End::TheyHungUp), "the customer is hung up: {:?}", over.stage);
        let tones = over.ear.tones();
        ensure!(tones == [Tone::Greeting, Tone::Apology], "the customer heard {tones:?}");
        anna.call(0, SOON, "falls silent", |talk| talk.stage == Stage::Ended(End::Cancelled)).await?;
        office.attempts_are(&["abandoned"]).await?;
        office.case_is("waiting").await?;
        anna.behave(ANSWERS);
        office.customer.behave(BUSY);
        office.later(31);
        office.attempts_are(&["abandoned", "busy"]).await?;
        let made = office.attempts().await?.pop().context("an attempt")?;
        ensure!(
            (made.way.as_str(), made.agent.as_ref().map(|name| name.as_str())) == ("callback", Some("anna")),
            "{made:?}"
        );
        office.floor.comes_to_rest().await?;
        Ok(format!(
            "the customer hears the apology {told_ms} ms after the customer answered; then the customer was called with an agent there"
        ))
    })
    .await?;
    office.close().await?;
    Ok(said)
}
