//! Tokens are renewed once, stored before they are used, and never lost.

use std::sync::{Arc, Mutex};

use dozvon::clock::Clock;
use dozvon::config::crm::{Kind, Settings};
use dozvon::secret::Secret;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::*;
use crate::support::amocrm::{AmoCrm, pair};
use crate::support::http;

fn renewals(amo: &AmoCrm) -> usize {
    amo.account().asked.iter().filter(|asked| asked.contains("oauth2")).count()
}

/// Settings whose access token is no longer taken.
fn expired(amo: &AmoCrm) -> Settings {
    Settings { access_token: Secret::new("an-old-access-token"), ..amo.app_settings() }
}

#[tokio::test]
async fn requests_that_run_into_an_expired_token_together_renew_it_once_and_it_is_kept() {
    let amo = AmoCrm::start().await;
    let (settings, keeper) = (expired(&amo), Arc::new(Memory::default()));
    let number = NUMBER.parse().unwrap();
    let crm = open_with(&settings, &keeper, Clock::starting_at(NOW));
    for owner in join_all((0..8).map(|_| crm.owner(&number))).await {
        assert_eq!(owner, Ok(None));
    }
    assert_eq!(renewals(&amo), 1);
    let kept = keeper.kept.lock().unwrap().clone();
    let (access, refresh, _) = pair(2);
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].access.expose(), kept[0].refresh.expose()), (access.as_str(), refresh.as_str()));
    let again = open_with(&settings, &keeper, Clock::starting_at(NOW));
    assert_eq!(again.owner(&number).await, Ok(None), "a restart goes on with what was kept");
    assert_eq!(renewals(&amo), 1);
}

#[tokio::test]
async fn a_pair_that_could_not_be_kept_is_not_used_but_not_lost() {
    let amo = AmoCrm::start().await;
    let (settings, keeper) = (expired(&amo), Arc::new(Memory::default()));
    keeper.fail(2);
    let crm = open_with(&settings, &keeper, Clock::starting_at(NOW));
    let number = NUMBER.parse().unwrap();
    for _ in 0..2 {
        let trouble = crm.owner(&number).await.unwrap_err();
        assert!(
            kind(&trouble).0 == "passing" && trouble.to_string().contains("the disk is full"),
            "{trouble}"
        );
    }
    assert_eq!(crm.owner(&number).await, Ok(None));
    assert_eq!((renewals(&amo), keeper.kept.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_says_what_to_do() {
    let amo = AmoCrm::start().await;
    let number = NUMBER.parse().unwrap();
    let used = Settings { refresh_token: Secret::new("used-up-refresh"), ..expired(&amo) };
    let for_ever = Settings { access_token: Secret::new("withdrawn"), ..amo.settings() };
    for (settings, remedy) in [(used, "authorise the integration again"), (for_ever, "make a new one")] {
        let trouble = open(&settings).owner(&number).await.unwrap_err();
        assert_eq!(kind(&trouble).0, "refused");
        let text = trouble.to_string();
        assert!(text.contains(remedy) && !text.contains("used-up"), "{text}");
    }
}

#[tokio::test]
async fn an_application_of_bitrix24_renews_an_expired_token_and_asks_once_more() {
    let log = Arc::<Mutex<Vec<String>>>::default();
    let of = Arc::clone(&log);
    let address = http::serve(move |request| {
        let of = Arc::clone(&of);
        async move {
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let path = request.uri().path().to_owned();
            of.lock().unwrap().push(path.clone());
            if path == "/oauth/token/" {
                let query = request.uri().query().unwrap_or_default();
                assert!(
                    query.contains("refresh_token=refresh-1") && query.contains("client_secret=hush-hush")
                );
                return json!({ "access_token": "access-2", "refresh_token": "refresh-2" }).to_string();
            }
            if body["auth"] != "access-2" {
                return json!({ "error": "expired_token", "error_description": "" }).to_string();
            }
            let found = json!({ "CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": "3", "ASSIGNED_BY_ID": "12" });
            json!({ "result": [found] }).to_string()
        }
    })
    .await;
    let settings = Settings {
        kind: Kind::Bitrix24,
        url: Secret::new(format!("http://{address}")),
        oauth_url: format!("http://{address}/oauth/token/"),
        client_id: "app".to_owned(),
        client_secret: Secret::new("hush-hush"),
        access_token: Secret::new("access-1"),
        refresh_token: Secret::new("refresh-1"),
        default_user: "1".to_owned(),
        allow_http: true,
        ..Settings::default()
    };
    let keeper = Arc::new(Memory::default());
    let crm = open_with(&settings, &keeper, Clock::starting_at(NOW));
    let owner = crm.owner(&NUMBER.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(owner.user, "12");
    let method = "/rest/telephony.externalCall.searchCrmEntities";
    assert_eq!(*log.lock().unwrap(), [method, "/oauth/token/", method]);
    assert_eq!(keeper.kept.lock().unwrap()[0].refresh.expose(), "refresh-2");
}
