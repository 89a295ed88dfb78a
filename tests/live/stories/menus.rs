//! A caller who presses keys, and listens.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Live;
use crate::floor::{ANSWERS, Floor, IVAN, OLGA, contact, on_floor, phone};
use crate::sip::{End, Stage};
use crate::team::Team;
use crate::tone::Tone;

/// What a caller waits at most from the end of a key to the next prompt, in 99 of 100 cases. FreeSWITCH reads a key, sends the
/// event and begins a sound each within 20 ms; the rest is for a busy machine.
const REACTION: Duration = Duration::from_millis(100);
/// How often the reaction is measured.
const KEYS: usize = 100;

/// A menu and one behind it.
fn team(anna: String) -> Team {
    let mut team = Team::of([("anna", anna)]);
    team.open = false;
    team.closed = "{ menu = \"main\" }".to_owned();
    let prompts = [
        ("main", Tone::Menu, 3),
        ("inner", Tone::Inner, 3),
        ("wrong", Tone::Wrong, 1),
        ("no_key", Tone::NoKey, 1),
    ];
    for (name, tone, seconds) in prompts {
        team.more += &format!("\n[[prompt]]\nname = \"{name}\"\nsource = \"{}\"\n", tone.source(seconds));
    }
    team.more += r#"
[[menu]]
name = "main"
prompts = ["main"]
timeout = "1s"
retries = 1
invalid = "wrong"
no_input = "no_key"
failed = { message = "closed" }
options = [
    { digits = "1", to = { menu = "inner" } },
    { digits = "2", to = { queue = "sales" } },
    { digits = "3", to = { extension = "9990@public" } },
    { digits = "4", to = { hang_up = "USER_BUSY" } },
    { digits = "5", language = "ru" },
]

[[menu]]
name = "inner"
prompts = ["inner"]
timeout = "1s"
options = [{ digits = "*", back = true }, { digits = "1", to = { menu = "main" } }]
"#;
    team
}

/// Nested menus, a wrong key, no key, the way back; keys by RFC 4733 and by SIP INFO.
pub async fn keys_lead_through_menus(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    on_floor(live, &team(contact(&anna)), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Menu).await?;
        ivan.presses('1').await?;
        ivan.hears(Tone::Inner).await?;
        ivan.informs('*').await?;
        ivan.hears(Tone::Menu).await?;
        ivan.presses('9').await?;
        ivan.hears(Tone::Wrong).await?;
        ivan.hears(Tone::Menu).await?;
        ivan.informs('5').await?;
        ivan.hears(Tone::Menu).await?;
        ivan.presses('2').await?;
        ivan.hears(Tone::Agent).await?;
        ivan.hangs_up().await?;
        floor.controller.ended_call(IVAN).await?.expect(
            "answered",
            "talking",
            &["arrived", "offered anna", "picked_up anna", "talk_over anna", "ended"],
        )?;
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Menu).await?;
        olga.hears(Tone::NoKey).await?;
        olga.hears(Tone::Closed).await?;
        ensure!(olga.is_over().await? == Stage::Ended(End::TheyHungUp), "after the last retry");
        floor.controller.ended_call(OLGA).await?.expect(
            "refused",
            "message",
            &["arrived", "ended", "case"],
        )?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// The dialplan goes on with an extension; the call ends by a key; a caller hangs up in a menu.
pub async fn menus_end(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    on_floor(live, &team(contact(&anna)), async |floor| {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Menu).await?;
        ivan.presses('3').await?;
        ivan.hears(Tone::SomebodyElse).await?;
        floor.controller.ended_call(IVAN).await?.expect("taken", "menu", &["arrived", "ended"])?;
        ivan.hangs_up().await?;
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed");
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Menu).await?;
        olga.presses('4').await?;
        ensure!(olga.is_over().await? == Stage::Ended(End::TheyHungUp), "hung up by the key");
        floor.controller.ended_call(OLGA).await?.expect("refused", "menu", &["arrived", "ended", "case"])?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// From the end of a key to the first packet of the next prompt, while a prompt is played.
pub async fn a_key_is_answered_at_once(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    on_floor(live, &team(contact(&anna)), async |floor| measure(floor).await).await
}

async fn measure(floor: &Floor<'_>) -> Result<String> {
    let mut all = Vec::new();
    while all.len() < KEYS {
        let number = format!("+790012346{:02}", all.len() / 10);
        let caller = floor.caller(&number).await?;
        // A call goes through fifty menus at most.
        for _ in 0..20 {
            caller.hears(Tone::Menu).await?;
            caller.presses('1').await?;
            caller.hears(Tone::Inner).await?;
            caller.presses('1').await?;
        }
        caller.hears(Tone::Menu).await?;
        all.extend(caller.reactions()?);
        caller.hangs_up().await?;
        floor.controller.ended_call(&number).await?;
    }
    all.sort();
    let at = |percent: usize| all[(all.len() - 1) * percent / 100];
    let said = format!(
        "{} keys, to the next prompt: median {:?}, p99 {:?}, longest {:?}",
        all.len(),
        at(50),
        at(99),
        at(100)
    );
    floor.comes_to_rest().await?;
    ensure!(at(99) <= REACTION, "{said}");
    Ok(said)
}
