//! What browsers and Prometheus see.
//!
//! Two ports: one for strangers (`requests` takes what forms and bots send), and one for those who watch us (`status`
//! says how the process is). `port` holds connections of either, no more and no longer than is good.

pub mod port;
pub mod requests;
mod status;

use std::sync::Arc;

use axum::Router;

use crate::config::Settings;
use crate::context::App;
use port::Limits;

/// The pages of the web port, which the whole world may see.
pub fn public(app: &Arc<App>) -> Router {
    let gate = requests::Gate::new(&app.settings, app.clock, app.store.clone(), app.rules.clone());
    let status = if app.settings.status.on_web_port { self::status(app) } else { status::moved() };
    requests::router(gate).merge(status)
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

/// The limits of the status port: whoever reaches it may have all of it.
#[must_use]
pub fn status_limits(settings: &Settings) -> Limits {
    let most = settings.status.max_connections;
    Limits { max_connections: most, max_per_address: most, proxies: Vec::new(), ..public_limits(settings) }
}
