//! The section `[phone]`.

use serde::{Deserialize, Serialize};

use crate::phone::{AreaCode, Home, Region};

/// How phone numbers are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phone {
    /// The country of numbers without a country code.
    pub region: Region,
    /// The area code of local numbers of 5 to 7 digits. Without an area code, such numbers are not dialled.
    pub area_code: Option<AreaCode>,
    /// Numbers with at most this many digits are extensions. A missed call from an extension is counted, but not called
    /// back.
    pub extension_digits: usize,
}

impl Default for Phone {
    fn default() -> Self {
        Self { region: Region::RU, area_code: None, extension_digits: 5 }
    }
}

impl Phone {
    /// Where numbers without a country code belong.
    #[must_use]
    pub const fn home(&self) -> Home {
        Home { region: self.region, area_code: self.area_code }
    }
}
