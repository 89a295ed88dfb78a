//! The GSM full-rate coding (ETSI EN 300 961, "GSM 06.10"): 13 kbit/s, which FreeSWITCH's mod_sndfile reads from WAV
//! files. Only the encoder, in the 16-bit arithmetic of the standard.
//!
//! Pure.

mod arithmetic;
mod excitation;
mod pack;
mod pitch;
mod preprocess;
mod short_term;

pub(super) use pack::{BLOCK_BYTES, BLOCK_SAMPLES};

use excitation::Excitation;
use pitch::{History, Pitch};
use preprocess::Preprocess;
use short_term::ShortTerm;

/// The samples of one frame: 20 ms.
const FRAME: usize = 160;
/// The samples of a quarter of a frame, the unit of pitch and excitation.
const QUARTER: usize = 40;

/// What is sent of one frame.
struct Frame {
    /// The spectrum: eight log area ratios.
    ratios: [i16; 8],
    /// Pitch and excitation of each quarter.
    quarters: [(Pitch, Excitation); 4],
}

/// Encodes 8 kHz samples as the blocks of a WAV file, each of two frames. The end is filled with silence.
pub(super) fn encode(samples: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let blocks = samples.chunks(BLOCK_SAMPLES).map(|chunk| {
        let mut block = [0; BLOCK_SAMPLES];
        block[..chunk.len()].copy_from_slice(chunk);
        let (first, second) = block.split_at(FRAME);
        let frames = [encoder.frame(first), encoder.frame(second)];
        pack::block(&frames)
    });
    blocks.flatten().collect()
}

#[derive(Default)]
struct Encoder {
    preprocess: Preprocess,
    short_term: ShortTerm,
    history: History,
}

impl Encoder {
    fn frame(&mut self, samples: &[i16]) -> Frame {
        let samples = self.preprocess.run(samples);
        let (ratios, residual) = self.short_term.analyse(&samples);
        let quarters = std::array::from_fn(|quarter| {
            let residual = &residual[quarter * QUARTER..(quarter + 1) * QUARTER];
            let (pitch, predicted) = self.history.predict(residual);
            let error = std::array::from_fn(|at| arithmetic::sub(residual[at], predicted[at]));
            let (excitation, rebuilt) = excitation::encode(&error);
            self.history.push(&std::array::from_fn(|at| arithmetic::add(rebuilt[at], predicted[at])));
            (pitch, excitation)
        });
        Frame { ratios, quarters }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Half a second of a buzz of 140 Hz and noise, loud and soft in turn.
    fn signal() -> Vec<i16> {
        let mut seed: u64 = 1;
        let mut sample = |at: i64| {
            seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
            let loud = at / 400 % 5;
            let noise = (seed >> 16).cast_signed() % 1200 - 600;
            let buzz = (at % 57 * 500 - 14_000) * loud;
            arithmetic::saturate(buzz.div_euclid(4) + noise * loud)
        };
        (0..3200).map(&mut sample).collect()
    }

    #[test]
    fn every_bit_is_as_another_encoder_writes_it() {
        let encoded = encode(&signal());
        assert_eq!(encoded.len(), 10 * BLOCK_BYTES);

        let digest: String = Sha256::digest(&encoded).iter().map(|byte| format!("{byte:02x}")).collect();
        // libgsm 1.0.22, through sox 14.4.2.
        assert_eq!(digest, "9888d23d40c6817b7532f5c6ac0544b743392704c5b1e751ea3bbb1407600694");
    }
}
