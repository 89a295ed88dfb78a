//! FreeSWITCH dies and comes back.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Live;
use crate::controller::{Controller, Place};
use crate::floor::{ANSWERS, Caller, IVAN, OLGA, SOON, contact, phone};
use crate::freeswitch::FreeSwitch;
use crate::sip::{Dial, SipEnd, Stage};
use crate::team::{NUMBER, Team};
use crate::tone::Tone;
use crate::wait::until;

const PYOTR: &str = "+79001234503";

/// SIGKILL for a FreeSWITCH with one caller who waits and one who talks: when it is back, both calls get an ending,
/// the agent is free, and the same controller serves the next caller.
pub async fn freeswitch_dies_and_comes_back(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let place = Place::new(&live.fallback)?;
    let switch = FreeSwitch::start(&live.prefix, &place).await?;
    let mut controller = Controller::prepare(&place, &Team::of([("anna", contact(&anna))])).await?;
    controller.command(&["agent", "login", "anna"]).await?;
    controller.serve().await?;
    let ivan = call(&switch, IVAN).await?;
    ivan.hears(Tone::Agent).await?;
    let olga = call(&switch, OLGA).await?;
    olga.hears(Tone::Music).await?;
    switch.kill().await?;
    switch.come_back().await?;
    let limit = Duration::from_secs(45);
    until(limit, "the agent is free again", async || {
        let agents = controller.rows(&["agent", "list", "--activity", "idle"]).await?;
        Ok((agents.len() == 1).then_some(()))
    })
    .await?;
    until(limit, "the link is up again", async || {
        let answer = controller.get("/readyz").await?;
        Ok(answer.starts_with("HTTP/1.1 200").then_some(()))
    })
    .await?;
    let (talked, waited) = (controller.ended_call(IVAN).await?, controller.ended_call(OLGA).await?);
    ensure!(talked.text("ending") == "answered", "the caller got through: {}", talked.0);
    ensure!(
        waited.text("ending") == "lost" && waited.text("stage") == "waiting",
        "she is lost: {}",
        waited.0
    );
    let pyotr = call(&switch, PYOTR).await?;
    pyotr.hears(Tone::Agent).await?;
    pyotr.hangs_up().await?;
    controller.ended_call(PYOTR).await?;
    switch.is_quiet(SOON).await?;
    switch.stop().await?;
    Ok(format!(
        "the caller who talked: {}; the one who waited: {}",
        talked.text("cause"),
        waited.text("cause")
    ))
}

async fn call(switch: &FreeSwitch, number: &str) -> Result<Caller> {
    let end = SipEnd::open(Some(Tone::Caller)).await?;
    let id = end.dial(Dial::new(switch.sip, NUMBER, number)).await?;
    let caller = Caller::new(end, id);
    caller.reaches(Stage::Talking).await?;
    Ok(caller)
}
