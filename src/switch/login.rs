//! Logging in to FreeSWITCH's event socket.

use tokio::net::TcpStream;

use super::frames::{Frame, FrameLimits, Frames, SocketError, outcome};
use crate::config::switch::NodeSettings;

/// Connects to a node, and logs in.
pub(super) async fn log_in(node: &NodeSettings, limits: FrameLimits) -> Result<Frames, SocketError> {
    tokio::time::timeout(node.connect_timeout, async {
        let stream = TcpStream::connect((node.host.as_str(), node.port)).await?;
        stream.set_nodelay(true)?;
        let mut frames = Frames::new(stream, Vec::new(), limits);
        match frames.next().await? {
            Frame::LoginWanted => {}
            Frame::NotAllowed => return Err(SocketError::NotAllowed),
            _ => return Err(SocketError::Malformed("no request to log in")),
        }
        frames.write(&format!("auth {}\n\n", node.password)).await?;
        match frames.next().await? {
            Frame::Reply(said) => outcome(said).map(|_| frames),
            Frame::Leave => Err(SocketError::Closed),
            _ => Err(SocketError::Malformed("no answer to the login")),
        }
    })
    .await?
}
