//! The bits of a block in a WAV file: two frames in 65 bytes, the lowest bit first.

use super::{FRAME, Frame};

/// The bytes of a block.
pub(in crate::prompts::audio) const BLOCK_BYTES: usize = 65;
/// The samples of a block.
pub(in crate::prompts::audio) const BLOCK_SAMPLES: usize = 2 * FRAME;

/// The bits of each ratio's code.
const RATIO_BITS: [u32; 8] = [6, 6, 5, 5, 4, 4, 3, 3];

pub(super) fn block(frames: &[Frame; 2]) -> [u8; BLOCK_BYTES] {
    let mut bits = Bits { bytes: [0; BLOCK_BYTES], at: 0 };
    for frame in frames {
        for (ratio, count) in frame.ratios.iter().zip(RATIO_BITS) {
            bits.push(*ratio as u8, count);
        }
        for (pitch, excitation) in &frame.quarters {
            bits.push(pitch.lag, 7);
            bits.push(pitch.gain, 2);
            bits.push(excitation.grid, 2);
            bits.push(excitation.largest, 6);
            for &pulse in &excitation.pulses {
                bits.push(pulse, 3);
            }
        }
    }
    bits.bytes
}

struct Bits {
    bytes: [u8; BLOCK_BYTES],
    at: usize,
}

impl Bits {
    fn push(&mut self, value: u8, count: u32) {
        for bit in 0..count {
            self.bytes[self.at / 8] |= (value >> bit & 1) << (self.at % 8);
            self.at += 1;
        }
    }
}
