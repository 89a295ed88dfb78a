//! What callers hear while they wait, and what they press.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::Live;
use crate::floor::{ANSWERS, Caller, Floor, IVAN, OLGA, contact, on_floor, phone, talks};
use crate::sip::{Behaviour, Dial, End, Stage};
use crate::team::{NUMBER, Team};
use crate::tone::Tone;
use crate::wait::within;

/// How late an announcement may be heard. Half a window of 100 ms goes before a tone is recognised.
const LATE: Duration = Duration::from_millis(200);
/// How long the music of the file is of one tone, then of the other.
const PART: Duration = Duration::from_secs(3);

/// The greeting, the announcement, and more keys of `[defaults]`.
fn team(anna: String, welcome: u32, notice: u32, defaults: &'static str) -> Team {
    let mut team = Team::of([("anna", anna)]);
    team.defaults = defaults;
    for (name, tone, seconds) in [("welcome", Tone::Welcome, welcome), ("notice", Tone::Notice, notice)] {
        team.more += &format!("\n[[prompt]]\nname = \"{name}\"\nsource = \"{}\"\n", tone.source(seconds));
    }
    team.more += "\n[[prompt]]\nname = \"place\"\nsource = \"say:please-hold\"\n";
    team
}

/// Writes music of two tones, one after the other: a WAV file of 8,000 µ-law bytes a second (RFC 2361).
fn write_music(file: &Path) -> Result<()> {
    let seconds = usize::try_from(PART.as_secs())?;
    let sound = [Tone::Music, Tone::Inner].map(|tone| tone.spoken().repeat(seconds)).concat();
    let size = u32::try_from(sound.len())?;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((size + 38).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(18_u32.to_le_bytes());
    for number in [7_u16, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(8000_u32.to_le_bytes());
    bytes.extend(8000_u32.to_le_bytes());
    for number in [1_u16, 8, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(sound);
    std::fs::write(file, bytes).with_context(|| format!("{}", file.display()))
}

/// The greeting, then music of a file, an announcement at its time, and the music goes on where it was.
pub async fn an_announcement_is_heard_and_the_music_goes_on(live: &Live) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("dozvon-live-").tempdir()?;
    let file = folder.path().join("music.wav");
    write_music(&file)?;
    let anna = phone(Behaviour::Ring).await?;
    let mut team = team(
        contact(&anna),
        1,
        2,
        "greeting = \"welcome\"\nannouncements = [\"notice\"]\nannounce_after = \"2s\"\nannounce_interval = \"never\"",
    );
    team.music = file.display().to_string();
    on_floor(live, &team, async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Notice).await?;
        ivan.hears(Tone::Music).await?;
        ivan.hears(Tone::Inner).await?;
        ensure!(
            ivan.tones()? == [Tone::Welcome, Tone::Music, Tone::Notice, Tone::Music, Tone::Inner],
            "{:?}",
            ivan.tones()?
        );
        let times = ivan.began()?;
        let began = |index: usize| times.get(index).copied().context("a tone");
        let span = |from: usize, to: usize| Ok::<_, anyhow::Error>(began(to)?.duration_since(began(from)?));
        let (due, heard) = (span(0, 2)?, span(1, 2)? + span(3, 4)?);
        let late = due.as_secs_f64() - 2.0;
        ensure!(late.abs() <= LATE.as_secs_f64(), "the announcement was heard {due:?} after the greeting");
        let off = heard.as_secs_f64() - PART.as_secs_f64();
        ensure!(
            off.abs() <= 2.0 * LATE.as_secs_f64(),
            "of the first tone of the music, {heard:?} were heard"
        );
        ivan.hangs_up().await?;
        floor.controller.ended_call(IVAN).await?;
        floor.comes_to_rest().await?;
        Ok(format!(
            "announced {:+.0} ms from its time; music of 3 s, 1 s before it, was heard for {heard:?} in all",
            late * 1000.0
        ))
    })
    .await
}

/// An agent answers in the middle of an announcement: the caller hears the agent, and nothing of the announcement after
/// that.
pub async fn an_answer_cuts_an_announcement(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Answer { after: Duration::from_millis(2500), talk: None }).await?;
    let defaults =
        "announcements = [\"notice\", \"place\"]\nannounce_after = \"1s\"\nannounce_interval = \"1s\"";
    on_floor(live, &team(contact(&anna), 1, 20, defaults), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        let talk = talks(&anna, 0).await?;
        let answered = talk.when(Stage::Talking).context("when anna answered")?;
        let agent = *ivan.began()?.last().context("when the agent was heard")?;
        within(Duration::from_secs(10), "the caller is heard", talk.ear.hears(Tone::Caller, LATE * 20))
            .await??;
        tokio::time::sleep_until(answered + Duration::from_secs(3)).await;
        ensure!(ivan.tones()? == [Tone::Music, Tone::Notice, Tone::Agent], "{:?}", ivan.tones()?);
        ivan.hangs_up().await?;
        floor.controller.ended_call(IVAN).await?;
        floor.comes_to_rest().await?;
        Ok(format!("the agent was heard {:?} after the answer", agent.duration_since(answered)))
    })
    .await
}

/// A key skips the greeting; a key says the position; a key leads out, although something is being said.
pub async fn keys_while_waiting(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let defaults = "greeting = \"welcome\"\n\
        keys = [{ digits = \"1\", to = { message = \"closed\" } }, { digits = \"2\", position = true }]";
    on_floor(live, &team(contact(&anna), 20, 1, defaults), async |floor| {
        let (ivan, olga) = (floor.caller(IVAN).await?, floor.caller(OLGA).await?);
        ivan.hears(Tone::Welcome).await?;
        ivan.presses('9').await?;
        ivan.hears(Tone::Music).await?;
        ivan.presses('2').await?;
        // No prompts are installed.
        ivan.hears(Tone::Word).await?;
        ivan.hears(Tone::Music).await?;
        ivan.informs('1').await?;
        let way = [Tone::Welcome, Tone::Music, Tone::Word, Tone::Music, Tone::Closed];
        leaves(floor, &ivan, IVAN, &way).await?;
        olga.hears(Tone::Welcome).await?;
        olga.presses('1').await?;
        leaves(floor, &olga, OLGA, &[Tone::Welcome, Tone::Closed]).await?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// A caller hears the message to which the key leads, and has a case.
async fn leaves(floor: &Floor<'_>, caller: &Caller, number: &str, tones: &[Tone]) -> Result<()> {
    caller.hears(Tone::Closed).await?;
    ensure!(caller.is_over().await? == Stage::Ended(End::TheyHungUp), "after the message");
    let heard: Vec<Tone> = caller.tones()?;
    ensure!(heard == tones, "{heard:?}");
    let row = floor.controller.ended_call(number).await?;
    ensure!((row.text("ending"), row.text("stage")) == ("abandoned", "message"), "{}", row.0);
    floor.only_case_of(number).await.map(drop)
}

/// The caller hears music without being answered, until an agent talks with them; who gives up was never answered.
pub async fn early_media(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Answer { after: Duration::from_secs(2), talk: None }).await?;
    let defaults = "early_media = true\nannouncements = [\"notice\"]\nannounce_after = \"1s\"";
    on_floor(live, &team(contact(&anna), 1, 20, defaults), async |floor| {
        let ivan = floor.dials(Dial::new(live.switch.sip, NUMBER, IVAN)).await?;
        ivan.hears(Tone::Notice).await?;
        ensure!(ivan.stage()? != Stage::Talking, "answered before the agent");
        let olga = floor.dials(Dial::new(live.switch.sip, NUMBER, OLGA)).await?;
        olga.hears(Tone::Music).await?;
        olga.hangs_up().await?;
        ensure!(olga.is_over().await? == Stage::Ended(End::Cancelled), "never answered");
        ivan.hears(Tone::Agent).await?;
        talks(&anna, 0).await?.ear.hears(Tone::Caller, LATE * 20).await?;
        ensure!(ivan.stage()? == Stage::Talking, "the bridge answers");
        ensure!(ivan.tones()? == [Tone::Music, Tone::Notice, Tone::Agent], "{:?}", ivan.tones()?);
        ivan.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "answered", "{}", row.0);
        let row = floor.controller.ended_call(OLGA).await?;
        ensure!((row.text("ending"), row.text("stage")) == ("abandoned", "waiting"), "{}", row.0);
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// The caller presses a key in the moment in which an agent answers: one of the two counts, and nobody is left alone.
pub async fn a_key_races_the_answer(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let defaults = "keys = [{ digits = \"1\", to = { message = \"closed\" } }]";
    let mut team = team(contact(&anna), 1, 1, defaults);
    team.delay = "100ms";
    on_floor(live, &team, async |floor| {
        let mut answered = 0;
        for round in 0..ROUNDS {
            answered += u32::from(race(floor, &anna, round).await?);
        }
        floor.comes_to_rest().await?;
        Ok(format!("of {ROUNDS} callers, {answered} were answered and the others went by the key"))
    })
    .await
}

const ROUNDS: u32 = 8;

async fn race(floor: &Floor<'_>, anna: &crate::sip::SipEnd, round: u32) -> Result<bool> {
    let number = format!("+790012346{:02}", 50 + round);
    let before = anna.count();
    let caller = floor.caller(&number).await?;
    anna.call(before, Duration::from_secs(10), "rings", |_| true).await?;
    let rings = Instant::now();
    // A key is 100 ms long.
    tokio::time::sleep_until(rings + Duration::from_millis(u64::from(20 * round))).await;
    caller.presses('1').await?;
    let agent = within(Duration::from_secs(10), "somebody is heard", async {
        loop {
            match caller.tones()?.last() {
                Some(Tone::Agent) => return Ok::<_, anyhow::Error>(true),
                Some(Tone::Closed) => return Ok(false),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
    .await??;
    if agent {
        caller.hangs_up().await?;
    }
    let row = floor.controller.ended_call(&number).await?;
    let ending = if agent { "answered" } else { "abandoned" };
    ensure!(row.text("ending") == ending, "{} and heard {:?}", row.0, caller.tones()?);
    Ok(agent)
}
