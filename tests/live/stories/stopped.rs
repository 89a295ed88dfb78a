//! The controller is stopped or killed while callers wait and while they talk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::{Live, NOT_THERE};
use crate::controller::PATIENCE;
use crate::floor::{ANSWERS, BREATH, Caller, Floor, IVAN, OLGA, SOON, contact, phone, talks, told};
use crate::observer::Event;
use crate::sip::{Behaviour, Dial, End, Stage};
use crate::team::{NUMBER, Team};
use crate::tone::Tone;
use crate::wait::{until, within};

/// `drain_timeout` in the settings, and time for the process to end after it.
const DRAINED: Duration = Duration::from_secs(3 + 5);

/// How much earlier or later than its time patience may end: FreeSWITCH's timers count whole seconds and look twice
/// a second, and the pause that has begun is played out.
const GIVE: Duration = Duration::from_millis(1100);
/// From a controller that is ready to music.
const BACK: Duration = Duration::from_secs(2);
/// How long FreeSWITCH waits for the first word of a controller.
const FIRST_WORD: Duration = Duration::from_secs(25);

/// SIGKILL: who waits hears the dialplan's fallback once patience is over; the next start ends the row and opens
/// the case.
pub async fn killed_while_a_caller_waits(live: &Live) -> Result<String> {
    let mut floor = Floor::open(live, &Team::of([])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    let killed = Instant::now();
    floor.controller.kill().await?;
    let fallback = async {
        ivan.hears(Tone::Pause).await?;
        ivan.hears(Tone::Fallback).await?;
        let waited = killed.elapsed();
        ensure!(
            (PATIENCE - GIVE..PATIENCE + 2 * GIVE).contains(&waited),
            "the fallback came after {waited:?}"
        );
        let fallback_ms = waited.as_millis();
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

/// SIGKILL, and a new start at once: who waits hears music again within two seconds, and nobody had the caller
/// meanwhile. The timer of the dialplan's patience goes off then; the caller does not notice, and another crash finds
/// it fresh.
pub async fn back_within_patience(live: &Live) -> Result<String> {
    let mut floor = Floor::open(live, &Team::of([])).await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    let first_ms = comes_back(&mut floor, &ivan).await?;
    let again = Instant::now();
    // Longer than patience, and longer than a controller must live for this to count as service.
    tokio::time::sleep(Duration::from_secs(11)).await;
    told(&floor, async { ivan.heard_since(Tone::Music, again) }).await?;
    let second_ms = comes_back(&mut floor, &ivan).await?;
    told(&floor, async {
        ensure!(
            !ivan.tones()?.contains(&Tone::Fallback),
            "the caller heard the fallback: {:?}",
            ivan.tones()?
        );
        let fresh = |event: &Event| event.get("Application-Data").starts_with("dozvon_fresh_patience");
        ensure!(!floor.observer.having(fresh).is_empty(), "patience was not fresh for the second crash");
        ivan.hangs_up().await?;
        floor.comes_to_rest().await?;
        Ok(format!("music again {first_ms} and {second_ms} ms after the new process was ready"))
    })
    .await
}

/// SIGKILL, and a new start: an agent takes the caller before the timer of the dialplan's patience goes off. Their
/// talk does not suffer from it, and its end is the end of the call.
pub async fn back_and_connected_within_patience(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::closed(live, &Team::of([("anna", contact(&anna))])).await?;
    floor.controller.serve().await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    comes_back(&mut floor, &ivan).await?;
    floor.controller.command(&["agent", "login", "anna"]).await?;
    told(&floor, async {
        ivan.hears(Tone::Agent).await?;
        let connected = Instant::now();
        let channel = floor.channel_of(&ivan).await?;
        let timer =
            |event: &Event| event.channel == channel && event.get("Application-Data") == "dozvon_over=true";
        floor.observer.sees(SOON, "the timer goes off", timer).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ivan.heard_since(Tone::Agent, connected)?;
        let talk = talks(&anna, 0).await?;
        talk.ear.heard_since(Tone::Caller, Instant::now() - Duration::from_secs(1), BREATH)?;
        anna.hang_up(&talk.id).await?;
        ensure!(ivan.is_over().await? == Stage::Ended(End::TheyHungUp), "the caller is hung up");
        ensure!(
            !ivan.tones()?.contains(&Tone::Fallback),
            "the caller heard the fallback: {:?}",
            ivan.tones()?
        );
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// Kills the controller and starts it again. How long after it is ready the caller hears music.
async fn comes_back(floor: &mut Floor<'_>, caller: &Caller) -> Result<u128> {
    floor.controller.kill().await?;
    told(floor, caller.hears(Tone::Pause)).await?;
    floor.controller.serve().await?;
    let ready = Instant::now();
    told(floor, caller.hears(Tone::Music)).await?;
    let took = ready.elapsed();
    ensure!(took <= BACK, "music came {took:?} after the controller was ready");
    Ok(took.as_millis())
}

/// A controller that takes callers and dies at once, again and again, is as good as none.
pub async fn a_crash_loop_ends_in_the_fallback(live: &Live) -> Result<String> {
    let floor = Floor::closed(live, &Team::of([])).await?;
    let listener = TcpListener::bind(live.place.listen).await?;
    let crashing = tokio::spawn(async move {
        let mut taken = 0;
        while let Ok(Ok((mut stream, _))) = within(PATIENCE, "", listener.accept()).await {
            taken += 1;
            // Every other time it lives for as long as it takes to have the caller parked.
            if taken % 2 == 0 {
                let _gone = takes(&mut stream).await;
            }
        }
        taken
    });
    let ivan = floor.dials(Dial::new(live.switch.sip, NUMBER, IVAN)).await?;
    told(&floor, async {
        ivan.hears(Tone::Pause).await?;
        let begun = Instant::now();
        ivan.hears(Tone::Fallback).await?;
        let waited = begun.elapsed();
        ensure!(waited < PATIENCE + 2 * GIVE, "the fallback came after {waited:?}");
        ivan.hangs_up().await?;
        floor.live.switch.is_quiet(SOON).await?;
        let taken = crashing.await?;
        ensure!(taken >= 3, "the caller was taken {taken} times");
        Ok(format!("taken {taken} times, fallback heard {} ms after the first pause", waited.as_millis()))
    })
    .await
}

/// Takes a caller as a controller does, and lets go of them.
async fn takes(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"connect\n\nmyevents\n\n").await?;
    let mut answer = [0; 1024];
    ensure!(stream.read(&mut answer).await? > 0, "no answer to connect");
    Ok(())
}

/// A controller that takes callers and says nothing: FreeSWITCH waits for its first word, and patience ends with
/// the second time.
pub async fn a_controller_that_hangs_ends_in_the_fallback(live: &Live) -> Result<String> {
    let floor = Floor::closed(live, &Team::of([])).await?;
    let _hangs = TcpListener::bind(live.place.listen).await?;
    let ivan = floor.dials(Dial::new(live.switch.sip, NUMBER, IVAN)).await?;
    let begun = Instant::now();
    told(&floor, async {
        let end = within(2 * FIRST_WORD + PATIENCE, "the fallback", ivan.hears_at_last(Tone::Fallback));
        end.await??;
        let waited = begun.elapsed();
        ivan.hangs_up().await?;
        floor.live.switch.is_quiet(SOON).await?;
        Ok(format!("fallback heard after {} ms", waited.as_millis()))
    })
    .await
}

/// SIGKILL: the dialplan rings its fixed contact, who takes the caller.
pub async fn the_fallback_contact_takes_the_caller(live: &Live) -> Result<String> {
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
        ensure!(
            ivan.is_over().await? == Stage::Ended(End::TheyHungUp),
            "the caller is hung up together with it"
        );
        floor.live.switch.is_quiet(SOON).await?;
        Ok(String::new())
    };
    let told = told(&floor, story).await;
    live.fallback.behave(NOT_THERE);
    told
}

/// SIGKILL while a phone rings: the caller gets the fallback; the phone does not ring for ever, and whoever
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

/// SIGTERM: a caller who waits is handed to the dialplan with a reason, and gets a case; the process ends with code 0.
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
        Ok((fallback_ms, ended_ms))
    };
    let (fallback_ms, ended_ms) = told(&floor, story).await?;
    floor.controller.serve().await?;
    told(&floor, async {
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "lost" && row.text("stage") == "waiting", "{}", row.0);
        ensure!(floor.only_case_of(IVAN).await? == "lost", "the reason");
        floor.comes_to_rest().await?;
        Ok(format!("fallback heard {fallback_ms} ms after SIGTERM, the process ended after {ended_ms} ms"))
    })
    .await
}

/// SIGKILL with 20 callers waiting, 10 talking and 5 phones ringing, and a new start at once: who waits hears music
/// again and keeps their place, talks do not suffer, phones that rang for nobody fall silent and ring again, and
/// within five seconds every agent does what FreeSWITCH says.
pub async fn killed_with_a_full_house(live: &Live) -> Result<String> {
    let House { mut floor, phones, callers } = full_house(live).await?;
    let (talking, waiting) = callers.split_at(10);
    doing(&floor, "ringing", 5).await?;
    floor.controller.kill().await?;
    told(&floor, waiting[0].hears(Tone::Pause)).await?;
    floor.controller.serve().await?;
    let ready = Instant::now();
    let story = async {
        for caller in waiting {
            caller.hears(Tone::Music).await?;
        }
        let back = ready.elapsed();
        ensure!(back <= BACK, "the last music came {back:?} after the controller was ready");
        doing(&floor, "talking", 10).await?;
        doing(&floor, "ringing", 5).await?;
        let settled = ready.elapsed();
        ensure!(settled <= Duration::from_secs(5), "agents were as they are after {settled:?}");
        for caller in talking {
            caller.heard_to_the_last(Tone::Agent)?;
        }
        // Those who came back first are rung for; the next agent who is free gets the first in line of the others.
        let rung: Vec<String> =
            phones[10..].iter().filter_map(|phone| Some(phone.talks().pop()?.from)).collect();
        let is_rung = |number: &String| rung.iter().any(|from| from.contains(number.as_str()));
        let mut waits = (10..30).map(|number| (number, format!("+79001235{number:03}")));
        let turn = waits.find(|(_, number)| !is_rung(number));
        talking[0].hangs_up().await?;
        let next =
            phones[0].call(1, SOON, "talks to the next caller", |talk| talk.stage == Stage::Talking).await?;
        let (turn, number) = turn.context("somebody for whom no phone rings")?;
        ensure!(next.from.contains(&number), "it was the turn of {number}, not of {}", next.from);
        callers[turn].hears(Tone::Agent).await?;
        let metrics = floor.controller.get("/metrics").await?;
        ensure!(
            metrics
                .lines()
                .filter(|line| line.starts_with("dozvon_repairs_total{"))
                .all(|line| line.ends_with(" 0")),
            "nothing was wrong but what the crash left: {metrics}"
        );
        for caller in &callers[1..] {
            caller.hangs_up().await?;
        }
        floor.comes_to_rest().await?;
        endings(&floor).await?;
        Ok(format!(
            "music for all 20 {} ms after the controller was ready, agents right after {} ms",
            back.as_millis(),
            settled.as_millis()
        ))
    };
    told(&floor, story).await
}

/// 10 agents who answer and 5 who let it ring; 30 callers, of whom 10 talk and for 5 it rings.
struct House<'a> {
    floor: Floor<'a>,
    phones: Vec<crate::sip::SipEnd>,
    callers: Vec<Caller>,
}

async fn full_house(live: &Live) -> Result<House<'_>> {
    let (mut phones, mut team) = (Vec::new(), Team::of([]));
    for number in 0..15 {
        let behaviour = if number < 10 { ANSWERS } else { Behaviour::Ring };
        let end = phone(behaviour).await?;
        team.agents.push((format!("agent{number:02}"), contact(&end)));
        phones.push(end);
    }
    team.ring_timeout = "60s";
    let floor = Floor::open(live, &team).await?;
    let mut callers = Vec::new();
    for number in 0..30 {
        let caller = floor.caller(&format!("+79001235{number:03}")).await?;
        caller.hears(if number < 10 { Tone::Agent } else { Tone::Music }).await?;
        callers.push(caller);
    }
    Ok(House { floor, phones, callers })
}

/// Each of the 30 has one call: eleven talked, the others gave up waiting.
async fn endings(floor: &Floor<'_>) -> Result<()> {
    let rows = until(SOON, "every call has its end", async || {
        let rows = floor.controller.rows(&["call", "list", "--limit", "100"]).await?;
        Ok(rows.iter().all(|row| !row["ending"].is_null()).then_some(rows))
    })
    .await?;
    let ended = |word: &str| rows.iter().filter(|row| row["ending"] == word).count();
    let (answered, abandoned) = (ended("answered"), ended("abandoned"));
    ensure!(
        (rows.len(), answered, abandoned) == (30, 11, 19),
        "{} calls, {answered} answered, {abandoned} abandoned",
        rows.len()
    );
    Ok(())
}

/// Waits until so many agents do this.
async fn doing(floor: &Floor<'_>, activity: &str, count: usize) -> Result<()> {
    until(SOON, format!("{count} agents are {activity}"), async || {
        let agents = floor.controller.rows(&["agent", "list", "--activity", activity]).await?;
        Ok((agents.len() == count).then_some(()))
    })
    .await
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
        ensure!(row.text("ending") == "answered", "the caller got through: {}", row.0);
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
        ensure!(row.text("ending") == "answered", "the caller got through: {}", row.0);
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

/// Both hear each other for another second; then the agent hangs up, and the caller's call ends.
async fn talk_survives(
    floor: &Floor<'_>,
    caller: &crate::floor::Caller,
    anna: &crate::sip::SipEnd,
) -> Result<()> {
    let talk = talks(anna, 0).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    caller.heard_to_the_last(Tone::Agent)?;
    talk.ear.hears(Tone::Caller, SOON).await?;
    anna.hang_up(&talk.id).await?;
    ensure!(caller.is_over().await? == Stage::Ended(End::TheyHungUp), "the caller is hung up");
    ensure!(caller.tones()? == [Tone::Music, Tone::Agent], "no fallback after a talk: {:?}", caller.tones()?);
    floor.live.switch.is_quiet(SOON).await
}
