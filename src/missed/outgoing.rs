//! How much is written to whom a stranger named (pure): what a form or a caller id says costs us money, and is perhaps
//! somebody else's.
//!
//! In: the limits, and how much was sent. Out: whether one more message may go, or which limit it meets.
//! Whom at all is [`super::destination`]'s to say, and [`super::mailbox`]'s.

use std::time::Duration;

use super::regulation::Guard;

/// The span of the limit of one recipient.
pub const DAY: Duration = Duration::from_hours(24);
/// The span of the limit of all together.
pub const HOUR: Duration = Duration::from_hours(1);

crate::vocabulary! {
    /// What goes out to somebody whom a stranger named.
    "medium" pub enum Medium {
        /// A text to a phone: each costs money.
        Sms = "sms",
        /// An e-mail.
        Letter = "letter",
        /// A call back.
        Dial = "dial",
    }
}

crate::vocabulary! {
    /// What the policy for outgoing contact said.
    "verdict of the policy for outgoing contact" pub enum Said {
        /// It may go.
        Allowed = "allowed",
        /// It may not go there: abroad, dear, nobody's.
        Destination = "destination",
        /// The recipient has had enough for now.
        Recipient = "recipient",
        /// All together have had enough in an hour: it goes later.
        Hour = "hour",
    }
}

impl Said {
    /// What it says that a guard refused a dial; none for a guard that looks neither at the number nor at how often it was
    /// dialled.
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

/// How much may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// To one recipient in a [`DAY`].
    pub recipient_a_day: i64,
    /// To all together in an [`HOUR`].
    pub all_an_hour: i64,
}

/// How much has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// To this recipient in the last [`DAY`].
    pub to_recipient: i64,
    /// To all together in the last [`HOUR`].
    pub to_all: i64,
}

/// The limit that one more message would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// The recipient's: it is not sent.
    #[error(
        "{limit} messages in 24 hours are the most for one recipient whom a stranger named: [notify.callers]"
    )]
    Recipient {
        /// The limit.
        limit: i64,
    },
    /// That of all: it is sent later.
    #[error("{limit} messages an hour are the most for all whom strangers named: [notify.callers]")]
    Hour {
        /// The limit.
        limit: i64,
    },
}

impl From<Spent> for Said {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Recipient { .. } => Self::Recipient,
            Spent::Hour { .. } => Self::Hour,
        }
    }
}

/// Whether one more may go.
///
/// # Errors
/// [`Spent`] names the limit.
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
    fn the_recipient_s_limit_comes_before_that_of_all() {
        let limits = Limits { recipient_a_day: 2, all_an_hour: 10 };
        let said = |to_recipient, to_all| check(limits, Sent { to_recipient, to_all }).map_err(Said::from);
        assert_eq!([said(0, 0), said(1, 9)], [Ok(()); 2]);
        assert_eq!([said(2, 2), said(2, 10)], [Err(Said::Recipient); 2]);
        assert_eq!(said(0, 10), Err(Said::Hour));
        assert_eq!(
            check(Limits { recipient_a_day: 0, ..limits }, Sent { to_recipient: 0, to_all: 0 })
                .map_err(Said::from),
            Err(Said::Recipient)
        );
    }
}
