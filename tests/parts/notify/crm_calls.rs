//! Bitrix24 as an application: calls are registered as calls, each once, even if answers are lost.

use std::time::Duration;

use dozvon::config::crm::Settings;
use dozvon::missed::attempt::Disposition;
use dozvon::secret::Secret;

use super::crm::{Days, number};
use crate::support::bitrix24::{Bitrix24, Trouble};

/// The settings of an application.
fn application(portal: &Bitrix24) -> Settings {
    Settings {
        client_id: "app".to_owned(),
        client_secret: Secret::new("hush-hush"),
        access_token: Secret::new("access-1"),
        refresh_token: Secret::new("refresh-1"),
        rate: 10_000,
        burst: 10_000,
        ..portal.settings()
    }
}

/// A talk, a missed call and a vain attempt; of every seven answers one gets lost, the `lost`th. What the portal has.
async fn told(lost: usize, forgetful: bool) -> Vec<String> {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    portal.portal().telephony.forgetful = forgetful;
    portal.portal().troubles = (0..70).map(|n| (n % 7 == lost).then_some(Trouble::Lost)).collect();
    days.call(&number(0), true).await;
    let case = days.call(&number(1), false).await.unwrap();
    days.attempt(case, Disposition::Busy).await;
    days.pass(&application(&portal), |_| {}).await;
    let rows = days.app.rows().await;
    assert!(rows.iter().all(|row| row.state == "done"), "nothing is lost: {rows:?}");
    let mut finished = portal.portal().telephony.finished();
    finished.sort();
    // Whose lead was there first depends on which answer was lost.
    finished.iter().map(|call| call.replace("LEAD 1001", "LEAD 1000")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_is_in_the_statistics_once_whichever_answer_gets_lost() {
    // 7 is nothing lost.
    for (lost, forgetful) in (0..=7).map(|lost| (lost, false)).chain((0..7).map(|lost| (lost, true))) {
        let expected = [
            "+79005550000 type 2 user 1 on LEAD 1000: 200, 90 s",
            "+79005550001 type 2 user 1 on LEAD 1000: 304, 0 s",
            "+79005550001 type 4 user 12 on LEAD 1000: 486, 0 s",
        ];
        assert_eq!(told(lost, forgetful).await, expected, "answer {lost} lost, forgetful: {forgetful}");
    }
}

/// The portal knows two calls of one number to one user apart only by the second in which it hears of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_calls_of_one_number_that_end_at_once_are_two_with_a_time_each() {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    days.call_of(90, &number(0), true).await;
    days.call_of(45, &number(0), true).await;
    days.pass(&application(&portal), |_| {}).await;
    let rows = days.app.rows().await;
    assert!(rows.iter().all(|row| row.state == "done"), "{rows:?}");
    let mut finished = portal.portal().telephony.finished();
    finished.sort();
    let of = |seconds: u32| format!("+79005550000 type 2 user 1 on LEAD 1000: 200, {seconds} s");
    assert_eq!(finished, [of(45), of(90)]);
}

/// What the portal refuses for good it has not registered: the next call of that number does not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_the_portal_refuses_does_not_keep_the_next_one_of_its_number_from_being_told() {
    let (days, portal) = (Days::new().await, Bitrix24::start().await);
    portal.portal().telephony.refuse = 1;
    days.call_of(90, &number(0), true).await;
    days.call_of(45, &number(0), true).await;
    let begun = days.now();
    days.pass(&application(&portal), |now| assert!(now.since(begun) < Duration::from_mins(4))).await;
    let rows = days.app.rows().await;
    let mut states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, ["dead", "done"], "{rows:?}");
    assert_eq!(portal.portal().telephony.finished().len(), 1);
}
