//! A single connection to a FreeSWITCH for `dozvon check`, which reports what is wrong instead of trying again.

use super::wire::{Wire, WireEnd, WireError};
use crate::config::switch::NodeSettings;

/// Why a FreeSWITCH cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// Nobody answers at its address.
    #[error("{address} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The system's error.
        why: String,
    },
    /// The login was refused.
    #[error("{address} refuses the login: {why}")]
    Refused {
        /// Host and port.
        address: String,
        /// Its answer.
        why: String,
    },
    /// The login succeeded, and a command got no answer.
    #[error("FreeSWITCH gave no answer: {0}")]
    NoAnswer(String),
}

/// A connection to a FreeSWITCH for queries.
pub struct Probe {
    wire: Wire,
    end: WireEnd,
}

impl Probe {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`ProbeError::Unreachable`] or [`ProbeError::Refused`].
    pub async fn connect(node: &NodeSettings) -> Result<Self, ProbeError> {
        let address = format!("{}:{}", node.host, node.port);
        let unreachable = |why: String| ProbeError::Unreachable { address: address.clone(), why };
        let connecting = tokio::net::TcpStream::connect((node.host.as_str(), node.port));
        match tokio::time::timeout(node.connect_timeout, connecting).await {
            Ok(Ok(stream)) => drop(stream),
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable(format!("no answer within {:?}", node.connect_timeout))),
        }
        let refused =
            |error: WireError| ProbeError::Refused { address: address.clone(), why: error.to_string() };
        let (wire, end) = Wire::connect(node).await.map_err(refused)?;
        Ok(Self { wire, end })
    }

    /// Runs an API command and returns its output, including a refusal of FreeSWITCH (`-ERR …`).
    ///
    /// # Errors
    /// [`ProbeError::NoAnswer`]: then the connection cannot be used any more.
    pub async fn ask(&mut self, command: &str) -> Result<String, ProbeError> {
        match self.wire.api(command).await {
            Ok(answer) => Ok(answer),
            Err(WireError::Refused(no)) => Ok(no),
            Err(error) => Err(ProbeError::NoAnswer(error.to_string())),
        }
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.wire.close(Some(self.end)).await;
    }
}
