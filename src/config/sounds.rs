//! The section `[sounds]`.

use serde::{Deserialize, Serialize};

use crate::sound::Sound;

/// What callers hear where the rules name nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sounds {
    /// The music for waiting callers of queues that name none.
    #[serde(with = "sound")]
    pub music: String,
    /// The sound when the music cannot be played, and while the dialplan rings its fallback contact. It must need no
    /// file.
    #[serde(with = "sound")]
    pub fallback_music: String,
    /// The sound when a message is missing, when nobody takes a forwarded call, and at the end of the dialplan's
    /// fallback.
    #[serde(with = "sound")]
    pub fallback_message: String,
    /// What an agent hears who picked up after the caller had gone.
    #[serde(with = "sound")]
    pub no_caller: String,
    /// What an agent hears after a dialled code or number was accepted.
    #[serde(with = "sound")]
    pub done: String,
    /// What an agent hears after a dialled code or number was refused, or failed.
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
