//! The tones that tell what a caller or a phone hears, and the arithmetic that finds them in sound.

use std::f64::consts::TAU;

/// Samples a second.
const RATE: f64 = 8000.0;
/// The tone must hold this share of the sound's power.
const DOMINANCE: f64 = 0.6;
/// Mean square below which there is silence.
const SILENCE: f64 = 10_000.0;

/// What can be heard, each by a frequency of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// What waiting callers hear.
    Music,
    /// What the dialplan plays between two tries to find a controller.
    Pause,
    /// What the dialplan plays when no controller takes the call.
    Fallback,
    /// What callers hear after hours.
    Closed,
    /// An agent speaking.
    Agent,
    /// A caller speaking.
    Caller,
    /// The one to whom a call was transferred.
    SomebodyElse,
    /// What an agent hears while the customer's phone rings.
    Ringing,
    /// What an agent hears when what they dialled was done.
    Done,
    /// What an agent hears when what they dialled may not be done.
    Refused,
    /// What a customer hears who is called before an agent is there.
    Greeting,
    /// What the customer hears when no agent has come.
    Apology,
    /// What an agent hears who picked up for a caller who is gone.
    NoCaller,
    /// What callers hear in the first menu.
    Menu,
    /// What callers hear in the menu behind it.
    Inner,
    /// What callers hear after a key that no option has.
    Wrong,
    /// What callers hear after no key.
    NoKey,
    /// What callers hear when they begin to wait.
    Welcome,
    /// What callers hear while they wait.
    Notice,
    /// What callers hear instead of a default prompt, where none is installed.
    Word,
}

impl Tone {
    const ALL: [Self; 20] = [
        Self::Music,
        Self::Pause,
        Self::Fallback,
        Self::Closed,
        Self::Agent,
        Self::Caller,
        Self::SomebodyElse,
        Self::Ringing,
        Self::Done,
        Self::Refused,
        Self::Greeting,
        Self::Apology,
        Self::NoCaller,
        Self::Menu,
        Self::Inner,
        Self::Wrong,
        Self::NoKey,
        Self::Welcome,
        Self::Notice,
        Self::Word,
    ];

    /// Its frequency: multiples of 10 Hz, since windows are 100 ms long, and no harmonics of each other.
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Music => 440,
            Self::Pause => 350,
            Self::Fallback => 560,
            Self::Closed => 680,
            Self::Agent => 790,
            Self::Caller => 910,
            Self::SomebodyElse => 1030,
            Self::Ringing => 1150,
            Self::Done => 1270,
            Self::Refused => 1390,
            Self::Greeting => 1510,
            Self::Apology => 1630,
            Self::NoCaller => 1740,
            Self::Menu => 310,
            Self::Inner => 1870,
            Self::Wrong => 490,
            Self::NoKey => 1990,
            Self::Welcome => 2110,
            Self::Notice => 2230,
            Self::Word => 620,
        }
    }

    /// What FreeSWITCH is to play for it: `seconds` long.
    pub fn source(self, seconds: u32) -> String {
        format!("tone_stream://%(1000,0,{});loops={seconds}", self.hertz())
    }

    /// What FreeSWITCH is to play for it without end.
    pub fn endless(self) -> String {
        format!("tone_stream://%(1000,0,{});loops=-1", self.hertz())
    }

    /// A second of it as μ-law sound, to be spoken again and again.
    pub fn spoken(self) -> Vec<u8> {
        let angle = |sample: u32| TAU * f64::from(self.hertz()) * f64::from(sample) / RATE;
        (0..8000).map(|sample| to_mulaw(angle(sample).sin() * 8000.0)).collect()
    }

    /// The tone that fills these samples, if one does.
    pub fn heard_in(samples: &[f64]) -> Option<Self> {
        let count = f64::from(u32::try_from(samples.len()).ok()?);
        let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / count;
        if power < SILENCE {
            return None;
        }
        Self::ALL.into_iter().find(|tone| tone.power_in(samples, count) > DOMINANCE * power)
    }

    /// Goertzel's algorithm: dozens of ears listen at once, on machines that have FreeSWITCH to run besides.
    fn power_in(self, samples: &[f64], count: f64) -> f64 {
        let turn = 2.0 * (TAU * f64::from(self.hertz()) / RATE).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for sample in samples {
            (last, before) = (sample + turn * last - before, last);
        }
        2.0 * (last * last + before * before - turn * last * before) / (count * count)
    }
}

/// The sample that a μ-law byte stands for (ITU-T G.711).
pub fn from_mulaw(byte: u8) -> f64 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 0x0f) << 3) + 0x84) << ((byte & 0x70) >> 4);
    let sample = f64::from(magnitude - 0x84);
    if byte & 0x80 == 0 { sample } else { -sample }
}

/// The μ-law byte nearest to a sample within ±8159 × 4 (ITU-T G.711).
fn to_mulaw(sample: f64) -> u8 {
    let sign = if sample < 0.0 { 0x80 } else { 0 };
    let candidates = (0..=0x7f_u8).map(|code| !(code | sign));
    let distance = |byte: &u8| (from_mulaw(*byte) - sample).abs();
    candidates.min_by(|one, other| distance(one).total_cmp(&distance(other))).unwrap_or(0xff)
}
