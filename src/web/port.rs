//! An HTTP port with limits on the number and the duration of connections.
//!
//! In: a socket and the pages. Out: answers, until it is told to stop.
//! **Invariants:** at most `max_connections` descriptors are held, whatever comes: further connections wait in the
//! system's queue. Of one address there are at most `max_per_address`; a further one is closed at once, so that one host with
//! silent sockets keeps nobody waiting. A connection is free again after `header_timeout` without the head of a request,
//! and at the latest `max_connection_age` and `header_timeout` after it began.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::requests::limits::{Occupancy, Occupant, sender};

/// The pause after a connection could not be accepted, mostly because file descriptors ran out.
const ACCEPT_WAIT: Duration = Duration::from_secs(1);

/// The limits of a port.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at one time.
    pub max_connections: usize,
    /// Connections of one address at one time.
    pub max_per_address: usize,
    /// Networks whose addresses may have more: the administrator's proxies, which serve many clients.
    pub proxies: Vec<IpNet>,
    /// How long the head of a request may take to arrive.
    pub header_timeout: Duration,
    /// How long a connection may last.
    pub max_connection_age: Duration,
}

/// Serves pages until told to stop. Then it accepts no connection, and open connections finish the requests under way.
pub async fn serve(socket: TcpListener, pages: Router, limits: Limits, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let occupancy = Occupancy::new(limits.max_per_address.max(1), limits.max_connections);
    let connections = TaskTracker::new();
    while let Some((permit, stream, peer)) = stop.run_until_cancelled(next(&socket, &permits)).await {
        let Ok(occupant) = occupant(&occupancy, &limits, peer.ip()) else {
            tracing::debug!("closed a web connection: its address has reached its limit of connections");
            continue;
        };
        let (pages, limits, stop) = (pages.clone(), limits.clone(), stop.clone());
        connections.spawn(async move {
            hold(stream, peer, pages, &limits, &stop).await;
            drop((permit, occupant));
        });
    }
    drop(socket);
    connections.close();
    connections.wait().await;
}

/// An address has reached its limit of connections.
struct AddressFull;

/// Reserves a connection for an address; a proxy needs none.
fn occupant(
    occupancy: &Occupancy,
    limits: &Limits,
    address: IpAddr,
) -> Result<Option<Occupant>, AddressFull> {
    let address = address.to_canonical();
    if limits.proxies.iter().any(|net| net.contains(&address)) {
        return Ok(None);
    }
    occupancy.enter(sender(address)).map(Some).ok_or(AddressFull)
}

/// Accepts the next connection when one may be held.
async fn next(
    socket: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The semaphore is never closed, so a permit comes sooner or later.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => return (permit, stream, peer),
            Err(error) => {
                tracing::warn!(%error, wait = ?ACCEPT_WAIT, "cannot accept a web connection; waiting");
                tokio::time::sleep(ACCEPT_WAIT).await;
            }
        }
    }
}

/// Serves one connection until it ends, has lasted too long, or the port stops.
async fn hold(stream: TcpStream, peer: SocketAddr, pages: Router, limits: &Limits, stop: &CancellationToken) {
    let pages = TowerToHyperService::new(pages);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        pages.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Errors of a connection concern only the other side.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(limits.max_connection_age) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(limits.header_timeout, connection).await;
}
