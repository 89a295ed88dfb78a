//! HTTP to a CRM: without the proxies of the environment, by host name, with limits on time and size.

use axum::body::Body;
use axum::http::Response;
use dozvon::config::crm::Settings;
use dozvon::notify::Trouble;
use dozvon::notify::crm::{Crm, Happening, Receipt};
use dozvon::secret::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::*;

async fn told(settings: &Settings) -> Result<Receipt, Trouble> {
    let crm: Crm = open(settings);
    crm.record(&contact(Happening::Request)).await
}

/// The environment is one for all tests of a process, so another process has it: this test file once more, with one
/// test that fails unless its CRM is reached.
#[test]
fn an_environment_proxy_catches_nothing() {
    let mut tests = std::process::Command::new(std::env::current_exe().unwrap());
    // Nobody listens there.
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        tests.env(name, "http://127.0.0.1:1");
    }
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        tests.env_remove(name);
    }
    let ran = tests.args(["--exact", "crm::http::a_crm_is_told_who_speaks"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_crm_is_told_who_speaks() {
    let (settings, log) = server(|| Response::new(Body::empty())).await;
    told(&settings).await.unwrap();
    let agent = log.lock().unwrap()[0].headers["user-agent"].to_str().unwrap().to_owned();
    assert_eq!(agent, concat!("dozvon/", env!("CARGO_PKG_VERSION")));
}

/// It is written, however long the CRM talks: another try would write it twice.
#[tokio::test]
async fn a_long_answer_is_no_json_and_its_status_counts() {
    // The limit cuts the secret of the address in two.
    let (settings, _) = server(|| Response::new(Body::from("at /hook-secret/ {\"ok\":true}"))).await;
    let settings = Settings { max_answer_bytes: 12, ..settings };
    assert_eq!(told(&settings).await.unwrap().place, "answered 200 OK");
    let trouble = told(&Settings { success: "/ok".to_owned(), ..settings }).await.unwrap_err();
    assert_eq!(kind(&trouble), ("passing", None), "{trouble}");
    let said = trouble.to_string();
    assert!(said.contains("longer than [crm] max_answer_bytes = 12 bytes; it begins: 200 OK at /"), "{said}");
    assert!(!said.contains("hook"), "{said}");
}

#[tokio::test]
async fn an_answer_as_long_as_it_may_be_is_read() {
    let (settings, _) = server(|| Response::new(Body::from("{\"ok\":true}"))).await;
    let settings = Settings { success: "/ok".to_owned(), max_answer_bytes: 11, ..settings };
    told(&settings).await.unwrap();
}

#[tokio::test]
async fn half_an_answer_is_no_json_and_its_status_counts() {
    let (settings, _) = server(|| Response::new(Body::empty())).await;
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("http://{}/hook-secret/", socket.local_addr().unwrap()));
    let settings = Settings { url, ..settings };
    tokio::spawn(async move {
        while let Ok((mut line, _)) = socket.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                assert!(line.read_buf(&mut request).await.unwrap() > 0);
            }
            // A number would be JSON if the half of it were taken for all.
            line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n1").await.unwrap();
        }
    });
    told(&settings).await.unwrap();
    let trouble = told(&Settings { success: "/ok".to_owned(), ..settings }).await.unwrap_err();
    assert!(kind(&trouble).0 == "passing" && trouble.to_string().contains("breaks off"), "{trouble}");
}

#[tokio::test]
async fn a_crm_may_say_until_when_it_wants_to_be_left_alone() {
    // Twenty minutes after the test's beginning.
    let dated = || {
        let until = (NOW + std::time::Duration::from_secs(1_200)).0;
        let until = chrono::DateTime::from_timestamp_millis(until).unwrap().to_rfc2822();
        Response::builder().status(503).header("retry-after", until).body(Body::empty()).unwrap()
    };
    let (settings, _) = server(dated).await;
    let (what, wait) = kind(&told(&settings).await.unwrap_err());
    assert_eq!(what, "passing");
    assert!(wait.is_some_and(|wait| (1_180..=1_200).contains(&wait)), "{wait:?}");
}

#[tokio::test]
async fn an_error_names_what_to_look_at_and_no_address() {
    let (settings, _) = server(|| Response::builder().status(301).body(Body::empty()).unwrap()).await;
    let moved = told(&settings).await.unwrap_err();
    assert_eq!(kind(&moved).0, "refused");
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("http://{}/hook-secret/", socket.local_addr().unwrap()));
    let patience = std::time::Duration::from_millis(50);
    let silent =
        told(&Settings { url: url.clone(), timeout: patience, ..settings.clone() }).await.unwrap_err();
    drop(socket);
    let away = told(&Settings { url, ..settings }).await.unwrap_err();
    assert_eq!((kind(&silent).0, kind(&away).0), ("passing", "passing"));
    for (trouble, words) in [
        (moved, "which is not followed: set the address to which it redirects as [crm] url"),
        (silent, "the CRM: no answer in time, see [crm] timeout"),
        (away, "the CRM: cannot connect"),
    ] {
        let said = format!("{trouble} {trouble:?}");
        assert!(said.contains(words) && !said.contains("127.0.0.1") && !said.contains("hook"), "{said}");
    }
}
