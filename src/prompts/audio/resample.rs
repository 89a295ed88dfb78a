//! Changes the sampling rate.

/// The part of the new bandwidth that passes: up to 3.6 kHz of 4 kHz.
const PASSES: f64 = 0.9;
/// How many zeros of the sinc function are kept to each side.
const ZEROS: f64 = 24.0;

/// Returns the samples at another rate, low-passed by a windowed sinc function if the rate is lower.
pub(super) fn to(rate: u32, samples: &[f64], from: u32) -> Vec<f64> {
    if rate == from {
        return samples.to_vec();
    }
    let step = f64::from(from) / f64::from(rate);
    let cutoff = PASSES / step.max(1.0);
    let reach = ZEROS / cutoff;
    let count = (samples.len() as f64 / step) as usize;
    (0..count).map(|at| at_position(samples, at as f64 * step, cutoff, reach)).collect()
}

fn at_position(samples: &[f64], position: f64, cutoff: f64, reach: f64) -> f64 {
    let first = (position - reach).ceil().max(0.0) as usize;
    let last = ((position + reach).floor() as usize).min(samples.len().saturating_sub(1));
    let near = samples.iter().enumerate().take(last + 1).skip(first);
    near.map(|(at, sample)| {
        let distance = at as f64 - position;
        let window = 0.5 + 0.5 * (std::f64::consts::PI * distance / reach).cos();
        sample * window * cutoff * sinc(distance * cutoff)
    })
    .sum()
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(samples: &[f64]) -> f64 {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        (middle.iter().map(|sample| sample * sample).sum::<f64>() / middle.len() as f64).sqrt()
    }

    #[test]
    fn speech_passes_and_what_a_phone_cannot_carry_does_not() {
        let tone = |hz: f64| {
            (0..16_000).map(move |at| (std::f64::consts::TAU * hz * f64::from(at) / 16_000.0).sin())
        };
        for (hz, least, most) in [(300.0, 0.70, 0.715), (3000.0, 0.69, 0.72), (5000.0, 0.0, 0.01)] {
            let heard = to(8000, &tone(hz).collect::<Vec<_>>(), 16_000);
            assert_eq!(heard.len(), 8000);
            assert!((least..most).contains(&level(&heard)), "{hz} Hz: {}", level(&heard));
        }
    }
}
