//! A talk holds no socket, whatever happens to the two who talk; and the end of the caller's call has its cause.

use anyhow::{Result, ensure};

use super::Live;
use super::taken::colleague_dials;
use crate::floor::{ANSWERS, Caller, Floor, IVAN, SOMEBODY, SOON, contact, on_floor, phone, talks};
use crate::sip::SipEnd;
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;

/// How many callers' sockets the controller has open.
async fn sockets(floor: &Floor<'_>) -> Result<Option<String>> {
    let page = floor.controller.get("/metrics").await?;
    let value = page.lines().find_map(|line| line.strip_prefix("dozvon_connections_open "));
    Ok(value.map(str::to_owned))
}

/// A caller who talks to this phone, once their socket is closed. While they waited it was open.
async fn talks_without_a_socket(floor: &Floor<'_>, anna: &SipEnd) -> Result<Caller> {
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    until(SOON, "a socket for a caller who waits", async || {
        Ok((sockets(floor).await?.as_deref() == Some("1")).then_some(()))
    })
    .await?;
    floor.controller.command(&["agent", "login", "anna"]).await?;
    ivan.hears(Tone::Agent).await?;
    talks(anna, 0).await?;
    until(SOON, "no socket for a caller who talks", async || {
        Ok((sockets(floor).await?.as_deref() == Some("0")).then_some(()))
    })
    .await?;
    Ok(ivan)
}

/// The only call was answered by anna, and this is why it ended.
async fn ended_with(floor: &Floor<'_>, cause: &str) -> Result<()> {
    let row = floor.controller.ended_call(IVAN).await?;
    let said = (row.text("ending"), row.text("agent"), row.text("cause"));
    ensure!(said == ("answered", "anna", cause), "{}", row.0);
    ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
    floor.comes_to_rest().await
}

/// A floor on which anna is away until a caller waits.
async fn with_anna(
    live: &Live,
    story: impl AsyncFnOnce(&Floor<'_>, &SipEnd) -> Result<()>,
) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    on_floor(live, &Team::of([("anna", contact(&anna))]), async |floor| {
        floor.controller.command(&["agent", "logout", "anna"]).await?;
        story(floor, &anna).await?;
        Ok(String::new())
    })
    .await
}

/// The caller hangs up.
pub async fn the_caller_hangs_up(live: &Live) -> Result<String> {
    with_anna(live, async |floor, anna| {
        let ivan = talks_without_a_socket(floor, anna).await?;
        ivan.heard_to_the_last(Tone::Agent)?;
        ivan.hangs_up().await?;
        ended_with(floor, "NORMAL_CLEARING").await
    })
    .await
}

/// The agent hangs up.
pub async fn the_agent_hangs_up(live: &Live) -> Result<String> {
    with_anna(live, async |floor, anna| {
        let ivan = talks_without_a_socket(floor, anna).await?;
        anna.hang_up(&talks(anna, 0).await?.id).await?;
        ivan.is_over().await?;
        ended_with(floor, "NORMAL_CLEARING").await
    })
    .await
}

/// An administrator ends the call, with a cause of their own.
pub async fn somebody_ends_the_call(live: &Live) -> Result<String> {
    with_anna(live, async |floor, anna| {
        let ivan = talks_without_a_socket(floor, anna).await?;
        let channel = floor.channel_of(&ivan).await?;
        live.switch.api(&format!("uuid_kill {channel} SUBSCRIBER_ABSENT")).await?;
        ivan.is_over().await?;
        ended_with(floor, "SUBSCRIBER_ABSENT").await
    })
    .await
}

/// The agent transfers the caller to somebody outside the queues, and the call goes on until the caller's channel ends.
pub async fn the_agent_transfers_the_caller(live: &Live) -> Result<String> {
    with_anna(live, async |floor, anna| {
        let ivan = talks_without_a_socket(floor, anna).await?;
        anna.transfer(&talks(anna, 0).await?.id, SOMEBODY).await?;
        goes_on_with_somebody_else(floor, &ivan).await?;
        ivan.hangs_up().await?;
        ended_with(floor, "NORMAL_CLEARING").await
    })
    .await
}

/// Somebody intercepts the caller during the talk, and the call goes on until the caller's channel ends.
pub async fn somebody_intercepts_the_caller(live: &Live) -> Result<String> {
    with_anna(live, async |floor, anna| {
        let ivan = talks_without_a_socket(floor, anna).await?;
        let boss = colleague_dials(live, &format!("9994{}", floor.channel_of(&ivan).await?)).await?;
        goes_on_with_somebody_else(floor, &ivan).await?;
        boss.hears(Tone::Caller).await?;
        ivan.hangs_up().await?;
        boss.is_over().await?;
        ended_with(floor, "NORMAL_CLEARING").await
    })
    .await
}

/// The agent is free, and the call is under way.
async fn goes_on_with_somebody_else(floor: &Floor<'_>, ivan: &Caller) -> Result<()> {
    ivan.hears(Tone::SomebodyElse).await?;
    until(SOON, "the agent is free", async || {
        let agents = floor.controller.rows(&["agent", "list"]).await?;
        Ok((agents[0]["activity"] == "idle").then_some(()))
    })
    .await?;
    let calls = floor.controller.rows(&["call", "list", "--number", IVAN]).await?;
    ensure!(calls.len() == 1 && calls[0]["ending"].is_null(), "one call, under way: {calls:?}");
    ivan.heard_to_the_last(Tone::SomebodyElse)
}

/// SIGKILL during the talk: the two talk on, and the next controller knows when they stop.
pub async fn the_controller_dies(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    floor.controller.command(&["agent", "logout", "anna"]).await?;
    let ivan = crate::floor::told(&floor, talks_without_a_socket(&floor, &anna)).await?;
    floor.controller.kill().await?;
    floor.controller.serve().await?;
    crate::floor::told(&floor, async {
        ivan.heard_to_the_last(Tone::Agent)?;
        ivan.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("agent")) == ("answered", "anna"), "{}", row.0);
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}
