//! Callers who are asked about their talk.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Live;
use crate::floor::{ANSWERS, IVAN, OLGA, contact, on_floor, phone};
use crate::sip::Behaviour;
use crate::team::Team;
use crate::tone::Tone;

/// A phone that hangs up after a second's talk.
const BRIEF: Behaviour =
    Behaviour::Answer { after: Duration::from_millis(200), talk: Some(Duration::from_secs(1)) };

/// A queue with two questions.
fn team(anna: String) -> Team {
    let mut team = Team::of([("anna", anna)]);
    team.defaults = "survey = { questions = [\"helpful\", \"quick\"], thanks = \"thanks\" }";
    for (name, tone) in [("helpful", Tone::Menu), ("quick", Tone::Inner), ("thanks", Tone::Notice)] {
        team.more += &format!("\n[[prompt]]\nname = \"{name}\"\nsource = \"{}\"\n", tone.source(1));
    }
    team
}

/// The agent hangs up, the caller answers both questions, and the call was answered as any other.
pub async fn two_questions_after_a_talk(live: &Live) -> Result<String> {
    let anna = phone(BRIEF).await?;
    on_floor(live, &team(contact(&anna)), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        ivan.hears(Tone::Menu).await?;
        ivan.presses('5').await?;
        ivan.hears(Tone::Inner).await?;
        ivan.informs('3').await?;
        ivan.hears(Tone::Notice).await?;
        ivan.is_over().await?;
        let report = floor.controller.json(&["report", "surveys"]).await?;
        let marks: Vec<_> = report
            .as_array()
            .into_iter()
            .flatten()
            .map(|row| (row["agent"].as_str(), row["question"].as_str(), row["answer_avg"].as_f64()))
            .collect();
        ensure!(
            marks == [(Some("anna"), Some("helpful"), Some(5.0)), (Some("anna"), Some("quick"), Some(3.0))],
            "{report}"
        );
        floor.controller.ended_call(IVAN).await?.expect(
            "answered",
            "talking",
            &["arrived", "joined", "offered anna", "picked_up anna", "left_queue", "talk_over anna", "ended"],
        )?;
        floor.comes_to_rest().await?;
        Ok("two questions after the talk were answered by RFC 4733 and by INFO".to_owned())
    })
    .await
}

/// A caller who ends the talk is not asked, and one who hangs up at the first question loses nothing.
pub async fn whoever_does_not_want_it_loses_nothing(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    on_floor(live, &team(contact(&anna)), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        ivan.hangs_up().await?;
        floor.controller.ended_call(IVAN).await?;
        floor.comes_to_rest().await?;
        anna.behave(BRIEF);
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Menu).await?;
        olga.hangs_up().await?;
        floor.controller.ended_call(OLGA).await?;
        floor.comes_to_rest().await?;
        ensure!(floor.cases_of(OLGA).await?.is_empty(), "nothing is owed after a talk");
        Ok("a caller who hangs up in the talk or at the first question loses nothing".to_owned())
    })
    .await
}
