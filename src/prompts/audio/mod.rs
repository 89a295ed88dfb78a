//! The samples of a prompt: from what a synthesiser wrote to the file that FreeSWITCH plays.
//!
//! Pure.

mod gsm;
mod resample;
mod shape;
mod wav;

pub use shape::Pause;
pub use wav::{Header, InvalidWav, header};

/// The sampling rate of prompts.
pub const RATE: u32 = 8000;

/// Makes the file of a prompt from a WAV file of 16-bit samples: 8 kHz, mono, GSM full-rate. Silence at both ends is
/// cut, the level is made equal for all, and short fades keep joints from clicking.
///
/// # Errors
/// The file is not WAV with 16-bit samples, or silent.
pub fn prompt_of(wav: &[u8], pause: Pause) -> Result<Vec<u8>, InvalidWav> {
    let (samples, rate) = wav::samples(wav)?;
    let samples = resample::to(RATE, &samples, rate);
    let samples = shape::shape(&samples, pause).ok_or(InvalidWav::Silent)?;
    Ok(wav::gsm_file(&samples))
}
