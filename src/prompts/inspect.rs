//! Whether a file can be played as a prompt.

use std::path::Path;
use std::time::Duration;

use super::audio::{self, Header, InvalidWav};
use crate::duration;

/// A prompt's file that callers would not hear as they should.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no file.
    #[error("it is missing")]
    Missing,
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// It is not WAV, or has no sound.
    #[error(transparent)]
    Wav(#[from] InvalidWav),
    /// It is stereo.
    #[error("it has {0} channels instead of one")]
    Channels(u16),
    /// FreeSWITCH would convert it for every caller.
    #[error("its rate is {0} Hz instead of 8000")]
    Rate(u32),
    /// Nobody would listen to it.
    #[error("it lasts {}, and [sounds] longest_prompt is {}", duration::show(*.0), duration::show(*.1))]
    TooLong(Duration, Duration),
}

impl Problem {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "write the default sounds with `dozvon prompt install`, or record it",
            Self::Unreadable(_) => "give the users of dozvon and FreeSWITCH the right to read it",
            Self::Wav(_) | Self::Channels(_) | Self::Rate(_) => {
                "convert it with `sox FILE -r 8000 -c 1 -b 16 NEW.wav`, or write the default with `dozvon prompt install`"
            }
            Self::TooLong(..) => "cut it, or raise [sounds] longest_prompt",
        }
    }
}

/// Reads a prompt's file and returns what its header says.
///
/// # Errors
/// Why callers would not hear it as they should.
pub fn inspect(file: &Path, longest: Duration) -> Result<Header, Problem> {
    let bytes = std::fs::read(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Problem::Missing,
        _ => Problem::Unreadable(error),
    })?;
    let header = audio::header(&bytes)?;
    let lasts = Duration::from_millis(header.duration_ms);
    match header {
        Header { channels, .. } if channels != 1 => Err(Problem::Channels(channels)),
        Header { rate, .. } if rate != audio::RATE => Err(Problem::Rate(rate)),
        _ if lasts > longest => Err(Problem::TooLong(lasts, longest)),
        _ => Ok(header),
    }
}
