//! What one story works with: a controller with its rules, an observer, callers and phones.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use crate::controller::Controller;
use crate::observer::{Event, Observer};
use crate::sip::{Behaviour, Dial, SipEnd, Stage, Talk};
use crate::stories::Live;
use crate::team::{NUMBER, Team};
use crate::tone::Tone;
use crate::wait::until;

/// What takes milliseconds, on a busy machine.
pub const SOON: Duration = Duration::from_secs(12);
/// A caller's music may be away for so long while FreeSWITCH does something else with the caller.
pub const BREATH: Duration = Duration::from_millis(300);

/// Rings for a fifth of a second, then answers and talks until the other side hangs up.
pub const ANSWERS: Behaviour = Behaviour::Answer { after: Duration::from_millis(200), talk: None };
/// Rings for a tenth of a second, then is busy.
pub const BUSY: Behaviour = Behaviour::Refuse { after: Duration::from_millis(100), status: 486 };
/// Rings for a tenth of a second, then rejects.
pub const REJECTS: Behaviour = Behaviour::Refuse { after: Duration::from_millis(100), status: 603 };

/// A story's world.
pub struct Floor<'a> {
    /// What all stories share.
    pub live: &'a Live,
    /// What FreeSWITCH says.
    pub observer: Observer,
    /// The controller.
    pub controller: Controller,
}

/// The numbers of two callers.
pub const IVAN: &str = "+79001234501";
pub const OLGA: &str = "+79001234502";
/// An extension that answers, and plays somebody else's voice.
pub const SOMEBODY: &str = "9990";

/// A phone of an agent.
pub async fn phone(behaviour: Behaviour) -> Result<SipEnd> {
    phone_of(Tone::Agent, behaviour).await
}

/// A phone that speaks with this voice.
pub async fn phone_of(voice: Tone, behaviour: Behaviour) -> Result<SipEnd> {
    let phone = SipEnd::open(Some(voice)).await?;
    phone.behave(behaviour);
    Ok(phone)
}

/// The call with this number of a phone, once it is a talk.
pub async fn talks(phone: &SipEnd, index: usize) -> Result<Talk> {
    phone.call(index, SOON, "talks", |talk| talk.stage == Stage::Talking).await
}

/// Where FreeSWITCH reaches a phone that is not registered.
pub fn contact(phone: &SipEnd) -> String {
    format!("sofia/internal/phone@127.0.0.1:{}", phone.port())
}

impl<'a> Floor<'a> {
    /// Opens with all of the team logged in.
    pub async fn open(live: &'a Live, team: &Team) -> Result<Self> {
        Self::closed(live, team).await?.at_work(team).await
    }

    /// Nobody is logged in, and the controller, made by the story, does not run.
    pub async fn with(live: &'a Live, controller: Controller) -> Result<Self> {
        Ok(Self { live, observer: Observer::of_story(&live.switch.access).await?, controller })
    }

    /// Opens with all of the team logged in, and watches only what times are taken from.
    pub async fn timed(live: &'a Live, team: &Team) -> Result<Self> {
        let observer = Observer::of_times(&live.switch.access).await?;
        Self::watched(live, team, observer).await?.at_work(team).await
    }

    async fn at_work(mut self, team: &Team) -> Result<Self> {
        let mut login = vec!["agent", "login"];
        login.extend(team.agents.iter().map(|(name, _)| name.as_str()));
        if !team.agents.is_empty() {
            self.controller.command(&login).await?;
        }
        self.controller.serve().await?;
        Ok(self)
    }

    /// Everything is there, but the controller does not run and nobody is logged in.
    pub async fn closed(live: &'a Live, team: &Team) -> Result<Self> {
        let observer = Observer::of_story(&live.switch.access).await?;
        Self::watched(live, team, observer).await
    }

    async fn watched(live: &'a Live, team: &Team, observer: Observer) -> Result<Self> {
        let controller = Controller::prepare(&live.place, team).await?;
        Ok(Self { live, observer, controller })
    }

    /// A caller dials the queue from this number, and is answered.
    pub async fn caller(&self, number: &str) -> Result<Caller> {
        let caller = self.dials(Dial::new(self.live.switch.sip, NUMBER, number)).await?;
        caller.reaches(Stage::Talking).await?;
        Ok(caller)
    }

    /// A caller dials.
    pub async fn dials(&self, dial: Dial) -> Result<Caller> {
        let end = SipEnd::open(Some(Tone::Caller)).await?;
        let id = end.dial(dial).await?;
        Ok(Caller::new(end, id))
    }

    /// The caller's channel in FreeSWITCH.
    pub async fn channel_of(&self, caller: &Caller) -> Result<String> {
        let what = "FreeSWITCH knows the caller";
        let known = |event: &Event| event.get("variable_sip_call_id") == caller.id;
        self.observer.sees(SOON, what, known).await.map(|event| event.channel)
    }

    /// The events of the legs that rang this phone.
    pub fn legs_of(&self, phone: &SipEnd) -> Vec<Event> {
        let address = format!("127.0.0.1:{}", phone.port());
        let created = self.observer.having(|event| event.is("CHANNEL_CREATE") && names(event, &address));
        self.observer.having(|event| created.iter().any(|leg| leg.channel == event.channel))
    }

    /// The causes with which the legs that rang this phone ended, in order; waits until there are so many.
    pub async fn causes_of(&self, phone: &SipEnd, count: usize) -> Result<Vec<String>> {
        until(SOON, format!("{count} legs to {} have ended", phone.port()), async || {
            let ended: Vec<String> = self
                .legs_of(phone)
                .iter()
                .filter(|event| event.is("CHANNEL_HANGUP_COMPLETE"))
                .map(|event| event.get("Hangup-Cause").to_owned())
                .collect();
            Ok((ended.len() >= count).then_some(ended))
        })
        .await
    }

    /// The two of every bridge in which this caller was, in order.
    pub async fn bridges_of(&self, caller: &Caller) -> Result<Vec<Event>> {
        let channel = self.channel_of(caller).await?;
        let with = |event: &Event, side: &str| event.get(side) == channel;
        Ok(self.observer.having(|event| {
            event.is("CHANNEL_BRIDGE")
                && (with(event, "Bridge-A-Unique-ID") || with(event, "Bridge-B-Unique-ID"))
        }))
    }

    /// How long this caller was connected, in milliseconds, by FreeSWITCH's clock.
    pub async fn bridged_for(&self, caller: &Caller) -> Result<i64> {
        let bridge = self.bridges_of(caller).await?.into_iter().next().context("a bridge")?;
        let over = |event: &Event| event.is("CHANNEL_UNBRIDGE") && event.channel == bridge.channel;
        let unbridge = self.observer.sees(SOON, "the two are parted", over).await?;
        Ok((unbridge.at_us - bridge.at_us) / 1000)
    }

    /// Waits until no channels are left but those of two who talk.
    pub async fn only_two_are_left(&self) -> Result<()> {
        until(SOON, "only the two who talk are left", async || {
            Ok((self.live.switch.channels().await? == 2).then_some(()))
        })
        .await
    }

    /// Fails unless every channel is gone and every agent of the team is idle, or becomes so soon.
    pub async fn comes_to_rest(&self) -> Result<()> {
        self.live.switch.is_quiet(SOON).await?;
        until(SOON, "every agent is idle", async || {
            let agents = self.controller.rows(&["agent", "list"]).await?;
            Ok(agents.iter().all(|agent| agent["activity"] == "idle").then_some(()))
        })
        .await?;
        let bad = self.observer.having(|event| event.forbidden);
        ensure!(
            bad.is_empty(),
            "text of a caller was evaluated: {:?}",
            bad.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        Ok(())
    }

    /// The open cases of this number.
    pub async fn cases_of(&self, number: &str) -> Result<Vec<serde_json::Value>> {
        let mut cases = self.controller.rows(&["case", "list"]).await?;
        cases.retain(|case| case["number"] == number);
        Ok(cases)
    }

    /// The reason of the only case of this number.
    pub async fn only_case_of(&self, number: &str) -> Result<String> {
        let cases = self.cases_of(number).await?;
        ensure!(cases.len() == 1, "{} cases of {number}: {cases:?}", cases.len());
        Ok(cases[0]["reason"].as_str().unwrap_or_default().to_owned())
    }

    /// What to show when a story failed.
    pub fn evidence(&self) -> String {
        let events = self.observer.events();
        let events: Vec<String> = events.iter().map(ToString::to_string).collect();
        format!("FreeSWITCH:\n{}\ncontroller:\n{}", events.join("\n"), self.controller.last_words())
    }
}

/// Adds what FreeSWITCH and the controller said to a failure.
pub async fn told<T>(floor: &Floor<'_>, story: impl Future<Output = Result<T>>) -> Result<T> {
    let outcome = story.await;
    outcome.map_err(|error| error.context(floor.evidence()))
}

/// Opens a floor with this team and tells the story on it. The story itself waits for rest, while its phones still answer.
pub async fn on_floor(
    live: &Live,
    team: &Team,
    story: impl AsyncFnOnce(&Floor<'_>) -> Result<String>,
) -> Result<String> {
    let floor = Floor::open(live, team).await?;
    told(&floor, story(&floor)).await
}

fn names(event: &Event, address: &str) -> bool {
    event.get("Channel-Name").ends_with(address) || event.get("Caller-Destination-Number").ends_with(address)
}

/// Somebody who calls.
pub struct Caller {
    end: SipEnd,
    /// `Call-ID`.
    pub id: String,
}

impl Caller {
    /// Whose end made the call with this `Call-ID`.
    pub const fn new(end: SipEnd, id: String) -> Self {
        Self { end, id }
    }

    /// Waits until the caller's call is at this stage.
    pub async fn reaches(&self, stage: Stage) -> Result<Talk> {
        self.end
            .reaches(&self.id, SOON, &format!("the caller reaches {stage:?}"), |talk| talk.stage == stage)
            .await
    }

    /// Waits until the caller's call is over.
    pub async fn is_over(&self) -> Result<Stage> {
        let talk = self.end.reaches(&self.id, SOON, "the caller's call is over", Talk::is_over).await?;
        Ok(talk.stage)
    }

    /// Waits until the caller hears this.
    pub async fn hears(&self, tone: Tone) -> Result<()> {
        self.talk()?.ear.hears(tone, SOON).await
    }

    /// Waits until the caller hears this, however long it takes.
    pub async fn hears_at_last(&self, tone: Tone) -> Result<()> {
        self.talk()?.ear.hears(tone, Duration::MAX).await
    }

    /// Fails unless the caller has heard this from then on until now without a gap.
    pub fn heard_since(&self, tone: Tone, since: Instant) -> Result<()> {
        self.talk()?.ear.heard_since(tone, since, BREATH)
    }

    /// Fails if the caller heard a gap in this, up to now.
    pub fn heard_throughout(&self, tone: Tone) -> Result<()> {
        self.talk()?.ear.heard_throughout(tone, Instant::now(), BREATH)
    }

    /// Fails unless the caller hears this now, and has since it began without a gap.
    pub fn heard_to_the_last(&self, tone: Tone) -> Result<()> {
        ensure!(self.tones()?.last() == Some(&tone), "the caller heard {:?}", self.tones()?);
        self.heard_throughout(tone)
    }

    /// Every tone that the caller heard, in order.
    pub fn tones(&self) -> Result<Vec<Tone>> {
        Ok(self.talk()?.ear.tones())
    }

    /// Where the caller's call is now.
    pub fn stage(&self) -> Result<Stage> {
        Ok(self.talk()?.stage)
    }

    /// When each of these tones began.
    pub fn began(&self) -> Result<Vec<Instant>> {
        Ok(self.talk()?.ear.began())
    }

    /// Presses a key, which is told in the sound's stream (RFC 4733).
    pub async fn presses(&self, key: char) -> Result<()> {
        let digit = match key {
            '*' => 10,
            '#' => 11,
            digit => u8::try_from(digit.to_digit(10).context("no such key")?)?,
        };
        self.end.press(&self.id, digit).await
    }

    /// Presses a key, which is told by SIP INFO.
    pub async fn informs(&self, key: char) -> Result<()> {
        self.end.inform(&self.id, key).await
    }

    /// How long after each key another tone began.
    pub fn reactions(&self) -> Result<Vec<Duration>> {
        Ok(self.talk()?.ear.reactions())
    }

    /// Hangs up, or gives up.
    pub async fn hangs_up(&self) -> Result<()> {
        self.end.hang_up(&self.id).await
    }

    fn talk(&self) -> Result<Talk> {
        self.end.talks().into_iter().find(|talk| talk.id == self.id).context("the caller's call")
    }
}
