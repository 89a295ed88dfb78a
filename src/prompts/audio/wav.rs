//! WAV files: what their header says, 16-bit samples of a synthesiser, and files in GSM.

use super::{RATE, gsm};

/// What the header of a WAV file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The coding.
    pub coding: &'static str,
    /// The channels: 1 is mono.
    pub channels: u16,
    /// Samples a second.
    pub rate: u32,
    /// How long the sound is.
    pub duration_ms: u64,
}

/// A file that cannot be a prompt, or be made one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWav {
    /// There is no byte in it.
    #[error("it is empty")]
    Empty,
    /// It has no header of a WAV file.
    #[error("it is not a WAV file")]
    NotWav,
    /// It holds no sample.
    #[error("it holds no sound")]
    NoSound,
    /// Every sample is silent.
    #[error("it holds nothing but silence")]
    Silent,
    /// FreeSWITCH's mod_sndfile may not read the coding.
    #[error("its coding (WAV format {0}) is not PCM, mu-law, A-law, GSM or IMA ADPCM")]
    Coding(u16),
    /// A synthesiser must write 16-bit samples.
    #[error("its samples are not 16-bit PCM")]
    NotPcm,
}

const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const IMA_ADPCM: u16 = 0x11;
const GSM: u16 = 0x31;
/// PCM with more fields. The number of the coding follows in the last of them.
const EXTENSIBLE: u16 = 0xfffe;

/// The chunks that matter.
struct Chunks<'a> {
    format: &'a [u8],
    data: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn of(file: &'a [u8]) -> Result<Self, InvalidWav> {
        if file.is_empty() {
            return Err(InvalidWav::Empty);
        }
        let (Some(b"RIFF"), Some(b"WAVE")) = (file.get(..4), file.get(8..12)) else {
            return Err(InvalidWav::NotWav);
        };
        let (mut format, mut rest) = (None, &file[12..]);
        loop {
            let (Some(name), Some(size)) = (rest.get(..4), u32_at(rest, 4)) else {
                return Err(if format.is_some() { InvalidWav::NoSound } else { InvalidWav::NotWav });
            };
            let body = &rest[8..];
            // A program that writes into a pipe does not know the size, and writes the largest.
            let size = body.len().min(size as usize);
            match (name, format) {
                (b"fmt ", _) if size >= 16 => format = Some(&body[..size]),
                (b"data", Some(format)) => return Ok(Self { format, data: &body[..size] }),
                _ => {}
            }
            rest = body.get(size + size % 2..).unwrap_or_default();
        }
    }

    fn coding(&self) -> u16 {
        match u16_at(self.format, 0) {
            Some(EXTENSIBLE) => u16_at(self.format, 24).unwrap_or(EXTENSIBLE),
            other => other.unwrap_or_default(),
        }
    }

    fn field(&self, at: usize) -> u16 {
        u16_at(self.format, at).unwrap_or_default()
    }

    fn rate(&self) -> u32 {
        u32_at(self.format, 4).unwrap_or_default()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Reads the header.
///
/// # Errors
/// The file is empty, not WAV, of a coding that FreeSWITCH may not read, or without sound.
pub fn header(file: &[u8]) -> Result<Header, InvalidWav> {
    let chunks = Chunks::of(file)?;
    let samples_of_block = u64::from(chunks.field(18));
    let (coding, per_block) = match chunks.coding() {
        PCM => ("PCM", 1),
        A_LAW => ("A-law", 1),
        MU_LAW => ("mu-law", 1),
        IMA_ADPCM => ("IMA ADPCM", samples_of_block),
        GSM => ("GSM", samples_of_block),
        other => return Err(InvalidWav::Coding(other)),
    };
    let block_bytes = u64::from(chunks.field(12)).max(1);
    let samples = (chunks.data.len() as u64).div_ceil(block_bytes) * per_block;
    if samples == 0 {
        return Err(InvalidWav::NoSound);
    }
    let rate = chunks.rate();
    let duration_ms = samples * 1000 / u64::from(rate.max(1));
    Ok(Header { coding, channels: chunks.field(2), rate, duration_ms })
}

/// Reads 16-bit samples as parts of full scale, the mean of all channels, and their rate.
pub(super) fn samples(file: &[u8]) -> Result<(Vec<f64>, u32), InvalidWav> {
    let chunks = Chunks::of(file)?;
    let channels = usize::from(chunks.field(2));
    if chunks.coding() != PCM || chunks.field(14) != 16 || channels == 0 || chunks.rate() < RATE {
        return Err(InvalidWav::NotPcm);
    }
    let sample = |bytes: &[u8]| f64::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32768.0;
    let mean = |moment: &[u8]| moment.chunks_exact(2).map(sample).sum::<f64>() / channels as f64;
    let samples: Vec<f64> = chunks.data.chunks_exact(2 * channels).map(mean).collect();
    if samples.is_empty() { Err(InvalidWav::NoSound) } else { Ok((samples, chunks.rate())) }
}

/// A WAV file of 8 kHz samples in GSM.
pub(super) fn gsm_file(samples: &[i16]) -> Vec<u8> {
    let data = gsm::encode(samples);
    let (block_bytes, block_samples) = (gsm::BLOCK_BYTES as u32, gsm::BLOCK_SAMPLES as u32);
    let format: [&[u8]; 8] = [
        &GSM.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * block_bytes / block_samples).to_le_bytes(),
        &(block_bytes as u16).to_le_bytes(),
        &0_u16.to_le_bytes(),
        &2_u16.to_le_bytes(),
        &(block_samples as u16).to_le_bytes(),
    ];
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let padding = vec![0; body.len() % 2];
        [&name[..], &(body.len() as u32).to_le_bytes(), body, &padding].concat()
    };
    let count = (data.len() as u32 / block_bytes * block_samples).to_le_bytes();
    let chunks = [chunk(b"fmt ", &format.concat()), chunk(b"fact", &count), chunk(b"data", &data)].concat();
    chunk(b"RIFF", &[&b"WAVE"[..], &chunks].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_read_as_it_was_written() {
        let file = gsm_file(&[0; 801]);
        let right = Header { coding: "GSM", channels: 1, rate: 8000, duration_ms: 120 };
        assert_eq!(header(&file), Ok(right));
        assert_eq!(file.len(), 12 + 8 + 20 + 8 + 4 + 8 + 3 * 65 + 1);
        for cut in 0..file.len() {
            // No part of a file makes the reader fail otherwise than by an error.
            drop((header(&file[..cut]), samples(&file[..cut])));
        }
        assert_eq!(header(b""), Err(InvalidWav::Empty));
        assert_eq!(header(b"ID3 an mp3 file"), Err(InvalidWav::NotWav));
        assert_eq!(header(&file[..60]), Err(InvalidWav::NoSound));
        assert_eq!(samples(&file), Err(InvalidWav::NotPcm));
        let mut mp3 = file.clone();
        mp3[20] = 0x55;
        assert_eq!(header(&mp3), Err(InvalidWav::Coding(0x55)));
    }
}
