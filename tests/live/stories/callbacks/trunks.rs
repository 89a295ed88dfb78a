//! Trunks that refuse a dial before anything rings, as FreeSWITCH reports it.

use anyhow::{Result, ensure};
use dozvon::config::callback::{Dial, Trunk};

use super::office::Office;
use crate::floor::{ANSWERS, SOON, phone, told};
use crate::sip::{Behaviour, SipEnd, Stage};
use crate::stories::Live;
use crate::tone::Tone;

/// A trunk that leads to this end.
fn trunk(name: &str, end: &SipEnd) -> Result<Trunk> {
    let dial = format!("sofia/internal/{{digits}}@127.0.0.1:{}", end.port());
    let dial = Dial::try_from(dial).map_err(anyhow::Error::msg)?;
    Ok(Trunk { name: name.to_owned(), ..Trunk::new(dial) })
}

/// A trunk without funds (403), and after it one that carries: the customer is reached in the first attempt.
pub async fn a_refusal_is_dialled_over_the_next_at_once(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let without_funds = SipEnd::open(None).await?;
    without_funds.behave(Behaviour::RefuseAtOnce { status: 403 });
    let first = trunk("one", &without_funds)?;
    let office = Office::with(live, &anna, ANSWERS, |settings| {
        settings.callback.trunks[0].name = "two".to_owned();
        settings.callback.trunks.insert(0, first);
    })
    .await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let talk = office.customer.call(0, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
        talk.ear.hears(Tone::Agent, SOON).await?;
        let refused = without_funds.call(0, SOON, "refuses", |talk| talk.is_over()).await?;
        let gap = talk.history[0].1.duration_since(refused.history[0].1);
        ensure!(anna.count() == 1 && without_funds.count() == 1, "one agent, each trunk once");
        office.customer.hang_up(&talk.id).await?;
        office.word_is_awaited().await?;
        let made = office.attempts().await?;
        ensure!(made.len() == 1 && made[0].ordinal == Some(1), "one attempt: {made:?}");
        let over = office.trunks().await?;
        ensure!(over[0].0.as_deref() == Some("two"), "{over:?}");
        Ok(format!("the second trunk was dialled {} ms after the first", gap.as_millis()))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// One trunk says 404, another one time 484: neither closes the case, and neither is counted.
pub async fn one_trunk_that_knows_no_number_closes_nothing(live: &Live) -> Result<String> {
    let mut causes = Vec::new();
    for status in [404, 484, 603] {
        let anna = phone(ANSWERS).await?;
        let office = Office::open(live, &anna, Behaviour::RefuseAtOnce { status }).await?;
        told(&office.floor, async {
            office.at_work().await?;
            office.later(1);
            office.attempts_are(&["technical_failure"]).await?;
            office.case_is("waiting").await?;
            let made = office.attempts().await?;
            ensure!(!made[0].counted && made[0].ordinal.is_none(), "not counted: {made:?}");
            causes.push(format!("{status}: {}", office.trunks().await?[0].1.clone().unwrap_or_default()));
            office.floor.controller.command(&["agent", "logout", "anna"]).await?;
            office.floor.comes_to_rest().await
        })
        .await?;
        office.close().await?;
    }
    Ok(causes.join(", "))
}
