//! Callers who leave messages, as FreeSWITCH records them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::Live;
use crate::controller::MESSAGES;
use crate::floor::{ANSWERS, Caller, Floor, IVAN, SOON, contact, on_floor, phone, talks, told};
use crate::sip::{End, Stage};
use crate::team::Team;
use crate::tone::Tone;
use crate::wait::until;

/// Callers come to a voicemail at once.
fn team(more: &str) -> Team {
    let mut team = Team::of([]);
    team.open = false;
    team.closed = "{ voicemail = \"box\" }".to_owned();
    for (name, tone) in [("hello", Tone::Greeting), ("beep", Tone::Done), ("thanks", Tone::NoCaller)] {
        team.more += &format!("\n[[prompt]]\nname = \"{name}\"\nsource = \"{}\"\n", tone.source(1));
    }
    team.more += "\n[[voicemail]]\nname = \"box\"\ngreeting = \"hello\"\nbeep = \"beep\"\nthanks = \"thanks\"\n\
        min_length = \"500ms\"\nreview = false\nqueue = \"sales\"\n";
    team.more += more;
    team
}

fn folder(floor: &Floor<'_>) -> Result<PathBuf> {
    let folder = floor.controller.settings_file().with_file_name(MESSAGES);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Waits until a caller has heard the tone and FreeSWITCH has recorded for a second or more, by the size of the file.
async fn speaks(floor: &Floor<'_>, caller: &Caller) -> Result<PathBuf> {
    let folder = folder(floor)?;
    caller.hears(Tone::Greeting).await?;
    caller.hears(Tone::Done).await?;
    let file = async || {
        let file = std::fs::read_dir(&folder)?.next().transpose()?;
        Ok(file.filter(|file| file.metadata().is_ok_and(|it| it.len() > 16_000)).map(|file| file.path()))
    };
    until(Duration::from_secs(10), "FreeSWITCH records", file).await
}

/// The call is one of a message, with a case for it and a file of this length.
async fn is_kept(floor: &Floor<'_>, file: &PathBuf, steps: &[&str]) -> Result<String> {
    let row = floor.controller.ended_call(IVAN).await?;
    row.expect("left_message", "voicemail", steps)?;
    ensure!(floor.only_case_of(IVAN).await? == "left_message", "the reason");
    let bytes = std::fs::metadata(file).context("the file")?.len();
    ensure!(bytes > 16_000, "the file has only {bytes} bytes");
    Ok(format!("a message of {bytes} bytes"))
}

const STEPS: [&str; 3] = ["arrived", "ended", "case"];

pub async fn a_key_ends_a_message(live: &Live) -> Result<String> {
    on_floor(live, &team(""), async |floor| {
        folder(floor)?;
        let ivan = floor.caller(IVAN).await?;
        let file = speaks(floor, &ivan).await?;
        ivan.presses('#').await?;
        ivan.hears(Tone::NoCaller).await?;
        ensure!(ivan.is_over().await? == Stage::Ended(End::TheyHungUp), "after the thanks");
        is_kept(floor, &file, &STEPS).await
    })
    .await
}

/// The message of a case rings a phone, is heard there, and counts as heard.
pub async fn a_message_is_played_on_a_phone(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    on_floor(live, &team(""), async |floor| {
        folder(floor)?;
        let ivan = floor.caller(IVAN).await?;
        let file = speaks(floor, &ivan).await?;
        ivan.hangs_up().await?;
        is_kept(floor, &file, &STEPS).await?;
        let case = floor.cases_of(IVAN).await?.remove(0)["id"].to_string();
        let at = contact(&anna);
        let play = async { floor.controller.json(&["case", "play", &case, "--at", &at]).await };
        let listen = async {
            let talk = talks(&anna, 0).await?;
            talk.ear.hears(Tone::Caller, SOON).await
        };
        let (played, heard) = tokio::join!(play, listen);
        heard?;
        let played = played?;
        ensure!(played["heard"].as_array().is_some_and(|ids| ids.len() == 1), "{played}");
        let shown = floor.controller.json(&["case", "show", &case]).await?;
        ensure!(!shown["messages"][0]["heard_at"].is_null(), "{shown}");
        Ok(String::new())
    })
    .await
}

pub async fn the_caller_hangs_up_in_the_middle(live: &Live) -> Result<String> {
    on_floor(live, &team(""), async |floor| {
        folder(floor)?;
        let ivan = floor.caller(IVAN).await?;
        let file = speaks(floor, &ivan).await?;
        ivan.hangs_up().await?;
        is_kept(floor, &file, &STEPS).await
    })
    .await
}

/// With the level above the caller's voice all of it is silence: nothing was said, and the caller is owed a call.
pub async fn silence_ends_a_message(live: &Live) -> Result<String> {
    let mut floor = Floor::closed(live, &team("silence = \"1s\"\nretries = 0\n")).await?;
    let file = floor.controller.settings_file();
    let settings = std::fs::read_to_string(&file)?;
    std::fs::write(&file, settings.replace("[voicemail]\n", "[voicemail]\nsilence_level = 10000\n"))?;
    folder(&floor)?;
    floor.controller.serve().await?;
    told(&floor, async {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Done).await?;
        let tone = Instant::now();
        ensure!(ivan.is_over().await? == Stage::Ended(End::TheyHungUp), "after the last try");
        let lasted = tone.elapsed();
        floor.controller.ended_call(IVAN).await?.expect("refused", "voicemail", &STEPS)?;
        ensure!(floor.only_case_of(IVAN).await? == "closed_hours", "the reason");
        let shown = floor.controller.command(&["retention", "run", "--json"]).await?;
        ensure!(std::fs::read_dir(folder(&floor)?)?.next().is_none(), "the file is deleted: {shown}");
        Ok(format!("ended {} ms after the tone began", lasted.as_millis()))
    })
    .await
}

/// A key records again; then only the second file is a message, and the first one is deleted.
pub async fn a_message_is_recorded_again(live: &Live) -> Result<String> {
    let mut team = team("");
    team.more = team.more.replace("review = false\n", "timeout = \"10s\"\n");
    on_floor(live, &team, async |floor| {
        folder(floor)?;
        let ivan = floor.caller(IVAN).await?;
        let first = speaks(floor, &ivan).await?;
        ivan.presses('#').await?;
        ivan.presses('3').await?;
        ivan.hears(Tone::Done).await?;
        let second = async || {
            let files = std::fs::read_dir(folder(floor)?)?.filter_map(Result::ok);
            let is_other = |file: &std::fs::DirEntry| file.path() != first;
            let is_long = |file: &std::fs::DirEntry| file.metadata().is_ok_and(|it| it.len() > 16_000);
            Ok(files.filter(is_other).find(is_long).map(|file| file.path()))
        };
        let second = until(SOON, "FreeSWITCH records again", second).await?;
        ivan.presses('#').await?;
        ivan.presses('1').await?;
        ivan.hears(Tone::NoCaller).await?;
        ensure!(ivan.is_over().await? == Stage::Ended(End::TheyHungUp), "after the thanks");
        let kept = is_kept(floor, &second, &STEPS).await?;
        floor.controller.command(&["retention", "run"]).await?;
        ensure!(!first.exists() && second.exists(), "only the first is deleted");
        Ok(kept)
    })
    .await
}

/// FreeSWITCH hangs up on a caller who is being recorded, and the next controller finds the file.
pub async fn the_controller_dies_while_the_caller_speaks(live: &Live) -> Result<String> {
    let mut floor = Floor::open(live, &team("")).await?;
    folder(&floor)?;
    let ivan = floor.caller(IVAN).await?;
    let file = speaks(&floor, &ivan).await?;
    floor.controller.kill().await?;
    ensure!(ivan.is_over().await? == Stage::Ended(End::TheyHungUp), "FreeSWITCH hangs up");
    floor.live.switch.is_quiet(SOON).await?;
    floor.controller.serve().await?;
    told(&floor, is_kept(&floor, &file, &STEPS)).await
}
