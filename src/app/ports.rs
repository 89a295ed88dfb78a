//! The ports for people and programs.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::AppError;
use crate::context::App;
use crate::vital::Vital;
use crate::web;

/// Serves the pages. Returns the addresses of the status port and the web port.
pub(super) async fn serve_pages(
    app: &Arc<App>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<(SocketAddr, SocketAddr), AppError> {
    let settings = &app.settings;
    let port = Port { vital: &app.vital, stop, tasks };
    let (pages, limits) = (web::status(app), web::status_limits(settings));
    let status = port.serve("status", settings.status.listen, pages, limits).await?;
    let (pages, limits) = (web::public(app), web::public_limits(settings));
    let web = port.serve("web", settings.web.listen, pages, limits).await?;
    Ok((status, web))
}

/// A port to serve.
struct Port<'a> {
    vital: &'a Vital,
    stop: &'a CancellationToken,
    tasks: &'a TaskTracker,
}

impl Port<'_> {
    /// Listens at an address and serves pages there as a vital task. Returns the actual address.
    async fn serve(
        &self,
        task: &'static str,
        address: SocketAddr,
        pages: axum::Router,
        limits: web::port::Limits,
    ) -> Result<SocketAddr, AppError> {
        let cannot = |source| AppError::Port { task, address, source };
        let socket = tokio::net::TcpListener::bind(address).await.map_err(cannot)?;
        let bound = socket.local_addr().map_err(cannot)?;
        let serving = web::port::serve(socket, pages, limits, self.stop.clone());
        self.vital.run(task, self.tasks, serving);
        Ok(bound)
    }
}
