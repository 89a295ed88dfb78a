//! Which numbers may be called back at all. Fraudsters call from expensive numbers, hoping for a callback.
//!
//! In: a number, the prefixes that the policy allows, our own country. Out: allowed, or why not.
//! **Invariant:** numbers outside our own country are dialled only if the policy states their prefix or country; numbers
//! that cost the caller more than an ordinary call are dialled only if the policy allows them.

use crate::phone::{self, E164, Region};
use crate::rules::premium;

/// Why a number is not called back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// The numbering plan has no such number, or it is a short number.
    #[error("the number is not in the numbering plan, or is a short number: it cannot be called back")]
    NoSuchNumber,
    /// The policy does not allow its country or prefix.
    #[error(
        "not called automatically: the number is abroad; `dozvon callback now` calls it, or name its country or prefix in \
         the policy's `allowed_destinations`"
    )]
    Abroad,
    /// It costs more than an ordinary call, or is a service number.
    #[error(
        "the number costs extra, or is a service number: state `allow_premium = true` in the policy if it may be called"
    )]
    Premium,
    /// It is in a range that costs more than the numbers around it.
    #[error(
        "calls to {0} are expensive: name {0} in the policy's `allowed_destinations` if it may be called"
    )]
    Dear(&'static str),
}

/// Checks whether a number may be called back, and may get SMS. It must begin with a prefix in `allowed` (such as
/// `+7495`) or belong to a country there (such as `KZ`); if `allowed` is empty, it must belong to `home`. It must be a
/// fixed or mobile number outside of expensive ranges, unless `premium` is set or `allowed` names the range itself.
///
/// # Errors
/// [`Barred`] says why not.
pub fn check(number: &E164, allowed: &[String], premium: bool, home: Region) -> Result<(), Barred> {
    let entry = phone::look_up(number).ok_or(Barred::NoSuchNumber)?;
    let inside = match allowed {
        [] => entry.region == Some(home),
        some => some.iter().any(|named| match named.parse() {
            Ok(country) if is_country(named) => entry.region == Some(country),
            _ => number.as_str().starts_with(named),
        }),
    };
    if !inside {
        return Err(Barred::Abroad);
    }
    if let Some(range) = premium::range(number.as_str())
        && !premium
        && !names(allowed, range, home)
    {
        return Err(Barred::Dear(range.prefix));
    }
    if premium || entry.ordinary { Ok(()) } else { Err(Barred::Premium) }
}

/// Whether an entry of `allowed_destinations` is written like a country (ISO 3166).
#[must_use]
pub fn is_country(entry: &str) -> bool {
    entry.len() == 2 && entry.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether a policy names an expensive range itself, and not only the numbers around it.
fn names(allowed: &[String], range: &premium::Dear, home: Region) -> bool {
    let of_country = |name: &str| range.country == Some(name);
    match allowed {
        [] => of_country(&home.to_string()),
        some => some.iter().any(|entry| of_country(entry) || entry.starts_with(range.prefix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(number: &str, allowed: &[&str], premium: bool, home: &str) -> Result<(), Barred> {
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        check(&number.parse().unwrap(), &allowed, premium, home.parse().unwrap())
    }

    #[test]
    fn expensive_and_foreign_numbers_are_refused() {
        for (number, why) in [
            ("+78091234567", Barred::Premium),
            ("+78031234567", Barred::Premium),
            ("+78001234567", Barred::Premium),
            ("+78041234567", Barred::Premium),
            ("+78021234567", Barred::NoSuchNumber),
            ("+4930123456", Barred::Abroad),
            ("+77012345678", Barred::Abroad),
            ("+2697712345", Barred::Abroad),
            ("+8823421234", Barred::Abroad),
            ("+7112123", Barred::NoSuchNumber),
        ] {
            assert_eq!(say(number, &[], false, "RU"), Err(why), "{number}");
        }
        assert_eq!(say("+499001234567", &[], false, "DE"), Err(Barred::Premium));
        assert_eq!(say("+491371234567", &["+49"], false, "DE"), Err(Barred::Premium), "shared cost");
        assert_eq!(say("+447012345678", &["+44"], false, "RU"), Err(Barred::Premium), "personal, and dear");
        assert_eq!(say("+7112123", &["+7"], false, "RU"), Err(Barred::NoSuchNumber));
    }

    #[test]
    fn a_dear_range_is_allowed_only_by_its_own_name() {
        for (number, coarse) in
            [("+79401234567", "+7"), ("+79541234567", "+79"), ("+18765551234", "+1"), ("+447797712345", "GB")]
        {
            let said = say(number, &[coarse], false, "RU");
            assert!(matches!(said, Err(Barred::Dear(_) | Barred::Abroad)), "{number}: {said:?}");
        }
        assert_eq!(
            say("+79401234567", &[], false, "RU"),
            Err(Barred::Dear("+7940")),
            "inside our country, too"
        );
        assert_eq!(say("+18765551234", &["+1", "JM"], false, "RU"), Ok(()), "by its country");
        assert_eq!(say("+18765551234", &["+1", "+1876"], false, "RU"), Ok(()), "by its prefix");
        assert_eq!(say("+18765551234", &["+1"], true, "RU"), Ok(()), "where what is dear is stated");
        let barred = Barred::Dear("+7940").to_string();
        assert!(barred.contains("+7940") && barred.contains("destinations"), "{barred}");
    }

    #[test]
    fn a_country_stands_for_all_its_numbers_and_for_no_other_s() {
        assert_eq!(say("+77012345678", &["RU", "KZ"], false, "RU"), Ok(()));
        assert_eq!(say("+77012345678", &["RU"], false, "RU"), Err(Barred::Abroad));
        assert_eq!(say("+4930123456", &["RU", "DE"], false, "RU"), Ok(()));
        assert_eq!(say("+491371234567", &["DE"], false, "RU"), Err(Barred::Premium));
    }

    #[test]
    fn ordinary_numbers_and_allowed_ones_are_called() {
        for number in ["+79001234567", "+74951234567", "+73432123456"] {
            assert_eq!(say(number, &[], false, "RU"), Ok(()), "{number}");
        }
        assert_eq!(say("+4930123456", &["+7", "+49"], false, "RU"), Ok(()));
        assert_eq!(say("+77012345678", &["+7"], false, "RU"), Ok(()));
        assert_eq!(say("+390612345678", &["+39"], false, "RU"), Ok(()), "Rome");
        assert_eq!(
            say("+79001234567", &["+7495"], false, "RU"),
            Err(Barred::Abroad),
            "a list is the whole list"
        );
        assert_eq!(say("+78091234567", &[], true, "RU"), Ok(()), "where it is stated");
    }
}
