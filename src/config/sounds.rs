//! The section `[sounds]`.

use serde::{Deserialize, Serialize};

use crate::rules::Sound;

/// What callers hear where the rules name nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sounds {
    /// Music for those who wait. Default `local_stream://moh`.
    #[serde(with = "sound")]
    pub music: String,
    /// Played for ever when the music cannot be, and while the dialplan rings its fallback contact. Default a
    /// quiet ringing tone.
    #[serde(with = "sound")]
    pub fallback_music: String,
    /// Played once when a message is missing. Default three tones.
    #[serde(with = "sound")]
    pub fallback_message: String,
    /// What an agent hears who picked up for a caller who is gone. Default three short tones.
    #[serde(with = "sound")]
    pub no_caller: String,
    /// What an agent hears when what he dialled was done. Default two rising tones.
    #[serde(with = "sound")]
    pub done: String,
    /// What an agent hears when what he dialled may not, or could not, be done. Default three low tones.
    #[serde(with = "sound")]
    pub refused: String,
}

impl Default for Sounds {
    fn default() -> Self {
        Self {
            music: "local_stream://moh".to_owned(),
            fallback_music: "tone_stream://%(1000,4000,425);loops=-1".to_owned(),
            fallback_message: "tone_stream://%(330,15,950);%(330,15,1400);%(330,1000,1800);loops=2"
                .to_owned(),
            no_caller: "tone_stream://%(150,100,480);loops=3".to_owned(),
            done: "tone_stream://%(120,60,600);%(200,60,900)".to_owned(),
            refused: "tone_stream://%(300,150,330);loops=3".to_owned(),
        }
    }
}

pub(crate) mod sound {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(source: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(source)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<super::Sound>().map(String::from).map_err(D::Error::custom)
    }
}
