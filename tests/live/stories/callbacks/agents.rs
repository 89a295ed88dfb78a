//! Agents whose phones ring for a callback.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::office::Office;
use crate::floor::{ANSWERS, SOON, contact, phone, told};
use crate::log;
use crate::sip::{Behaviour, Dial, Stage};
use crate::stories::Live;
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;

/// The sound that asks for the key is not there: that is nobody's miss, so that nobody goes on break; it is not tried
/// again at once; and the log names the file and what helps.
pub async fn a_missing_sound_sends_nobody_on_break(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    (team.delay, team.max_no_answer) = ("0s", 1);
    let confirm_sound = "/nowhere/accept.wav".parse()?;
    let office = Office::of(live, &team, ANSWERS, |settings| {
        settings.callback.confirm = true;
        settings.callback.confirm_sound = confirm_sound;
    })
    .await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let causes = office.floor.causes_of(&anna, 1).await?;
        let line = until(SOON, "the log says so", async || {
            Ok(log::only_line("FreeSWITCH could not ask for the key").ok())
        })
        .await?;
        for wanted in ["/nowhere/accept.wav", "dozvon check", "confirm_sound"] {
            ensure!(line.contains(wanted), "the warning names {wanted}: {line}");
        }
        let agents = office.floor.controller.rows(&["agent", "list"]).await?;
        ensure!(agents[0]["status"] == "available" && agents[0]["misses"] == 0, "{agents:?}");
        // Callers get through meanwhile, once the pause of five seconds is over: the agent is not rung in between.
        let ivan = office.floor.caller("+74951230001").await?;
        ivan.hears(Tone::Agent).await?;
        let rung = office.floor.legs_of(&anna);
        let rung: Vec<i64> =
            rung.iter().filter(|event| event.is("CHANNEL_CREATE")).map(|event| event.at_us / 1000).collect();
        let pause_ms = rung.get(1).context("a second leg")? - rung[0];
        ensure!(pause_ms >= 5_000, "rung again after {pause_ms} ms");
        ivan.hangs_up().await?;
        office.floor.controller.command(&["agent", "logout", "anna"]).await?;
        office.attempts_are(&[]).await?;
        ensure!(office.customer.count() == 0, "the customer was called");
        Ok(format!("the leg ended with {causes:?}; rung again {pause_ms} ms later"))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// An agent who picks up late is still asked for the key: the ringing time ends when the agent picks up.
pub async fn an_agent_that_picks_up_late_has_time_for_the_key(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Answer { after: Duration::from_millis(1_200), talk: None }).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    team.ring_timeout = "2s";
    let confirm_sound = Tone::Greeting.source(3).parse()?;
    let office = Office::of(live, &team, ANSWERS, |settings| {
        settings.callback.confirm = true;
        settings.callback.confirm_sound = confirm_sound;
    })
    .await?;
    let said = told(&office.floor, async {
        office.at_work().await?;
        office.later(1);
        let asked = anna.call(0, SOON, "picks up", |talk| talk.stage == Stage::Talking).await?;
        asked.ear.hears(Tone::Greeting, SOON).await?;
        asked.ear.heard_out(Tone::Greeting, SOON).await?;
        anna.press(&asked.id, 1).await?;
        let talk = office.customer.call(0, SOON, "is called", |talk| talk.stage == Stage::Talking).await?;
        talk.ear.hears(Tone::Agent, SOON).await?;
        let waited = talk.history[0].1.duration_since(asked.history[0].1);
        ensure!(waited > Duration::from_secs(4), "the key came after the time to ring: {waited:?}");
        office.customer.hang_up(&talk.id).await?;
        office.word_is_awaited().await?;
        Ok(format!("the customer was called {} ms after her phone rang", waited.as_millis()))
    })
    .await?;
    office.close().await?;
    Ok(said)
}

/// An agent who talks to a customer whom they dialled themselves, through us, is not rung for a caller.
pub async fn in_a_call_of_their_own_an_agent_is_not_rung(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let user = &live.switch.anna.user;
    anna.register(user, live.switch.sip).await?;
    let team = Team::of([("anna", format!("user/{user}"))]);
    let office = Office::of(live, &team, ANSWERS, |_| {}).await?;
    let said = told(&office.floor, async {
        office.later(1);
        office.case_is("due").await?;
        let dials = Dial::at_phone_of(live.switch.phones, &live.switch.anna, super::office::NUMBER);
        let call = anna.dial(dials).await?;
        let talk = office.customer.call(0, SOON, "is called", |talk| talk.stage == Stage::Talking).await?;
        office.agent_is("elsewhere").await?;
        office.at_work().await?;
        let ivan = office.floor.caller("+74951230001").await?;
        ivan.hears(Tone::Music).await?;
        office.customer.hang_up(&talk.id).await?;
        let over = anna.reaches(&call, SOON, "is over", |talk| talk.is_over()).await?;
        ivan.hears(Tone::Agent).await?;
        let rung = anna.call(1, SOON, "rings", |_| true).await?;
        let ended = over.history.last().context("its end")?.1;
        ensure!(rung.history[0].1 >= ended, "her second line was rung while she talked");
        ivan.hangs_up().await?;
        office.floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await?;
    office.close().await?;
    Ok(said)
}
