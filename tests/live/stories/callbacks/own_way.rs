//! A number dialled at a phone that is not dozvon's business goes to the administrator's own dialplan, as if dozvon
//! were not there.

use anyhow::{Result, ensure};

use super::office::NUMBER;
use crate::floor::{Caller, Floor, SOON, phone, told};
use crate::sip::{Behaviour, Dial, End, SipEnd, Stage};
use crate::stories::Live;
use crate::team::Team;
use crate::tone::Tone;

/// Costs the caller nothing, and us no case.
const TOLL_FREE: &str = "88005553535";

/// Whoever the administrator's own extension reaches.
pub struct OwnWay<'a> {
    floor: &'a Floor<'a>,
    outside: SipEnd,
}

impl<'a> OwnWay<'a> {
    /// Opens the phone to which the administrator's own extension leads.
    pub async fn open(floor: &'a Floor<'a>) -> Result<Self> {
        let outside = SipEnd::open(Some(Tone::SomebodyElse)).await?;
        outside.behave(Behaviour::Ring);
        floor.live.switch.api(&format!("global_setvar own_trunk_port={}", outside.port())).await?;
        Ok(Self { floor, outside })
    }

    /// Fails if the administrator's own extension has dialled anybody.
    pub fn is_not_taken(&self) -> Result<()> {
        ensure!(self.outside.count() == 0, "the own dialplan dialled, too");
        Ok(())
    }

    /// What this phone dials goes the administrator's own way: their settings hold, and nothing is heard or answered before
    /// the other side answers.
    async fn is_taken(&self, number: &str) -> Result<String> {
        let switch = &self.floor.live.switch;
        let end = SipEnd::open(Some(Tone::Agent)).await?;
        let began = tokio::time::Instant::now();
        let id = end.dial(Dial::at_phone_of(switch.phones, &switch.anna, number)).await?;
        let call = Caller::new(end, id);
        let nth = self.outside.count();
        let reached = self.outside.call(nth, SOON, "is rung by the own dialplan", |_| true).await?;
        let rang_ms = began.elapsed().as_millis();
        ensure!(reached.from.contains(&switch.anna.user), "it shows the phone: {}", reached.from);
        let rings = call.reaches(Stage::Ringing).await?;
        ensure!(rings.when(Stage::Talking).is_none(), "answered too early: {:?}", rings.history);
        ensure!(call.tones()?.is_empty(), "heard {:?}", call.tones()?);
        self.outside.answer(&reached.id).await?;
        call.hears(Tone::SomebodyElse).await?;
        reached.ear.hears(Tone::Agent, SOON).await?;
        self.outside.hang_up(&reached.id).await?;
        ensure!(call.is_over().await? == Stage::Ended(End::TheyHungUp), "it ends with the talk");
        self.carries_nothing_of_ours(&call).await?;
        Ok(format!("{number} rings {rang_ms} ms after it was dialled"))
    }

    /// No variable of ours is left on the phone's channel, and no habit of the administrator's was changed.
    async fn carries_nothing_of_ours(&self, call: &Caller) -> Result<()> {
        let channel = self.floor.channel_of(call).await?;
        let ends =
            |event: &crate::observer::Event| event.is("CHANNEL_HANGUP_COMPLETE") && event.channel == channel;
        let end = self.floor.observer.sees(SOON, "the phone's channel ends", ends).await?;
        for variable in ["dozvon_handset", "dozvon_state", "dozvon_served", "socket_resume"] {
            let value = end.get(&format!("variable_{variable}"));
            ensure!(value.is_empty(), "{variable} is {value}");
        }
        ensure!(end.get("variable_hangup_after_bridge") == "true", "as the administrator has set it");
        ensure!(end.get("Hangup-Cause") == "NORMAL_CLEARING", "{}", end.get("Hangup-Cause"));
        Ok(())
    }

    /// Neither a call nor an attempt was recorded for what phones dialled.
    async fn left_no_row(&self, calls: usize) -> Result<()> {
        let rows = self.floor.controller.rows(&["call", "list"]).await?;
        ensure!(rows.len() == calls, "{rows:?}");
        self.floor.comes_to_rest().await
    }
}

/// The team's only agent, at this user's phone.
async fn agent_at(user: &str) -> Result<(SipEnd, Team)> {
    let anna = phone(Behaviour::Ring).await?;
    let contact = format!("sofia/internal/{user}@127.0.0.1:{}", anna.port());
    Ok((anna, Team::of([("anna", contact)])))
}

/// Somebody gives up, so that their number has an open case.
async fn is_missed(floor: &Floor<'_>) -> Result<()> {
    let caller = floor.caller(NUMBER).await?;
    caller.hears(Tone::Music).await?;
    caller.hangs_up().await?;
    floor.controller.ended_call(NUMBER).await?;
    floor.only_case_of(NUMBER).await.map(drop)
}

/// A phone that is no agent's dials a number with an open case: none of our business.
pub async fn a_phone_that_is_no_agents(live: &Live) -> Result<String> {
    let (_anna, team) = agent_at("1099").await?;
    let floor = Floor::open(live, &team).await?;
    floor.controller.command(&["agent", "logout", "anna"]).await?;
    told(&floor, async {
        let own = OwnWay::open(&floor).await?;
        is_missed(&floor).await?;
        let said = own.is_taken(NUMBER).await?;
        own.left_no_row(1).await?;
        Ok(said)
    })
    .await
}

/// An agent dials numbers that have no case: toll-free, and short.
pub async fn a_number_without_a_case(live: &Live) -> Result<String> {
    let (_anna, team) = agent_at(&live.switch.anna.user).await?;
    let floor = Floor::open(live, &team).await?;
    told(&floor, async {
        let own = OwnWay::open(&floor).await?;
        let said =
            [own.is_taken(TOLL_FREE).await?, own.is_taken("1234567").await?, own.is_taken("112").await?];
        own.left_no_row(0).await?;
        Ok(said.join("; "))
    })
    .await
}

/// The controller is gone: an agent's dial of a number with an open case goes on all the same.
pub async fn while_no_controller_runs(live: &Live) -> Result<String> {
    let (_anna, team) = agent_at(&live.switch.anna.user).await?;
    let mut floor = Floor::open(live, &team).await?;
    floor.controller.command(&["agent", "logout", "anna"]).await?;
    let missed = is_missed(&floor).await;
    floor.controller.kill().await?;
    told(&floor, async {
        missed?;
        let own = OwnWay::open(&floor).await?;
        let said = own.is_taken(NUMBER).await?;
        own.left_no_row(1).await?;
        Ok(said)
    })
    .await
}
