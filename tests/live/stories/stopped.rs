//! The controller is stopped, gently or not, while callers wait and while they talk.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::{Live, NOT_THERE};
use crate::floor::{ANSWERS, Floor, SOON, contact, phone, told};
use crate::sip::{Behaviour, End, Stage};
use crate::team::Team;
use crate::tone::Tone;

const IVAN: &str = "+79001234501";
const OLGA: &str = "+79001234502";
/// `drain_timeout` in the settings, and time for the process to end after it.
const DRAINED: Duration = Duration::from_secs(3 + 5);

/// SIGKILL: who waits hears the dialplan's fallback at once; the next start ends his row and opens his case.
pub async fn killed_while_a_caller_waits(live: &Live) -> Result<String> {
    let mut floor = Floor::open(live, &Team::of([])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    let killed = Instant::now();
    floor.controller.kill().await?;
    let fallback = async {
        ivan.hears(Tone::Fallback).await?;
        let fallback_ms = killed.elapsed().as_millis();
        // A new caller finds nobody: the same fallback.
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Fallback).await?;
        ivan.hangs_up().await?;
        olga.hangs_up().await?;
        floor.live.switch.is_quiet(SOON).await?;
        Ok(fallback_ms)
    };
    let fallback_ms = told(&floor, fallback).await?;
    floor.controller.serve().await?;
    told(&floor, async {
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("stage")) == ("lost", "waiting"), "{}", row.0);
        ensure!(floor.only_case_of(IVAN).await? == "lost", "the reason");
        ensure!(floor.cases_of(OLGA).await?.is_empty(), "she never reached us: the fallback had her");
        floor.comes_to_rest().await?;
        Ok(format!("fallback heard {fallback_ms} ms after SIGKILL; the next start: {}", row.text("cause")))
    })
    .await
}

/// SIGKILL: the dialplan rings its fixed contact, who takes the caller.
pub async fn the_fallback_contact_takes_him(live: &Live) -> Result<String> {
    let mut floor = Floor::open(live, &Team::of([])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    floor.controller.kill().await?;
    let before = live.fallback.count();
    live.fallback.behave(ANSWERS);
    let story = async {
        let talk = live.fallback.call(before, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
        talk.ear.hears(Tone::Caller, SOON).await?;
        ivan.hears(Tone::Fallback).await?;
        live.fallback.hang_up(&talk.id).await?;
        ensure!(ivan.is_over().await? == Stage::Ended(End::TheyHungUp), "the caller is hung up with him");
        floor.live.switch.is_quiet(SOON).await?;
        Ok(String::new())
    };
    let told = told(&floor, story).await;
    live.fallback.behave(NOT_THERE);
    told
}

/// SIGKILL while a phone rings: the caller has his fallback; the phone does not ring for ever, and whoever
/// picks it up is not left in silence for long.
pub async fn killed_while_a_phone_rings(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    team.ring_timeout = "3s";
    let mut floor = Floor::open(live, &team).await?;
    let ivan = floor.caller(IVAN).await?;
    let rings = anna.call(0, SOON, "rings", |_| true).await?;
    floor.controller.kill().await?;
    told(&floor, async {
        ivan.hears(Tone::Fallback).await?;
        ivan.hangs_up().await?;
        Ok(())
    })
    .await?;
    floor.controller.serve().await?;
    told(&floor, async {
        let limit = Duration::from_secs(12);
        let over = anna.call(0, limit, "stops ringing", |talk| talk.is_over()).await?;
        let rang_ms = over.when(over.stage).map(|end| end.duration_since(rings.history[0].1).as_millis());
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "lost", "{}", row.0);
        anna.behave(ANSWERS);
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Agent).await?;
        olga.hangs_up().await?;
        floor.comes_to_rest().await?;
        Ok(format!("the phone rang {rang_ms:?} ms in all; after the restart its agent took the next caller"))
    })
    .await
}

/// SIGTERM: who waits is handed to the dialplan with a reason, and is owed a call; the process ends well.
pub async fn stopped_while_a_caller_waits(live: &Live) -> Result<String> {
    let mut floor = Floor::open(live, &Team::of([])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    let stopped = Instant::now();
    let mut process = floor.controller.terminate().await?;
    let story = async {
        let status = process.ended(DRAINED).await?;
        let ended_ms = stopped.elapsed().as_millis();
        ensure!(status.success(), "dozvon serve ended with {status}");
        ivan.hears(Tone::Fallback).await?;
        let fallback_ms = stopped.elapsed().as_millis();
        ivan.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "lost" && row.text("stage") == "waiting", "{}", row.0);
        ensure!(floor.only_case_of(IVAN).await? == "lost", "the reason");
        floor.comes_to_rest().await?;
        Ok(format!("fallback heard {fallback_ms} ms after SIGTERM, the process ended after {ended_ms} ms"))
    };
    told(&floor, story).await
}

/// SIGKILL: who talks talks on, and when they hang up, no fallback is heard.
pub async fn killed_while_they_talk(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Agent).await?;
    floor.controller.kill().await?;
    told(&floor, talk_survives(&floor, &ivan, &anna)).await?;
    floor.controller.serve().await?;
    told(&floor, async {
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "answered", "he got through: {}", row.0);
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed to one who got through");
        floor.comes_to_rest().await?;
        Ok(format!(
            "after the next start: {} while {}, {}",
            row.text("ending"),
            row.text("stage"),
            row.text("cause")
        ))
    })
    .await
}

/// SIGTERM: who talks talks on for as long as they like, also after the process has ended.
pub async fn stopped_while_they_talk(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Agent).await?;
    let stopped = Instant::now();
    let mut process = floor.controller.terminate().await?;
    let status = process.ended(DRAINED).await?;
    let ended_ms = stopped.elapsed().as_millis();
    ensure!(status.success(), "dozvon serve ended with {status}");
    told(&floor, talk_survives(&floor, &ivan, &anna)).await?;
    floor.controller.serve().await?;
    told(&floor, async {
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "answered", "he got through: {}", row.0);
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed to one who got through");
        floor.comes_to_rest().await?;
        Ok(format!("the process ended after {ended_ms} ms, the talk went on"))
    })
    .await
}

/// SIGTERM: a talk that ends while the controller waits for it is recorded by it, as ever.
pub async fn a_talk_ends_while_it_stops(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Agent).await?;
    let mut process = floor.controller.terminate().await?;
    let stopped = Instant::now();
    told(&floor, async {
        ivan.hangs_up().await?;
        let status = process.ended(DRAINED).await?;
        let ended_ms = stopped.elapsed().as_millis();
        ensure!(status.success(), "dozvon serve ended with {status}");
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "answered" && row.number("talk_ms").is_some(), "{}", row.0);
        floor.comes_to_rest().await?;
        Ok(format!("the process ended {ended_ms} ms after the talk"))
    })
    .await
}

/// Both hear each other for another second; then the agent hangs up, and the caller with him.
async fn talk_survives(
    floor: &Floor<'_>,
    caller: &crate::floor::Caller,
    anna: &crate::sip::SipEnd,
) -> Result<()> {
    let talk = anna.call(0, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    caller.heard_to_the_last(Tone::Agent)?;
    talk.ear.hears(Tone::Caller, SOON).await?;
    anna.hang_up(&talk.id).await?;
    ensure!(caller.is_over().await? == Stage::Ended(End::TheyHungUp), "the caller is hung up");
    ensure!(caller.tones()? == [Tone::Music, Tone::Agent], "no fallback after a talk: {:?}", caller.tones()?);
    floor.live.switch.is_quiet(SOON).await
}
