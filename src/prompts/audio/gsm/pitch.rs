//! What a quarter of a frame repeats of the sound just before.

use super::QUARTER;
use super::arithmetic::{abs, mult, mult_r, norm};

/// The least and the most distance of a repetition.
const LAGS: std::ops::RangeInclusive<usize> = 40..=120;
/// Below which part of the energy each gain is chosen.
const STEPS: [i16; 3] = [6554, 16384, 26214];
const GAINS: [i16; 4] = [3277, 11469, 21299, 32767];

/// What is sent of the repetition.
pub(super) struct Pitch {
    pub(super) lag: u8,
    pub(super) gain: u8,
}

/// The residual as a decoder has rebuilt it: the last 120 samples.
pub(super) struct History([i16; 120]);

impl Default for History {
    fn default() -> Self {
        Self([0; 120])
    }
}

impl History {
    /// Returns the repetition that fits best, and what it predicts.
    pub(super) fn predict(&self, residual: &[i16]) -> (Pitch, [i16; QUARTER]) {
        let largest = residual.iter().copied().map(abs).max().unwrap_or_default();
        let room = if largest == 0 { 0 } else { norm(i32::from(largest) << 16) };
        let scale = 6_u32.saturating_sub(room);
        let (lag, likeness) = self.best(residual, scale);
        let gain = self.gain(lag, i64::from(likeness) << 1 >> (6 - scale));
        let predicted = std::array::from_fn(|at| mult_r(GAINS[gain], self.ago(lag, at)));
        (Pitch { lag: lag as u8, gain: gain as u8 }, predicted)
    }

    pub(super) fn push(&mut self, rebuilt: &[i16; QUARTER]) {
        self.0.copy_within(QUARTER.., 0);
        self.0[120 - QUARTER..].copy_from_slice(rebuilt);
    }

    fn ago(&self, lag: usize, at: usize) -> i16 {
        self.0[120 - lag + at]
    }

    fn best(&self, residual: &[i16], scale: u32) -> (usize, i32) {
        let mut best = (*LAGS.start(), 0);
        for lag in LAGS {
            let products = residual
                .iter()
                .enumerate()
                .map(|(at, &it)| i32::from(it >> scale) * i32::from(self.ago(lag, at)));
            let likeness = products.fold(0_i32, i32::saturating_add);
            if likeness > best.1 {
                best = (lag, likeness);
            }
        }
        best
    }

    fn gain(&self, lag: usize, likeness: i64) -> usize {
        let squares = (0..QUARTER).map(|at| i64::from(self.ago(lag, at) >> 3).pow(2));
        let power = squares.sum::<i64>() << 1;
        if likeness <= 0 {
            return 0;
        }
        if likeness >= power {
            return 3;
        }
        let room = norm(power as i32);
        let (likeness, power) = ((likeness << room >> 16) as i16, (power << room >> 16) as i16);
        STEPS.iter().position(|&step| likeness <= mult(power, step)).unwrap_or(STEPS.len())
    }
}
