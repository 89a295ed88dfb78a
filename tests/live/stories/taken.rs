//! Somebody else takes a caller from the controller: by a transfer, an intercept or a pickup, or an agent transfers the
//! caller.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Live;
use crate::floor::{
    ANSWERS, Caller, Floor, IVAN, OLGA, SOMEBODY, SOON, contact, on_floor, phone, phone_of, talks, told,
};
use crate::sip::{Behaviour, Dial, End, SipEnd, Stage};
use crate::team::{SECOND, Team};
use crate::tone::Tone;
use crate::wait::until;

/// The calls from a number, the first one first, once all have ended.
async fn ended_calls(floor: &Floor<'_>, number: &str, count: usize) -> Result<Vec<Value>> {
    until(SOON, format!("{count} calls from {number} have ended"), async || {
        let mut calls = floor.controller.rows(&["call", "list", "--number", number]).await?;
        calls.reverse();
        let over = calls.iter().all(|call| !call["ending"].is_null());
        Ok((calls.len() == count && over).then_some(calls))
    })
    .await
}

/// The phone of somebody of whom dozvon knows nothing calls this extension.
pub(super) async fn colleague_dials(live: &Live, number: &str) -> Result<Caller> {
    let end = SipEnd::open(Some(Tone::SomebodyElse)).await?;
    let id = end.dial(Dial::new(live.switch.sip, number, "1099")).await?;
    Ok(Caller::new(end, id))
}

/// The only call of IVAN was taken at this stage, and nothing is owed; the controller did not meddle: an agent who logs
/// in now gets the next caller, while the first hears somebody else all the time.
async fn is_left_alone(floor: &Floor<'_>, ivan: &Caller, anna: &SipEnd, stage: &str) -> Result<()> {
    let row = floor.controller.ended_call(IVAN).await?;
    ensure!((row.text("ending"), row.text("stage")) == ("taken", stage), "{}", row.0);
    anna.behave(ANSWERS);
    floor.controller.command(&["agent", "login", "anna"]).await?;
    let olga = floor.caller(OLGA).await?;
    olga.hears(Tone::Agent).await?;
    olga.hangs_up().await?;
    ensure!(floor.bridges_of(&olga).await?.len() == 1, "the next caller got through at once");
    ivan.heard_to_the_last(Tone::SomebodyElse)?;
    ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
    Ok(())
}

/// `uuid_transfer` to an extension that answers.
pub async fn by_a_transfer(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    on_floor(live, &Team::of([("anna", contact(&anna))]), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        anna.call(0, SOON, "rings", |_| true).await?;
        ivan.hears(Tone::Music).await?;
        let channel = floor.channel_of(&ivan).await?;
        live.switch.api(&format!("uuid_transfer {channel} {SOMEBODY} XML public")).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        anna.call(0, SOON, "falls silent", |talk| talk.stage == Stage::Ended(End::Cancelled)).await?;
        is_left_alone(floor, &ivan, &anna, "ringing").await?;
        ivan.hangs_up().await?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// A phone intercepts the channel.
pub async fn by_an_intercept(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let floor = Floor::closed(live, &Team::of([("anna", contact(&anna))])).await?;
    let mut floor = floor;
    floor.controller.serve().await?;
    told(&floor, async {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Music).await?;
        let boss = colleague_dials(live, &format!("9994{}", floor.channel_of(&ivan).await?)).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        boss.hears(Tone::Caller).await?;
        is_left_alone(&floor, &ivan, &anna, "waiting").await?;
        boss.hangs_up().await?;
        let end = ivan.is_over().await?;
        floor.comes_to_rest().await?;
        Ok(format!("when the one who intercepted hangs up, the caller's call is {end:?}"))
    })
    .await
}

/// A colleague picks up the ringing phone of an agent, and talks to the caller.
pub async fn by_a_colleague_who_picks_up_the_ringing_phone(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    on_floor(live, &Team::of([("anna", contact(&anna))]), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        anna.call(0, SOON, "rings", |_| true).await?;
        ivan.hears(Tone::Music).await?;
        let leg =
            until(SOON, "FreeSWITCH tells of her leg", async || Ok(floor.legs_of(&anna).into_iter().next()));
        let boss = colleague_dials(live, &format!("9995{}", leg.await?.channel)).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        boss.hears(Tone::Caller).await?;
        anna.call(0, SOON, "falls silent", |talk| talk.stage == Stage::Ended(End::Cancelled)).await?;
        is_left_alone(floor, &ivan, &anna, "ringing").await?;
        ivan.hangs_up().await?;
        let cause = floor.causes_of(&anna, 1).await?.first().cloned().context("a cause")?;
        floor.comes_to_rest().await?;
        Ok(format!("the ringing leg ended with {cause}"))
    })
    .await
}

/// `uuid_transfer` while a contact outside the queues is rung: its phone falls silent.
pub async fn by_a_transfer_while_the_duty_phone_rings(live: &Live) -> Result<String> {
    let duty = phone(Behaviour::Ring).await?;
    let mut team = Team::of([]);
    team.open = false;
    team.closed = format!("{{ forward = \"{}\" }}", contact(&duty));
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        duty.call(0, SOON, "rings", |_| true).await?;
        let channel = floor.channel_of(&ivan).await?;
        live.switch.api(&format!("uuid_transfer {channel} {SOMEBODY} XML public")).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        duty.call(0, SOON, "falls silent", |talk| talk.stage == Stage::Ended(End::Cancelled)).await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("stage")) == ("taken", "forwarding"), "{}", row.0);
        ivan.heard_to_the_last(Tone::SomebodyElse)?;
        ivan.hangs_up().await?;
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// The agent asks a colleague, then leaves the caller to them (REFER with Replaces): the talk goes on, the agent is
/// free at once, the call stays one call.
pub async fn by_an_attended_transfer(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let boris = phone_of(Tone::SomebodyElse, ANSWERS).await?;
    on_floor(live, &Team::of([("anna", contact(&anna))]), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        let theirs = talks(&anna, 0).await?;
        let number = format!("9992{}", boris.port());
        let asks = anna.dial(Dial::new(live.switch.sip, &number, "1001")).await?;
        anna.reaches(&asks, SOON, "talks to boris", |talk| talk.stage == Stage::Talking).await?;
        talks(&boris, 0).await?;
        anna.join(&theirs.id, &asks).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        boris.call(0, SOON, "talks", |_| true).await?.ear.hears(Tone::Caller, SOON).await?;
        anna.reaches(&theirs.id, SOON, "is over", |talk| talk.is_over()).await?;
        anna.reaches(&asks, SOON, "is over", |talk| talk.is_over()).await?;
        // She is free, and takes the next caller while the first talks on.
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Agent).await?;
        olga.hangs_up().await?;
        ivan.heard_to_the_last(Tone::SomebodyElse)?;
        let calls = floor.controller.rows(&["call", "list", "--number", IVAN]).await?;
        ensure!(calls.len() == 1 && calls[0]["ending"].is_null(), "one call, under way: {calls:?}");
        boris.hang_up(&boris.call(0, SOON, "talks", |_| true).await?.id).await?;
        ivan.is_over().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("agent")) == ("answered", "anna"), "{}", row.0);
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// The agent transfers the caller into a second queue (REFER): a second call on the same channel, with an ending of its
/// own.
pub async fn by_a_transfer_into_another_queue(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let boris = phone_of(Tone::SomebodyElse, ANSWERS).await?;
    let mut team = Team::of([("anna", contact(&anna)), ("boris", contact(&boris))]);
    team.second = vec!["boris"];
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        let theirs = talks(&anna, 0).await?;
        anna.transfer(&theirs.id, SECOND).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        let calls = floor.controller.rows(&["call", "list", "--number", IVAN]).await?;
        ensure!(calls.len() == 2 && calls[0]["ending"].is_null(), "{calls:?}");
        ensure!(calls[1]["ending"] == "answered", "the first has ended: {calls:?}");
        ivan.heard_to_the_last(Tone::SomebodyElse)?;
        ivan.hangs_up().await?;
        let calls = ended_calls(floor, IVAN, 2).await?;
        ensure!(calls.iter().map(|call| &call["agent"]).eq(["anna", "boris"]), "{calls:?}");
        ensure!(calls.iter().map(|call| &call["queue"]).eq(["sales", "second"]), "{calls:?}");
        ensure!(calls.iter().all(|call| call["ending"] == "answered"), "{calls:?}");
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
        // A caller who gives up in the second queue still gets a case.
        floor.controller.command(&["agent", "logout", "boris"]).await?;
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Agent).await?;
        let theirs = talks(&anna, 1).await?;
        anna.transfer(&theirs.id, SECOND).await?;
        olga.hears(Tone::Music).await?;
        olga.hangs_up().await?;
        let calls = ended_calls(floor, OLGA, 2).await?;
        ensure!(calls.iter().map(|call| &call["ending"]).eq(["answered", "abandoned"]), "{calls:?}");
        ensure!(floor.only_case_of(OLGA).await? == "abandoned_waiting", "the reason");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// SIGKILL while a caller waits in a second queue: two sockets of the channel close at once, and the caller comes back.
pub async fn killed_in_another_queue(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    let ivan = floor.caller(IVAN).await?;
    let waits = async {
        ivan.hears(Tone::Agent).await?;
        let theirs = talks(&anna, 0).await?;
        anna.transfer(&theirs.id, SECOND).await?;
        ivan.hears(Tone::Music).await
    };
    told(&floor, waits).await?;
    floor.controller.kill().await?;
    let paused = ivan.hears(Tone::Pause).await;
    floor.controller.serve().await?;
    told(&floor, async {
        paused?;
        until(SOON, "the caller waits again", async || {
            Ok((ivan.tones()?.last() == Some(&Tone::Music)).then_some(()))
        })
        .await?;
        ivan.hangs_up().await?;
        let calls = ended_calls(&floor, IVAN, 2).await?;
        ensure!(calls.iter().map(|call| &call["ending"]).eq(["answered", "abandoned"]), "{calls:?}");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// SIGTERM while a caller waits in a second queue and others talk on: the caller is handed back with both sockets, and
/// keeps waiting while the controller lives on for those who talk.
pub async fn stopped_in_another_queue(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    let ivan = floor.caller(IVAN).await?;
    let waits = async {
        ivan.hears(Tone::Agent).await?;
        let theirs = talks(&anna, 0).await?;
        anna.transfer(&theirs.id, SECOND).await?;
        ivan.hears(Tone::Music).await?;
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Agent).await?;
        Ok(olga)
    };
    let olga = told(&floor, waits).await?;
    let mut stopping = floor.controller.terminate().await?;
    told(&floor, async {
        ivan.hears(Tone::Pause).await?;
        stopping.ended(SOON).await?;
        // The process is gone, and with it whatever it had kept open.
        ivan.hears(Tone::Fallback).await?;
        ensure!(ivan.tones()?.ends_with(&[Tone::Music, Tone::Pause, Tone::Fallback]), "{:?}", ivan.tones()?);
        ivan.hangs_up().await?;
        olga.heard_to_the_last(Tone::Agent)?;
        olga.hangs_up().await?;
        live.switch.is_quiet(SOON).await
    })
    .await?;
    Ok(String::new())
}

/// SIGKILL while somebody else has the caller: they talk on, and the next controller leaves them alone.
pub async fn killed_while_somebody_else_has_them(live: &Live) -> Result<String> {
    let mut floor = Floor::open(live, &Team::of([])).await?;
    let (ivan, olga) = (floor.caller(IVAN).await?, floor.caller(OLGA).await?);
    let boss = told(&floor, async {
        ivan.hears(Tone::Music).await?;
        olga.hears(Tone::Music).await?;
        let channel = floor.channel_of(&ivan).await?;
        live.switch.api(&format!("uuid_transfer {channel} {SOMEBODY} XML public")).await?;
        let boss = colleague_dials(live, &format!("9994{}", floor.channel_of(&olga).await?)).await?;
        for (caller, number) in [(&ivan, IVAN), (&olga, OLGA)] {
            caller.hears(Tone::SomebodyElse).await?;
            ensure!(floor.controller.ended_call(number).await?.text("ending") == "taken", "{number}");
        }
        Ok(boss)
    })
    .await?;
    floor.controller.kill().await?;
    floor.controller.serve().await?;
    told(&floor, async {
        for (caller, number) in [(&ivan, IVAN), (&olga, OLGA)] {
            caller.heard_to_the_last(Tone::SomebodyElse)?;
            caller.hangs_up().await?;
            ensure!(floor.controller.ended_call(number).await?.text("ending") == "taken", "{number}");
            ensure!(floor.cases_of(number).await?.is_empty(), "nothing is owed");
        }
        drop(boss);
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}
