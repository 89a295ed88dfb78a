//! The facts about a caller, parsed once into types that cannot hold a bad value.

use crate::config::Settings;
use crate::phone::{Party, without_parameters};
use crate::switch::ChannelFacts;

/// Who calls whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether and how the caller can be called back.
    pub party: Party,
    /// The caller's number as received, safe to show.
    pub number: String,
    /// The caller's name as received, safe to show.
    pub name: String,
    /// The number that was dialled.
    pub dialled: String,
}

impl Facts {
    /// The caller's number in each form in which a route may state it: as received, and in full.
    #[must_use]
    pub fn numbers(&self) -> Vec<&str> {
        let full = match &self.party {
            Party::Number(number) => Some(number.as_str()),
            Party::Internal(_) | Party::Withheld | Party::Invalid => None,
        };
        let withheld = matches!(self.party, Party::Withheld);
        full.into_iter().chain(Some(self.number.as_str()).filter(|_| !withheld)).collect()
    }

    /// Reads the facts from the channel's data.
    #[must_use]
    pub fn read(channel: &ChannelFacts, settings: &Settings) -> Self {
        let digits = settings.phone.extension_digits;
        Self {
            party: Party::read(&channel.caller_number, channel.privacy, &settings.phone.home(), digits),
            number: channel.caller_number.clone(),
            name: channel.caller_name.clone(),
            dialled: without_parameters(&channel.dialled).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ids::{ChannelId, CoreId};

    #[test]
    fn a_number_without_a_country_belongs_where_the_settings_say() {
        let channel = ChannelFacts {
            channel: ChannelId::new(),
            core: CoreId(uuid::Uuid::nil()),
            caller_number: "030 123456".to_owned(),
            caller_name: String::new(),
            dialled: "7001".to_owned(),
            privacy: false,
            handset: None,
            state: None,
            came_by: None,
        };
        let settings = Settings::read(Path::new("dozvon.toml"), "[phone]\nregion = \"DE\"\n", []).unwrap();
        let berlin = Party::Number("+4930123456".parse().unwrap());
        assert_eq!(Facts::read(&channel, &settings).party, berlin);
    }
}
