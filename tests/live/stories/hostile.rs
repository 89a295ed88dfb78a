//! Callers whose names, numbers and headers try to run something.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Live;
use crate::floor::{ANSWERS, Floor, SOON, contact, on_floor, phone, told};
use crate::observer::FORBIDDEN;
use crate::sip::{Dial, Stage};
use crate::team::{NUMBER, Team};
use crate::tone::Tone;

/// What FreeSWITCH makes [`FORBIDDEN`] of, if it is ever led to evaluate it.
const TRAP: &str = "${expr(31337000+313)}";

/// The case with a second identity, which FreeSWITCH believes more than `From`.
const ASSERTED: &str = "expansion in P-Asserted-Identity";

/// `From` headers, each of another kind of malice.
fn froms() -> Vec<(&'static str, Vec<u8>)> {
    let quoted = |name: &str, user: &str| format!("\"{name}\" <sip:{user}@127.0.0.1>").into_bytes();
    let broken = b"\"Iv\xff\xfe\xc3\x28n\" <sip:+79001234508@127.0.0.1>".to_vec();
    vec![
        ("expansion in the name", quoted(&format!("Bob {TRAP}"), "+79001234501")),
        (
            "quotes and commas in the name",
            quoted("O'Brien, \\\"Bob\\\", x='y', [a=b]{c=d}|:_:", "+79001234502"),
        ),
        ("UTF-8 in the name", quoted("Иван Петрович 李 🙂", "+79001234503")),
        (
            "expansion in the number",
            quoted("Bob", &TRAP.replace('$', "%24").replace('{', "%7B").replace('}', "%7D")),
        ),
        ("quotes and commas in the number", quoted("Bob", "7900'1,2%22%20x=y")),
        ("a command in the name", quoted("x\\\\nbgapi system touch /tmp/x", "+79001234506")),
        ("4 KB of name", quoted(&"Ы${uuid}'".repeat(400), "+79001234507")),
        ("no UTF-8 in the name", broken),
        ("no number at all", b"\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_vec()),
        (ASSERTED, quoted("Bob", "+79001234509")),
        ("a dial string as number", quoted("Bob", "1001@127.0.0.1%2Csofia/internal/9990")),
    ]
}

/// Each of them gets through like anybody else, nothing of the caller's is run, and the agent sees something harmless.
pub async fn names_and_numbers_are_only_text(live: &Live) -> Result<String> {
    ensure!(live.switch.api(&format!("eval {TRAP}")).await?.contains(FORBIDDEN), "the trap would snap");
    let anna = phone(ANSWERS).await?;
    let floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    told(&floor, async {
        let mut shown = Vec::new();
        for (index, (what, from)) in froms().into_iter().enumerate() {
            let mut dial = Dial::new(live.switch.sip, NUMBER, "x").named(from);
            if what == ASSERTED {
                dial = dial.with("P-Asserted-Identity", format!("\"{TRAP}\" <sip:{TRAP}@127.0.0.1>"));
            }
            let dial =
                dial.with("Alert-Info", format!("<{TRAP}>")).with("Subject", TRAP).with("X-Trap", TRAP);
            let caller = floor.dials(dial).await?;
            caller.reaches(Stage::Talking).await.map_err(|error| error.context(what))?;
            let rung =
                anna.call(index, SOON, "rings", |_| true).await.map_err(|error| error.context(what))?;
            caller.hears(Tone::Agent).await.map_err(|error| error.context(what))?;
            ensure!(!rung.from.contains("${") && !rung.from.contains(FORBIDDEN), "{what}: {}", rung.from);
            let name = rung.from.split(';').next().unwrap_or_default().to_owned();
            shown.push(format!("{what}: {name:.90}"));
            caller.hangs_up().await?;
            floor.comes_to_rest().await?;
        }
        let rows = floor.controller.rows(&["call", "list"]).await?;
        ensure!(rows.len() == froms().len(), "{} calls on record", rows.len());
        ensure!(rows.iter().all(|row| row["ending"] == "answered"), "{rows:?}");
        Ok(shown.join("\n"))
    })
    .await
}

/// The number dialled is a caller's choice too.
pub async fn numbers_dialled_are_only_text(live: &Live) -> Result<String> {
    on_floor(live, &Team::of([]), async |floor| {
        for number in
            ["7001'%2C%22x", "7001%24%7Bexpr(31337000+313)%7D", "70019999999999999999999999999999999999999"]
        {
            let caller = floor.dials(Dial::new(live.switch.sip, number, "+79001234501")).await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            caller.hangs_up().await?;
            caller.is_over().await?;
        }
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}
