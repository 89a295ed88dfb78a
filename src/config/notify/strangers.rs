//! Limits of messages to callers, whose numbers and addresses come from strangers.

use serde::{Deserialize, Serialize};

use crate::missed::outgoing::{Limits, Medium};

/// Limits of messages to callers, whose numbers and addresses come from strangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The most SMS to one number in 24 hours. Further SMS are skipped.
    pub sms_per_day: u32,
    /// The most SMS to all callers together in an hour. Further SMS wait.
    pub sms_per_hour: u32,
    /// The most e-mails to one address in 24 hours. Further e-mails are skipped.
    pub emails_per_day: u32,
    /// The most e-mails to all callers together in an hour. Further e-mails wait.
    pub emails_per_hour: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sms_per_day: 5, sms_per_hour: 200, emails_per_day: 10, emails_per_hour: 1000 }
    }
}

impl Settings {
    /// The limits of a medium.
    #[must_use]
    pub fn limits(&self, medium: Medium) -> Limits {
        let (day, hour) = match medium {
            Medium::Sms | Medium::Dial => (self.sms_per_day, self.sms_per_hour),
            Medium::Letter => (self.emails_per_day, self.emails_per_hour),
        };
        Limits { recipient_a_day: day.into(), all_an_hour: hour.into() }
    }
}
