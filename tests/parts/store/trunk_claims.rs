//! What a trunk reports about a customer before any phone rang.

use dozvon::ids::ChannelId;
use dozvon::missed::attempt::Disposition;
use dozvon::store::attempts;
use dozvon::store::callbacks::{self, CallbackResult, Redial};

use crate::store::calling_back::{App, MOSCOW, min};
use crate::support::database::for_each_database;

/// Another fixed line in Moscow.
const OTHER: &str = "+74957654321";

/// The only case that is due is dialled over a trunk, which ends the dial with a cause before any ringing. Result, whether
/// it counted, and where the case stands.
async fn said(app: &App, trunk: &'static str, cause: &str, at: i64) -> (String, bool, String) {
    let at = min(at);
    app.tick(at).await;
    let (accepted, attempt) = app.dial("sales", "anna", at).await;
    app.write(move |c, _| attempts::over_trunk(c, attempt, trunk)).await;
    app.end(&accepted, CallbackResult::unreached(attempt, cause, false), at).await;
    let row = app.write(move |c, _| attempts::get(c, attempt)).await;
    let case = app.case(accepted.work.case).await;
    let stands = case.close_reason.map_or(case.stage.as_str(), |reason| reason.as_str());
    (row.disposition.unwrap().to_string(), row.counted, stands.to_owned())
}

fn technical() -> (String, bool, String) {
    ("technical_failure".to_owned(), false, "waiting".to_owned())
}

#[test]
fn one_trunk_with_a_wrong_format_closes_no_case() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        app.due(MOSCOW, "sales", min(0)).await;
        let said_of = async |cause: &str, at| said(&app, "one", cause, at).await;
        assert_eq!(said_of("UNALLOCATED_NUMBER", 2).await, technical());
        assert_eq!(said_of("NUMBER_CHANGED", 5).await, technical(), "the same trunk once more");
        assert_eq!(said_of("INVALID_NUMBER_FORMAT", 10).await, technical());
    });
}

#[test]
fn a_number_that_two_trunks_do_not_know_does_not_exist() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        app.due(MOSCOW, "sales", min(0)).await;
        assert_eq!(said(&app, "one", "UNALLOCATED_NUMBER", 2).await, technical());
        let (result, counted, closed) = said(&app, "two", "UNALLOCATED_NUMBER", 5).await;
        assert_eq!((result.as_str(), counted, closed.as_str()), ("invalid_number", true, "wrong_number"));
    });
}

#[test]
fn a_trunk_is_believed_once_it_has_carried_a_call_in_between() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        app.due(MOSCOW, "sales", min(0)).await;
        assert_eq!(said(&app, "one", "CALL_REJECTED", 2).await, technical());
        let other = app.due(OTHER, "repeat", min(2)).await;
        let (accepted, attempt) = app.talking("repeat", "boris", min(3)).await;
        app.write(move |c, _| attempts::over_trunk(c, attempt, "one")).await;
        app.talk_ends(&accepted, attempt, min(3), min(4)).await;
        app.record_disposition(other, Disposition::Reached, min(4)).await.unwrap();
        let (result, counted, stage) = said(&app, "one", "CALL_REJECTED", 10).await;
        assert_eq!((result.as_str(), counted, stage.as_str()), ("rejected", true, "waiting"));
    });
}

#[test]
fn a_trunk_without_funds_costs_no_attempt_whoever_else_has_none() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        app.due(MOSCOW, "sales", min(0)).await;
        for (trunk, cause, at) in
            [("one", "CALL_REJECTED", 2), ("two", "CALL_REJECTED", 5), ("two", "OUTGOING_CALL_BARRED", 10)]
        {
            assert_eq!(said(&app, trunk, cause, at).await, technical(), "{trunk} {cause}");
        }
    });
}

#[test]
fn the_channel_of_the_next_dial_is_on_record_as_long_as_the_attempt_goes_on() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        app.due(MOSCOW, "sales", min(0)).await;
        app.tick(min(2)).await;
        let (accepted, attempt) = app.dial("sales", "anna", min(2)).await;
        let (call, channel) = (accepted.work.call, ChannelId::new());
        let next = Redial { attempt, call, channel, trunk: "two".to_owned() };
        let redial = async || {
            let next = next.clone();
            app.write(move |c, _| callbacks::redial(c, &next)).await
        };
        let on_record = || db.raw().texts(&format!("SELECT channel AS v FROM calls WHERE id = '{call}'"));
        assert!(redial().await && redial().await, "repeating it says the same");
        assert_eq!(on_record(), [channel.to_string()]);
        app.end(&accepted, CallbackResult::unreached(attempt, "NO_ANSWER", true), min(3)).await;
        let late = Redial { channel: ChannelId::new(), ..next.clone() };
        assert!(!app.write(move |c, _| callbacks::redial(c, &late)).await, "it is over");
        assert_eq!(on_record(), [channel.to_string()]);
    });
}
