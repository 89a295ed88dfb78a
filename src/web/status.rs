//! `/metrics` for Prometheus; `/healthz`: the process runs; `/readyz`: it can take calls, or what is missing.
//!
//! **Invariant:** requests are cheap: whether the database commits is tried at most once in `[status]
//! database_check_interval`; requests in between are answered from memory.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::context::App;

/// What the pages share.
struct Status {
    app: Arc<App>,
    /// The last check of the database: when, and its fault if any; none before the first check.
    database: Mutex<Option<(Instant, Option<String>)>>,
}

/// The pages.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Arc::new(Status { app, database: Mutex::new(None) }))
}

/// The former addresses of the pages, which answer with the new ones.
pub(super) fn moved() -> Router {
    let text =
        "this page is on the port of [status] listen; [status] on_web_port = true brings it back here\n";
    let page = || get(move || async move { (StatusCode::NOT_FOUND, text) });
    Router::new().route("/metrics", page()).route("/healthz", page()).route("/readyz", page())
}

async fn metrics(State(status): State<Arc<Status>>) -> Response {
    match status.app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Ready if every vital task works, the database commits, a FreeSWITCH is linked, and the controller is not stopping.
async fn ready(State(status): State<Arc<Status>>) -> Response {
    let app = &status.app;
    let mut missing = app.vital.faults();
    if !missing.is_empty() {
        // A stalled part must not stall the answer.
        return unready(&missing);
    }
    if app.draining.is_cancelled() {
        missing.push("the controller is stopping".to_owned());
    }
    if !app.nodes.any_up() {
        missing.push("no FreeSWITCH is linked".to_owned());
    }
    missing.extend(status.database_fault().await);
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    unready(&missing)
}

fn unready(missing: &[String]) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n").into_response()
}

impl Status {
    /// Why the database does not commit; none if it does. One request at a time asks the database; the others wait for
    /// its answer.
    async fn database_fault(&self) -> Option<String> {
        let every = self.app.settings.status.database_check_interval;
        let mut last = self.database.lock().await;
        if let Some((asked, said)) = &*last
            && asked.elapsed() < every
        {
            return said.clone();
        }
        let limit = every.max(Duration::from_secs(1));
        let asked = tokio::time::timeout(limit, self.app.store.write("ready", |_| Ok(()))).await;
        let said = match asked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("the database has not committed within {limit:?}")),
        };
        *last = Some((Instant::now(), said.clone()));
        said
    }
}
