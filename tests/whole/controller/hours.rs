//! A running controller follows hours that a person sets, and lets them end by themselves. It rings who is on duty.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dozvon::rules::file;

use super::changes::dozvon;
use dozvon::sim::Behaviour;

use super::stage::{ANNA, BORIS, DUTY, RULES, Stage, answers, story, until};

/// Always open, by its own hours.
const DESK: &str = r#"
[[schedule]]
name = "desk"
zone = "Europe/Moscow"
hours = ["mon-sun 00:00-24:00"]

[[route]]
name = "desk"
number = "7010"
schedule = "desk"
open = { forward = "user/duty" }
closed = { message = "sorry" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_set_by_hand_decide_the_next_call_and_end_by_themselves() {
    let mut stage = Stage::set().await;
    let rules = file::parse("rules.toml", &format!("{RULES}{DESK}"), stage.settings.zone).unwrap();
    stage.store.write("rules", move |c| dozvon::store::rules::replace(c, &rules).map(drop)).await.unwrap();
    stage.restart().await;
    stage.phone(DUTY, answers().hanging_up_after(Duration::from_millis(20))).await;

    dozvon(&stage, "hours close desk --until 23:59 --reason stocktaking --by maria").await;
    until("the controller knows", async || stage.log.find(&["the new rules are in force"]).is_some()).await;
    let closed = story(stage.dials(1, "7010").await).await;
    assert_eq!(closed.talked_to(), [""; 0], "{closed:?}");
    let why = stage.calls().await.remove(0).why;
    assert!(why.contains("desk is closed by hand until") && why.contains("by maria: stocktaking"), "{why}");

    // The next day.
    stage.wrong_by.fetch_add(25 * 3_600_000, Ordering::Relaxed);
    let open = story(stage.dials(2, "7010").await).await;
    assert_eq!(open.talked_to(), [DUTY], "{open:?}");
}

/// Boris is on duty first, then Anna; the duty phone is that of the next destination.
const ROTA: &str = r#"
[[duty]]
name = "night"
start = "2020-01-01"
people = ["boris", "anna"]
exceptions = ["2020-01-01..2099-12-31 boris"]

[[route]]
name = "night"
number = "7010"
open = { duty = "night", then = { forward = "user/duty" } }
"#;

async fn with_rota() -> Stage {
    let mut stage =
        Stage::with(|settings| settings.switch.nodes[0].confirm_timeout = Duration::from_millis(300)).await;
    let rules = file::parse("rules.toml", &format!("{RULES}{ROTA}"), stage.settings.zone).unwrap();
    stage.store.write("rules", move |c| dozvon::store::rules::replace(c, &rules).map(drop)).await.unwrap();
    stage.restart().await;
    stage
}

/// Picks up, and presses 1 after so many milliseconds, or never.
fn presses(ms: Option<u64>) -> Behaviour {
    let talks = answers().hanging_up_after(Duration::from_millis(20));
    Behaviour { confirms: ms.map(Duration::from_millis), ..talks }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_on_duty_accepts_by_a_key_or_the_next_one_is_rung() {
    let stage = with_rota().await;
    stage.phone(BORIS, presses(Some(50))).await;
    stage.phone(ANNA, presses(Some(50))).await;
    let first = story(stage.dials(1, "7010").await).await;
    assert_eq!(first.talked_to(), [BORIS], "{first:?}");

    // A mailbox picks up and presses nothing.
    stage.phone(BORIS, presses(None)).await;
    let second = story(stage.dials(2, "7010").await).await;
    assert_eq!(second.talked_to(), [ANNA], "{second:?}");
    let forwarded = async || {
        let rows = stage.calls().await;
        rows.iter().all(|row| row.ending.is_some_and(|ending| ending.as_str() == "forwarded"))
    };
    until("both calls are recorded as forwarded", forwarded).await;

    stage.phone(ANNA, presses(None)).await;
    stage.phone(DUTY, answers().hanging_up_after(Duration::from_millis(20))).await;
    let third = story(stage.dials(3, "7010").await).await;
    assert_eq!(
        third.talked_to(),
        [DUTY],
        "nobody on duty accepts, so the next destination is rung: {third:?}"
    );
}
