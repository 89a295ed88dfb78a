//! Cuts silence, makes the level equal, and fades both ends.

use super::RATE;

/// The length of a window in which the level is measured: 10 ms.
const WINDOW: usize = RATE as usize / 100;
/// A window is speech if its level is at least this part of that of the loudest: 40 dB below.
const SPEECH: f64 = 0.01;
/// What is kept before the first window with speech: 20 ms. A consonant begins softly.
const BEFORE: usize = 2;
/// What is kept after the last: 40 ms.
const AFTER: usize = 4;
/// The level of the windows with speech: 20 dB below full scale.
const LEVEL: f64 = 0.1;
/// The highest sample: 3 dB below full scale. A prompt with high peaks is softer than the others.
const PEAK: f64 = 0.7079;
/// The windows that count for the level: those within 20 dB of the loudest. A pause between words does not.
const LOUD: f64 = 0.1;
/// The fade at the beginning, and at the end: 5 ms and 15 ms.
const FADES: (usize, usize) = (RATE as usize / 200, RATE as usize * 3 / 200);

/// The silence after a prompt, by the mark at the end of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// A word inside of a sentence.
    None,
    /// After a comma or a colon.
    Short,
    /// After a sentence.
    Long,
}

impl Pause {
    /// The pause after a text.
    #[must_use]
    pub fn after(text: &str) -> Self {
        match text.trim_end().chars().last() {
            // "a.m." is no sentence.
            Some('.') if !text.contains(' ') && text.matches('.').count() > 1 => Self::None,
            Some('.' | '!' | '?') => Self::Long,
            Some(',' | ':') => Self::Short,
            _ => Self::None,
        }
    }

    fn samples(self) -> usize {
        let ms = match self {
            Self::None => 0,
            Self::Short => 80,
            Self::Long => 250,
        };
        RATE as usize * ms / 1000
    }
}

/// Returns the samples as the prompt has them. None if there is no speech.
pub(super) fn shape(samples: &[f64], pause: Pause) -> Option<Vec<i16>> {
    let levels: Vec<f64> = samples.chunks(WINDOW).map(level).collect();
    let loudest = levels.iter().copied().fold(0.0, f64::max);
    if loudest * f64::from(i16::MAX) < 1.0 {
        return None;
    }
    let is_speech = |level: &f64| *level >= loudest * SPEECH;
    let first = levels.iter().position(is_speech)?.saturating_sub(BEFORE);
    let last = levels.iter().rposition(is_speech)? + 1 + AFTER;
    let kept = samples.get(first * WINDOW..(last * WINDOW).min(samples.len()))?;
    let gain = gain(&levels, loudest, kept);
    let faded = (0..kept.len()).map(|at| kept[at] * gain * fade(at, kept.len()));
    let scaled = faded.map(|sample| (sample * f64::from(i16::MAX)).round() as i16);
    Some(scaled.chain(std::iter::repeat_n(0, pause.samples())).collect())
}

fn level(window: &[f64]) -> f64 {
    (window.iter().map(|sample| sample * sample).sum::<f64>() / window.len() as f64).sqrt()
}

fn gain(levels: &[f64], loudest: f64, kept: &[f64]) -> f64 {
    let loud = levels.iter().filter(|level| **level >= loudest * LOUD);
    let (energy, count) =
        loud.fold((0.0, 0.0), |(energy, count), level| (energy + level * level, count + 1.0));
    let speech: f64 = f64::sqrt(energy / count);
    let peak = kept.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs()));
    (LEVEL / speech).min(PEAK / peak)
}

fn fade(at: usize, count: usize) -> f64 {
    let part = |at: usize, length: usize| (at as f64 / length as f64).min(1.0);
    part(at, FADES.0) * part(count - 1 - at, FADES.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Silence, a tone, silence; a second each.
    fn tone(amplitude: f64) -> Vec<f64> {
        let wave = |at: usize| (std::f64::consts::TAU * 440.0 * at as f64 / f64::from(RATE)).sin();
        (0..24_000).map(|at| if (8000..16_000).contains(&at) { amplitude * wave(at) } else { 0.0 }).collect()
    }

    #[test]
    fn silence_is_cut_and_the_level_does_not_depend_on_the_source() {
        for amplitude in [0.01, 0.1, 0.99] {
            let shaped = shape(&tone(amplitude), Pause::None).unwrap();
            assert_eq!(shaped.len(), 8000 + (BEFORE + AFTER) * WINDOW);
            let middle: Vec<f64> =
                shaped[2000..6000].iter().map(|sample| f64::from(*sample) / f64::from(i16::MAX)).collect();
            assert!((level(&middle) - LEVEL).abs() < 0.002, "{amplitude}: {}", level(&middle));
            assert_eq!((shaped[0], shaped[shaped.len() - 1]), (0, 0));
        }
        assert_eq!(shape(&tone(0.0), Pause::None), None);
    }

    #[test]
    fn no_peak_is_clipped_and_a_sentence_is_followed_by_silence() {
        let mut clicks = tone(0.01);
        clicks[12_000] = 0.9;
        let shaped = shape(&clicks, Pause::Long).unwrap();
        let peak = shaped.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((23_100..=23_200).contains(&peak), "{peak}");
        assert!(shaped[shaped.len() - 2000..].iter().all(|sample| *sample == 0));
        for (text, pause) in [
            ("Goodbye.", Pause::Long),
            ("Thank you for waiting.", Pause::Long),
            ("a.m.", Pause::None),
            ("To wait on,", Pause::Short),
            ("from", Pause::None),
        ] {
            assert_eq!(Pause::after(text), pause, "{text}");
        }
    }
}
