//! What we need to know of a caller, parsed once into types that cannot hold a bad value.

use crate::config::Settings;
use crate::phone::Party;
use crate::switch::ChannelFacts;

/// Who calls whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether and how he can be called back.
    pub party: Party,
    /// The number as it came, cleaned for people to read.
    pub number: String,
    /// The name as it came, cleaned for people to read.
    pub name: String,
    /// The number that he dialled.
    pub dialled: String,
}

impl Facts {
    /// Reads them from the channel.
    #[must_use]
    pub fn read(channel: &ChannelFacts, settings: &Settings) -> Self {
        let digits = settings.phone.internal_digits;
        Self {
            party: Party::read(&channel.caller_number, channel.privacy, settings.phone.region, digits),
            number: channel.caller_number.clone(),
            name: channel.caller_name.clone(),
            dialled: channel.dialled.clone(),
        }
    }
}
