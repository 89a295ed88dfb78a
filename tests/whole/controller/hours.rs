//! A running controller follows hours that a person sets, and lets them end by themselves.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dozvon::rules::file;

use super::changes::dozvon;
use super::stage::{DUTY, RULES, Stage, answers, story, until};

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
