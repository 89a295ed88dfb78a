//! The section `[phone]`.

use serde::{Deserialize, Serialize};

use crate::phone::{AreaCode, Home, Region};

/// How phone numbers are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phone {
    /// Where a number without a country code belongs, by ISO 3166. Default RU.
    pub region: Region,
    /// The city of local numbers of 5 to 7 digits, such as `"495"`. Default none: they are no numbers.
    pub area_code: Option<AreaCode>,
    /// Numbers of at most so many digits are our own extensions. Default 5.
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
