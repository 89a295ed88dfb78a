//! Connects to a short message centre, with TLS or without.
//!
//! As with a mail server, only the settings name its address, which is often in a private network: the checks for
//! addresses of destinations do not apply.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::notify::{Smpp, SmppTls};

/// Both directions of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, with TLS or without.
pub(super) type Stream = Box<dyn Duplex>;

/// Connects.
///
/// # Errors
/// The error of the network or of TLS.
pub(super) async fn connect(settings: &Smpp) -> Result<Stream, String> {
    let (host, port) = (settings.host.as_str(), settings.port);
    let wrong = |error: std::io::Error| format!("cannot connect to {host} port {port}: {error}");
    let line = TcpStream::connect((host, port)).await.map_err(wrong)?;
    line.set_nodelay(true).map_err(wrong)?;
    match settings.encryption {
        SmppTls::None => Ok(Box::new(line)),
        SmppTls::Tls => {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|error| format!("{host:?} is no name that a certificate can have: {error}"))?;
            Ok(Box::new(TlsConnector::from(trust()?).connect(name, line).await.map_err(wrong)?))
        }
    }
}

/// Trusts the system's certificates, as the HTTP clients do.
fn trust() -> Result<Arc<ClientConfig>, String> {
    let wrong = |error: rustls::Error| format!("TLS: {error}");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(wrong)?;
    Ok(Arc::new(config.with_no_client_auth()))
}
