//! What the rules say about agents and about callers who gave up.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Live;
use crate::floor::{ANSWERS, Floor, IVAN, OLGA, SOON, contact, on_floor, phone, told};
use crate::sip::{Behaviour, Dial};
use crate::team::{NUMBER, Team};
use crate::tone::Tone;
use crate::wait::until;

/// After a talk an agent is left alone for exactly as long as the wrap-up says, by FreeSWITCH's clock.
pub async fn wrap_up_lasts_as_long_as_it_says(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    team.wrap_up = "1500ms";
    let floor = Floor::open(live, &team).await?;
    told(&floor, async {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Music).await?;
        ivan.hangs_up().await?;
        olga.hears(Tone::Agent).await?;
        olga.hangs_up().await?;
        floor.comes_to_rest().await?;
        let legs = floor.legs_of(&anna);
        let times = |kind: &str| -> Vec<i64> {
            legs.iter().filter(|event| event.is(kind)).map(|event| event.at_us / 1000).collect()
        };
        let (created, ended) = (times("CHANNEL_CREATE"), times("CHANNEL_HANGUP_COMPLETE"));
        ensure!(created.len() == 2 && ended.len() == 2, "two legs: {created:?} {ended:?}");
        let alone_ms = created[1] - ended[0];
        ensure!((1500..2500).contains(&alone_ms), "rung {alone_ms} ms after the talk, not 1500");
        Ok(format!("rung again {alone_ms} ms after the talk had ended (wrap-up 1500 ms)"))
    })
    .await
}

/// An agent whose phone rings out twice is sent on break, and is rung no more.
pub async fn an_agent_that_misses_twice_is_sent_on_break(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    (team.ring_timeout, team.delay, team.max_no_answer) = ("1s", "200ms", 2);
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        let on_break = until(SOON, "anna is on break", async || {
            let agents = floor.controller.rows(&["agent", "list", "--status", "on_break"]).await?;
            Ok(agents.into_iter().next())
        })
        .await?;
        ensure!(on_break["misses"] == 2, "{on_break}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        ensure!(anna.count() == 2, "rung {} times", anna.count());
        ivan.heard_throughout(Tone::Music)?;
        anna.behave(ANSWERS);
        floor.controller.command(&["agent", "resume", "anna"]).await?;
        ivan.hears(Tone::Agent).await?;
        ivan.hangs_up().await?;
        floor.comes_to_rest().await?;
        Ok(format!("break reason: {}", on_break["break_reason"]))
    })
    .await
}

/// Missed calls of withheld and internal numbers are counted and open no case; a second miss joins the open case.
pub async fn cases_are_for_numbers_that_can_be_called(live: &Live) -> Result<String> {
    let floor = Floor::open(live, &Team::of([])).await?;
    told(&floor, async {
        let withheld = Dial::new(live.switch.sip, NUMBER, "x")
            .named("\"Anonymous\" <sip:+79001234503@127.0.0.1>")
            .with("Privacy", "id");
        for dial in [withheld, Dial::new(live.switch.sip, NUMBER, "1002")] {
            let caller = floor.dials(dial).await?;
            caller.hears(Tone::Music).await?;
            caller.hangs_up().await?;
            floor.comes_to_rest().await?;
        }
        for _ in 0..2 {
            let ivan = floor.caller(IVAN).await?;
            ivan.hears(Tone::Music).await?;
            ivan.hangs_up().await?;
            floor.comes_to_rest().await?;
        }
        let calls = until(SOON, "four calls have ended", async || {
            let calls = floor.controller.rows(&["call", "list", "--ending", "abandoned"]).await?;
            Ok((calls.len() == 4).then_some(calls))
        })
        .await?;
        let cases = floor.controller.rows(&["case", "list"]).await?;
        ensure!(cases.len() == 1 && cases[0]["number"] == IVAN, "one case: {cases:?}");
        ensure!(cases[0]["misses"] == 2, "both misses are in it: {}", cases[0]);
        let callers: Vec<String> = calls.iter().map(|call| call["caller_number"].to_string()).collect();
        Ok(format!("callers on record, newest first: {}", callers.join(", ")))
    })
    .await
}

/// `dozvon check` finds a real FreeSWITCH with our dialplan in order.
pub async fn check_finds_everything_in_order(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    team.second = vec!["anna"];
    let mut floor = Floor::closed(live, &team).await?;
    let trunk = format!("dial = \"sofia/internal/{{digits}}@127.0.0.1:{}\"", anna.port());
    floor.controller.set(&format!("[[callback.trunks]]\n{trunk}"))?;
    floor.controller.serve().await?;
    told(&floor, async {
        let said = floor.controller.command(&["check"]).await.context("dozvon check")?;
        Ok(said)
    })
    .await
}
