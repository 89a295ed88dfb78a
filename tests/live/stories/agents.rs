//! What an agent's phone tells about the agent, and calls that the agent has elsewhere.

use anyhow::{Context, Result, ensure};

use super::Live;
use crate::floor::{ANSWERS, Floor, IVAN, OLGA, SOMEBODY, SOON, contact, on_floor, phone, phone_of, talks};
use crate::sip::{Behaviour, Dial, SipEnd, Stage};
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;
use std::time::Duration;

/// The directory's user who is anna's phone.
const ANNA: &str = "1001";

/// What anna does, as `agent list` shows it.
async fn anna_is(floor: &Floor<'_>, activity: &str) -> Result<()> {
    until(SOON, format!("anna is {activity}"), async || {
        let agents = floor.controller.rows(&["agent", "list"]).await?;
        let anna = agents.iter().find(|agent| agent["name"] == "anna").context("anna")?;
        Ok((anna["activity"] == activity).then_some(()))
    })
    .await
}

/// A phone that rings and then says 480 was not answered: a miss like any other, and not somebody out of reach.
pub async fn a_phone_that_says_480_after_ringing_was_not_answered(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Refuse { after: Duration::from_millis(300), status: 480 }).await?;
    let boris = phone(ANSWERS).await?;
    let mut team = Team::of([("anna", contact(&anna)), ("boris", contact(&boris))]);
    team.max_no_answer = 1;
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        ivan.hangs_up().await?;
        let causes = floor.causes_of(&anna, 1).await?;
        ensure!(causes == ["NO_USER_RESPONSE"], "FreeSWITCH says {causes:?}");
        let steps = floor.controller.ended_call(IVAN).await?.steps();
        ensure!(steps.contains(&"no_answer anna".to_owned()), "{steps:?}");
        let on_break = floor.controller.rows(&["agent", "list", "--status", "on_break"]).await?;
        ensure!(on_break.len() == 1 && on_break[0]["misses"] == 1, "it is a miss: {on_break:?}");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// A phone that redirects its calls ends the offer at once: the number that it names is not rung, and the next agent is.
pub async fn a_redirect_ends_the_offer(live: &Live) -> Result<String> {
    let mailbox = phone_of(Tone::SomebodyElse, ANSWERS).await?;
    let anna = phone(Behaviour::Redirect { port: mailbox.port() }).await?;
    let boris = phone(ANSWERS).await?;
    let mut team = Team::of([("anna", contact(&anna)), ("boris", contact(&boris))]);
    team.max_no_answer = 1;
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        ivan.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        let steps = [
            "arrived",
            "joined",
            "offered anna",
            "redirected anna",
            "offered boris",
            "picked_up boris",
            "left_queue",
            "talk_over boris",
            "ended",
        ];
        row.expect("answered", "talking", &steps)?;
        ensure!(mailbox.count() == 0, "whom the phone named was rung");
        let log = floor.controller.complaints();
        ensure!(log.contains("follow_redirects = true"), "the log names the remedy: {log}");
        let agents = floor.controller.rows(&["agent", "list", "--status", "on_break"]).await?;
        ensure!(agents.is_empty(), "that is nobody's miss: {agents:?}");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// Where the rules let redirects be followed, the number that the phone names is rung, and gets the caller.
pub async fn a_redirect_is_followed_where_the_rules_say_so(live: &Live) -> Result<String> {
    let mobile = phone_of(Tone::SomebodyElse, ANSWERS).await?;
    let anna = phone(Behaviour::Redirect { port: mobile.port() }).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    team.defaults = "follow_redirects = true";
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        talks(&mobile, 0).await?;
        ivan.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("agent")) == ("answered", "anna"), "{}", row.0);
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// Anna at her registered phone, and boris after her, in a queue with these rules.
async fn anna_and_boris(live: &Live, defaults: &'static str) -> Result<(SipEnd, SipEnd, Team)> {
    let (anna, boris) = (phone(ANSWERS).await?, SipEnd::open(Some(Tone::Fallback)).await?);
    boris.behave(ANSWERS);
    anna.register(ANNA, live.switch.sip).await?;
    let user = format!("user/{ANNA}@127.0.0.1");
    let mut team = Team::of([("anna", user), ("boris", contact(&boris))]);
    team.defaults = defaults;
    Ok((anna, boris, team))
}

/// An agent who has dialled a colleague, or was called by one, is busy elsewhere: the next agent is rung, and they
/// are again when that call is over.
pub async fn in_an_internal_call_an_agent_is_not_rung(live: &Live) -> Result<String> {
    let (anna, boris, team) = anna_and_boris(live, "").await?;
    on_floor(live, &team, async |floor| {
        let asks = anna.dial(Dial::at_phone_of(live.switch.phones, &live.switch.anna, SOMEBODY)).await?;
        anna.reaches(&asks, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
        anna_is(floor, "elsewhere").await?;
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Fallback).await?;
        ensure!(anna.count() == 1, "her second line was rung");
        ivan.hangs_up().await?;
        anna.hang_up(&asks).await?;
        anna_is(floor, "idle").await?;
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Agent).await?;
        ensure!(boris.count() == 1, "she comes first again");
        olga.hangs_up().await?;
        floor.comes_to_rest().await?;
        // And the other way round: a colleague calls her.
        let colleague = SipEnd::open(Some(Tone::SomebodyElse)).await?;
        let calls = colleague.dial(Dial::new(live.switch.sip, &format!("9996{ANNA}"), "1099")).await?;
        colleague.reaches(&calls, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
        anna_is(floor, "elsewhere").await?;
        let ivan = floor.caller("+79001234503").await?;
        ivan.hears(Tone::Fallback).await?;
        ensure!(anna.count() == 3, "her second line was rung");
        ivan.hangs_up().await?;
        colleague.hang_up(&calls).await?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// Where the queue lets calls wait, the second line of an agent in another call rings.
pub async fn with_call_waiting_the_second_line_rings(live: &Live) -> Result<String> {
    let (anna, boris, team) = anna_and_boris(live, "call_waiting = true").await?;
    on_floor(live, &team, async |floor| {
        let asks = anna.dial(Dial::at_phone_of(live.switch.phones, &live.switch.anna, SOMEBODY)).await?;
        anna.reaches(&asks, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
        anna_is(floor, "elsewhere").await?;
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        ensure!(boris.count() == 0, "she has the caller");
        ivan.hangs_up().await?;
        anna.hang_up(&asks).await?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// Anna asks boris, and leaves the caller to boris (REFER with Replaces): anna is free at once, and boris is offered
/// nobody while in that talk.
pub async fn an_agent_that_was_given_a_caller_is_offered_no_other(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let boris = phone_of(Tone::SomebodyElse, ANSWERS).await?;
    boris.register("1002", live.switch.sip).await?;
    let team = Team::of([("anna", contact(&anna)), ("boris", "user/1002@127.0.0.1".to_owned())]);
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        let theirs = talks(&anna, 0).await?;
        let asks = anna.dial(Dial::new(live.switch.sip, "99961002", "1001")).await?;
        anna.reaches(&asks, SOON, "talks to boris", |talk| talk.stage == Stage::Talking).await?;
        let his = talks(&boris, 0).await?;
        anna.join(&theirs.id, &asks).await?;
        ivan.hears(Tone::SomebodyElse).await?;
        anna_is(floor, "idle").await?;
        // Anna is free at once; boris is not.
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Agent).await?;
        let zoya = floor.caller("+79001234503").await?;
        zoya.hears(Tone::Music).await?;
        olga.hangs_up().await?;
        zoya.hears(Tone::Agent).await?;
        ensure!(boris.count() == 1, "boris was rung while talking to anna's caller");
        ivan.heard_to_the_last(Tone::SomebodyElse)?;
        // When boris is done, the next caller goes to boris.
        boris.hang_up(&his.id).await?;
        ivan.is_over().await?;
        let vera = floor.caller("+79001234504").await?;
        vera.hears(Tone::SomebodyElse).await?;
        vera.hangs_up().await?;
        zoya.hangs_up().await?;
        let calls = floor.controller.rows(&["call", "list", "--number", IVAN]).await?;
        ensure!(calls.len() == 1 && calls[0]["ending"] == "answered", "one call: {calls:?}");
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}
