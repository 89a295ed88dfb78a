//! Takes a constant offset away and raises the treble.

use super::FRAME;
use super::arithmetic::{add, mult_r, saturate};

#[derive(Default)]
pub(super) struct Preprocess {
    last_input: i16,
    offset: i64,
    last_output: i16,
}

impl Preprocess {
    pub(super) fn run(&mut self, samples: &[i16]) -> [i16; FRAME] {
        std::array::from_fn(|at| {
            let without_offset = self.without_offset((samples[at] >> 3) << 2);
            let raised = add(without_offset, mult_r(self.last_output, -28180));
            self.last_output = without_offset;
            raised
        })
    }

    fn without_offset(&mut self, sample: i16) -> i16 {
        let difference = i64::from(sample) - i64::from(self.last_input);
        self.last_input = sample;
        let high = self.offset >> 15;
        let low = self.offset - (high << 15);
        let fed_back = (difference << 15) + ((low * 32735 + 16384) >> 15);
        self.offset = (high * 32735 + fed_back).clamp(i32::MIN.into(), i32::MAX.into());
        saturate((self.offset + 16384) >> 15)
    }
}
