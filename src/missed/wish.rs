//! Before which time a case is not called, and who said so.
//!
//! In: what stands, and what is asked now. Out: what stands then. Anybody can write anybody's number into a public form:
//! who is not known may only ask for a call, or for an earlier one, and never put one off. A missed call says that its
//! caller wants to talk now: it overrules what a request asked for before.

use crate::clock::UnixMs;

crate::vocabulary! {
    /// Who set the time before which a case is not called.
    "source of a wish" pub enum Source {
        /// A form, a bot or a program, for the customer.
        Request = "request",
        /// One of us.
        Person = "person",
    }
}

/// The time before which a case is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Not before this.
    pub not_before: UnixMs,
    /// What kind of sender asked for it; none: it was set before this was kept.
    pub source: Option<Source>,
    /// The person, the form or the program.
    pub by: Option<String>,
}

/// What stands after a request asks for a call at `wanted`, or as soon as may be. `known`: its sender is authenticated,
/// and may put the call off as well.
#[must_use]
pub fn after_request(stands: Option<Wish>, wanted: Option<Wish>, known: bool) -> Option<Wish> {
    match (stands, wanted) {
        (_, None) => None,
        (_, wanted) if known => wanted,
        (Some(stands), Some(wanted)) => {
            Some(if wanted.not_before < stands.not_before { wanted } else { stands })
        }
        // It may be called now.
        (None, Some(_)) => None,
    }
}

/// What stands after one more missed call.
#[must_use]
pub fn after_miss(stands: Option<Wish>) -> Option<Wish> {
    stands.filter(|wish| wish.source != Some(Source::Request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(at: i64, source: Source) -> Option<Wish> {
        Some(Wish { not_before: UnixMs(at), source: Some(source), by: None })
    }

    #[test]
    fn who_is_not_known_only_hastens() {
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
    fn a_miss_overrules_a_request_and_no_person() {
        assert_eq!(after_miss(wish(9, Source::Request)), None);
        assert_eq!(after_miss(wish(9, Source::Person)), wish(9, Source::Person));
        let old = Some(Wish { not_before: UnixMs(9), source: None, by: None });
        assert_eq!(after_miss(old.clone()), old);
    }
}
