//! Somebody is missed and called back. The controller runs in this process, so that its clock can be put forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dozvon::app::{self, Running};
use dozvon::callback::settings::{Dial as Route, Trunk};
use dozvon::clock::Clock;
use dozvon::config::Settings;
use serde_json::Value;
use tokio::time::Instant;

use super::Live;
use crate::floor::{ANSWERS, BUSY, Floor, SOON, contact, phone, told};
use crate::sip::{Behaviour, SipEnd, Stage};
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;

/// A fixed line in Moscow, so that the hour at which this runs does not matter.
const NUMBER: &str = "+74951234567";
const DAY_MS: i64 = 86_400_000;
/// Noon in Moscow, in UTC.
const NOON_MS: i64 = 9 * 3_600_000;
const MINUTE: i64 = 60_000;

/// A controller that calls back, and a customer's phone.
struct Desk<'a> {
    floor: Floor<'a>,
    running: Running,
    ahead_ms: &'static AtomicI64,
    customer: SipEnd,
}

impl<'a> Desk<'a> {
    /// Somebody has given up, and a minute has passed; nobody is there to call him back.
    async fn open(live: &'a Live, agent: &SipEnd, customer: Behaviour) -> Result<Self> {
        let floor = Floor::closed(live, &Team::of([("anna", contact(agent))])).await?;
        let phone = SipEnd::open(Some(Tone::Caller)).await?;
        phone.behave(customer);
        let mut settings = Settings::load(Some(&floor.controller.settings_file()))?;
        let route = format!("sofia/internal/{{digits}}@127.0.0.1:{}", phone.port());
        settings.callback.trunks = vec![Trunk::new(Route::try_from(route).map_err(anyhow::Error::msg)?)];
        settings.callback.caller_id = "74957654321".to_owned();
        settings.callback.tick = Duration::from_millis(50);
        settings.callback.confirm = false;
        let now = Clock::system().now().0;
        let noon = (now / DAY_MS + 1) * DAY_MS + NOON_MS;
        let ahead_ms: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(noon - now)));
        let running = app::start(settings, Clock::wrong_by(ahead_ms)).await?;
        running.desk.nodes.wait_up().await;
        let desk = Self { floor, running, ahead_ms, customer: phone };
        let caller = desk.floor.caller(NUMBER).await?;
        caller.hears(Tone::Music).await?;
        caller.hangs_up().await?;
        desk.case_is("settling").await?;
        Ok(desk)
    }

    fn later(&self, minutes: i64) {
        self.ahead_ms.fetch_add(minutes * MINUTE, Ordering::Relaxed);
    }

    async fn case(&self) -> Result<Value> {
        self.floor.controller.json(&["case", "show", "1"]).await
    }

    async fn case_is(&self, stage: &str) -> Result<Value> {
        let what = format!("the case is {stage}");
        until(SOON, what, async || {
            let Ok(case) = self.case().await else { return Ok(None) };
            Ok((case["stage"] == stage || case["close_reason"] == stage).then_some(case))
        })
        .await
    }

    async fn attempts_are(&self, results: &[&str]) -> Result<()> {
        until(SOON, format!("the attempts are {results:?}"), async || {
            let case = self.case().await?;
            let made = case["attempts"].as_array().context("attempts")?;
            let made: Vec<_> = made.iter().filter_map(|attempt| attempt["result"].as_str()).collect();
            Ok((made == results).then_some(()))
        })
        .await
    }

    async fn at_work(&self) -> Result<()> {
        self.floor.controller.command(&["agent", "login", "anna"]).await.map(drop)
    }

    async fn close(self) -> Result<()> {
        self.running.drain().await;
        self.floor.live.switch.is_quiet(SOON).await
    }
}

/// A miss, then the callback reaches the customer; the agent gets no more work before the disposition.
pub async fn missed_then_reached(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let desk = Desk::open(live, &anna, ANSWERS).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        desk.later(1);
        let due = Instant::now();
        let offered = anna.call(0, SOON, "rings", |_| true).await?;
        let rings_ms = due.elapsed().as_millis();
        let shown = &offered.from;
        ensure!(
            shown.contains(NUMBER) && shown.contains("callback"),
            "the agent sees whom he calls, and why: {shown}"
        );
        let talk =
            desk.customer.call(0, SOON, "is called and talks", |talk| talk.stage == Stage::Talking).await?;
        ensure!(talk.from.contains("74957654321"), "the customer sees our number: {}", talk.from);
        talk.ear.hears(Tone::Agent, SOON).await?;
        offered.ear.hears(Tone::Caller, SOON).await?;
        let picked_up = talk.when(Stage::Talking).context("he picked up")?;
        let heard_ms = Instant::now().duration_since(picked_up).as_millis();
        desk.customer.hang_up(&talk.id).await?;
        until(SOON, "anna wraps up", async || {
            let agents = desk.floor.controller.rows(&["agent", "list"]).await?;
            Ok((agents[0]["activity"] == "wrapping_up").then_some(()))
        })
        .await?;
        desk.floor.controller.command(&["case", "result", "1", "--result", "reached"]).await?;
        desk.case_is("agent_reached").await?;
        desk.floor.comes_to_rest().await?;
        Ok(format!(
            "agent rings {rings_ms} ms after the case is due; both hear each other within {heard_ms} ms"
        ))
    })
    .await?;
    desk.close().await?;
    Ok(said)
}

/// Three misses a day, then the handover; no fourth.
pub async fn three_misses_then_the_handover(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let desk = Desk::open(live, &anna, BUSY).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        for (minutes, results) in
            [(1, &["busy"][..]), (31, &["busy", "busy"]), (91, &["busy", "busy", "busy"])]
        {
            desk.later(minutes);
            desk.attempts_are(results).await?;
        }
        desk.case_is("handed_over").await?;
        desk.later(120);
        desk.floor.comes_to_rest().await?;
        ensure!(desk.customer.count() == 3, "his phone was called {} times", desk.customer.count());
        Ok("his phone was called 3 times, then the case was handed over".to_owned())
    })
    .await?;
    desk.close().await?;
    Ok(said)
}

/// He rings in while he is being called: he gets the agent who calls him.
pub async fn glare(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let desk = Desk::open(live, &anna, Behaviour::Ring).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        desk.later(1);
        let ringing = desk.customer.call(0, SOON, "rings", |talk| talk.stage == Stage::Ringing).await?;
        let begun = Instant::now();
        let caller = desk.floor.caller(NUMBER).await?;
        caller.hears(Tone::Agent).await?;
        let heard_ms = begun.elapsed().as_millis();
        desk.customer.reaches(&ringing.id, SOON, "his phone falls silent", crate::sip::Talk::is_over).await?;
        desk.ahead_ms.fetch_add(6_000, Ordering::Relaxed);
        caller.hangs_up().await?;
        desk.attempts_are(&["cancelled"]).await?;
        desk.case_is("caller_reached_us").await?;
        desk.floor.comes_to_rest().await?;
        ensure!(anna.count() == 1, "the agent was rung {} times", anna.count());
        Ok(format!("the caller heard the agent {heard_ms} ms after he dialled"))
    })
    .await?;
    desk.close().await?;
    Ok(said)
}

/// The agent never answers: the customer is never called.
pub async fn an_agent_who_never_answers(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let desk = Desk::open(live, &anna, ANSWERS).await?;
    let said = told(&desk.floor, async {
        desk.at_work().await?;
        desk.later(1);
        anna.call(0, SOON, "rings", |_| true).await?;
        let causes = desk.floor.causes_of(&anna, 1).await?;
        ensure!(causes == ["NO_ANSWER"], "{causes:?}");
        desk.attempts_are(&[]).await?;
        ensure!(desk.customer.count() == 0, "the customer was called");
        desk.floor.controller.command(&["agent", "logout", "anna"]).await?;
        Ok("no attempt was made".to_owned())
    })
    .await?;
    desk.close().await?;
    Ok(said)
}
