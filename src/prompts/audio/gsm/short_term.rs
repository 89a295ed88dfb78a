//! The spectrum of a frame, and what is left of the sound without it.

use super::FRAME;
use super::arithmetic::{abs, add, div, mult, mult_r, norm, saturate, sub};

/// How each log area ratio is quantised: factor, offset, least code, most code, inverse of the factor.
const CODES: [(i16, i16, i16, i16, i16); 8] = [
    (20480, 0, -32, 31, 13107),
    (20480, 0, -32, 31, 13107),
    (20480, 2048, -16, 15, 13107),
    (20480, -2560, -16, 15, 13107),
    (13964, 94, -8, 7, 19223),
    (15360, -1792, -8, 7, 17476),
    (8534, -341, -4, 3, 31454),
    (9036, -1144, -4, 3, 29708),
];

#[derive(Default)]
pub(super) struct ShortTerm {
    /// The ratios of the frame before, as a decoder sees them.
    before: [i16; 8],
    /// The state of the filter.
    state: [i16; 8],
}

impl ShortTerm {
    /// Returns the codes of the frame's ratios, and the residual.
    pub(super) fn analyse(&mut self, samples: &[i16; FRAME]) -> ([i16; 8], [i16; FRAME]) {
        let (samples, correlation) = autocorrelation(samples);
        let reflections = reflections(&correlation);
        let codes: [i16; 8] = std::array::from_fn(|at| encode_ratio(at, log_area(reflections[at])));
        let now: [i16; 8] = std::array::from_fn(|at| decode_ratio(at, codes[at]));
        let before = std::mem::replace(&mut self.before, now);
        let mut residual = samples;
        // The spectrum glides from that of the frame before to this one's.
        for (span, weight) in [(0..13, 1_u8), (13..27, 2), (27..40, 3), (40..FRAME, 4)] {
            let glide = std::array::from_fn(|at| reflection(mix(before[at], now[at], weight)));
            self.filter(&glide, &mut residual[span]);
        }
        (codes, residual)
    }

    fn filter(&mut self, reflections: &[i16; 8], samples: &mut [i16]) {
        for sample in samples {
            let mut carried = *sample;
            for (state, &reflection) in self.state.iter_mut().zip(reflections) {
                let next = add(*state, mult_r(reflection, *sample));
                *sample = add(*sample, mult_r(reflection, *state));
                *state = carried;
                carried = next;
            }
        }
    }
}

/// The ratio between two frames: one to three quarters of the way, or all of it.
fn mix(before: i16, now: i16, weight: u8) -> i16 {
    match weight {
        1 => add(add(before >> 2, now >> 2), before >> 1),
        2 => add(before >> 1, now >> 1),
        3 => add(add(before >> 2, now >> 2), now >> 1),
        _ => now,
    }
}

/// Returns the samples without the bits that the products have no room for, and the correlation.
fn autocorrelation(samples: &[i16; FRAME]) -> ([i16; FRAME], [i32; 9]) {
    let largest = samples.iter().copied().map(abs).max().unwrap_or_default();
    let scale = if largest == 0 { 0 } else { 4 - norm(i32::from(largest) << 16) as i16 };
    let scaled = samples.map(|sample| if scale > 0 { mult_r(sample, 16384 >> (scale - 1)) } else { sample });
    let correlation = std::array::from_fn(|lag| {
        let products =
            scaled[lag..].iter().zip(&scaled).map(|(&one, &other)| i64::from(one) * i64::from(other));
        (products.sum::<i64>() << 1).clamp(i32::MIN.into(), i32::MAX.into()) as i32
    });
    (scaled.map(|sample| if scale > 0 { sample << scale } else { sample }), correlation)
}

/// The reflection coefficients, by Schur's recursion.
fn reflections(correlation: &[i32; 9]) -> [i16; 8] {
    let mut found = [0; 8];
    if correlation[0] == 0 {
        return found;
    }
    let shift = norm(correlation[0]);
    let mut p: [i16; 9] = correlation.map(|value| (value.wrapping_shl(shift) >> 16) as i16);
    let mut k = p;
    for n in 0..8 {
        let size = abs(p[1]);
        if p[0] < size {
            return found;
        }
        let ratio = div(size, p[0]);
        found[n] = if p[1] > 0 { -ratio } else { ratio };
        p[0] = add(p[0], mult_r(p[1], found[n]));
        for m in 1..8 - n {
            let next = p[m + 1];
            p[m] = add(next, mult_r(k[m], found[n]));
            k[m] = add(k[m], mult_r(next, found[n]));
        }
    }
    found
}

fn log_area(reflection: i16) -> i16 {
    let size = abs(reflection);
    let ratio = match size {
        ..22118 => size >> 1,
        22118..31130 => size - 11059,
        _ => (size - 26112) << 2,
    };
    if reflection < 0 { -ratio } else { ratio }
}

fn encode_ratio(at: usize, ratio: i16) -> i16 {
    let (factor, offset, least, most, _) = CODES[at];
    let code = add(add(mult(factor, ratio), offset), 256) >> 9;
    code.clamp(least, most) - least
}

fn decode_ratio(at: usize, code: i16) -> i16 {
    let (_, offset, least, _, inverse) = CODES[at];
    let value = sub(saturate(i64::from(code + least) << 10), offset << 1);
    let half = mult_r(inverse, value);
    add(half, half)
}

fn reflection(ratio: i16) -> i16 {
    let size = abs(ratio);
    let value = match size {
        ..11059 => size << 1,
        11059..20070 => size + 11059,
        _ => add(size >> 2, 26112),
    };
    if ratio < 0 { -value } else { value }
}
