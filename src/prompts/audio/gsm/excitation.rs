//! What a quarter of a frame adds to the repetition: 13 pulses on the best of four grids.

use super::QUARTER;
use super::arithmetic::{abs, add, mult, mult_r, saturate, shift, sub};

/// The filter that weights the error as the ear does.
const WEIGHTS: [i32; 11] = [-134, -374, 0, 2054, 5741, 8192, 5741, 2054, 0, -374, -134];
const INVERSE: [i16; 8] = [29128, 26215, 23832, 21846, 20165, 18725, 17476, 16384];
const FACTORS: [i16; 8] = [18431, 20479, 22527, 24575, 26623, 28671, 30719, 32767];

/// What is sent of the excitation.
pub(super) struct Excitation {
    pub(super) grid: u8,
    pub(super) largest: u8,
    pub(super) pulses: [u8; 13],
}

/// Returns the excitation, and what a decoder makes of it.
pub(super) fn encode(error: &[i16; QUARTER]) -> (Excitation, [i16; QUARTER]) {
    let weighted = weigh(error);
    let grid = best_grid(&weighted);
    let pulses: [i16; 13] = std::array::from_fn(|at| weighted[grid + 3 * at]);
    let largest = code_of_largest(pulses.iter().copied().map(abs).max().unwrap_or_default());
    let (exponent, mantissa) = split(largest);
    let codes = pulses.map(|pulse| {
        let scaled = mult(shift(pulse, 6 - exponent), INVERSE[mantissa]);
        ((scaled >> 12) + 4).clamp(0, 7) as u8
    });
    let mut rebuilt = [0; QUARTER];
    for (at, code) in codes.into_iter().enumerate() {
        rebuilt[grid + 3 * at] = decode(code, exponent, mantissa);
    }
    (Excitation { grid: grid as u8, largest: largest as u8, pulses: codes }, rebuilt)
}

fn weigh(error: &[i16; QUARTER]) -> [i16; QUARTER] {
    std::array::from_fn(|at| {
        let near = WEIGHTS.iter().enumerate().filter_map(|(tap, weight)| {
            Some(i64::from(*weight) * i64::from(*error.get((at + tap).checked_sub(5)?)?))
        });
        saturate((near.sum::<i64>() + 4096) >> 13)
    })
}

fn best_grid(weighted: &[i16; QUARTER]) -> usize {
    let energy = |grid: usize| (0..13).map(|at| i64::from(weighted[grid + 3 * at] >> 2).pow(2)).sum::<i64>();
    let mut best = 0;
    for grid in 1..4 {
        if energy(grid) > energy(best) {
            best = grid;
        }
    }
    best
}

fn code_of_largest(largest: i16) -> i16 {
    let mut exponent = 0;
    let mut rest = largest >> 9;
    while rest > 0 && exponent < 6 {
        exponent += 1;
        rest >>= 1;
    }
    add(largest >> (exponent + 5), exponent << 3)
}

fn split(code: i16) -> (i16, usize) {
    let mut exponent = if code > 15 { (code >> 3) - 1 } else { 0 };
    let mut mantissa = code - (exponent << 3);
    if mantissa == 0 {
        return (-4, 7);
    }
    while mantissa <= 7 {
        mantissa = mantissa << 1 | 1;
        exponent -= 1;
    }
    (exponent, usize::from(mantissa.unsigned_abs()) - 8)
}

fn decode(code: u8, exponent: i16, mantissa: usize) -> i16 {
    let down = sub(6, exponent);
    let half = shift(1, down - 1);
    let value = saturate(i64::from((i16::from(code) << 1) - 7) << 12);
    shift(add(mult_r(FACTORS[mantissa], value), half), -down)
}
