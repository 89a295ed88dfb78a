//! The earliest time at which the customer of a case wants to be called, and who set that time.
//!
//! In: the current wish, and the new one. Out: the wish that holds from now on. Anybody can write anybody's number into
//! a public form. So a sender who is not authenticated may only ask for a call, or for an earlier one, and may never
//! put a call off. A missed call shows that the caller wants to talk now: it overrules what a request asked for before.

use crate::clock::UnixMs;

crate::vocabulary! {
    /// Who set the time before which a case is not called.
    "source of a wish" pub enum Source {
        /// A form, a bot or a program, for the customer.
        Request = "request",
        /// An agent, a supervisor or an administrator.
        Person = "person",
    }
}

/// The time before which a case is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The case is not called before this time.
    pub not_before: UnixMs,
    /// What kind of sender asked for the time. None if the time was set before senders were recorded.
    pub source: Option<Source>,
    /// The name of the person, the form or the program.
    pub by: Option<String>,
}

/// Returns the wish that holds after a request asks for a call at `wanted`, or as soon as possible. `known`: the sender
/// is authenticated, and may put the call off as well.
#[must_use]
pub fn after_request(current: Option<Wish>, wanted: Option<Wish>, known: bool) -> Option<Wish> {
    match (current, wanted) {
        (_, None) => None,
        (_, wanted) if known => wanted,
        (Some(current), Some(wanted)) => {
            Some(if wanted.not_before < current.not_before { wanted } else { current })
        }
        // The case may be called now.
        (None, Some(_)) => None,
    }
}

/// Returns the wish that holds after one more missed call.
#[must_use]
pub fn after_miss(current: Option<Wish>) -> Option<Wish> {
    current.filter(|wish| wish.source != Some(Source::Request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(at: i64, source: Source) -> Option<Wish> {
        Some(Wish { not_before: UnixMs(at), source: Some(source), by: None })
    }

    #[test]
    fn an_unauthenticated_sender_can_only_bring_a_call_forward() {
        let (early, late) = (wish(1, Source::Request), wish(2, Source::Request));
        for (stands, wanted, known, then) in [
            (None, late.clone(), false, None),
            (early.clone(), late.clone(), false, early.clone()),
            (late.clone(), early.clone(), false, early.clone()),
            (late.clone(), None, false, None),
            (wish(1, Source::Person), late.clone(), false, wish(1, Source::Person)),
            (None, late.clone(), true, late.clone()),
            (early, late.clone(), true, late),
        ] {
            assert_eq!(after_request(stands.clone(), wanted.clone(), known), then, "{stands:?} {wanted:?}");
        }
    }

    #[test]
    fn a_missed_call_overrules_a_request_but_not_a_person() {
        assert_eq!(after_miss(wish(9, Source::Request)), None);
        assert_eq!(after_miss(wish(9, Source::Person)), wish(9, Source::Person));
        let old = Some(Wish { not_before: UnixMs(9), source: None, by: None });
        assert_eq!(after_miss(old.clone()), old);
    }
}
