//! A port for HTTP: connections, no more and no longer than is good.
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

use super::requests::limits::{Crowd, Seat, sender};

/// How long it is waited after a connection could not be accepted, most often for want of descriptors.
const ACCEPT_WAIT: Duration = Duration::from_secs(1);

/// The limits of a port.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at one time.
    pub max_connections: usize,
    /// Connections of one address at one time.
    pub max_per_address: usize,
    /// Networks whose addresses may have more: our own proxies, who stand for many.
    pub proxies: Vec<IpNet>,
    /// How long the head of a request may take to come.
    pub header_timeout: Duration,
    /// How long a connection may last.
    pub max_connection_age: Duration,
}

/// Serves pages until it is told to stop: then no connection is taken any more, and those that are there end the
/// requests that are under way.
pub async fn serve(socket: TcpListener, pages: Router, limits: Limits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let crowd = Crowd::new(limits.max_per_address.max(1), limits.max_connections);
    let connections = TaskTracker::new();
    while let Some((place, stream, peer)) = stop.run_until_cancelled(next(&socket, &places)).await {
        let Ok(seat) = seat(&crowd, &limits, peer.ip()) else {
            tracing::debug!("an address has as many web connections as it may: a further one was closed");
            continue;
        };
        let (pages, limits, stop) = (pages.clone(), limits.clone(), stop.clone());
        connections.spawn(async move {
            hold(stream, peer, pages, &limits, &stop).await;
            drop((place, seat));
        });
    }
    drop(socket);
    connections.close();
    connections.wait().await;
}

/// An address has as many connections as it may.
struct Full;

/// Room for one more connection of an address; a proxy of ours needs none.
fn seat(crowd: &Crowd, limits: &Limits, address: IpAddr) -> Result<Option<Seat>, Full> {
    let address = address.to_canonical();
    if limits.proxies.iter().any(|net| net.contains(&address)) {
        return Ok(None);
    }
    crowd.enter(sender(address)).map(Some).ok_or(Full)
}

/// The next connection for which there is a place.
async fn next(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The places are never closed: there is one, sooner or later.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => return (place, stream, peer),
            Err(error) => {
                tracing::warn!(%error, wait = ?ACCEPT_WAIT, "cannot accept a web connection; waiting");
                tokio::time::sleep(ACCEPT_WAIT).await;
            }
        }
    }
}

/// Answers on one connection until it ends, has lasted too long, or we stop.
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
    // How a connection ended is the business of the other side.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(limits.max_connection_age) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(limits.header_timeout, connection).await;
}
