//! What browsers and Prometheus see.
//!
//! `port` holds connections, no more and no longer than is good. `requests` takes what forms and bots send.
//! `/metrics` for Prometheus; `/healthz`: the process runs; `/readyz`: it can take calls, with what is missing.

pub mod port;
pub mod requests;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::call::Desk;

/// Every page.
pub fn router(desk: Arc<Desk>) -> Router {
    let requests = requests::router(requests::Gate::new(
        &desk.settings,
        desk.clock,
        desk.store.clone(),
        desk.rules.clone(),
    ));
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(desk)
        .merge(requests)
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    match desk.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Ready when every vital task works, the database commits, a FreeSWITCH is linked, and nobody has told us to stop.
async fn ready(State(desk): State<Arc<Desk>>) -> Response {
    let mut missing = desk.vital.faults();
    if !missing.is_empty() {
        // Whoever has stalled must not stall the answer.
        return unready(&missing);
    }
    if desk.draining.is_cancelled() {
        missing.push("the controller is stopping".to_owned());
    }
    if !desk.nodes.any_up() {
        missing.push("no FreeSWITCH is linked".to_owned());
    }
    if let Err(error) = desk.store.write("ready", |_| Ok(())).await {
        missing.push(error.to_string());
    }
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    unready(&missing)
}

fn unready(missing: &[String]) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n").into_response()
}
