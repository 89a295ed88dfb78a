//! What callbacks are made with: a controller that missed a caller, the customer's phone, an agent's phone.
//!
//! The controller runs in this process, so that its clock can be put forward. It has a runtime of its own, so that it
//! can die.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use dozvon::app::{self, Running};
use dozvon::clock::Clock;
use dozvon::config::Settings;
use dozvon::config::callback::{Dial as Route, Trunk};
use dozvon::ids::CaseId;
use dozvon::missed::attempt::Disposition;
use dozvon::store::attempts::{self, AttemptRow};
use dozvon::store::callbacks::{self, GivenDisposition};
use dozvon::store::{calls, cases};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::floor::{Caller, Floor, SOON};
use crate::sip::{Behaviour, Dial, SipEnd};
use crate::stories::Live;
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;

/// A fixed line in Moscow, so that the hour at which this runs does not matter.
pub const NUMBER: &str = "+74951234567";
const DAY_MS: i64 = 86_400_000;
/// Noon in Moscow, in UTC.
const NOON_MS: i64 = 9 * 3_600_000;
const MINUTE: i64 = 60_000;
/// The longest that anything takes: that the link to a FreeSWITCH which was away is up again.
const AT_LAST: Duration = Duration::from_secs(45);

/// A controller that calls back, and a customer's phone.
pub struct Office<'a> {
    /// FreeSWITCH, and the command line.
    pub floor: Floor<'a>,
    /// The phone of the caller who was missed.
    pub customer: SipEnd,
    settings: Settings,
    controller: Option<(Runtime, Running)>,
    ahead_ms: &'static AtomicI64,
}

impl<'a> Office<'a> {
    /// A caller has given up; nobody is there to call them back.
    pub async fn open(live: &'a Live, agent: &SipEnd, customer: Behaviour) -> Result<Self> {
        Self::with(live, agent, customer, |_| {}).await
    }

    /// The same, with these settings changed.
    pub async fn with(
        live: &'a Live,
        agent: &SipEnd,
        customer: Behaviour,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Self> {
        let contact = format!("sofia/internal/{}@127.0.0.1:{}", live.switch.anna.user, agent.port());
        Self::of(live, &Team::of([("anna", contact)]), customer, change).await
    }

    /// The same, with this team.
    pub async fn of(
        live: &'a Live,
        team: &Team,
        customer: Behaviour,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Self> {
        let floor = Floor::closed(live, team).await?;
        let phone = SipEnd::open(Some(Tone::Caller)).await?;
        phone.behave(customer);
        let mut settings = Settings::load(Some(&floor.controller.settings_file()))?;
        let route = format!("sofia/internal/{{digits}}@127.0.0.1:{}", phone.port());
        settings.callback.trunks = vec![Trunk::new(Route::try_from(route).map_err(anyhow::Error::msg)?)];
        settings.callback.caller_id = "74957654321".to_owned();
        settings.callback.poll_interval = Duration::from_millis(50);
        settings.callback.confirm = false;
        settings.callback.agent_pause = Duration::ZERO;
        settings.callback.ringback = Tone::Ringing.endless().parse()?;
        settings.sounds.done = Tone::Done.source(1).parse()?;
        settings.sounds.refused = Tone::Refused.source(1).parse()?;
        settings.sounds.no_caller = Tone::NoCaller.source(2).parse()?;
        change(&mut settings);
        let now = Clock::system().now().0;
        let noon = (now / DAY_MS + 1) * DAY_MS + NOON_MS;
        let ahead_ms: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(noon - now)));
        let mut office = Self { floor, customer: phone, settings, controller: None, ahead_ms };
        office.start().await?;
        let caller = office.floor.caller(NUMBER).await?;
        caller.hears(Tone::Music).await?;
        caller.hangs_up().await?;
        office.case_is("settling").await?;
        Ok(office)
    }

    /// The controller starts.
    pub async fn start(&mut self) -> Result<()> {
        let runtime = Runtime::new()?;
        let running = runtime.spawn(app::start(self.settings.clone(), Clock::wrong_by(self.ahead_ms)));
        let running = running.await??;
        running.app.nodes.wait_up().await;
        self.controller = Some((runtime, running));
        Ok(())
    }

    /// The controller dies: whatever it was doing, it does not go on.
    pub async fn die(&mut self) -> Result<()> {
        let (runtime, running) = self.controller.take().context("no controller runs")?;
        let died = tokio::task::spawn_blocking(move || {
            runtime.shutdown_timeout(SOON);
            drop(running);
        });
        Ok(died.await?)
    }

    fn running(&self) -> Result<&Running> {
        self.controller.as_ref().map(|(_, running)| running).context("no controller runs")
    }

    /// The clock is put forward.
    pub fn later(&self, minutes: i64) {
        self.ahead_ms.fetch_add(minutes * MINUTE, Ordering::Relaxed);
    }

    /// The clock is put forward.
    pub fn seconds_later(&self, seconds: i64) {
        self.ahead_ms.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    async fn case(&self) -> Result<Value> {
        self.floor.controller.json(&["case", "show", "1"]).await
    }

    /// Waits until the case is in this stage, or closed for this reason.
    pub async fn case_is(&self, stage: &str) -> Result<()> {
        let what = format!("the case is {stage}");
        let waited = until(AT_LAST, what, async || {
            let Ok(case) = self.case().await else { return Ok(None) };
            Ok((case["stage"] == stage || case["close_reason"] == stage).then_some(()))
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(late) => Err(late.context(self.case().await?)),
        }
    }

    /// The attempts that have been made.
    pub async fn attempts(&self) -> Result<Vec<AttemptRow>> {
        Ok(self.running()?.app.store.read("attempts", |c| attempts::of_case(c, CaseId(1))).await?)
    }

    /// Over which trunk each attempt was made last, and why that ended.
    pub async fn trunks(&self) -> Result<Vec<(Option<String>, Option<String>)>> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
            trunk: Option<String>,
            #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
            cause: Option<String>,
        }
        let sql = "SELECT trunk, cause FROM attempts ORDER BY id";
        let read = move |c: &mut _| Ok(diesel::RunQueryDsl::load::<Row>(diesel::sql_query(sql), c)?);
        let rows = self.running()?.app.store.read("trunks", read).await?;
        Ok(rows.into_iter().map(|row| (row.trunk, row.cause)).collect())
    }

    /// Waits until these are the results of the attempts.
    pub async fn attempts_are(&self, results: &[&str]) -> Result<()> {
        until(AT_LAST, format!("the attempts are {results:?}"), async || {
            let made = self.attempts().await?;
            let made: Vec<_> =
                made.iter().filter_map(|attempt| attempt.disposition.map(|word| word.as_str())).collect();
            Ok((made == results).then_some(()))
        })
        .await
    }

    /// The agent logs in.
    pub async fn at_work(&self) -> Result<()> {
        self.floor.controller.command(&["agent", "login", "anna"]).await.map(drop)
    }

    /// Waits until the agent does this.
    pub async fn agent_is(&self, activity: &str) -> Result<()> {
        until(AT_LAST, format!("anna is {activity}"), async || {
            let agents = self.floor.controller.rows(&["agent", "list"]).await?;
            Ok((agents[0]["activity"] == activity).then_some(()))
        })
        .await
    }

    /// Waits until a talk is over whose disposition is not recorded yet.
    pub async fn word_is_awaited(&self) -> Result<()> {
        until(AT_LAST, "the result is owed", async || {
            Ok(self.attempts().await?.iter().any(|made| made.state.as_str() == "wrapping_up").then_some(()))
        })
        .await
    }

    /// The agent records the disposition of the talk.
    pub async fn says(&self, result: Disposition) -> Result<()> {
        let office = &self.running()?.app;
        let (callback_rules, at) = (office.callback_rules(), office.clock.now());
        let said = GivenDisposition {
            case: CaseId(1),
            disposition: result,
            later: None,
            note: None,
            by: "anna",
            at,
        };
        office
            .store
            .write("says", move |c| callbacks::record_disposition(c, &callback_rules, &said).map(drop))
            .await?;
        Ok(())
    }

    /// The agent records the disposition of the talk of any case.
    pub async fn records(&self, disposition: Disposition) -> Result<()> {
        let office = &self.running()?.app;
        let (callback_rules, at) = (office.callback_rules(), office.clock.now());
        let record = move |c: &mut _| {
            for case in cases::list(c, None, None, 100)?.into_iter().map(|case| case.id) {
                let made = attempts::of_case(c, case)?;
                if made.iter().any(|made| made.state.as_str() == "wrapping_up") {
                    let said =
                        GivenDisposition { case, disposition, later: None, note: None, by: "anna", at };
                    callbacks::record_disposition(c, &callback_rules, &said)?;
                }
            }
            Ok(())
        };
        Ok(office.store.write("records", record).await?)
    }

    /// The numbers of those with whom the agent talked, in order.
    pub async fn talked(&self) -> Result<Vec<String>> {
        let wanted = calls::Wanted { limit: 100, ..calls::Wanted::default() };
        let rows = self.running()?.app.store.read("talked", move |c| calls::list(c, &wanted)).await?;
        let mut talks: Vec<_> = rows.iter().filter_map(|row| Some((row.answered_at?, &row.number))).collect();
        talks.sort_by_key(|(at, _)| *at);
        Ok(talks.into_iter().flat_map(|(_, number)| number.as_ref().map(ToString::to_string)).collect())
    }

    /// The agent dials at their own phone.
    pub async fn dials(&self, number: &str) -> Result<Caller> {
        let end = SipEnd::open(Some(Tone::Agent)).await?;
        let switch = &self.floor.live.switch;
        let id = end.dial(Dial::at_phone_of(switch.phones, &switch.anna, number)).await?;
        Ok(Caller::new(end, id))
    }

    /// The controller is stopped, and leaves nothing behind.
    pub async fn close(mut self) -> Result<()> {
        let (runtime, running) = self.controller.take().context("no controller runs")?;
        running.drain().await;
        runtime.shutdown_background();
        self.floor.live.switch.is_quiet(SOON).await
    }
}

impl Drop for Office<'_> {
    fn drop(&mut self) {
        if let Some((runtime, _)) = self.controller.take() {
            runtime.shutdown_background();
        }
    }
}
