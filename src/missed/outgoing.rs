//! How many messages go to people whom a stranger named (pure). A form or a caller id names a recipient; each message
//! costs money, and the recipient may be somebody else.
//!
//! In: the limits, and how many messages were sent. Out: whether one more message may go, or which limit forbids it.
//! [`crate::rules::destination`] and [`super::mailbox`] decide who may be written to at all.

use std::time::Duration;

use super::regulation::Guard;

/// The period of the limit for one recipient.
pub const DAY: Duration = Duration::from_hours(24);
/// The period of the limit for all recipients together.
pub const HOUR: Duration = Duration::from_hours(1);

crate::vocabulary! {
    /// What goes to a person whom a stranger named.
    "medium" pub enum Medium {
        /// A text message to a phone. Each one costs money.
        Sms = "sms",
        /// An e-mail.
        Letter = "letter",
        /// A callback.
        Dial = "dial",
    }
}

crate::vocabulary! {
    /// The answer of the policy for outgoing contact.
    "verdict of the policy for outgoing contact" pub enum ContactVerdict {
        /// The message may go.
        Allowed = "allowed",
        /// The destination is not allowed: abroad, expensive, or not in use.
        Destination = "destination",
        /// The recipient has reached their limit for now.
        Recipient = "recipient",
        /// All recipients together have reached the limit of the hour. The message goes later.
        Hour = "hour",
    }
}

impl ContactVerdict {
    /// Returns the answer that corresponds to the guard that refused a dial. None for a guard that looks neither at the
    /// number nor at how often it was dialled.
    #[must_use]
    pub const fn by_guard(guard: Guard) -> Option<Self> {
        match guard {
            Guard::Destination | Guard::DoNotCall => Some(Self::Destination),
            Guard::DayCap | Guard::RollingCap | Guard::WeekCap | Guard::MonthCap | Guard::Gap => {
                Some(Self::Recipient)
            }
            Guard::HourCap => Some(Self::Hour),
            Guard::CaseOpen
            | Guard::LiveCall
            | Guard::Disposition
            | Guard::QueueHours
            | Guard::CalleeWindow
            | Guard::Flood
            | Guard::Budget => None,
        }
    }
}

/// How many messages may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The limit for one recipient in a [`DAY`].
    pub recipient_a_day: i64,
    /// The limit for all recipients together in an [`HOUR`].
    pub all_an_hour: i64,
}

/// How many messages have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Messages to this recipient in the last [`DAY`].
    pub to_recipient: i64,
    /// Messages to all recipients together in the last [`HOUR`].
    pub to_all: i64,
}

/// The limit that one more message would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// The limit of the recipient: the message is not sent.
    #[error(
        "{limit} messages in 24 hours is the limit for one recipient whom a stranger named: see [notify.callers]"
    )]
    Recipient {
        /// The limit.
        limit: i64,
    },
    /// The limit of all recipients: the message is sent later.
    #[error("{limit} messages an hour is the limit for all whom strangers named: see [notify.callers]")]
    Hour {
        /// The limit.
        limit: i64,
    },
}

impl From<Spent> for ContactVerdict {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Recipient { .. } => Self::Recipient,
            Spent::Hour { .. } => Self::Hour,
        }
    }
}

/// Whether one more message may go.
///
/// # Errors
/// [`Spent`] names the limit that forbids it.
pub const fn check(limits: Limits, sent: Sent) -> Result<(), Spent> {
    if sent.to_recipient >= limits.recipient_a_day {
        return Err(Spent::Recipient { limit: limits.recipient_a_day });
    }
    if sent.to_all >= limits.all_an_hour {
        return Err(Spent::Hour { limit: limits.all_an_hour });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_the_recipient_is_checked_before_the_limit_of_the_hour() {
        let limits = Limits { recipient_a_day: 2, all_an_hour: 10 };
        let said =
            |to_recipient, to_all| check(limits, Sent { to_recipient, to_all }).map_err(ContactVerdict::from);
        assert_eq!([said(0, 0), said(1, 9)], [Ok(()); 2]);
        assert_eq!([said(2, 2), said(2, 10)], [Err(ContactVerdict::Recipient); 2]);
        assert_eq!(said(0, 10), Err(ContactVerdict::Hour));
        assert_eq!(
            check(Limits { recipient_a_day: 0, ..limits }, Sent { to_recipient: 0, to_all: 0 })
                .map_err(ContactVerdict::from),
            Err(ContactVerdict::Recipient)
        );
    }
}
