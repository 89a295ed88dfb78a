//! HTTP pages for browsers, programs and Prometheus.
//!
//! Two ports: one for the public (`requests` receives forms and requests of programs), and one for monitoring
//! (`status`). `port` serves the connections of either, limited in number and duration.

pub mod port;
pub mod requests;
mod status;

use std::sync::Arc;

use axum::Router;

use crate::config::Settings;
use crate::context::App;
use port::Limits;

/// The pages of the web port, which are public.
pub fn public(app: &Arc<App>) -> Router {
    let intake = requests::Intake::new(&app.settings, app.clock, app.store.clone(), app.rules.clone());
    let status = if app.settings.status.on_web_port { self::status(app) } else { status::moved() };
    requests::router(intake).merge(status)
}

/// The pages of the status port.
pub fn status(app: &Arc<App>) -> Router {
    status::router(Arc::clone(app))
}

/// The limits of the web port.
#[must_use]
pub fn public_limits(settings: &Settings) -> Limits {
    Limits {
        max_connections: settings.web.max_connections,
        max_per_address: settings.web.max_connections_per_address,
        proxies: settings.requests.trusted_proxies.clone(),
        header_timeout: settings.web.header_timeout,
        max_connection_age: settings.web.max_connection_age,
    }
}

/// The limits of the status port: one address may use all connections.
#[must_use]
pub fn status_limits(settings: &Settings) -> Limits {
    let most = settings.status.max_connections;
    Limits { max_connections: most, max_per_address: most, proxies: Vec::new(), ..public_limits(settings) }
}
