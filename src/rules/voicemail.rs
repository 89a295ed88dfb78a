//! A voicemail as an administrator states it: what the caller hears, and when the recording ends.
//!
//! The type is the file form, as for [`Queue`](crate::rules::Queue).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration::{HEARD, HOUR, MINUTE, SECOND, Within};
use crate::ids::{PromptName, QueueName};
use crate::rules::Digits;
use crate::rules::menu::MAX_RETRIES;

/// A voicemail: callers leave a message, which becomes a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voicemail {
    /// What the caller hears first; a key skips it. Without it, the caller is asked in their language to leave a message
    /// after the tone.
    pub greeting: Option<PromptName>,
    /// The sound before the recording. Without it, a tone of half a second.
    pub beep: Option<PromptName>,
    /// What the caller hears when the message is kept. Without it, they are thanked in their language.
    pub thanks: Option<PromptName>,
    /// The longest message, in whole seconds. FreeSWITCH may record up to two seconds more.
    #[serde(with = "Within::<SECOND, HOUR>")]
    pub max_length: Duration,
    /// A shorter message counts as nothing: the caller is asked again, and a caller who hangs up has hung up without one.
    #[serde(with = "Within::<0, MINUTE>")]
    pub min_length: Duration,
    /// After so much silence the recording ends, in whole seconds.
    #[serde(with = "Within::<SECOND, MINUTE>")]
    pub silence: Duration,
    /// The keys of which each ends the recording.
    pub end: Digits,
    /// Whether the caller may then keep the message, hear it or record it again. Without that, it is kept at once.
    pub review: bool,
    /// The key that keeps the message.
    pub keep: Digits,
    /// The key that plays the message.
    pub listen: Digits,
    /// The key that records the message again. The earlier one stays until there is another.
    pub again: Digits,
    /// How long the voicemail waits for one of these keys. After that, the message is kept.
    #[serde(with = "Within::<HEARD, MINUTE>")]
    pub timeout: Duration,
    /// How often the caller may begin anew: by `again`, or because nothing was heard.
    pub retries: u32,
    /// The queue that calls back, if the caller was in none.
    pub queue: Option<QueueName>,
}

impl Default for Voicemail {
    fn default() -> Self {
        Self {
            greeting: None,
            beep: None,
            thanks: None,
            max_length: Duration::from_mins(3),
            min_length: Duration::from_secs(2),
            silence: Duration::from_secs(5),
            end: Digits::of_key('#'),
            review: true,
            keep: Digits::of_key('1'),
            listen: Digits::of_key('2'),
            again: Digits::of_key('3'),
            timeout: Duration::from_secs(5),
            retries: 3,
            queue: None,
        }
    }
}

/// A mistake in a voicemail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoicemailFault {
    /// The key of the rules file.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to write.
    pub remedy: &'static str,
}

impl Voicemail {
    /// The prompts that it names, each with its key.
    pub fn prompts(&self) -> impl Iterator<Item = (&'static str, &PromptName)> {
        let all = [("greeting", &self.greeting), ("beep", &self.beep), ("thanks", &self.thanks)];
        all.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?)))
    }

    /// What is wrong with the voicemail itself.
    #[must_use]
    pub fn fault(&self) -> Option<VoicemailFault> {
        let fault = |key, problem: String, remedy| Some(VoicemailFault { key, problem, remedy });
        if self.retries > MAX_RETRIES {
            return fault("retries", format!("`retries` is more than {MAX_RETRIES}"), "write 0 to 9");
        }
        if self.min_length >= self.max_length {
            return fault(
                "min_length",
                "`min_length` is not below `max_length`".to_owned(),
                "lower `min_length`: a few seconds are enough",
            );
        }
        let keys = [("keep", &self.keep), ("listen", &self.listen), ("again", &self.again)];
        keys.iter().enumerate().find_map(|(n, (name, key))| {
            if key.as_str().len() > 1 {
                return fault(name, format!("`{name}` is more than one key"), "write one key");
            }
            let (other, _) = keys[..n].iter().find(|(_, other)| other == key)?;
            fault(name, format!("`{name}` and `{other}` are the same key"), "write another key")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voicemail_that_nobody_can_use_is_a_fault() {
        let said = |voicemail: Voicemail| voicemail.fault().map(|fault| (fault.key, fault.problem));
        let key = |text: &str| text.parse().unwrap();
        assert_eq!(said(Voicemail::default()), None);
        for (voicemail, at, problem) in [
            (
                Voicemail { again: key("1"), ..Voicemail::default() },
                "again",
                "`again` and `keep` are the same key",
            ),
            (
                Voicemail { listen: key("22"), ..Voicemail::default() },
                "listen",
                "`listen` is more than one key",
            ),
            (
                Voicemail {
                    min_length: Duration::from_secs(9),
                    max_length: Duration::from_secs(9),
                    ..Voicemail::default()
                },
                "min_length",
                "`min_length` is not below `max_length`",
            ),
            (Voicemail { retries: 10, ..Voicemail::default() }, "retries", "`retries` is more than 9"),
        ] {
            assert_eq!(said(voicemail), Some((at, problem.to_owned())));
        }
    }
}
