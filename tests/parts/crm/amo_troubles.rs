//! Failures of amoCRM, what each means, and that no error contains a secret.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dozvon::clock::Clock;
use dozvon::config::crm::Settings;
use dozvon::notify::crm::Happening;
use futures_util::future::join_all;
use serde_json::json;

use super::support::*;
use crate::support::amocrm::{AmoCrm, LIMIT, Trouble, problem};
use crate::support::paced::Pacer;

#[tokio::test(start_paused = true)]
async fn never_more_than_seven_requests_in_any_second() {
    let _pacer = Pacer::start();
    let amo = AmoCrm::start().await;
    amo.account().strict = true;
    amo.account().add_card("contacts", NUMBER, 12);
    let crm = open(&Settings { rate: 0, burst: 0, ..amo.settings() });
    let number = NUMBER.parse().unwrap();
    for owner in join_all((0..20).map(|_| crm.owner(&number))).await {
        assert!(owner.unwrap().is_some());
    }
    let account = amo.account();
    assert_eq!(account.asked.len(), 20);
    assert!(account.most <= LIMIT && account.most >= LIMIT - 2, "{}", account.most);
}

#[tokio::test]
async fn after_too_many_requests_the_client_pauses_as_told_and_longer_when_blocked() {
    let ahead: &'static AtomicI64 = Box::leak(Box::default());
    let amo = AmoCrm::start().await;
    let settings = Settings { blocked_pause: Duration::from_secs(7_200), ..amo.settings() };
    let crm = open_with(&settings, &Default::default(), Clock::wrong_by(ahead));
    let number = NUMBER.parse().unwrap();
    amo.next("GET", Trouble::Later(40));
    assert_eq!(kind(&crm.owner(&number).await.unwrap_err()), ("passing", Some(40)));
    let early = crm.owner(&number).await.unwrap_err();
    assert!(kind(&early).1.is_some_and(|left| (35..=40).contains(&left)), "{early:?}");
    assert_eq!(amo.account().asked.len(), 1, "nothing is sent meanwhile");
    ahead.fetch_add(40_001, Ordering::Relaxed);
    amo.next("GET", Trouble::Says(403, problem(403, "Forbidden").to_string()));
    let blocked = crm.owner(&number).await.unwrap_err();
    assert_eq!(kind(&blocked), ("passing", Some(7_200)), "{blocked}");
    ahead.fetch_add(7_000_000, Ordering::Relaxed);
    crm.owner(&number).await.unwrap_err();
    assert_eq!(amo.account().asked.len(), 2);
    ahead.fetch_add(201_000, Ordering::Relaxed);
    assert_eq!(crm.owner(&number).await, Ok(None));
}

#[tokio::test]
async fn each_refusal_is_what_it_means_and_says_no_secret() {
    let amo = AmoCrm::start().await;
    amo.account().add_card("contacts", NUMBER, 12);
    let settings = amo.app_settings();
    let (access, refresh, _) = amo.account().tokens.clone();
    let cases = [
        (400, "", "refused"),
        (401, "", "refused"),
        (402, "the account is unpaid", "refused"),
        (403, "give the integration the right", "refused"),
        (404, "", "refused"),
        (408, "", "passing"),
        (410, "", "gone"),
        (500, "", "passing"),
        (503, "", "passing"),
    ];
    for (status, remedy, expected) in cases {
        let crm = open(&settings);
        // It repeats what it was sent, as some do.
        let said = json!({ "detail": format!("your tokens {} {access} {refresh}", crate::support::amocrm::CLIENT.1) });
        for request in ["POST calls", "POST oauth2"] {
            amo.next(request, Trouble::Says(status, said.to_string()));
        }
        let trouble = crm.record(&contact(Happening::Talk)).await.unwrap_err();
        assert_eq!(kind(&trouble).0, expected, "{status}: {trouble}");
        let text = format!("{trouble} {trouble:?} {crm:?} {settings:?}");
        assert!(text.contains(remedy) && text.contains(&status.to_string()), "{text}");
        for secret in [&access[..12], &refresh[..12], crate::support::amocrm::CLIENT.1] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        amo.account().troubles.clear();
    }
    amo.next("POST calls", Trouble::Says(402, String::new()));
    let trouble = open(&settings).record(&contact(Happening::Talk)).await.unwrap_err();
    assert_eq!(kind(&trouble).0, "refused", "an empty answer is still a 402: {trouble}");
    let stranger = Settings { default_user: "77".to_owned(), ..settings };
    let trouble = open(&stranger).record(&contact(Happening::Talk)).await.unwrap_err();
    assert!(kind(&trouble).0 == "refused" && trouble.to_string().contains("FieldMissing"), "{trouble}");
    assert_eq!(amo.account().calls.len(), 0);
}
