//! What closes a case: a talk that began after the last miss and lasted long enough.

use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::missed::attempt::Disposition;

use crate::store::calling_back::{App, MOSCOW, min};
use crate::support::database::for_each_database;

/// Tuesday, when the queues open, in minutes.
const TUESDAY: i64 = 21 * 60;

/// A colleague at the same number talks for twenty minutes; meanwhile a second caller from it gives up.
#[test]
fn a_talk_that_began_before_the_miss_closes_no_case() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let colleague = app.rings_in(MOSCOW, min(0)).await;
        let case = app.miss(MOSCOW, "sales", min(10)).await;
        app.talked(colleague, min(1), min(20)).await;
        assert_eq!(app.case(case).await.close_reason, None, "nobody has talked with who gave up");
        let again = app.rings_in(MOSCOW, min(21)).await;
        app.talked(again, min(22), min(24)).await;
        assert_eq!(app.case(case).await.close_reason.map(|word| word.as_str()), Some("caller_reached_us"));
    });
}

/// An agent talks with one of the company's people when another one gives up: what the agent says is true of the
/// first only.
#[test]
fn a_callback_that_began_before_the_miss_closes_no_case() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let (accepted, attempt) = app.talking("sales", "anna", min(2)).await;
        assert_eq!(app.miss(MOSCOW, "sales", min(4)).await, case);
        app.talk_ends(&accepted, attempt, min(2), min(6)).await;
        app.record_disposition(case, Disposition::Reached, min(7)).await.unwrap();
        let row = app.case(case).await;
        assert_eq!(
            (row.close_reason, row.stage.as_str()),
            (None, "waiting"),
            "the second one is owed a call"
        );
        app.tick(min(120)).await;
        app.talk("sales", "boris", min(120)).await;
        app.record_disposition(case, Disposition::Reached, min(121)).await.unwrap();
        assert_eq!(app.case(case).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
    });
}

#[test]
fn a_talk_shorter_than_the_least_talk_closes_no_case() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.miss(MOSCOW, "sales", min(0)).await;
        for (talk_ms, closed) in [(4_999, None), (5_000, Some("caller_reached_us"))] {
            let call = app.rings_in(MOSCOW, min(1)).await;
            let to: UnixMs = min(1) + Duration::from_millis(talk_ms);
            app.talked(call, min(1), to).await;
            assert_eq!(app.case(case).await.close_reason.map(|word| word.as_str()), closed, "{talk_ms} ms");
        }
    });
}

/// The last attempt that a handed-over case may have reaches one of the company's people while another one gives up: who
/// gave up is still owed a call, and nobody says that the company could not be reached.
#[test]
fn a_case_that_was_handed_over_is_not_closed_by_a_talk_during_which_it_was_missed_again() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        for (at, name) in
            [(2, "sales"), (32, "sales"), (122, "sales"), (TUESDAY, "repeat"), (TUESDAY + 30, "repeat")]
        {
            app.tick(min(at)).await;
            app.no_answer(name, "anna", min(at)).await;
        }
        let at = TUESDAY + 120;
        app.tick(min(at)).await;
        let (accepted, attempt) = app.talking("repeat", "anna", min(at)).await;
        assert_eq!(app.miss(MOSCOW, "sales", min(at + 1)).await, case);
        app.talk_ends(&accepted, attempt, min(at), min(at + 3)).await;
        app.record_disposition(case, Disposition::Reached, min(at + 4)).await.unwrap();
        assert_eq!(app.case(case).await.close_reason, None, "who gave up is owed a call");
        let day = 24 * 60;
        app.tick(min(TUESDAY + day)).await;
        app.talk("repeat", "boris", min(TUESDAY + day)).await;
        app.record_disposition(case, Disposition::Reached, min(TUESDAY + day + 2)).await.unwrap();
        assert_eq!(app.case(case).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
    });
}
